import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LIMITS } from '../../contract/index.ts';
import { S3Error } from '../errors.ts';
import { collectXml } from '../request-body.ts';
import { allowChildren, readXml, textOf } from './read-xml.ts';
import { xmlDocument } from './write-xml.ts';

const read = (text: string, root = 'A') => readXml(Buffer.from(text), root);
const isMalformed = (error: unknown): boolean => error instanceof S3Error && error.code === 'MalformedXML';

test('any text comes back from XML as it was, but for what XML cannot hold', () => {
  const characters = fc.string({ unit: 'binary' });
  fc.assert(
    fc.property(characters, (text) => {
      const document = readXml(Buffer.from(xmlDocument(['A', [['B', text]]])), 'A');
      const expected = text
        .toWellFormed()
        // oxlint-disable-next-line no-control-regex -- they are what is replaced
        .replace(/[\u{0}-\u{8}\u{B}\u{C}\u{E}-\u{1F}\u{FFFE}\u{FFFF}]/gu, '\u{FFFD}');
      assert.equal(textOf(document, 'B'), expected);
    }),
  );
});

test('a document of clients is read, with a declaration, a namespace, a prefix or CDATA', () => {
  for (const text of [
    '<A><B>x&amp;</B></A>',
    '<?xml version="1.0" encoding="UTF-8"?>\n<A xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><B>x&#38;</B></A>',
    '<s:A xmlns:s="urn:a"><s:B><![CDATA[x&]]></s:B></s:A>',
    '<!-- a --><A><B>x<!-- b -->&amp;</B></A>',
  ])
    assert.equal(textOf(read(text), 'B'), 'x&', text);
});

test('XML with a DTD, an entity of its own, an instruction, or that is not well-formed is refused', () => {
  for (const text of [
    '<!DOCTYPE A><A/>',
    '<!DOCTYPE A [<!ENTITY x SYSTEM "file:///etc/passwd">]><A>&x;</A>',
    '<!DOCTYPE A [<!ENTITY x "xx"><!ENTITY y "&x;&x;">]><A>&y;</A>',
    '<A>&x;</A>',
    '<?php 1 ?><A/>',
    '<A>',
    '<A></B>',
    '<A/><A/>',
    '<A a="1" a="2"/>',
    '<x:A/>',
    '<A>\0</A>',
    'A',
    '',
    '<B/>',
  ])
    assert.throws(() => read(text), isMalformed, text);
  assert.throws(() => readXml(Buffer.from([0x3c, 0x41, 0x3e, 0xff]), 'A'), isMalformed);
});

test('XML may be as deep and have as many elements as its limits say, and not one more', async () => {
  const deep = (depth: number): string => '<A>'.repeat(depth) + '</A>'.repeat(depth);
  assert.ok(read(deep(LIMITS.s3XmlDepthMax.value)));
  assert.throws(() => read(deep(LIMITS.s3XmlDepthMax.value + 1)), isMalformed);
  const wide = (count: number): string => `<A>${'<B/>'.repeat(count - 1)}</A>`;
  assert.ok(read(wide(LIMITS.s3XmlElementsMax.value)));
  assert.throws(() => read(wide(LIMITS.s3XmlElementsMax.value + 1)), isMalformed);
  const body = async function* (bytes: number): AsyncGenerator<Uint8Array> {
    await Promise.resolve();
    yield Buffer.alloc(bytes - 1);
    yield Buffer.alloc(1);
  };
  const most = LIMITS.s3XmlBytesMax.value;
  assert.equal((await collectXml(body(most))).length, most);
  await assert.rejects(collectXml(body(most + 1)), isMalformed);
});

test('an element that is there twice, has children, or is not known is refused', () => {
  assert.equal(textOf(read('<A/>'), 'B'), null);
  assert.throws(() => textOf(read('<A><B>1</B><B>2</B></A>'), 'B'), isMalformed);
  assert.throws(() => textOf(read('<A><B><C/></B></A>'), 'B'), isMalformed);
  allowChildren(read('<A><B/></A>'), ['B']);
  assert.throws(() => allowChildren(read('<A><C/></A>'), ['B']), isMalformed);
});
