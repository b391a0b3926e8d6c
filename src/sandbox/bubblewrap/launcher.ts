import { assembleFilter } from './filter.ts';
import { ELF_HEADERS_BYTES, LAUNCHER_BASE, LAUNCHER_PATH_ADDRESS } from './layout.ts';

const RUNTIME_PATH = '/bin/deno\0';
const ALIGN = 16;

/** `mov reg32, imm32` for the registers that system calls take. */
const MOV = { eax: 0xb8, edx: 0xba, esi: 0xbe, edi: 0xbf } as const;

function move(register: keyof typeof MOV, value: number): number[] {
  return [MOV[register], value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, (value >>> 24) & 0xff];
}

const SYSCALL = [0x0f, 0x05];
const XOR_ESI = [0x31, 0xf6];
const XOR_EDX = [0x31, 0xd2];
const XOR_R10D = [0x45, 0x31, 0xd2];
const XOR_R8D = [0x45, 0x31, 0xc0];
const TEST_EAX = [0x85, 0xc0];
const MOV_RBX_RSP = [0x48, 0x89, 0xe3];
/** `lea rsi, [rbx+8]`: argv. */
const LEA_ARGV = [0x48, 0x8d, 0x73, 0x08];
/** `mov rax, [rbx]`: argc. */
const MOV_ARGC = [0x48, 0x8b, 0x03];
/** `lea rdx, [rbx+rax*8+16]`: envp. */
const LEA_ENVP = [0x48, 0x8d, 0x54, 0xc3, 0x10];

/**
 * The launcher's code:
 *   prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); seccomp(SET_MODE_FILTER, 0, &program); execve(path, argv, envp)
 * and exit_group(126) when any of them fails.
 */
function code(programAddress: number): Uint8Array {
  const fail = [...move('edi', 126), ...move('eax', 231), ...SYSCALL];
  const exec = [
    ...move('edi', LAUNCHER_PATH_ADDRESS),
    ...LEA_ARGV,
    ...MOV_ARGC,
    ...LEA_ENVP,
    ...move('eax', 59),
    ...SYSCALL,
  ];
  const filter = [
    ...move('edi', 1),
    ...XOR_ESI,
    ...move('edx', programAddress),
    ...move('eax', 317),
    ...SYSCALL,
    ...TEST_EAX,
  ];
  const privileges = [
    ...move('edi', 38),
    ...move('esi', 1),
    ...XOR_EDX,
    ...XOR_R10D,
    ...XOR_R8D,
    ...move('eax', 157),
    ...SYSCALL,
    ...TEST_EAX,
  ];
  // jnz rel8, forward to `fail`.
  const jumpAfterFilter = [0x75, exec.length];
  const jumpAfterPrivileges = [0x75, filter.length + jumpAfterFilter.length + exec.length];
  return Uint8Array.from([
    ...MOV_RBX_RSP,
    ...privileges,
    ...jumpAfterPrivileges,
    ...filter,
    ...jumpAfterFilter,
    ...exec,
    ...fail,
  ]);
}

function align(offset: number): number {
  return Math.ceil(offset / ALIGN) * ALIGN;
}

/**
 * A static ELF program for x86-64 that puts the system-call filter on itself and becomes `/bin/deno`, with
 * its own arguments and environment. Made here so that no compiler is needed and every byte has a reason.
 * Layout: headers, path, `struct sock_fprog`, filter, code; one read-only executable segment.
 */
export function buildLauncher(): Uint8Array {
  const filter = assembleFilter();
  const programOffset = align(ELF_HEADERS_BYTES + RUNTIME_PATH.length);
  const filterOffset = align(programOffset + 16);
  const codeOffset = align(filterOffset + filter.byteLength);
  const machineCode = code(LAUNCHER_BASE + programOffset);
  const size = codeOffset + machineCode.byteLength;
  const file = Buffer.alloc(size);
  writeHeaders(file, LAUNCHER_BASE + codeOffset, size);
  file.write(RUNTIME_PATH, ELF_HEADERS_BYTES, 'latin1');
  file.writeUInt16LE(filter.byteLength / 8, programOffset);
  file.writeBigUInt64LE(BigInt(LAUNCHER_BASE + filterOffset), programOffset + 8);
  file.set(filter, filterOffset);
  file.set(machineCode, codeOffset);
  return file;
}

/** ELF64 header and one PT_LOAD program header (System V ABI, chapters 4 and 5). */
function writeHeaders(file: Buffer, entry: number, size: number): void {
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1], 0);
  file.writeUInt16LE(2, 16); // ET_EXEC
  file.writeUInt16LE(62, 18); // EM_X86_64
  file.writeUInt32LE(1, 20);
  file.writeBigUInt64LE(BigInt(entry), 24);
  file.writeBigUInt64LE(64n, 32);
  file.writeUInt16LE(64, 52);
  file.writeUInt16LE(56, 54);
  file.writeUInt16LE(1, 56);
  file.writeUInt32LE(1, 64); // PT_LOAD
  file.writeUInt32LE(5, 68); // readable, executable
  file.writeBigUInt64LE(BigInt(LAUNCHER_BASE), 80);
  file.writeBigUInt64LE(BigInt(LAUNCHER_BASE), 88);
  file.writeBigUInt64LE(BigInt(size), 96);
  file.writeBigUInt64LE(BigInt(size), 104);
  file.writeBigUInt64LE(0x1000n, 112);
}
