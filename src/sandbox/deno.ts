import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const MIB = 1024 * 1024;
/** What a runtime takes besides its heap: code, stacks, buffers of the channel. */
const OUTSIDE_HEAP_MIB = 40;
const HEAP_SHARE_MAX = 0.75;
const HEAP_MIB_MIN = 16;

/** The runtime that comes as a package. */
export interface DenoBinary {
  readonly path: string;
  readonly version: string;
}

/** Errors: the package is not installed. */
export function findDeno(): DenoBinary {
  const require = createRequire(import.meta.url);
  const manifest = require.resolve('@deno/linux-x64-glibc/package.json');
  const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { readonly version: string };
  return { path: join(dirname(manifest), 'deno'), version };
}

/**
 * Arguments of the runtime. The permissions are a second line: everything that they deny is out of reach
 * for the process as well. The environment can be read because it is empty, and packages break without.
 */
export function denoArguments(harness: string, memoryBytesMax: number): string[] {
  return [
    'run',
    ...['--no-prompt', '--cached-only', '--no-remote', '--no-npm', '--no-lock', '--no-config', '--no-code-cache'],
    ...['--deny-run', '--deny-ffi', '--deny-net', '--deny-read', '--deny-write', '--deny-import'],
    ...['--allow-env', '--allow-sys=hostname'],
    `--v8-flags=${v8Flags(memoryBytesMax).join(',')}`,
    harness,
  ];
}

/** Variables that the runtime reads at its start; the prelude of the harness removes them. */
export const DENO_ENVIRONMENT: Readonly<Record<string, string>> = {
  // Without it or a home folder Deno does not start. It is in a read-only root and never made.
  DENO_DIR: '/cache',
  DENO_NO_UPDATE_CHECK: '1',
  NO_COLOR: '1',
  MALLOC_ARENA_MAX: '1',
};

/** A harness that starts without a trace of how it was started. */
export function withPrelude(harness: string): string {
  return `for (const name of Object.keys(Deno.env.toObject())) Deno.env.delete(name);\n${harness}`;
}

/** Lets V8 collect before the kernel has to kill. */
function v8Flags(memoryBytesMax: number): string[] {
  const mib = memoryBytesMax / MIB;
  const heap = Math.max(HEAP_MIB_MIN, Math.floor(Math.min(mib - OUTSIDE_HEAP_MIB, mib * HEAP_SHARE_MAX)));
  return [
    `--max-old-space-size=${heap}`,
    // A small young generation costs throughput of garbage collection and saves memory of idle sandboxes.
    '--min-semi-space-size=1',
    '--max-semi-space-size=1',
    // The harness collects once before it says that it is ready.
    '--expose-gc',
  ];
}
