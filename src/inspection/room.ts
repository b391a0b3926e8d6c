/** One file that is to be read in a sandbox. */
export interface InspectionTask {
  /** Path and query that the inspecting code sees. */
  readonly target: string;
  /** The bytes that it reads. */
  readonly body: AsyncIterable<Uint8Array>;
  /** In a sandbox of its own, which is killed afterwards; otherwise in one that is used again. */
  readonly alone: boolean;
  /** Of a sandbox of its own. */
  readonly memoryBytes: number;
  readonly timeMs: number;
}

/**
 * Where hostile bytes are read: a sandbox without a name, secret or grant. `run` gives the JSON that the code of
 * `bundle` answered. Errors: CORDON_FUNCTION_MEMORY, CORDON_FUNCTION_TIMEOUT, CORDON_FUNCTION_CRASHED,
 * CORDON_FUNCTION_ERROR, CORDON_FUNCTION_RESPONSE and CORDON_CHANNEL_VIOLATION are the file’s doing (or, in a
 * sandbox that is used again, that of another file); all others are the platform’s, and those of `body`.
 */
export interface InspectionRoom {
  run(bundle: Uint8Array, task: InspectionTask): Promise<unknown>;
}
