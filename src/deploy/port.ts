import type { FunctionSpec, Manifest } from '../manifest/index.ts';
import type { AnalyseOptions, Finding } from '../permissions/index.ts';

/** One function of a deployment, with the objects that run it. */
export interface DeployedFunction {
  readonly spec: FunctionSpec;
  /** `script`: a CommonJS-wrapped classic script. `module`: an ES module, for top-level await. */
  readonly format: 'script' | 'module';
  /** SHA-256 of the bundle in the object store. */
  readonly bundle: string;
  readonly bundleBytes: number;
  /** SHA-256 of the source map, for error places; null when there is none. */
  readonly sourceMap: string | null;
  /** SHA-256 of the V8 code cache; null when the format has none. A runtime that it does not fit ignores it. */
  readonly codeCache: string | null;
  /** Handlers that the module exports, such as `fetch`. */
  readonly handlers: readonly string[];
}

/** An immutable, content-addressed version of an app. */
export interface Deployment {
  /** Lower-case hex SHA-256 over the resolved manifest and the bundles: same input, same id. */
  readonly id: string;
  readonly app: string;
  readonly manifest: Manifest;
  readonly functions: readonly DeployedFunction[];
  /** When this id was first deployed, ms since the epoch. */
  readonly createdAt: number;
}

/** Which deployments an app serves: `live`, and a canary for a share of the requests. */
export interface Alias {
  readonly app: string;
  readonly live: string;
  readonly canary: { readonly deployment: string; /** 0 to 100 */ readonly percent: number } | null;
  /** Deployment that was live before, for `cordon rollback`. */
  readonly previous: string | null;
}

/** The app and function that a route leads to. */
export interface FunctionRef {
  readonly app: string;
  readonly function: string;
}

/** What a bundle turned out to be when it was loaded in a sandbox. */
export interface BundleCheck {
  /** Names of the exported handlers, such as `fetch`. */
  readonly handlers: readonly string[];
  /** V8 code cache for exactly this bundle and runtime, null where the format has none. */
  readonly codeCache: Uint8Array | null;
}

/**
 * Loads a bundle in a sandbox of its own, away from any traffic, and throws the sandbox away.
 * Errors: CORDON_HANDLER_INVALID, CORDON_IMPORT_THREW, CORDON_CHECK_TIMEOUT (details: message, stack of the guest).
 */
export interface BundleChecker {
  check(bundle: Uint8Array, format: 'script' | 'module', name: string): Promise<BundleCheck>;
}

/** What the gate for grants asks. */
export interface GrantGateOptions {
  /** Says what code uses, as `analyseApart` does. The code is hostile: it has to be read apart from the server. */
  readonly analyse: (code: string, options: AnalyseOptions) => Promise<readonly Finding[]>;
  /** Those of these names that no secret of the project has. */
  readonly missingSecrets: (names: readonly string[]) => Promise<readonly string[]>;
}

/**
 * Judges what a manifest says about its routes: that its authenticators, policies and schemas can work.
 * Gives what the operator should know and nothing refuses.
 * Errors: CORDON_AUTH_INVALID, CORDON_POLICY_INVALID, CORDON_SCHEMA_INVALID.
 */
export type RouteCheck = (manifest: Manifest) => Promise<readonly string[]>;
