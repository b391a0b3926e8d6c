const MIB = 1024 * 1024;
/** Memory that the runtime needs besides the JavaScript heap. */
const OUTSIDE_HEAP_BYTES = 32 * MIB;

/** Arguments of the runtime: no permission but an empty environment, small heaps, and the harness. */
export function runtimeArguments(memoryBytesMax: number, harness: string): string[] {
  const heapMiB = Math.max(32, Math.floor((memoryBytesMax - OUTSIDE_HEAP_BYTES) / MIB));
  const v8 = [
    '--expose-gc',
    '--min-semi-space-size=1',
    '--max-semi-space-size=4',
    `--max-old-space-size=${heapMiB}`,
  ];
  return [
    ...[
      'run',
      '--quiet',
      '--no-prompt',
      '--cached-only',
      '--no-remote',
      '--no-npm',
      '--no-lock',
      '--no-config',
      '--no-code-cache',
    ],
    ...[
      '--deny-run',
      '--deny-ffi',
      '--deny-net',
      '--deny-read',
      '--deny-write',
      '--deny-import',
      '--allow-env',
      '--allow-sys=hostname',
    ],
    `--v8-flags=${v8.join(',')}`,
    harness,
  ];
}
