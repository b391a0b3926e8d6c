import { chmod, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { pack, type Header } from 'tar-stream';
import { CordonError } from '../contract/index.ts';
import { openFileObjectStore } from '../object/index.ts';
import { openSqliteStore } from '../store/index.ts';
import { Catalogue, createDeployer, type BundleChecker, type DeployerOptions } from './index.ts';

/** A temporary folder that other users may enter, gone after the test. */
export async function temporaryFolder(test: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'cordon-deploy-'));
  await chmod(folder, 0o711);
  test.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Writes files below a folder; a value that starts with `-> ` makes a link. */
export async function writeTree(
  folder: string,
  files: Readonly<Record<string, string | Uint8Array>>,
): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true });
    if (typeof content === 'string' && content.startsWith('-> ')) await symlink(content.slice(3), path);
    else await writeFile(path, content);
  }
}

/** A tar of entries as they are given, however unfit. */
export async function tarOf(
  entries: readonly (Partial<Header> & { readonly name: string; readonly content?: string | Uint8Array })[],
): Promise<Uint8Array> {
  const tar = pack();
  for (const { content, ...header } of entries) {
    if (content === undefined) tar.entry(header);
    else tar.entry(header, Buffer.from(content));
  }
  tar.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of tar) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks);
}

/** A tar of plain files. */
export function filesTar(files: Readonly<Record<string, string | Uint8Array>>): Promise<Uint8Array> {
  return tarOf(Object.entries(files).map(([name, content]) => ({ name, content })));
}

/** A manifest with one function per entry, `main` at `/` being public. */
export function manifestText(
  entries: Readonly<Record<string, string>> = { main: 'src/main.ts' },
  name = 'shop',
): string {
  const functions = Object.fromEntries(
    Object.entries(entries).map(([fn, entry]) => [
      fn,
      { entry, routes: [{ path: `/${fn}`, auth: 'public' }] },
    ]),
  );
  return JSON.stringify({ name, functions }, null, 2);
}

/** The CordonError that `work` fails with. */
export async function failureOf(work: Promise<unknown>): Promise<CordonError> {
  try {
    await work;
  } catch (thrown) {
    if (thrown instanceof CordonError) return thrown;
    throw thrown;
  }
  throw new Error('It was expected to fail.');
}

/** An entry module that says hello. */
export const HELLO = 'export default { fetch(): Response { return new Response("hello"); } };';

/** Stands for the sandbox: says what a bundle seems to export, without running it. */
export const checker: BundleChecker = {
  check: async (bundle) => {
    const code = new TextDecoder().decode(bundle);
    return {
      handlers: ['fetch', 'scheduled', 'queue'].filter((name) => code.includes(`${name}(`)),
      codeCache: new Uint8Array([1]),
    };
  },
};

/** A deployer over a real store, with the sandboxed bundler. */
export async function setUp(test: TestContext, more: Partial<DeployerOptions> = {}) {
  const folder = await temporaryFolder(test);
  const store = await openSqliteStore({ path: join(folder, 'cordon.sqlite') });
  test.after(() => store.close());
  const objects = await openFileObjectStore({ path: join(folder, 'objects') });
  const catalogue = await Catalogue.open({ store, findConflicts: () => [] });
  const stagingFolder = join(folder, 'staging');
  const options = {
    catalogue,
    objects,
    checker,
    stagingFolder,
    confines: true,
    runtime: 'deno-1',
    grants: null,
    routes: null,
    ...more,
  };
  const deployer = await createDeployer(options);
  test.after(() => deployer.close());
  const leftovers = async () => [
    ...(await readdir(join(stagingFolder, 'unpacked'))),
    ...(await readdir(join(stagingFolder, 'build/sources')).catch(() => [])),
  ];
  return { folder, store, objects, catalogue, deployer, options, leftovers };
}

/** Makes it live. */
export const live = { canary: null };
