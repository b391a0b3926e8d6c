import { LAUNCHER_PATH_ADDRESS } from './layout.ts';
import { ALLOWED, KILLED } from './syscalls.ts';
import type { RuleName } from './syscalls.ts';

// linux/bpf_common.h, linux/seccomp.h, linux/audit.h
const LD_WORD_ABSOLUTE = 0x20;
const AND = 0x54;
const JUMP_EQUAL = 0x15;
const JUMP_GREATER_EQUAL = 0x35;
const JUMP_ANY_BIT = 0x45;
const RETURN = 0x06;
const RET_ALLOW = 0x7fff0000;
const RET_KILL = 0x80000000;
const RET_ERRNO = 0x00050000;
const ARCH_X86_64 = 0xc000003e;
const X32_BIT = 0x40000000;
const OFFSET_NUMBER = 0;
const OFFSET_ARCH = 4;
const OFFSET_ARGUMENTS = 16;
const EPERM = 1;
const EINVAL = 22;
const ENOTTY = 25;
const ENOSYS = 38;
const CLONE3 = 435;

/** One BPF instruction: code, jump if true, jump if false, constant. */
type Instruction = readonly [code: number, jumpTrue: number, jumpFalse: number, constant: number];

const load = (offset: number): Instruction => [LD_WORD_ABSOLUTE, 0, 0, offset];
const low = (argument: number): Instruction => load(OFFSET_ARGUMENTS + 8 * argument);
const high = (argument: number): Instruction => load(OFFSET_ARGUMENTS + 8 * argument + 4);
const answer = (action: number): Instruction => [RETURN, 0, 0, action >>> 0];
const errno = (number: number): Instruction => answer(RET_ERRNO | number);

/** Allows when the loaded word is one of the values; else fails with the error. */
function oneOf(values: readonly number[], error: number): Instruction[] {
  return [
    ...values.flatMap((value): Instruction[] => [[JUMP_EQUAL, 0, 1, value], answer(RET_ALLOW)]),
    errno(error),
  ];
}

/** Fails when an argument's upper half is set: a 64-bit value that only looks small. */
function smallOnly(argument: number, error: number): Instruction[] {
  return [high(argument), [JUMP_EQUAL, 1, 0, 0], errno(error)];
}

// CLONE_VM and CLONE_THREAD have to be set; no CLONE_NEW… may be.
const CLONE_VM = 0x100;
const CLONE_THREAD = 0x10000;
const CLONE_NAMESPACES = 0x7e020080;
const MREMAP_FIXED = 2;
const MAP_GROWSDOWN = 0x100;
const SOCK_TYPE_MASK = 0xf;

/** Bodies of the rules. Each is entered when the number matched, and ends in a return on every path. */
const RULES: Readonly<Record<RuleName, readonly Instruction[]>> = {
  'threads-only': [
    low(0),
    [JUMP_ANY_BIT, 0, 1, CLONE_NAMESPACES],
    answer(RET_KILL),
    [JUMP_ANY_BIT, 1, 0, CLONE_VM],
    errno(EPERM),
    [JUMP_ANY_BIT, 1, 0, CLONE_THREAD],
    errno(EPERM),
    answer(RET_ALLOW),
  ],
  // A hint below 4 GiB is what it takes to rebuild the launcher's page; no runtime needs one.
  'not-launcher': [
    low(3),
    [JUMP_ANY_BIT, 0, 1, MAP_GROWSDOWN],
    errno(EPERM),
    high(0),
    [JUMP_EQUAL, 0, 3, 0],
    low(0),
    [JUMP_EQUAL, 1, 0, 0],
    errno(EPERM),
    answer(RET_ALLOW),
  ],
  'no-fixed': [low(3), [JUMP_ANY_BIT, 0, 1, MREMAP_FIXED], errno(EPERM), answer(RET_ALLOW)],
  'terminal-flags': [low(1), ...oneOf([0x5421, 0x5451, 0x5450, 0x541b, 0x5401], ENOTTY)],
  'thread-names': [...smallOnly(0, EINVAL), low(0), ...oneOf([15, 16], EINVAL)],
  'descriptor-flags': [low(1), [JUMP_GREATER_EQUAL, 1, 0, 8], answer(RET_ALLOW), ...oneOf([1030], EINVAL)],
  'read-own-limits': [
    low(2),
    [JUMP_EQUAL, 1, 0, 0],
    errno(EPERM),
    high(2),
    [JUMP_EQUAL, 1, 0, 0],
    errno(EPERM),
    low(0),
    ...oneOf([0], EPERM),
  ],
  'abort-only': [low(2), ...oneOf([6], EPERM)],
  'unix-pair': [
    low(0),
    [JUMP_EQUAL, 1, 0, 1],
    errno(EPERM),
    low(1),
    [AND, 0, 0, SOCK_TYPE_MASK],
    ...oneOf([1], EPERM),
  ],
  'launcher-only': [
    high(0),
    [JUMP_EQUAL, 1, 0, 0],
    answer(RET_KILL),
    low(0),
    [JUMP_EQUAL, 0, 1, LAUNCHER_PATH_ADDRESS],
    answer(RET_ALLOW),
    answer(RET_KILL),
  ],
};

/** The whole filter, in the order in which it is walked. */
function instructions(): Instruction[] {
  const program: Instruction[] = [
    load(OFFSET_ARCH),
    [JUMP_EQUAL, 1, 0, ARCH_X86_64],
    answer(RET_KILL),
    load(OFFSET_NUMBER),
    [JUMP_GREATER_EQUAL, 0, 1, X32_BIT],
    answer(RET_KILL),
  ];
  for (const { number, rule } of ALLOWED) {
    const body = rule === undefined ? [answer(RET_ALLOW)] : RULES[rule];
    program.push([JUMP_EQUAL, 0, body.length, number], ...body);
  }
  for (const number of Object.values(KILLED)) program.push([JUMP_EQUAL, 0, 1, number], answer(RET_KILL));
  // glibc falls back to clone, whose flags the filter can see.
  program.push([JUMP_EQUAL, 0, 1, CLONE3], errno(ENOSYS), errno(EPERM));
  return program;
}

/** `struct sock_filter[]`: eight bytes an instruction. */
export function assembleFilter(): Uint8Array {
  const program = instructions();
  const bytes = Buffer.alloc(program.length * 8);
  for (const [index, [code, jumpTrue, jumpFalse, constant]] of program.entries()) {
    bytes.writeUInt16LE(code, index * 8);
    bytes.writeUInt8(jumpTrue, index * 8 + 2);
    bytes.writeUInt8(jumpFalse, index * 8 + 3);
    bytes.writeUInt32LE(constant >>> 0, index * 8 + 4);
  }
  return bytes;
}
