import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const MIB = 1024 * 1024;
/** What a runtime takes besides its heap: code, stacks, buffers of the channel. */
const OUTSIDE_HEAP_MIB = 36;
const OLD_SHARE_MAX = 0.75;
const OLD_MIB_MIN = 16;
/** The young generation of V8 is two semi-spaces and one more for large objects. */
const YOUNG_SEMI_SPACES = 3;
const SEMI_SPACE_SHARE = 1 / 64;
const SEMI_SPACE_MIB_MAX = 8;

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
    ...[
      '--no-prompt',
      '--cached-only',
      '--no-remote',
      '--no-npm',
      '--no-lock',
      '--no-config',
      '--no-code-cache',
    ],
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

/** Sizes the heap so that V8 collects before the kernel has to kill. */
export function v8Flags(memoryBytesMax: number): string[] {
  const mib = memoryBytesMax / MIB;
  const semiSpace = Math.min(SEMI_SPACE_MIB_MAX, Math.max(1, Math.floor(mib * SEMI_SPACE_SHARE)));
  const young = YOUNG_SEMI_SPACES * semiSpace;
  const old = Math.max(
    OLD_MIB_MIN,
    Math.floor(Math.min(mib - OUTSIDE_HEAP_MIB - young, mib * OLD_SHARE_MAX)),
  );
  return [
    `--max-old-space-size=${old}`,
    // An idle sandbox keeps the smallest young generation, a busy one may grow it.
    '--min-semi-space-size=1',
    `--max-semi-space-size=${semiSpace}`,
    // The harness collects once before it says that it is ready.
    '--expose-gc',
  ];
}
