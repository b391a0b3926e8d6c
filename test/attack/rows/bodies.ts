import { gzipSync } from 'node:zlib';
import { Guarded } from '../guarded.ts';
import { withoutInvocation } from '../invocations.ts';
import type { Row } from '../row.ts';
import { errorOf } from '../stage.ts';

const JSON_TYPE = { 'content-type': 'application/json' };
/** A level for each byte, far past what a parser that calls itself can stand. */
const DEPTH = 100_000;
const BOM = '\ufeff';
const ORDER = '{"item":"book","quantity":1}';

/** Bodies that break the schema of an order, or are no strict JSON. */
const BODIES: Readonly<Record<string, string | Uint8Array>> = {
  nothing: '',
  'a space': ' ',
  'another type': '"book"',
  null: 'null',
  'a list of orders': `[${ORDER}]`,
  'a field that is missing': '{"item":"book"}',
  'a field too many': '{"item":"book","quantity":1,"admin":true}',
  'a number as text': '{"item":"book","quantity":"1"}',
  'a number with a fraction': '{"item":"book","quantity":1.5}',
  'a number past its end': '{"item":"book","quantity":1001}',
  'a number past all numbers': '{"item":"book","quantity":1e999}',
  'a text past its end': `{"item":"${'b'.repeat(41)}","quantity":1}`,
  'an operator in a field': '{"item":{"$ne":null},"quantity":1}',
  'a list in a field': '{"item":["book"],"quantity":1}',
  __proto__: '{"item":"book","quantity":1,"__proto__":{"admin":true}}',
  '__proto__ that is escaped': '{"item":"book","quantity":1,"\\u005f_proto__":{"admin":true}}',
  'constructor.prototype': '{"item":"book","quantity":1,"constructor":{"prototype":{"admin":true}}}',
  'a key twice': '{"item":"book","item":"tank","quantity":1}',
  'a key twice, once escaped': '{"item":"book","\\u0069tem":"tank","quantity":1}',
  'a depth bomb of lists': '['.repeat(DEPTH),
  'a closed depth bomb of lists': '['.repeat(DEPTH) + ']'.repeat(DEPTH),
  'a depth bomb of objects': `${'{"item":'.repeat(DEPTH)}1${'}'.repeat(DEPTH)}`,
  'a comma at the end': '{"item":"book","quantity":1,}',
  'a comment': `/* x */${ORDER}`,
  'single quotes': "{'item':'book','quantity':1}",
  NaN: '{"item":"book","quantity":NaN}',
  'a number in hex': '{"item":"book","quantity":0x1}',
  'a number with a zero before': '{"item":"book","quantity":01}',
  'a control character': '{"item":"bo\u0000ok","quantity":1}',
  'a line end in a text': '{"item":"bo\nok","quantity":1}',
  'two documents': `${ORDER}${ORDER}`,
  'a document with something behind': `${ORDER}\u0000`,
  'half a document': ORDER.slice(0, -1),
  'a mark of the byte order': `${BOM}${ORDER}`,
  'UTF-16': Buffer.from(`${BOM}${ORDER}`, 'utf16le'),
  'bytes that are not UTF-8': Buffer.from('{"item":"b\xff\xfe","quantity":1}', 'latin1'),
  'an overlong encoding': Buffer.from('{"item":"b\xc0\xafk","quantity":1}', 'latin1'),
  'compressed, and not said': gzipSync(ORDER),
  'a form': 'item=book&quantity=1',
  XML: '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
};

/** Heads that say something else of a good body than the route takes. */
const HEADS: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>> = {
  'no content type': {},
  'plain text': { 'content-type': 'text/plain' },
  'a form': { 'content-type': 'application/x-www-form-urlencoded' },
  'a type that begins alike': { 'content-type': 'application/jsonx' },
  'a type that ends alike': { 'content-type': 'xapplication/json' },
  'two types in one': { 'content-type': 'text/plain, application/json' },
  'a type of parts': { 'content-type': 'multipart/form-data; boundary=application/json' },
  'two types': { 'content-type': ['text/plain', 'application/json'] },
  'another charset': { 'content-type': 'application/json; charset=utf-16' },
  gzip: { ...JSON_TYPE, 'content-encoding': 'gzip' },
  deflate: { ...JSON_TYPE, 'content-encoding': 'deflate' },
  'two encodings': { ...JSON_TYPE, 'content-encoding': 'gzip, gzip' },
  'an unknown encoding': { ...JSON_TYPE, 'content-encoding': 'x' },
  'an encoding behind identity': { ...JSON_TYPE, 'content-encoding': ['identity', 'gzip'] },
};

const QUERIES = [
  '?admin=true',
  '?__proto__=x',
  '?note=a&note=b',
  `?note=${'a'.repeat(41)}`,
  '?note[$ne]=x',
  '?note[]=x',
  // The refusal says where it is wrong, in characters that not every encoding has.
  `?${encodeURIComponent('\u202e\u0122\u010d\u010a\u{1f469}')}=x`,
];

const bodies: Row = {
  id: 'C8',
  title: 'bodies that break the schema or JSON itself: __proto__, duplicate keys, depth bombs, other types',
  event: ['request.invalid'],
  async attack(stage, verdict) {
    const guarded = await Guarded.of(stage);
    const bearer = await guarded.token('ana');
    const memory = stage.serverMemoryBytes();
    await withoutInvocation(guarded, verdict, async () => {
      for (const [name, body] of Object.entries(BODIES)) {
        const { status, text } = await guarded.send('/guarded/orders', {
          method: 'POST',
          bearer,
          headers: JSON_TYPE,
          body,
        });
        verdict.expect([400, 415].includes(status) && errorOf(text).code !== '', `${name}: ${status}`);
        verdict.unharmed(!/book|tank|passwd/.test(text), `${name} is said back: ${text}`);
      }
      for (const [name, headers] of Object.entries(HEADS)) {
        const body = 'content-encoding' in headers ? gzipSync(ORDER) : ORDER;
        for (const path of ['/guarded/orders', '/guarded/strict']) {
          const { status } = await guarded.send(path, { method: 'POST', bearer, headers, body });
          verdict.expect([400, 415].includes(status), `${name} for ${path}: ${status}`);
        }
      }
      for (const query of QUERIES) {
        const { status, text } = await guarded.send(`/guarded/orders${query}`, {
          method: 'POST',
          bearer,
          headers: JSON_TYPE,
          body: ORDER,
        });
        verdict.expect(status === 400 && errorOf(text).code !== '', `${query}: ${status} ${text}`);
      }
      const body = '{"admin":true}';
      const framed = { ...JSON_TYPE, 'content-length': String(body.length) };
      const hidden = await guarded.send('/guarded/orders', { bearer, headers: framed, body });
      verdict.expect(hidden.status === 400, `a body of a GET: ${hidden.status}`);
    });
    const grown = Math.round((stage.serverMemoryBytes() - memory) / 2 ** 20);
    verdict.unharmed(grown < 128, `the server grew by ${grown} MiB`);
    verdict.note(`${Object.keys(BODIES).length} bodies, ${Object.keys(HEADS).length} heads, +${grown} MiB`);
  },
  async twin(stage) {
    const guarded = await Guarded.of(stage);
    const bearer = await guarded.token('ana');
    const good: readonly (readonly [string, string])[] = [
      ['application/json', ORDER],
      [
        'application/json; charset=utf-8',
        ' { "item" : "b\\u00fcch\u00e4r \\"x\\"" ,\r\n "quantity" : 1e2 } ',
      ],
      ['Application/JSON', '{"quantity":1000,"item":"constructor"}'],
    ];
    for (const [type, body] of good) {
      const sent = { method: 'POST', bearer, headers: { 'content-type': type }, body };
      const { body: given } = await guarded.served('/guarded/orders?note=for%20ana', sent);
      if (given !== body) throw new Error(`the function is given ${given}`);
    }
    await guarded.served('/guarded/orders', { bearer });
    const deep = `${'['.repeat(30)}${']'.repeat(30)}`;
    await guarded.served('/guarded/strict', { method: 'POST', bearer, headers: JSON_TYPE, body: deep });
  },
};

export const BODY_ROWS: readonly Row[] = [bodies];
