import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { findActiveMarkup, findAnyTag, markupOf } from './markup.ts';
import { endOfImage } from './image-end.ts';
import { endsAsZip } from './traces.ts';
import { gif, jpeg, png, zip } from '../inspection.fixture.ts';

const bytes = (text: string): Buffer => Buffer.from(text);

test('markup is known behind white space, marks, declarations and comments, in UTF-16 too', () => {
  for (const [text, markup] of [
    ['<!DOCTYPE html>', 'text/html'],
    ['\n\t <ScRiPt>', 'text/html'],
    ['<b>bold</b>', 'text/html'],
    ['<!-- c --><p>', 'text/html'],
    ['<!-- never closed', 'text/html'],
    ['\ufeff<html lang=en>', 'text/html'],
    ['<?xml version="1.0"?><html xmlns="x">', 'text/html'],
    ['<?xml version="1.0"?><!DOCTYPE svg PUBLIC "x" "y" [<!ENTITY a "]b">]><svg/>', 'image/svg+xml'],
    ['<svg:svg xmlns:svg="http://www.w3.org/2000/svg">', 'image/svg+xml'],
    ['<!-- c -->\n<!-- d -->\n<svg\n>', 'image/svg+xml'],
    ['<?xml version="1.0"?>\n<rss/>', 'application/xml'],
    ['<article-number>', null],
    ['<boundary', null],
    ['a < b', null],
    ['hello <script>', null],
    ['', null],
  ] as const) {
    assert.equal(markupOf(bytes(text)), markup, text);
    if (text.startsWith('<')) {
      assert.equal(markupOf(Buffer.from(text, 'utf16le')), markup, text);
      assert.equal(markupOf(Buffer.from(`\ufeff${text}`, 'utf16le').swap16()), markup, text);
    }
  }
});

test('active markup is found wherever it stands, and only as a tag', () => {
  for (const text of [
    '<script>alert(1)</script>',
    '<SVG onload=alert(1)>',
    '<script',
    '<html\n lang=en>',
    '<?php echo 1;',
  ])
    for (const encoding of ['utf8', 'utf16le'] as const) {
      const found = Buffer.concat([Buffer.from([0xff, 0xd8, 0x3c, 0x00]), Buffer.from(text, encoding)]);
      assert.equal(findActiveMarkup(found), 4, `${text} in ${encoding}`);
    }
  for (const text of ['<scripts>are here', '<x:svg>aaaaaaaa', 'script>alert(1)', '<p>only text</p>'])
    assert.equal(findActiveMarkup(bytes(text)), -1, text);
  assert.equal(findAnyTag(bytes('..<p>only text</p>')), 2);
});

test('noise is hardly ever taken for markup', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 5 }), (noise) => {
      const after = Buffer.concat([bytes('<svg '), noise, Buffer.from([0x80, 1, 2, 3, 4, 5, 6, 7, 8, 9])]);
      assert.equal(findActiveMarkup(after), -1);
    }),
  );
});

test('the end of an image is found, and none where it is cut off', () => {
  for (const [type, image] of [
    ['image/png', png()],
    ['image/jpeg', jpeg()],
    ['image/gif', gif()],
  ] as const) {
    assert.equal(endOfImage(type, Buffer.concat([image, bytes('trailing')])), image.length, type);
    assert.equal(endOfImage(type, image.subarray(0, -3)), null, type);
  }
});

test('whatever bytes are an image, looking for its end comes to an end', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('image/png', 'image/jpeg', 'image/gif', 'image/webp'),
      fc.uint8Array({ maxLength: 300 }),
      (type, noise) => {
        const end = endOfImage(type, noise);
        assert.ok(end === null || end > 0);
      },
    ),
  );
});

test('an archive at the end is known by its directory', () => {
  const archive = zip([{ name: 'a', data: 'b' }]);
  assert.equal(endsAsZip(Buffer.concat([png(), archive])), true);
  assert.equal(endsAsZip(Buffer.concat([png(), archive, Buffer.alloc(10)])), true);
  assert.equal(endsAsZip(archive.subarray(-22)), true);
  assert.equal(
    endsAsZip(Buffer.concat([Buffer.from('PK\x05\x06', 'latin1'), Buffer.alloc(40, 0x7f)])),
    false,
  );
  assert.equal(endsAsZip(png()), false);
});
