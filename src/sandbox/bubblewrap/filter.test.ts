import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileFilter } from './filter.ts';
import { evaluate } from './filter.fixture.ts';
import { LAUNCHER_END } from './launcher.ts';
import { syscallRules, syscallTableMarkdown } from './syscalls.ts';

const EXEC = { path: 0x10100, instruction: 0x10090 };
const filter = compileFilter(syscallRules(EXEC));
const answer = (number: number, ...args: (number | bigint)[]): string =>
  evaluate(filter, { number, arguments: args });

test('every number has the verdict of its rule, and the others are refused', () => {
  const rules = new Map(syscallRules(EXEC).map((rule) => [rule.number, rule]));
  const highest = Math.max(...rules.keys());
  const names = { allow: 'allow', deny: 'EPERM', absent: 'ENOSYS', kill: 'kill' };
  for (let number = 0; number < highest + 100; number++) {
    const rule = rules.get(number);
    if (rule !== undefined && rule.clauses.length > 0) continue;
    const expected = rule === undefined ? (number > highest ? 'ENOSYS' : 'EPERM') : names[rule.otherwise];
    assert.equal(answer(number), expected, `system call ${number}`);
  }
});

test('other architectures and x32 are killed whatever the call', () => {
  assert.equal(answer(0), 'allow');
  assert.equal(evaluate(filter, { number: 0, architecture: 0x40000003 }), 'kill');
  assert.equal(evaluate(filter, { number: 0, architecture: 0xc00000b7 }), 'kill');
  assert.equal(answer(0x40000000), 'kill');
  assert.equal(answer(-1), 'kill');
  assert.equal(answer(0x3fffffff), 'ENOSYS');
});

test('clone makes threads; namespaces kill and processes are refused', () => {
  const clone = 56;
  assert.equal(answer(clone, 0x3d0f00), 'allow');
  assert.equal(answer(clone, 0x3d0f00n | (1n << 32n)), 'EPERM');
  assert.equal(answer(clone, 17), 'EPERM');
  assert.equal(answer(clone, 0x4111), 'EPERM');
  for (const flag of [0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000]) {
    assert.equal(answer(clone, flag | 17), 'kill');
    assert.equal(answer(clone, flag | 0x3d0f00), 'kill');
  }
  assert.equal(answer(435), 'ENOSYS');
});

test('execve is answered for the pointer and the code of the launcher only', () => {
  const exec = (path: number | bigint, instruction: number): string =>
    evaluate(filter, { number: 59, arguments: [path], instruction });
  assert.equal(exec(EXEC.path, EXEC.instruction), 'allow');
  assert.equal(exec(EXEC.path + 1, EXEC.instruction), 'EPERM');
  assert.equal(exec(EXEC.path, EXEC.instruction + 2), 'EPERM');
  assert.equal(exec(BigInt(EXEC.path) | (1n << 32n), EXEC.instruction), 'EPERM');
});

test('nothing is mapped where the launcher was', () => {
  const map = (address: number | bigint, flags: number): string => answer(9, address, 4096, 3, flags);
  const [fixed, fixedNoReplace, anonymous, growsDown] = [0x32, 0x100022, 0x22, 0x122];
  assert.equal(map(0, anonymous), 'allow');
  assert.equal(map(0, fixed), 'EPERM');
  assert.equal(map(0, fixedNoReplace), 'EPERM');
  for (const flags of [anonymous, fixed, fixedNoReplace]) {
    assert.equal(map(1, flags), 'EPERM');
    assert.equal(map(LAUNCHER_END - 4096, flags), 'EPERM');
    assert.equal(map(LAUNCHER_END, flags), 'allow');
    assert.equal(map(0x7f00_0000_0000n, flags), 'allow');
  }
  assert.equal(map(0, growsDown), 'EPERM');
  assert.equal(answer(25, 0, 0, 0, 1), 'allow');
  assert.equal(answer(25, 0, 0, 0, 3), 'EPERM');
  assert.equal(answer(25, 0, 0, 0, 5), 'EPERM');
  assert.equal(answer(25, 0, 0, 0, 1n << 32n), 'EPERM');
});

test('arguments decide about the rest', () => {
  assert.equal(answer(257, 0, 0, 0x80000), 'allow');
  for (const flags of [1, 2, 3, 0x40, 0x200, 0x410000]) assert.equal(answer(257, 0, 0, flags), 'EPERM');
  assert.equal(answer(302, 0, 3, 0), 'allow');
  assert.equal(answer(302, 0, 3, 1), 'EPERM');
  assert.equal(answer(302, 0, 3, 1n << 40n), 'EPERM');
  assert.equal(answer(234, 1, 1, 6), 'allow');
  assert.equal(answer(234, 1, 1, 9), 'EPERM');
  assert.equal(answer(45, 3, 0, 0, 0x4040), 'allow');
  assert.equal(answer(45, 3, 0, 0, 1), 'EPERM');
  assert.equal(answer(53, 1, 0x80801), 'allow');
  assert.equal(answer(53, 1, 2), 'EPERM');
  assert.equal(answer(53, 2, 1), 'EPERM');
  assert.equal(answer(41, 1, 1), 'EPERM');
  assert.equal(answer(157, 15), 'allow');
  assert.equal(answer(157, 4), 'EPERM');
  assert.equal(answer(158, 0x1002), 'allow');
  assert.equal(answer(158, 0x1001), 'EPERM');
  assert.equal(answer(16, 0, 0x5421), 'allow');
  assert.equal(answer(16, 0, 0x5412), 'EPERM');
  assert.equal(answer(72, 0, 1030), 'allow');
  assert.equal(answer(72, 0, 8), 'EPERM');
});

test('a number with two rules is refused', () => {
  const rule = { number: 1, clauses: [], otherwise: 'allow' } as const;
  assert.throws(() => compileFilter([rule, rule]), /Two rules/);
  assert.doesNotThrow(() => compileFilter([rule, { ...rule, number: 2 }]));
});

test('the document names every call with its reason', () => {
  const text = syscallTableMarkdown();
  for (const name of ['futex', 'clone', 'execve', 'io_uring_setup', 'ptrace'])
    assert.ok(text.includes(`\`${name}\``));
  const rows = text.split('\n').filter((line) => line.startsWith('| `'));
  assert.equal(rows.length, syscallRules(EXEC).length);
  for (const row of rows) assert.ok((row.split('|')[3] ?? '').trim().length > 5, row);
});
