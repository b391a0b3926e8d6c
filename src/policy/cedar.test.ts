import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CedarEngine, type CedarRequest } from './cedar.ts';

const ALL = 'permit (principal, action, resource);';

function requestOf(time: number): CedarRequest {
  return {
    principal: { type: 'User', id: 'ana' },
    action: { type: 'Action', id: 'read' },
    resource: { type: 'Route', id: '/' },
    context: { time },
    entities: [],
  };
}

test('a trap of the engine denies what caused it, and everything else goes on', () => {
  const engine = new CedarEngine();
  const before = engine.hold({ all: ALL });
  const deep = `permit (principal, action, resource) when { context.time${'+1'.repeat(2000)} > 0 };`;
  const trap = engine.hold({ deep });
  const after = engine.hold({ forbid: 'forbid (principal, action, resource);', all: ALL });
  assert.equal(engine.evaluate(before, requestOf(1)).decision, 'allow');
  for (let round = 0; round < 3; round++) assert.throws(() => engine.evaluate(trap, requestOf(1)));
  assert.equal(engine.evaluate(before, requestOf(1)).decision, 'allow');
  assert.deepEqual(engine.evaluate(after, requestOf(1)).diagnostics.reason, ['forbid']);
  engine.release(trap);
  const again = engine.hold({ again: ALL });
  assert.equal(again, trap);
  assert.deepEqual(engine.evaluate(again, requestOf(1)).diagnostics.reason, ['again']);
});

test('a slot that was given back holds nothing, and is used again', () => {
  const engine = new CedarEngine();
  const one = engine.hold({ a: ALL });
  const two = engine.hold({ b: ALL });
  engine.release(one);
  engine.release(one);
  assert.throws(() => engine.evaluate(one, requestOf(1)), /not held/);
  assert.equal(engine.held, 1);
  const three = engine.hold({ c: ALL });
  assert.deepEqual([three, engine.held], [one, 2]);
  assert.deepEqual(engine.evaluate(three, requestOf(1)).diagnostics.reason, ['c']);
  assert.deepEqual(engine.evaluate(two, requestOf(1)).diagnostics.reason, ['b']);
});

test('policies that do not parse take no slot', () => {
  const engine = new CedarEngine();
  assert.throws(() => engine.hold({ a: 'permit' }), /unexpected end of input/);
  assert.equal(engine.held, 0);
  const one = engine.hold({ a: ALL });
  const two = engine.hold({ a: ALL });
  assert.notEqual(one, two);
  assert.deepEqual(engine.evaluate(one, requestOf(1)).diagnostics.reason, ['a']);
});

test('Cedar goes on without a forbid that fails, which is why any error has to deny', () => {
  const engine = new CedarEngine();
  const slot = engine.hold({ all: ALL, no: 'forbid (principal, action, resource) when { context.nope };' });
  const { decision, diagnostics } = engine.evaluate(slot, requestOf(1));
  assert.equal(decision, 'allow');
  assert.deepEqual(
    diagnostics.errors.map(({ policyId }) => policyId),
    ['no'],
  );
});
