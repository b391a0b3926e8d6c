import assert from 'node:assert/strict';
import { test } from 'node:test';
import { conditionsOf, judgeRead, servesRange, writeCondition } from './conditions.ts';
import { copyRangeOf, rangeOf } from './range.ts';

test('a range is cut to the object, and refused where it begins behind it', () => {
  assert.deepEqual(rangeOf('bytes=0-9', 10), { start: 0, end: 10 });
  assert.deepEqual(rangeOf('bytes=9-', 10), { start: 9, end: 10 });
  assert.deepEqual(rangeOf('bytes=-99', 10), { start: 0, end: 10 });
  for (const text of ['bytes=10-', 'bytes=10-11', 'bytes=-0'])
    assert.throws(() => rangeOf(text, 10), { code: 'InvalidRange' }, text);
  assert.throws(() => rangeOf('bytes=0-0', 0), { code: 'InvalidRange' });
});

test('a range that cannot be read, or of several parts, means the whole', () => {
  for (const text of [
    undefined,
    '',
    'bytes=',
    'bytes=-',
    'bytes=5-4',
    'lines=0-1',
    'bytes=0-1,3-4',
    'bytes=0x1-2',
  ])
    assert.equal(rangeOf(text, 10), null, text ?? 'none');
});

test('a range to be copied has to be there whole', () => {
  assert.deepEqual(copyRangeOf('bytes=0-9', 10), { start: 0, end: 10 });
  assert.deepEqual(copyRangeOf(undefined, 10), { start: 0, end: 10 });
  assert.throws(() => copyRangeOf('bytes=0-10', 10), { code: 'InvalidRange' });
  assert.throws(() => copyRangeOf('bytes=5-', 10), { code: 'InvalidArgument' });
});

const state = { etag: 'abc', uploaded: Date.UTC(2026, 0, 1, 0, 0, 0, 500) };
const same = 'Thu, 01 Jan 2026 00:00:00 GMT';
const earlier = 'Wed, 31 Dec 2025 23:59:59 GMT';
const judge = (fields: Readonly<Record<string, string>>) =>
  judgeRead(conditionsOf(new Map(Object.entries(fields))), state);

test('an entity tag is stronger than a time, in the order of RFC 9110', () => {
  assert.equal(judge({}), 'go on');
  assert.equal(judge({ 'if-match': '"x", "abc"' }), 'go on');
  assert.equal(judge({ 'if-match': '"x"' }), 'failed');
  assert.equal(judge({ 'if-match': '"abc"', 'if-unmodified-since': earlier }), 'go on');
  assert.equal(judge({ 'if-unmodified-since': earlier }), 'failed');
  assert.equal(judge({ 'if-unmodified-since': same }), 'go on');
  assert.equal(judge({ 'if-none-match': 'W/"abc"' }), 'not modified');
  assert.equal(judge({ 'if-none-match': '*' }), 'not modified');
  assert.equal(judge({ 'if-none-match': '"x"', 'if-modified-since': same }), 'go on');
  assert.equal(judge({ 'if-modified-since': same }), 'not modified');
  assert.equal(judge({ 'if-modified-since': earlier }), 'go on');
  assert.equal(judge({ 'if-modified-since': 'nonsense' }), 'go on');
});

test('a range of an object that has changed since is not served', () => {
  assert.equal(servesRange(undefined, state), true);
  assert.equal(servesRange('"abc"', state), true);
  assert.equal(servesRange(same, state), true);
  for (const other of ['"abd"', 'abc', 'W/"abc"', earlier, ''])
    assert.equal(servesRange(other, state), false);
});

test('a write has one condition that is understood, or is refused', () => {
  const of = (fields: Readonly<Record<string, string>>) => writeCondition(new Map(Object.entries(fields)));
  assert.equal(of({}), null);
  assert.doesNotThrow(() => of({ 'if-none-match': '*' })?.(null));
  assert.throws(() => of({ 'if-none-match': '*' })?.(state), { code: 'PreconditionFailed' });
  assert.throws(() => of({ 'if-match': 'abc' })?.(null), { code: 'NoSuchKey' });
  assert.doesNotThrow(() => of({ 'if-match': 'abc' })?.(state));
  for (const fields of [
    { 'if-none-match': '"abc"' },
    { 'if-none-match': '*', 'if-match': 'abc' },
    { 'if-modified-since': same },
  ])
    assert.throws(() => of(fields), { code: 'NotImplemented' });
});
