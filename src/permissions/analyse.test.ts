import assert from 'node:assert/strict';
import { test } from 'node:test';
import { analyse, BUNDLE_LENGTH_MAX, DEPTH_MAX } from './analyse.ts';
import { CORPUS_GRANTS } from './corpus-score.ts';

function reasons(code: string, options: Parameters<typeof analyse>[1] = {}): string[] {
  return analyse(code, { grants: CORPUS_GRANTS, ...options }).map((finding) =>
    finding.kind === 'unknown' ? finding.reason : `${finding.capability} ${finding.operation}`,
  );
}

const USES = 'export default { fetch(request, env) { return env.CACHE.get("a"); } };';

test('a bundle of the largest length is analysed, and one character more is not', () => {
  const padded = USES.padEnd(BUNDLE_LENGTH_MAX, ' ');
  assert.deepEqual(reasons(padded), ['kv get']);
  assert.deepEqual(reasons(`${padded} `), ['code-too-large']);
});

test('text that is not JavaScript gives one unknown', () => {
  assert.deepEqual(reasons('export default {'), ['code-unreadable']);
  assert.deepEqual(reasons(''), []);
});

test('code that is nested too deep gives one unknown', () => {
  const nested = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)};${USES}`;
  assert.deepEqual(reasons(nested(DEPTH_MAX - 100)), ['kv get']);
  assert.deepEqual(reasons(nested(DEPTH_MAX + 1)), ['code-too-deep']);
});

test('an analysis that is cut says so, and keeps what it has found', () => {
  const many = Array.from({ length: 300 }, (_, index) => `const f${index} = (x) => [x, f${index}];`);
  const code = `${USES}${many.join('')} for (const f of [${many.map((_, index) => `f${index}`).join(',')}]) f(f);`;
  assert.ok(!reasons(code).includes('analysis-cut'));
  assert.ok(reasons(code, { stepsMax: 500 }).includes('analysis-cut'));
});

test('a wrapped script is read like a module', () => {
  const script =
    'var entry = { fetch: (r, env) => env.CACHE.delete("s") }; module.exports = { default: entry };';
  assert.deepEqual(reasons(script), ['kv delete']);
  assert.deepEqual(reasons('module.exports = { fetch: (r, env) => env.CACHE.delete("s") };'), ['kv delete']);
});

test('code that nothing calls uses nothing, and the same code under a handler does', () => {
  const body = 'env.CACHE.delete("x");';
  assert.deepEqual(reasons(`export default { other(request, env) { ${body} } };`), []);
  assert.deepEqual(reasons(`export default { queue(batch, env) { ${body} } };`), ['kv delete']);
});

test('a call of nothing that is seen is an unknown, and an optional one is not', () => {
  assert.deepEqual(reasons('export default { fetch: () => ({}).missing() };'), ['callee-unknown']);
  assert.deepEqual(reasons('export default { fetch: () => ({}).missing?.() };'), []);
});

test('what is sent through a binding that nothing declares is an event where it says a type first', () => {
  const sent = (...args: readonly string[]): string[] =>
    reasons(`export default { fetch(request, env) { return env.OUT.send(${args.join(', ')}); } };`);
  assert.deepEqual(sent('"order.paid"', '{ id: 1 }').slice(-1), ['pipe send']);
  assert.deepEqual(sent('"order.paid"').slice(-1), ['queue send']);
  assert.deepEqual(sent('"Order paid."', '{ delaySeconds: 5 }').slice(-1), ['queue send']);
  assert.deepEqual(sent('request.url', '{ delaySeconds: 5 }').slice(-1), ['queue send']);
});
