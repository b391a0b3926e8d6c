import { INSTRUCTION_BYTES } from './filter.ts';

/**
 * Where the launcher lives. It is the lowest address that Linux lets anyone map by default, so that a
 * mapping which covers it has to start at it or below, and the filter can refuse that by the start alone.
 */
export const LAUNCHER_ADDRESS = 0x10000;
/** End of the pages that the launcher may fill; nothing may ever be mapped below it again. */
export const LAUNCHER_END = LAUNCHER_ADDRESS + 0x4000;

/** A resource limit, both soft and hard. */
export interface ResourceLimit {
  /** RLIMIT_… of asm-generic/resource.h. */
  readonly resource: number;
  readonly value: bigint;
}

export interface Launcher {
  /** The ELF file. */
  readonly file: Buffer;
  /** What the filter has to know to let it start the program, once. */
  readonly exec: ExecAddresses;
}

export interface ExecAddresses {
  /** Address of the path that `execve` is called with. */
  readonly path: number;
  /** Address after the instruction that calls `execve`, which the kernel reports as the caller's. */
  readonly instruction: number;
}

const ELF_HEADER_BYTES = 64;
const PROGRAM_HEADER_BYTES = 56;
const CODE_OFFSET = ELF_HEADER_BYTES + 2 * PROGRAM_HEADER_BYTES;
const LIMIT_BYTES = 24;
const SOCK_FPROG_BYTES = 16;

/**
 * Makes a static x86-64 program that closes all descriptors from 4 on, sets resource limits, gives up privileges
 * for good, installs the seccomp filter and becomes `path`. It takes its own arguments from the second on, and
 * its environment, along.
 * `makeFilter` gets the addresses that it has to allow. When a step fails, it ends with status 125.
 */
export function makeLauncher(
  path: string,
  limits: readonly ResourceLimit[],
  makeFilter: (exec: ExecAddresses) => Buffer,
): Launcher {
  const pathBytes = Buffer.from(`${path}\0`);
  const codeBytes = assemble({ limits: 0, limitCount: 0, filter: 0, path: 0 }).code.length;
  const limitsAt = align(CODE_OFFSET + codeBytes);
  const headAt = limitsAt + limits.length * LIMIT_BYTES;
  const pathAt = headAt + SOCK_FPROG_BYTES;
  const filterAt = align(pathAt + pathBytes.length);
  const { code, afterExec } = assemble({
    limits: LAUNCHER_ADDRESS + limitsAt,
    limitCount: limits.length,
    filter: LAUNCHER_ADDRESS + headAt,
    path: LAUNCHER_ADDRESS + pathAt,
  });
  const exec = { path: LAUNCHER_ADDRESS + pathAt, instruction: LAUNCHER_ADDRESS + CODE_OFFSET + afterExec };
  const filter = makeFilter(exec);
  const file = Buffer.alloc(filterAt + filter.length);
  if (LAUNCHER_ADDRESS + file.length > LAUNCHER_END)
    throw new Error('The launcher is larger than its pages.');
  writeHeaders(file);
  code.copy(file, CODE_OFFSET);
  for (const [index, { resource, value }] of limits.entries()) {
    const at = limitsAt + index * LIMIT_BYTES;
    file.writeUInt32LE(resource, at);
    file.writeBigUInt64LE(value, at + 8);
    file.writeBigUInt64LE(value, at + 16);
  }
  // struct sock_fprog: count of instructions, padding, pointer.
  file.writeUInt16LE(filter.length / INSTRUCTION_BYTES, headAt);
  file.writeBigUInt64LE(BigInt(LAUNCHER_ADDRESS + filterAt), headAt + 8);
  pathBytes.copy(file, pathAt);
  filter.copy(file, filterAt);
  return { file, exec };
}

function align(offset: number): number {
  return Math.ceil(offset / 8) * 8;
}

interface Addresses {
  readonly limits: number;
  readonly limitCount: number;
  readonly filter: number;
  readonly path: number;
}

const syscall = [0x0f, 0x05];

/** The steps of the program, each ending with the result of its system call in eax. */
function steps({ limits, limitCount, filter, path }: Addresses) {
  // close_range(4, ~0, 0): a server may have inherited descriptors itself, which its children then inherit
  const closeRest = [
    ...[0xbf, ...word(4)], // mov edi, 4
    ...[0xbe, ...word(0xffffffff)], // mov esi, 0xffffffff
    ...[0x31, 0xd2], // xor edx, edx
    ...[0xb8, ...word(436)], // mov eax, close_range
    ...syscall,
  ];
  // prlimit64(0, resource, &limit, NULL) for each row of the table, r12 at the row and ebx rows left
  const setUp = [
    ...[0x41, 0xbc, ...word(limits)], // mov r12d, limits
    ...[0xbb, ...word(limitCount)], // mov ebx, limitCount
  ];
  const limitLoop = [
    ...[0x31, 0xff], // xor edi, edi
    ...[0x41, 0x8b, 0x34, 0x24], // mov esi, [r12]
    ...[0x49, 0x8d, 0x54, 0x24, 0x08], // lea rdx, [r12+8]
    ...[0x45, 0x31, 0xd2], // xor r10d, r10d
    ...[0xb8, ...word(302)], // mov eax, prlimit64
    ...syscall,
  ];
  const limitNext = [
    ...[0x49, 0x83, 0xc4, LIMIT_BYTES], // add r12, 24
    ...[0xff, 0xcb], // dec ebx
  ];
  // prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
  const noNewPrivileges = [
    ...[0xbf, ...word(38)], // mov edi, PR_SET_NO_NEW_PRIVS
    ...[0xbe, ...word(1)], // mov esi, 1
    ...[0x31, 0xd2], // xor edx, edx
    ...[0x45, 0x31, 0xd2], // xor r10d, r10d
    ...[0x45, 0x31, 0xc0], // xor r8d, r8d
    ...[0xb8, ...word(157)], // mov eax, prctl
    ...syscall,
  ];
  // seccomp(SECCOMP_SET_MODE_FILTER, 0, &filter)
  const installFilter = [
    ...[0xbf, ...word(1)], // mov edi, SECCOMP_SET_MODE_FILTER
    ...[0x31, 0xf6], // xor esi, esi
    ...[0xba, ...word(filter)], // mov edx, filter
    ...[0xb8, ...word(317)], // mov eax, seccomp
    ...syscall,
  ];
  // execve(path, argv + 1, envp); at the start rsp points at argc, argv follows, then NULL, then envp
  const exec = [
    ...[0xbf, ...word(path)], // mov edi, path
    ...[0x48, 0x8d, 0x74, 0x24, 0x10], // lea rsi, [rsp+16]
    ...[0x48, 0x8b, 0x04, 0x24], // mov rax, [rsp]
    ...[0x48, 0x8d, 0x54, 0xc4, 0x10], // lea rdx, [rsp+rax*8+16]
    ...[0xb8, ...word(59)], // mov eax, execve
    ...syscall,
  ];
  // exit_group(125); execve returns only when it failed
  const fail = [
    ...[0xbf, ...word(125)], // mov edi, 125
    ...[0xb8, ...word(231)], // mov eax, exit_group
    ...syscall,
  ];
  return { closeRest, setUp, limitLoop, limitNext, noNewPrivileges, installFilter, exec, fail };
}

/** The machine code. Its length does not depend on the addresses. */
function assemble(addresses: Addresses): { code: Buffer; afterExec: number } {
  const { closeRest, setUp, limitLoop, limitNext, noNewPrivileges, installFilter, exec, fail } =
    steps(addresses);
  const checkBytes = 4;
  const untilExec = noNewPrivileges.length + checkBytes + installFilter.length + checkBytes + exec.length;
  const untilPrivileges = setUp.length + limitLoop.length + checkBytes + limitNext.length + 2;
  const loopBytes = limitLoop.length + checkBytes + limitNext.length + 2;
  const failAfter = (bytes: number): number[] => [0x85, 0xc0, 0x75, distance(bytes)]; // test eax, eax; jnz fail
  const code = Buffer.from([
    ...closeRest,
    ...failAfter(untilPrivileges + untilExec),
    ...setUp,
    ...limitLoop,
    ...failAfter(limitNext.length + 2 + untilExec),
    ...limitNext,
    ...[0x75, distance(-loopBytes)], // jnz limitLoop
    ...noNewPrivileges,
    ...failAfter(installFilter.length + checkBytes + exec.length),
    ...installFilter,
    ...failAfter(exec.length),
    ...exec,
    ...fail,
  ]);
  return { code, afterExec: code.length - fail.length };
}

/** A 32-bit number in little endian. */
function word(value: number): number[] {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return [...bytes];
}

/** The operand of a short jump; throws when it is too far. */
function distance(bytes: number): number {
  const operand = Buffer.alloc(1);
  operand.writeInt8(bytes);
  return operand.readUInt8();
}

/** ELF64 header and two program headers: one segment that is read and executed, a stack that is not. */
function writeHeaders(file: Buffer): void {
  Buffer.from('7f454c46020101', 'hex').copy(file); // magic, 64 bits, little endian, version 1
  file.writeUInt16LE(2, 16); // ET_EXEC: a fixed address
  file.writeUInt16LE(62, 18); // EM_X86_64
  file.writeUInt32LE(1, 20);
  file.writeBigUInt64LE(BigInt(LAUNCHER_ADDRESS + CODE_OFFSET), 24); // entry
  file.writeBigUInt64LE(BigInt(ELF_HEADER_BYTES), 32); // program headers follow
  file.writeUInt16LE(ELF_HEADER_BYTES, 52);
  file.writeUInt16LE(PROGRAM_HEADER_BYTES, 54);
  file.writeUInt16LE(2, 56); // count of program headers
  file.writeUInt16LE(64, 58); // size of a section header; there is none
  const load = ELF_HEADER_BYTES;
  file.writeUInt32LE(1, load); // PT_LOAD
  file.writeUInt32LE(5, load + 4); // read, execute
  file.writeBigUInt64LE(BigInt(LAUNCHER_ADDRESS), load + 16); // virtual address
  file.writeBigUInt64LE(BigInt(LAUNCHER_ADDRESS), load + 24); // physical address
  file.writeBigUInt64LE(BigInt(file.length), load + 32); // bytes in the file
  file.writeBigUInt64LE(BigInt(file.length), load + 40); // bytes in memory
  file.writeBigUInt64LE(0x1000n, load + 48); // alignment
  const stack = load + PROGRAM_HEADER_BYTES;
  file.writeUInt32LE(0x6474e551, stack); // PT_GNU_STACK
  file.writeUInt32LE(6, stack + 4); // read, write
}
