/**
 * Where the launcher lies in memory. The address is below everything that the kernel hands out by itself, so
 * that after the exec nothing is there, and the filter keeps anything from being mapped there.
 */
export const LAUNCHER_BASE = 0x10000000;
/** ELF header (64) and one program header (56). */
export const ELF_HEADERS_BYTES = 120;
/** The path of the runtime, first after the headers: the only pointer that `execve` is allowed with. */
export const LAUNCHER_PATH_ADDRESS = LAUNCHER_BASE + ELF_HEADERS_BYTES;
