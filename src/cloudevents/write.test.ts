import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { AttributeValue, CloudEvent } from '../events/index.ts';
import { BATCHED, HEAD, NONE, STRUCTURED, assertRefused, read } from './cloudevents.fixture.ts';
import { isPlatformAttribute, writeBatch, writeCloudEvent } from './index.ts';

const text = fc
  .string({ unit: 'binary', maxLength: 40 })
  .filter((value) => /^[^\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}]*$/u.test(value));
const filled = text.filter((value) => value !== '');
const name = fc.stringMatching(/^[a-z0-9]{1,20}$/).filter((value) => {
  const own = ['data', 'time', 'subject', 'dataschema', 'datacontenttype', ...Object.keys(HEAD)];
  return !own.includes(value) && !isPlatformAttribute(value);
});
const value = fc.oneof(text, fc.boolean(), fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }));
const contentType = fc.constantFrom(
  'application/json',
  'application/vnd.a+json; charset=utf-8',
  'text/plain',
  'text/plain; charset="ISO-8859-1"',
  'application/octet-stream',
);
const json = fc.json().map((document) => Buffer.from(document));
const data = fc.oneof(
  fc.uint8Array({ maxLength: 100 }),
  json,
  filled.map((given) => Buffer.from(given)),
  fc.constant(null),
);
const event: fc.Arbitrary<CloudEvent> = fc
  .record({
    head: fc.record({ id: filled, source: fc.webPath().map((path) => `/a${path}`), type: filled }),
    more: fc.record(
      {
        subject: filled,
        datacontenttype: contentType,
        dataschema: fc.webUrl(),
        time: fc.constantFrom('2026-01-31T12:00:00Z', '1985-04-12T23:20:50.52+01:00'),
      },
      { requiredKeys: [] },
    ),
    extensions: fc.dictionary(name, value, { maxKeys: 10 }),
    data,
  })
  .map(({ head, more, extensions, data: bytes }) => ({
    attributes: { specversion: '1.0', ...head, ...more, ...extensions },
    data: bytes,
  }));

const plain = (
  { attributes, data: bytes }: CloudEvent,
  map = (given: AttributeValue): AttributeValue => given,
) => ({
  attributes: Object.fromEntries(Object.entries(attributes).map(([key, given]) => [key, map(given)])),
  data: bytes === null ? null : Buffer.from(bytes).toString('hex'),
});

describe('what is written', () => {
  it('reads back as the same events, alone and as a batch', () => {
    fc.assert(
      fc.property(fc.array(event, { minLength: 1, maxLength: 5 }), (events) => {
        for (const given of events)
          assert.deepEqual(
            read(writeCloudEvent(given, 'structured')).map((e) => plain(e)),
            [plain(given)],
          );
        assert.deepEqual(
          read(writeBatch(events)).map((e) => plain(e)),
          events.map((e) => plain(e)),
        );
      }),
      { numRuns: 60 },
    );
  });

  it('reads back the same in binary mode, where every attribute is a text and no byte is no data', () => {
    fc.assert(
      fc.property(event, (given) => {
        const written = writeCloudEvent(given, 'binary');
        for (const field of written.headers) assert.match(field, /^[\x20-\x7e]*$/);
        const expected = plain({ ...given, data: given.data?.byteLength === 0 ? null : given.data }, String);
        assert.deepEqual(
          read(written).map((e) => plain(e)),
          [expected],
        );
      }),
      { numRuns: 100 },
    );
  });

  it('has its data in the open where that loses nothing, and as base64 where it would', () => {
    const bodyOf = (datacontenttype: string | null, given: string | Uint8Array) =>
      JSON.parse(
        Buffer.from(
          writeCloudEvent(
            {
              attributes: { ...HEAD, ...(datacontenttype === null ? {} : { datacontenttype }) },
              data: Buffer.from(given),
            },
            'structured',
          ).body ?? NONE,
        ).toString(),
      ) as Record<string, unknown>;
    assert.deepEqual(bodyOf('application/json', '{"a":[1]}')['data'], { a: [1] });
    assert.equal(bodyOf('text/plain', 'ä')['data'], 'ä');
    for (const [type, given] of [
      ['application/json', '{"a": 1}'],
      ['application/json', '1.0'],
      ['application/json', '{"a":1,"a":2}'],
      ['application/json', `${'['.repeat(63)}${']'.repeat(63)}`],
      ['text/plain', Buffer.from([0xff])],
      ['text/plain; charset=iso-8859-1', 'a'],
      ['image/png', 'a'],
      [null, '1'],
    ] as const) {
      const body = bodyOf(type, given);
      assert.equal(body['data'], undefined, `${type} ${String(given)}`);
      assert.equal(body['data_base64'], Buffer.from(given).toString('base64'));
    }
  });

  it('is never an event whose data would be taken for the event', () => {
    for (const type of [STRUCTURED, BATCHED, 'application/cloudevents+avro']) {
      const given: CloudEvent = { attributes: { ...HEAD, datacontenttype: type }, data: Buffer.from('{}') };
      assertRefused(() => writeCloudEvent(given, 'binary'), 'CORDON_EVENT_INVALID', {
        attribute: 'datacontenttype',
      });
      assert.deepEqual(plain(read(writeCloudEvent(given, 'structured'))[0] ?? given), plain(given));
    }
  });
});
