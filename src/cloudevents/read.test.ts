import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { CordonError, LIMITS } from '../contract/index.ts';
import {
  BATCHED,
  BINARY,
  HEAD,
  NONE,
  STRUCTURED,
  assertRefused,
  binary,
  structured,
  told,
} from './cloudevents.fixture.ts';
import { readCloudEvents, writeCloudEvent } from './index.ts';

describe('binary mode', () => {
  it('reads attributes from fields, and the type of the data from Content-Type', () => {
    const [got] = binary(['CE-Subject', 'x', 'accept', '*/*', 'cex', '1'], Buffer.from('hi'), 'text/plain');
    assert.deepEqual(got?.attributes, { ...HEAD, subject: 'x', datacontenttype: 'text/plain' });
    assert.equal(Buffer.from(got.data ?? NONE).toString(), 'hi');
    assert.deepEqual(binary()[0], { attributes: HEAD, data: null });
  });

  it('decodes values as section 3.1.3.2 of the binding says', () => {
    for (const [sent, means] of [
      ['Euro%20%E2%82%AC%20%F0%9F%98%80', 'Euro € 😀'],
      ['Euro%20%e2%82%ac', 'Euro €'],
      ['%41%2541', 'A%41'],
      ['"a b"', 'a b'],
      ['"a\\"b\\\\%20c"', 'a"b\\ c'],
      ['a b', 'a b'],
      ['%22a%22', '"a"'],
      ["a'b,c;d", "a'b,c;d"],
    ] as const)
      assert.equal(binary(['ce-subject', sent])[0]?.attributes['subject'], means);
    const written = writeCloudEvent(
      { attributes: { ...HEAD, subject: 'Euro € "%" 😀' }, data: null },
      'binary',
    );
    assert.ok(
      written.headers.includes('Euro%20%E2%82%AC%20%22%25%22%20%F0%9F%98%80'),
      String(written.headers),
    );
  });

  it('refuses what is no event or could be read in two ways', () => {
    for (const [headers, attribute, fault] of [
      [['ce-id', '2'], 'id', 'repeated'],
      [['Ce-Id', '1'], 'id', 'repeated'],
      [['ce-x', '1', 'CE-X', '1'], 'x', 'repeated'],
      [['ce-datacontenttype', 'text/plain'], 'datacontenttype', 'reserved'],
      [['ce-data', 'x'], 'data', 'reserved'],
      [['ce-type', 'cordon.webhook.github'], 'type', 'repeated'],
      [['ce-cordonsubject', 'root'], 'cordonsubject', 'reserved'],
      [['CE-Cordon', 'root'], 'cordon', 'reserved'],
      [['ce-my-name', 'x'], 'my-name', 'name'],
      [['ce-my_name', 'x'], 'my_name', 'name'],
      [['ce-', 'x'], '', 'name'],
      [[`ce-${'a'.repeat(21)}`, 'x'], 'a'.repeat(21), 'name'],
      [['ce-x', '%'], 'x', 'encoding'],
      [['ce-x', '%zz'], 'x', 'encoding'],
      [['ce-x', '%ff'], 'x', 'encoding'],
      [['ce-x', '%ED%A0%80'], 'x', 'encoding'],
      [['ce-x', '%C0%80'], 'x', 'encoding'],
      [['ce-x', 'a"b"'], 'x', 'encoding'],
      [['ce-x', '"a'], 'x', 'encoding'],
      [['ce-x', '"a\\"'], 'x', 'encoding'],
      [['ce-x', '\u00e4'], 'x', 'encoding'],
      [['ce-x', '%00'], 'x', 'characters'],
      [['ce-x', 'a%0d%0aSet-Cookie:b'], 'x', 'characters'],
      [['ce-x', '%C2%85'], 'x', 'characters'],
      [['ce-x', '%EF%BF%BF'], 'x', 'characters'],
      [['ce-subject', ''], 'subject', 'empty'],
      [['ce-time', 'yesterday'], 'time', 'format'],
      [['ce-dataschema', 'a b'], 'dataschema', 'format'],
    ] as const)
      assertRefused(() => binary(headers), 'CORDON_EVENT_INVALID', { attribute, fault, index: null });
    for (let i = 0; i < BINARY.length; i += 2) {
      const headers = BINARY.toSpliced(i, 2);
      const attribute = BINARY[i]?.slice(3);
      const run = () => readCloudEvents({ contentType: null, headers, body: NONE });
      assertRefused(run, 'CORDON_EVENT_INVALID', { attribute, fault: 'missing' });
    }
    assertRefused(() => binary([], NONE, 'text'), 'CORDON_EVENT_INVALID', {
      attribute: 'datacontenttype',
      fault: 'format',
    });
  });
});

describe('structured mode', () => {
  it('reads attributes of each type, and data in each way', () => {
    const more = {
      time: '2026-01-31T00:00:00.1z',
      n: -(2 ** 31),
      m: 2 ** 31 - 1,
      zero: -0,
      flag: true,
    };
    const got = structured({ ...HEAD, ...more, none: null, data: { a: 1 } });
    assert.deepEqual(told(got), {
      ...HEAD,
      ...more,
      zero: 0,
      datacontenttype: 'application/json',
      data: '{"a":1}',
    } as object as ReturnType<typeof told>);
    assert.equal(Object.hasOwn(got[0]?.attributes ?? {}, 'none'), false);
    for (const [members, means] of [
      [{ data: null }, 'null'],
      [{ data: 'a' }, '"a"'],
      [{ data: 'a', datacontenttype: 'application/json' }, '"a"'],
      [{ data: '<a/>', datacontenttype: 'application/xml' }, '<a/>'],
      [{ data_base64: 'AQI=', datacontenttype: 'image/png' }, '\x01\x02'],
      [{ data_base64: '' }, ''],
      [{}, null],
    ] as const)
      assert.equal(told(structured({ ...HEAD, ...members })).data, means);
    assert.deepEqual(told(structured({ ...HEAD }, `${STRUCTURED}; charset=UTF-8`)), { ...HEAD, data: null });
  });

  it('refuses what is no event or could be read in two ways', () => {
    for (const [members, attribute, fault] of [
      [{ data: 1, data_base64: 'AQ==' }, 'data_base64', 'both'],
      [{ data_base64: 1 }, 'data_base64', 'type'],
      [{ data_base64: null }, 'data_base64', 'type'],
      [{ data_base64: 'AQ' }, 'data_base64', 'encoding'],
      [{ data_base64: 'AR==' }, 'data_base64', 'encoding'],
      [{ data_base64: '_-8=' }, 'data_base64', 'encoding'],
      [{ data: {}, datacontenttype: 'text/plain' }, 'data', 'type'],
      [{ data: 'ä', datacontenttype: 'text/plain; charset=latin1' }, 'data', 'encoding'],
      [{ specversion: '1.1' }, 'specversion', 'format'],
      [{ specversion: '0.3' }, 'specversion', 'format'],
      [{ specversion: 1 }, 'specversion', 'type'],
      [{ specversion: null }, 'specversion', 'missing'],
      [{ id: '' }, 'id', 'empty'],
      [{ id: 1 }, 'id', 'type'],
      [{ id: null }, 'id', 'missing'],
      [{ type: '' }, 'type', 'empty'],
      [{ type: true }, 'type', 'type'],
      [{ type: 'cordon.webhook.github' }, 'type', 'reserved'],
      [{ source: '' }, 'source', 'empty'],
      [{ source: 'a b' }, 'source', 'format'],
      [{ source: '%zz' }, 'source', 'format'],
      [{ time: '2026-01-31' }, 'time', 'format'],
      [{ time: '2026-01-31T00:00:00' }, 'time', 'format'],
      [{ time: '2026-01-31 00:00:00Z' }, 'time', 'format'],
      [{ time: '2026-02-30T00:00:00Z' }, 'time', 'format'],
      [{ subject: '' }, 'subject', 'empty'],
      [{ subject: 1 }, 'subject', 'type'],
      [{ dataschema: 'a b' }, 'dataschema', 'format'],
      [{ datacontenttype: 'json' }, 'datacontenttype', 'format'],
      [{ x: 1.5 }, 'x', 'type'],
      [{ x: 2 ** 31 }, 'x', 'range'],
      [{ x: -(2 ** 31) - 1 }, 'x', 'range'],
      [{ x: {} }, 'x', 'type'],
      [{ x: [] }, 'x', 'type'],
      [{ x: 'a\u0000' }, 'x', 'characters'],
      [{ X: 'a' }, 'X', 'name'],
      [{ 'x-y': 'a' }, 'x-y', 'name'],
      [{ x_y: 'a' }, 'x_y', 'name'],
      [{ '': 'a' }, '', 'name'],
      [{ cordonsubject: 'root' }, 'cordonsubject', 'reserved'],
      [{ cordon: 1 }, 'cordon', 'reserved'],
    ] as const)
      assertRefused(() => structured({ ...HEAD, ...members }), 'CORDON_EVENT_INVALID', { attribute, fault });
  });

  it('refuses JSON that is not strict, and other formats', () => {
    const all = JSON.stringify(HEAD).slice(0, -1);
    for (const [body, fault] of [
      [`${all},"id":"2"}`, 'json duplicateKey'],
      [`${all},"__proto__":{}}`, 'json forbiddenKey'],
      [`${all},"x":"\\ud800"}`, 'json surrogate'],
      [`${all},"x":1e400}`, 'json number'],
      [`\ufeff${all}}`, 'json byteOrderMark'],
      [`${all},}`, 'json syntax'],
      ['', 'json syntax'],
      [`${all},"data":${'['.repeat(64)}${']'.repeat(64)}}`, 'json depth'],
      ['[]', 'type'],
      ['null', 'type'],
      ['"a"', 'type'],
    ] as const)
      assertRefused(() => structured(body), 'CORDON_EVENT_INVALID', { attribute: null, fault, index: null });
    assert.equal(structured(`${all},"data":${'['.repeat(63)}${']'.repeat(63)}}`).length, 1);
    for (const type of [
      'application/cloudevents+avro',
      'application/cloudevents',
      `${STRUCTURED}; charset=latin1`,
    ])
      assertRefused(() => structured(HEAD, type), 'CORDON_CONTENT_TYPE_REFUSED', {});
  });
});

describe('a batch', () => {
  it('is read as a whole, also when it is empty', () => {
    assert.deepEqual(structured([], BATCHED), []);
    const ids = structured([HEAD, { ...HEAD, id: '2' }], BATCHED).map(({ attributes }) => attributes.id);
    assert.deepEqual(ids, ['1', '2']);
  });

  it('is refused as a whole for one bad event, which is named', () => {
    for (const [bad, attribute, fault] of [
      [{ ...HEAD, id: '' }, 'id', 'empty'],
      [null, null, 'type'],
      [[HEAD], null, 'type'],
      [{ ...HEAD, cordonx: '1' }, 'cordonx', 'reserved'],
    ] as const)
      assertRefused(() => structured([HEAD, bad, HEAD], BATCHED), 'CORDON_EVENT_INVALID', {
        attribute,
        fault,
        index: 1,
      });
    assertRefused(() => structured(HEAD, BATCHED), 'CORDON_EVENT_INVALID', {
      attribute: null,
      fault: 'type',
    });
  });

  it('has at most eventBatchMax events', () => {
    const most = Array.from({ length: LIMITS.eventBatchMax.value }, () => HEAD);
    assert.equal(structured(most, BATCHED).length, most.length);
    assertRefused(() => structured([...most, HEAD], BATCHED), 'CORDON_EVENT_TOO_LARGE', {
      what: 'number of events',
    });
  });
});

describe('the bounds of an event', () => {
  it('are eventAttributesMax attributes', () => {
    const extensions = Array.from({ length: LIMITS.eventAttributesMax.value - 4 }, (_, i) => [`a${i}`, i]);
    const most = { ...HEAD, ...Object.fromEntries(extensions) } as object;
    assert.equal(structured(most).length, 1);
    assertRefused(() => structured({ ...most, b: 1 }), 'CORDON_EVENT_TOO_LARGE', {
      what: 'number of attributes',
    });
  });

  it('are eventAttributeBytesMax bytes in one attribute, in UTF-8', () => {
    const most = 'ä'.repeat(LIMITS.eventAttributeBytesMax.value / 2);
    assert.equal(structured({ ...HEAD, x: most }).length, 1);
    assertRefused(() => structured({ ...HEAD, x: `${most}a` }), 'CORDON_EVENT_TOO_LARGE', {
      what: 'attribute x',
    });
  });

  it('are eventBytesMax bytes of data, in every mode', () => {
    const most = Buffer.alloc(LIMITS.eventBytesMax.value, 0x61);
    const more = Buffer.alloc(LIMITS.eventBytesMax.value + 1, 0x61);
    const attempts = [
      (data: Buffer) => binary([], data),
      (data: Buffer) => structured({ ...HEAD, data_base64: data.toString('base64') }),
      (data: Buffer) => structured({ ...HEAD, data: data.toString(), datacontenttype: 'text/plain' }),
      (data: Buffer) =>
        structured([{ ...HEAD, data: data.toString(), datacontenttype: 'text/plain' }], BATCHED),
    ];
    for (const attempt of attempts) {
      assert.equal(attempt(most)[0]?.data?.byteLength, most.byteLength);
      assertRefused(() => attempt(more), 'CORDON_EVENT_TOO_LARGE', { what: 'data' });
    }
  });
});

describe('whatever is sent', () => {
  it('is events whose attributes are of CloudEvents, or is refused by a code of its own', () => {
    const types = fc.constantFrom(STRUCTURED, BATCHED, 'application/json', null);
    const member = fc.oneof(
      fc.constantFrom(...Object.keys(HEAD), 'time', 'data', 'data_base64', 'x'),
      fc.string(),
    );
    const near = fc.dictionary(member, fc.jsonValue({ maxDepth: 1 })).map((more) => ({ ...HEAD, ...more }));
    const bodies = fc.oneof(
      fc.uint8Array({ maxLength: 64 }),
      near.map((value) => Buffer.from(JSON.stringify(value))),
      fc.array(near, { maxLength: 3 }).map((value) => Buffer.from(JSON.stringify(value))),
    );
    const fields = fc.array(
      fc.tuple(fc.constantFrom('ce-id', 'ce-x', 'CE-time', 'ce-__proto__'), fc.string()),
      { maxLength: 3 },
    );
    const codes = ['CORDON_EVENT_INVALID', 'CORDON_EVENT_TOO_LARGE', 'CORDON_CONTENT_TYPE_REFUSED'];
    fc.assert(
      fc.property(types, bodies, fields, (contentType, body, more) => {
        try {
          const headers = [...BINARY, ...more.flat()];
          for (const { attributes } of readCloudEvents({ contentType, headers, body }))
            for (const [name, value] of Object.entries(attributes)) {
              assert.match(name, /^[a-z0-9]{1,20}$/);
              assert.ok(['string', 'number', 'boolean'].includes(typeof value));
            }
        } catch (thrown) {
          assert.ok(thrown instanceof CordonError && codes.includes(thrown.code), String(thrown));
        }
      }),
      { numRuns: 500 },
    );
  });
});
