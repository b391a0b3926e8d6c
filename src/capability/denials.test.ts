import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../contract/index.ts';
import { CONTEXT, callOf } from './capability.fixture.ts';
import { recordDenial, redactDenials } from './denials.ts';
import { recordingEvidence } from './fetch/fetch.fixture.ts';
import { createRedactor } from './secret/index.ts';

const SECRET = 'sk-live/4242';
const call = callOf('kv', 'KV', 'get', null);

/** Records for an instance of its own. */
function instance(values: readonly string[] = []) {
  const evidence = recordingEvidence();
  const context = { ...CONTEXT };
  redactDenials(context, createRedactor(values));
  const record = (reason: string, detail: Readonly<Record<string, unknown>> = {}): void =>
    recordDenial(evidence, context, call, reason, detail);
  return { record, recorded: evidence.recorded };
}

test('a flood of denials is recorded up to its limit, and hides none with a grave reason', () => {
  const { record, recorded } = instance();
  const max = LIMITS.denialEventsPerInstanceMax.value;
  for (let index = 0; index < max + 1; index += 1) record(`grants.kv.B${index} is missing`);
  assert.equal(recorded.length, max);
  record('secret.destination', { host: 'evil.test' });
  assert.deepEqual(recorded.at(-1), {
    kind: 'grant.denied',
    severity: 'high',
    app: 'app',
    function: 'f',
    instance: 'ins_test',
    request: 'req_test',
    reason: 'secret.destination',
    detail: { capability: 'kv', host: 'evil.test' },
  });
});

test('a flood with one grave reason hides no other, and has the same limit', () => {
  const { record, recorded } = instance();
  const max = LIMITS.denialEventsPerInstanceMax.value;
  for (let index = 0; index < max + 1; index += 1) record('address');
  record('secret.destination');
  record('fetch.destination');
  assert.deepEqual(
    recorded.slice(max).map(({ reason, severity }) => [reason, severity]),
    [
      ['secret.destination', 'high'],
      ['fetch.destination', 'medium'],
    ],
  );
});

test('the count of one instance is not that of another', () => {
  const loud = instance();
  for (let index = 0; index < 2 * LIMITS.denialEventsPerInstanceMax.value; index += 1) loud.record('rule');
  const quiet = instance();
  quiet.record('rule');
  assert.equal(quiet.recorded.length, 1);
});

test('secrets that the instance is granted do not stand in what is recorded, however the guest spells them', () => {
  const { record, recorded } = instance([SECRET, 'AKIDEXAMPLE']);
  record('grants.kv.AKIDEXAMPLE is missing', {
    binding: SECRET,
    operation: Buffer.from(`x${SECRET}`).toString('base64'),
    resource: `kv:orders/${encodeURIComponent(SECRET)}`,
    port: 443,
  });
  assert.deepEqual(recorded[0]?.detail, {
    capability: 'kv',
    binding: '[redacted]',
    operation: recorded[0]?.detail['operation'],
    resource: 'kv:orders/[redacted]',
    port: 443,
  });
  assert.match(String(recorded[0]?.detail['operation']), /\[redacted\]/);
  assert.equal(recorded[0]?.reason, 'grants.kv.[redacted] is missing');
  const other = instance(['another secret']);
  other.record('rule', { binding: SECRET });
  assert.equal(other.recorded[0]?.detail['binding'], SECRET);
});

test('a secret of which a name shows but the start is taken out as well', () => {
  const { record, recorded } = instance(['a-secret-of-some-length-that-is-cut']);
  record('rule', { resource: 'kv:orders/a-secret-of-some-length-th' });
  record('rule', { resource: 'kv:orders/a-sec' });
  assert.deepEqual(
    recorded.map(({ detail }) => detail['resource']),
    ['kv:orders/[redacted]', 'kv:orders/a-sec'],
  );
});

test('controls in names of the guest are escaped, and text is cut at its limit', () => {
  const { record, recorded } = instance();
  const max = LIMITS.denialTextBytesMax.value;
  record('rule', { binding: 'a\r\n\u001b[2J\u202e', resource: 'r'.repeat(max) });
  record('rule', { resource: 'r'.repeat(max + 1) });
  assert.equal(recorded[0]?.detail['binding'], 'a\\r\\n\\x1b[2J\\u202e');
  assert.equal(recorded[0]?.detail['resource'], 'r'.repeat(max));
  assert.match(String(recorded[1]?.detail['resource']), /r \[cut, 513 bytes\]$/);
  assert.ok(Buffer.byteLength(String(recorded[1]?.detail['resource'])) <= max);
});
