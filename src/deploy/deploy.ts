import { isUtf8 } from 'node:buffer';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CordonError, LIMITS, systemClock, type Clock } from '../contract/index.ts';
import {
  manifestFiles,
  missingHandlers,
  parseManifest,
  withFiles,
  type FunctionSpec,
  type Manifest,
} from '../manifest/index.ts';
import type { ObjectStore } from '../object/index.ts';
import { unpackArchive } from './archive.ts';
import { missingFile } from './build-errors.ts';
import { BuildService } from './build-service.ts';
import {
  bundleApp,
  bundleForAnalysis,
  type AnalysisBundle,
  type Bundle,
  type BundleLimits,
  type Sources,
} from './bundler.ts';
import type { Catalogue } from './catalogue.ts';
import { GrantGate, isGranted } from './grant-gate.ts';
import { deploymentId, sha256 } from './identity.ts';
import type {
  Alias,
  BundleCheck,
  BundleChecker,
  DeployedFunction,
  Deployment,
  GrantGateOptions,
  RouteCheck,
} from './port.ts';
import { mapStack } from './source-places.ts';
import { Staging } from './staging.ts';

export interface DeployerOptions {
  readonly catalogue: Catalogue;
  readonly objects: ObjectStore;
  readonly checker: BundleChecker;
  /** Folder for sources while they are built, of this process alone: `stagingFolderFor(data folder)`. What is in it is removed at the start. */
  readonly stagingFolder: string;
  /** False only with `--unsafe-no-sandbox`: the bundler is a plain process then. */
  readonly confines: boolean;
  /** Version of the guests' runtime: code caches of another one are made anew by the next deploy. */
  readonly runtime: string;
  /** Judges grants before they are served; null serves them as they are. */
  readonly grants: GrantGateOptions | null;
  /** Says whether authenticators, policies and schemas of a manifest can work, before anything is served. */
  readonly routes: RouteCheck | null;
  readonly clock?: Clock;
  /** For tests. */
  readonly limits?: BundleLimits;
}

export interface DeployResult {
  readonly deployment: Deployment;
  readonly alias: Alias;
  /** True when the app already served exactly this deployment. */
  readonly unchanged: boolean;
  /** What was done, in order, with the time that each took. */
  readonly steps: readonly { readonly name: string; /** Milliseconds. */ readonly ms: number }[];
  /** What the operator should know and nothing refused. */
  readonly warnings: readonly string[];
}

export interface Deployer {
  /**
   * Turns the source of an app into a deployment that is served: to everyone, or for `canary` percent of
   * the requests. After any error nothing is served differently.
   * Errors: CORDON_ARCHIVE_REFUSED, CORDON_SOURCE_TOO_LARGE, CORDON_MANIFEST_…,
   * CORDON_AUTH_INVALID, CORDON_POLICY_INVALID, CORDON_SCHEMA_INVALID, CORDON_ENTRY_MISSING,
   * CORDON_IMPORT_MISSING, CORDON_BUNDLE_…, CORDON_GRANT_…, CORDON_SECRET_MISSING, CORDON_HANDLER_INVALID, CORDON_IMPORT_THREW,
   * CORDON_CHECK_TIMEOUT, CORDON_ROUTE_CONFLICT, CORDON_SOURCE_CONFLICT, CORDON_CANARY_INVALID, CORDON_STORE_….
   */
  deploy(
    app: string,
    archive: Uint8Array,
    options: { readonly canary: number | null },
  ): Promise<DeployResult>;
  /** Ends the bundler and removes the staging folder. */
  close(): Promise<void>;
}

/** Errors: whatever the file system says about the staging folder. */
export async function createDeployer(options: DeployerOptions): Promise<Deployer> {
  const staging = await Staging.open(options.stagingFolder);
  const service = new BuildService({
    folder: join(options.stagingFolder, 'build'),
    confines: options.confines,
  });
  const gate = options.grants === null ? null : new GrantGate(options.grants);
  const pipeline: Pipeline = { ...options, clock: options.clock ?? systemClock, staging, service, gate };
  return {
    deploy: (app, archive, { canary }) => deploy(pipeline, app, archive, canary),
    async close() {
      await service.close();
      await rm(options.stagingFolder, { recursive: true, force: true });
    },
  };
}

interface Pipeline extends DeployerOptions {
  readonly clock: Clock;
  readonly staging: Staging;
  readonly service: BuildService;
  readonly gate: GrantGate | null;
}

function deploy(
  pipeline: Pipeline,
  app: string,
  archive: Uint8Array,
  canary: number | null,
): Promise<DeployResult> {
  const { catalogue, staging, service, clock } = pipeline;
  const steps: { name: string; ms: number }[] = [];
  const timed = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    const start = clock.monotonic();
    const result = await work();
    steps.push({ name, ms: clock.monotonic() - start });
    return result;
  };
  return staging.with(async ({ folder, id: stagingId }) => {
    const unpacked = await timed('unpack', () => unpackArchive(archive, folder));
    const { manifest, text } = await timed('manifest', () => readManifest(join(folder, unpacked.app), app));
    const check = pipeline.routes;
    const notes = check === null ? [] : await timed('routes', () => check(manifest));
    const sources = { folder, id: stagingId, app: unpacked.app };
    const bundles = await timed('bundle', () => bundleApp(service, sources, manifest, pipeline.limits));
    const built = manifest.functions.map((spec) => buildOf(spec, bundles));
    const id = deploymentId(
      manifest,
      built.map(({ spec, bundle, hash }) => ({ function: spec.name, format: bundle.format, sha256: hash })),
    );
    const known = await catalogue.find(id);
    let stored = known;
    const { gate } = pipeline;
    if (gate !== null && manifest.functions.some(isGranted)) {
      // The code of a known deployment was judged when it was new.
      const bundle = known === null ? () => bundleGranted(pipeline, sources, manifest) : null;
      await timed('permissions', () => gate.check({ manifest, text, bundle }));
    }
    if (stored?.runtime !== pipeline.runtime) {
      const checks = await timed('check', () => checkAll(pipeline, built));
      const functions = await timed('store', () => storeAll(pipeline.objects, built, checks));
      const createdAt = known?.deployment.createdAt ?? clock.now();
      stored = { deployment: { id, app, manifest, functions, createdAt }, runtime: pipeline.runtime };
    }
    const { deployment } = stored;
    const published = await timed('publish', () => catalogue.publish(stored, canary));
    return {
      deployment,
      ...published,
      steps,
      warnings: [...notes, ...[...bundles.values()].flatMap((bundle) => bundle.warnings)],
    };
  });
}

function bundleGranted(
  { service, limits }: Pipeline,
  sources: Sources,
  manifest: Manifest,
): Promise<Map<string, AnalysisBundle>> {
  const entries = manifest.functions.filter(isGranted).map(({ entry }) => entry);
  return bundleForAnalysis(service, sources, entries, limits);
}

async function readManifest(
  folder: string,
  app: string,
): Promise<{ readonly manifest: Manifest; readonly text: string }> {
  const text = await readFile(join(folder, 'cordon.jsonc'), 'utf8').catch((cause: unknown) => {
    throw new CordonError('CORDON_MANIFEST_MISSING', 'The source archive has no cordon.jsonc.', { cause });
  });
  const parsed = parseManifest(text);
  if (parsed.name === app) return { manifest: withFiles(parsed, await readFiles(parsed, folder)), text };
  throw new CordonError(
    'CORDON_MANIFEST_INVALID',
    `Cannot deploy to the app ${JSON.stringify(app)}: the name in cordon.jsonc is ${JSON.stringify(parsed.name)}.`,
    { details: { path: 'name', expected: app, got: parsed.name } },
  );
}

/** Texts of the files that a manifest names. Errors: CORDON_MANIFEST_FILE. */
async function readFiles(manifest: Manifest, folder: string): Promise<Record<string, string>> {
  const names = manifestFiles(manifest);
  const countMax = LIMITS.manifestFilesMax.value;
  if (names.length > countMax) {
    const message = `cordon.jsonc names ${names.length} files; at most ${countMax} are allowed.`;
    throw new CordonError('CORDON_MANIFEST_FILE', message, { details: { count: names.length } });
  }
  const texts = await Promise.all(names.map((name) => readText(folder, name)));
  return Object.fromEntries(names.map((name, index) => [name, texts[index] ?? '']));
}

async function readText(folder: string, name: string): Promise<string> {
  const bytes = await readFile(join(folder, name)).catch((cause: unknown) => {
    throw missingFile(name, cause);
  });
  const bytesMax = LIMITS.manifestFileBytesMax.value;
  if (bytes.byteLength <= bytesMax && isUtf8(bytes)) return bytes.toString('utf8');
  const reason = isUtf8(bytes) ? `larger than ${bytesMax} bytes` : 'not text in UTF-8';
  throw new CordonError('CORDON_MANIFEST_FILE', `cordon.jsonc names ${name}, which is ${reason}.`, {
    details: { file: name },
  });
}

interface Built {
  readonly spec: FunctionSpec;
  readonly bundle: Bundle;
  /** SHA-256 of the code. */
  readonly hash: string;
}

function buildOf(spec: FunctionSpec, bundles: ReadonlyMap<string, Bundle>): Built {
  const bundle = bundles.get(spec.entry);
  if (bundle === undefined)
    throw new CordonError('CORDON_INTERNAL', `The entry ${spec.entry} was not bundled.`);
  return { spec, bundle, hash: sha256(bundle.code) };
}

/** One check for each different bundle, one after the other: each takes a sandbox that requests may be waiting for. */
async function checkAll(pipeline: Pipeline, built: readonly Built[]): Promise<Map<string, BundleCheck>> {
  const checks = new Map<string, BundleCheck>();
  for (const { spec, bundle, hash } of built) {
    const check = checks.get(hash) ?? (await checkOne(pipeline.checker, spec, bundle));
    checks.set(hash, check);
    refuseWithoutHandler(spec, check.handlers);
  }
  return checks;
}

/** Refuses a function that requests or events would reach, and that has no handler for them. */
function refuseWithoutHandler(spec: FunctionSpec, handlers: readonly string[]): void {
  const isRequested = spec.routes.some(({ deliver }) => deliver === 'request');
  const [event] = missingHandlers(spec, handlers);
  const missing = isRequested && !handlers.includes('fetch') ? 'fetch' : event;
  if (missing === undefined) return;
  const reason = missing === 'fetch' ? 'has routes' : `takes events with \`${missing}\``;
  throw new CordonError(
    'CORDON_HANDLER_INVALID',
    `The function ${spec.name} ${reason}, but ${spec.entry} exports no \`${missing}\` handler.`,
    { details: { function: spec.name, entry: spec.entry, handlers, missing } },
  );
}

async function checkOne(checker: BundleChecker, spec: FunctionSpec, bundle: Bundle): Promise<BundleCheck> {
  try {
    return await checker.check(bundle.code, bundle.format, spec.name);
  } catch (thrown) {
    const stack = thrown instanceof CordonError ? thrown.details['stack'] : undefined;
    if (!(thrown instanceof CordonError) || typeof stack !== 'string') throw thrown;
    const mapped = mapStack(stack, bundle, spec.name);
    throw new CordonError(thrown.code, `${thrown.message}${mapped.place}`, {
      details: { ...thrown.details, function: spec.name, entry: spec.entry, stack: mapped.stack },
      cause: thrown,
    });
  }
}

async function storeAll(
  objects: ObjectStore,
  built: readonly Built[],
  checks: ReadonlyMap<string, BundleCheck>,
): Promise<DeployedFunction[]> {
  const stored = new Map<string, Promise<Pick<DeployedFunction, 'bundle' | 'sourceMap' | 'codeCache'>>>();
  return Promise.all(
    built.map(async ({ spec, bundle, hash }): Promise<DeployedFunction> => {
      const check = checks.get(hash);
      const putting = stored.get(hash) ?? putObjects(objects, bundle, check?.codeCache ?? null);
      stored.set(hash, putting);
      const kept = await putting;
      return {
        spec,
        format: bundle.format,
        bundleBytes: bundle.code.byteLength,
        handlers: check?.handlers ?? [],
        ...kept,
      };
    }),
  );
}

async function putObjects(objects: ObjectStore, bundle: Bundle, codeCache: Uint8Array | null) {
  return {
    bundle: await objects.put(bundle.code),
    sourceMap: await objects.put(bundle.sourceMap),
    codeCache: codeCache === null ? null : await objects.put(codeCache),
  };
}
