/** What the kernel does with a system call: runs it, answers EPERM, answers ENOSYS, or ends the process. */
export type Verdict = 'allow' | 'deny' | 'absent' | 'kill';

/** One test of a 32-bit half of an argument, or of the instruction pointer. All numbers are unsigned. */
export interface Comparison {
  readonly field: number | 'instruction';
  readonly half: 'low' | 'high';
  /** Bits to look at; all of them when absent. */
  readonly mask?: number;
  readonly is: 'equal' | 'different' | 'below';
  readonly value: number;
}

/** The verdict when every comparison holds. */
export interface Clause {
  readonly when: readonly Comparison[];
  readonly verdict: Verdict;
}

/** The first clause that holds decides, `otherwise` when none does. */
export interface Rule {
  readonly number: number;
  readonly clauses: readonly Clause[];
  readonly otherwise: Verdict;
}

interface Instruction {
  readonly code: number;
  readonly ifTrue: number;
  readonly ifFalse: number;
  readonly value: number;
}

// Classic BPF, linux/bpf_common.h.
const LOAD_WORD = 0x20;
const JUMP_EQUAL = 0x15;
const JUMP_AT_LEAST = 0x35;
const AND = 0x54;
const RETURN = 0x06;
export const INSTRUCTION_BYTES = 8;

// struct seccomp_data, linux/seccomp.h.
const NUMBER_OFFSET = 0;
const ARCHITECTURE_OFFSET = 4;
const POINTER_OFFSET = 8;
const ARGUMENTS_OFFSET = 16;

const AUDIT_ARCH_X86_64 = 0xc000003e;
/** Numbers from here on are those of the x32 interface, which shares the architecture of x86-64. */
const X32_BIT = 0x40000000;
const EPERM = 1;
const ENOSYS = 38;

const RETURN_VALUES: Readonly<Record<Verdict, number>> = {
  allow: 0x7fff0000,
  deny: 0x00050000 | EPERM,
  absent: 0x00050000 | ENOSYS,
  // SECCOMP_RET_KILL_PROCESS: all threads, with SIGSYS.
  kill: 0x80000000,
};

/**
 * Compiles rules to a seccomp program (seccomp(2)) as the bytes of an array of `struct sock_filter`.
 * Another architecture and x32 are killed. A number without a rule is denied, one above every rule is
 * absent, so that libraries of the future fall back to older calls. Errors: a number that has two rules.
 */
export function compileFilter(rules: readonly Rule[]): Buffer {
  const program: Instruction[] = [
    load(ARCHITECTURE_OFFSET),
    jump(JUMP_EQUAL, AUDIT_ARCH_X86_64, 1, 0),
    answer('kill'),
    load(NUMBER_OFFSET),
    jump(JUMP_AT_LEAST, X32_BIT, 0, 1),
    answer('kill'),
  ];
  // Each step is reached only by the numbers that no earlier one took.
  for (const { end, rule } of ranges(rules)) {
    const body = decide(rule);
    program.push(jump(JUMP_AT_LEAST, end, body.length, 0), ...body);
  }
  program.push(answer('absent'));
  return encode(program);
}

interface Range {
  /** The number after the last one of the range. */
  readonly end: number;
  readonly rule: Pick<Rule, 'clauses' | 'otherwise'>;
}

/** All numbers up to the highest that has a rule, in order; neighbours with the same plain verdict are one range. */
function ranges(rules: readonly Rule[]): Range[] {
  const found: Range[] = [];
  const add = (range: Range): void => {
    const last = found.at(-1)?.rule;
    const plain = range.rule.clauses.length === 0 && last?.clauses.length === 0;
    if (plain && last.otherwise === range.rule.otherwise) found.pop();
    found.push(range);
  };
  let next = 0;
  for (const rule of rules.toSorted((a, b) => a.number - b.number)) {
    if (rule.number < next) throw new Error(`Two rules for system call ${rule.number}.`);
    if (rule.number > next) add({ end: rule.number, rule: { clauses: [], otherwise: 'deny' } });
    add({ end: rule.number + 1, rule });
    next = rule.number + 1;
  }
  return found;
}

function decide({ clauses, otherwise }: Range['rule']): Instruction[] {
  return [...clauses.flatMap(clause), answer(otherwise)];
}

function clause({ when, verdict }: Clause): Instruction[] {
  return when.reduceRight(
    (body, comparison) => test(comparison, body.length).concat(body),
    [answer(verdict)],
  );
}

/** Falls through when the comparison holds, and skips `rest` instructions when it does not. */
function test({ field, half, mask, is, value }: Comparison, rest: number): Instruction[] {
  const base = field === 'instruction' ? POINTER_OFFSET : ARGUMENTS_OFFSET + 8 * field;
  const start = [load(base + (half === 'high' ? 4 : 0))];
  if (mask !== undefined) start.push(instruction(AND, mask));
  if (is === 'equal') return [...start, jump(JUMP_EQUAL, value, 0, rest)];
  if (is === 'different') return [...start, jump(JUMP_EQUAL, value, rest, 0)];
  return [...start, jump(JUMP_AT_LEAST, value, rest, 0)];
}

function instruction(code: number, value: number, ifTrue = 0, ifFalse = 0): Instruction {
  return { code, ifTrue, ifFalse, value };
}

function load(offset: number): Instruction {
  return instruction(LOAD_WORD, offset);
}

function jump(code: number, value: number, ifTrue: number, ifFalse: number): Instruction {
  return instruction(code, value, ifTrue, ifFalse);
}

function answer(verdict: Verdict): Instruction {
  return instruction(RETURN, RETURN_VALUES[verdict]);
}

function encode(program: readonly Instruction[]): Buffer {
  const bytes = Buffer.alloc(program.length * INSTRUCTION_BYTES);
  for (const [index, { code, ifTrue, ifFalse, value }] of program.entries()) {
    const at = index * INSTRUCTION_BYTES;
    bytes.writeUInt16LE(code, at);
    // Jumps reach 255 instructions; writeUInt8 throws beyond.
    bytes.writeUInt8(ifTrue, at + 2);
    bytes.writeUInt8(ifFalse, at + 3);
    bytes.writeUInt32LE(value, at + 4);
  }
  return bytes;
}
