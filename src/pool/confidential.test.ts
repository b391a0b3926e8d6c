import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { buildHarness, createBubblewrapIsolation } from '../sandbox/index.ts';
import type { Isolation } from '../sandbox/index.ts';
import { Pool } from './index.ts';
import { RecordingEvidence, callIn, deploy } from './pool.fixture.ts';

const VALUE = 'spoken/"secret"\\n+Zq7hK2vXw9LmB4t=?';
const REST = 'Zq7hK2vXw9LmB4t';
const ORDINARY = 'nothing secret: {"a":"b\\"c"}';

/** Says its secret while it loads, in parts, in errors and with its last words. */
const LOUD = `
const value = process.env.SPOKEN;
exports.default = {
  async fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname === '/parts') {
      console.log('first', value.slice(0, 20));
      console.log(value.slice(20), 'last');
      console.log((value + ' ').repeat(400));
      console.log({ value }, JSON.stringify(JSON.stringify({ value })), encodeURI(value));
      console.log(${JSON.stringify(ORDINARY)});
    }
    if (pathname === '/throw') throw new Error('threw ' + value, { cause: new TypeError(value) });
    if (pathname === '/exit') { process.stderr.write('x'.repeat(9000) + 'last words ' + value); Deno.exit(3); }
    return new Response('said');
  },
};`;
const BROKEN = `throw new Error('cannot load with ' + process.env.SPOKEN);`;

describe('secrets that code is given', () => {
  const evidence = new RecordingEvidence();
  let isolation: Isolation;
  let pool: Pool;

  before(async () => {
    isolation = createBubblewrapIsolation({ harness: await buildHarness() });
    await isolation.prepare();
    const objects = {
      get: (name: string) => Promise.resolve(Buffer.from(name)),
      put: () => Promise.resolve(''),
      has: () => Promise.resolve(true),
      delete: () => Promise.resolve(),
    };
    const variables = () => Promise.resolve({ SPOKEN: VALUE });
    const confidential = () => Promise.resolve([VALUE]);
    pool = new Pool({ isolation, objects, evidence, variables, confidential, size: 1 });
    await pool.open();
  });

  after(async () => {
    pool.close();
    await isolation.close();
  });

  function call(code: string, path: string) {
    const { deployment, fn } = deploy();
    return callIn(pool, { deployment, fn: { ...fn, bundle: code } }, path, { id: `req_${path.slice(1)}` });
  }

  function expectHidden(): void {
    const said = JSON.stringify([evidence.lines, evidence.recorded]);
    assert.ok(!said.includes(REST), said.slice(said.indexOf(REST) - 200).slice(0, 300));
    assert.ok(said.includes('[redacted]'));
  }

  it('are not in its log lines, whole, in parts or where a line is cut, and other text is', async () => {
    const { status } = await call(LOUD, '/parts');
    assert.equal(status, 200);
    expectHidden();
    assert.ok(evidence.lines.some(({ message }) => message === ORDINARY));
    assert.ok(evidence.lines.some(({ message }) => message === 'first [redacted]'));
    assert.ok(evidence.lines.some(({ message }) => message === '[redacted] last'));
  });

  it('are not in errors, nor in what it says with its last words', async () => {
    const thrown = await call(LOUD, '/throw');
    assert.equal(thrown.error?.code, 'CORDON_FUNCTION_ERROR');
    const ended = await call(LOUD, '/exit');
    assert.equal(ended.error?.code, 'CORDON_FUNCTION_CRASHED');
    expectHidden();
    assert.ok(evidence.lines.some(({ message }) => /threw \[redacted\]/.test(message)));
    assert.ok(evidence.lines.some(({ message }) => /last words \[redacted\]/.test(message)));
  });

  it('are not in what is told of a module that cannot be loaded', async () => {
    const { error } = await call(BROKEN, '/');
    assert.equal(error?.code, 'CORDON_FUNCTION_ERROR');
    assert.ok(!error.message.includes(REST) && !JSON.stringify(error.details).includes(REST));
    expectHidden();
    assert.ok(evidence.lines.some(({ message }) => /cannot load with \[redacted\]/.test(message)));
  });
});
