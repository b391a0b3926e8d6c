import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { before, suite, test } from 'node:test';
import { deflateRawSync } from 'node:zlib';
import { docx, gif, gz, jpeg, pdf, png, tar, uploadOf, zip, directRoom } from './inspection.fixture.ts';
import { Inspector } from './index.ts';

let inspector: Inspector;
before(async () => {
  inspector = await Inspector.open({ room: directRoom });
});

/** The type that passes, or why it does not. */
async function look(
  key: string,
  bytes: Uint8Array | string,
  {
    declared = null,
    types = null,
    bytesMax = null,
  }: { declared?: string | null; types?: string[] | null; bytesMax?: number | null } = {},
): Promise<string> {
  const verdict = await inspector.inspect(uploadOf(key, Buffer.from(bytes), declared), [{ types, bytesMax }]);
  return verdict.kind === 'pass' ? verdict.type : verdict.reason;
}

const HTML = '<html><body onload=alert(1)>hello</body></html>';
const join = (...parts: readonly (Uint8Array | string)[]): Buffer =>
  Buffer.concat(parts.map((part) => Buffer.from(part)));

suite('types are told from the bytes', () => {
  const cases: readonly (readonly [string, Uint8Array | string, string])[] = [
    ['a.png', png(), 'image/png'],
    ['a.png', png(2000), 'image/png'],
    ['a.jpg', jpeg(), 'image/jpeg'],
    ['a.JPEG', jpeg(3_000_000), 'image/jpeg'],
    ['a.gif', gif(), 'image/gif'],
    ['a.pdf', pdf(), 'application/pdf'],
    ['a.txt', 'hello', 'text/plain'],
    ['a.txt', 'BMW and GIF89a and %PDF-1.4 and <script> in a text', 'text/plain'],
    ['a.txt', 'x'.repeat(2_000_000), 'text/plain'],
    ['a.csv', 'a;b\r\n1;ä\r\n', 'text/csv'],
    ['a.json', '{"html":"<html>"}', 'application/json'],
    [
      'a.svg',
      '<?xml version="1.0"?>\n<!-- made -->\n<svg xmlns="http://www.w3.org/2000/svg"/>',
      'image/svg+xml',
    ],
    ['a.html', `\ufeff <!-- c -->${HTML}`, 'text/html'],
    ['a.xml', '<?xml version="1.0"?><feed/>', 'application/xml'],
    ['a.docx', docx(), 'application/vnd.openxmlformats-officedocument.wordprocessingml.document'],
    [
      'a.zip',
      zip([
        { name: 'a/b.txt', data: 'hello' },
        { name: '日本/é', data: '' },
      ]),
      'application/zip',
    ],
    ['empty', '', 'text/plain'],
    ['a.bin', randomBytes(3_000_000), 'application/octet-stream'],
  ];
  for (const [key, bytes, type] of cases)
    test(`${key} of ${bytes.length} bytes is ${type}`, async () =>
      assert.equal(await look(key, bytes), type));

  test('names that say something else are refused', async () => {
    assert.equal(await look('a.png', jpeg()), 'name-mismatch');
    assert.equal(
      await look('a.png', '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'),
      'name-mismatch',
    );
    assert.equal(await look('a.txt', HTML), 'name-mismatch');
    assert.equal(await look('a.docx', zip([{ name: 'a', data: 'b' }])), 'name-mismatch');
    assert.equal(await look('a.png', ''), 'name-mismatch');
    assert.equal(await look('a.png.html', HTML), 'name-hidden');
    assert.equal(await look('a.tar.gz', gz(await tar([{ name: 'a', data: 'b' }]))), 'application/gzip');
  });

  test('a declared type has to be that of the bytes', async () => {
    assert.equal(await look('a', png(), { declared: 'image/png' }), 'image/png');
    assert.equal(await look('a', png(), { declared: 'image/jpeg' }), 'type-declared');
    assert.equal(await look('a', png(), { declared: 'application/octet-stream' }), 'image/png');
    assert.equal(await look('a', HTML, { declared: 'text/plain' }), 'type-declared');
    assert.equal(await look('a', Buffer.from(HTML, 'utf16le'), { declared: 'text/plain' }), 'type-declared');
    assert.equal(await look('a', 'body {}', { declared: 'text/css; charset=utf-8' }), 'text/css');
    assert.equal(await look('a', randomBytes(64), { declared: 'image/png' }), 'type-declared');
  });

  test('only types that a rule names are taken, and a wildcard of images is no SVG', async () => {
    assert.equal(await look('a.png', png(), { types: ['image/*'] }), 'image/png');
    assert.equal(await look('a.svg', '<svg xmlns="x"/>', { types: ['image/*'] }), 'type-refused');
    assert.equal(await look('a.svg', '<svg xmlns="x"/>', { types: ['image/svg+xml'] }), 'image/svg+xml');
    assert.equal(await look('a.pdf', pdf(), { types: ['image/*', 'text/plain'] }), 'type-refused');
  });

  test('an upload of the largest size passes, and one byte more does not', async () => {
    assert.equal(await look('a', 'abc', { bytesMax: 3 }), 'text/plain');
    assert.equal(await look('a', 'abcd', { bytesMax: 3 }), 'too-large');
  });

  test('text that is not UTF-8 is refused, wherever that is', async () => {
    assert.equal(await look('a.txt', Buffer.from('caf\xe9 au lait', 'latin1')), 'text-invalid');
    assert.equal(await look('a.txt', join('x'.repeat(2_000_000), Buffer.from([0xff]))), 'text-invalid');
    assert.equal(await look('a.txt', join('x'.repeat(2_000_000), Buffer.from([0]))), 'text-invalid');
    assert.equal(await look('a.txt', join('x'.repeat(65_535), 'é', 'x'.repeat(2_000_000))), 'text/plain');
  });

  test('archives that nobody can look into need a rule that names them', async () => {
    const sevenZip = join(Buffer.from([0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c, 0, 4]), randomBytes(50));
    assert.equal(await look('a.7z', sevenZip), 'archive-unreadable');
    assert.equal(await look('a.7z', sevenZip, { types: ['application/*'] }), 'archive-unreadable');
    assert.equal(
      await look('a.7z', sevenZip, { types: ['application/x-7z-compressed'] }),
      'application/x-7z-compressed',
    );
  });
});

suite('files that are two things at once are refused', () => {
  const small = zip([{ name: 'a', data: 'b' }]);
  const cases: readonly (readonly [string, string, Uint8Array])[] = [
    ['a GIF that is a script', 'a.gif', join('GIF89a/*', gif().subarray(8), '*/=1;alert(1)')],
    ['a GIF with HTML behind it', 'a.gif', join(gif(), HTML)],
    ['a PNG with a ZIP behind it', 'a.png', join(png(), small)],
    ['a JPEG with HTML behind it', 'a.jpg', join(jpeg(), HTML)],
    [
      'a large JPEG with HTML in the middle of what is behind it',
      'a.jpg',
      join(jpeg(200_000), HTML, randomBytes(2_000_000)),
    ],
    ['a PNG with a script in a comment', 'a.png', png(16, '<script>alert(document.domain)</script>')],
    ['a JPEG with a tag at its start', 'a.jpg', jpeg(200, '<img src=x onerror=alert(1)>')],
    ['a PDF that is HTML', 'a.pdf', pdf(`${HTML}\n`)],
    ['a PDF with a ZIP behind it', 'a.pdf', join(pdf(), small)],
    ['a JPEG with a PDF in it', 'a.jpg', jpeg(200, 'Exif\0\0%PDF-1.4 it is')],
  ];
  for (const [name, key, bytes] of cases)
    test(name, async () => assert.equal(await look(key, bytes), 'polyglot'));

  test('and what only looks a little like it is not', async () => {
    assert.equal(await look('a.gif', gif(61)), 'image/gif');
    assert.equal(await look('a.jpg', join(jpeg(), jpeg())), 'image/jpeg');
    assert.equal(await look('a.png', png(16, 'a < b and c > d; PK\x05\x06')), 'image/png');
    assert.equal(
      await look(
        'a.jpg',
        jpeg(200, '<?xpacket begin="" id="x"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><dc:title/>'),
      ),
      'image/jpeg',
    );
  });
});

suite('archives are unpacked into nothing first', () => {
  test('benign ones pass', async () => {
    const files = [
      { name: 'a', data: 'x' },
      { name: 'dir/', type: 'directory' as const },
      { name: 'dir/l', type: 'symlink' as const, linkname: '../a' },
    ];
    assert.equal(await look('a.tar', await tar(files)), 'application/x-tar');
    assert.equal(await look('a.tgz', gz(await tar(files))), 'application/gzip');
    assert.equal(await look('a.gz', gz(Buffer.from('just text'))), 'application/gzip');
    assert.equal(await look('a.zip', zip([{ name: 'x.docx', data: docx() }])), 'application/zip');
    assert.equal(
      await look(
        'a.zip',
        zip([
          { name: 'l', data: 'a', mode: 0o120777 },
          { name: 'a', data: 'x' },
        ]),
      ),
      'application/zip',
    );
  });

  test('names that lead outside are refused', async () => {
    for (const name of ['../a', 'a/../../b', '/etc/passwd', 'C:/a', 'a\\..\\b', '..\\a']) {
      assert.equal(await look('a.zip', zip([{ name, data: 'x' }])), 'archive-path', name);
      assert.equal(await look('a.tar', await tar([{ name, data: 'x' }])), 'archive-path', name);
    }
  });

  test('links that lead outside, devices, doubles and secrets are refused', async () => {
    const link = (linkname: string, type: 'symlink' | 'link') => tar([{ name: 'd/l', type, linkname }]);
    assert.equal(await look('a.tar', await link('/etc/passwd', 'symlink')), 'archive-link');
    assert.equal(await look('a.tar', await link('../../x', 'symlink')), 'archive-link');
    assert.equal(await look('a.tar', await link('../x', 'link')), 'archive-link');
    assert.equal(await look('a.tar', await link('../x', 'symlink')), 'application/x-tar');
    assert.equal(await look('a.zip', zip([{ name: 'l', data: '../x', mode: 0o120777 }])), 'archive-link');
    assert.equal(
      await look('a.tar', await tar([{ name: 'd', type: 'character-device', devmajor: 1, devminor: 1 }])),
      'archive-device',
    );
    assert.equal(await look('a.zip', zip([{ name: 'f', data: '', mode: 0o010644 }])), 'archive-device');
    assert.equal(
      await look(
        'a.zip',
        zip([
          { name: 'a', data: '' },
          { name: 'A', data: '' },
        ]),
      ),
      'archive-duplicate',
    );
    assert.equal(await look('a.zip', zip([{ name: 'a', data: 'x', encrypted: true }])), 'archive-encrypted');
    assert.equal(await look('a.zip', zip([{ name: 'a', data: 'x', localName: 'b' }])), 'archive-unreadable');
    assert.equal(await look('a.zip', zip([{ name: 'a', data: 'x' }]).subarray(0, -4)), 'archive-unreadable');
  });

  test('bombs are refused, flat, nested and lying about their size', async () => {
    const zeros = Buffer.alloc(20 * 1024 * 1024);
    assert.equal(await look('a.zip', zip([{ name: 'z', data: zeros }])), 'archive-bomb');
    assert.equal(await look('a.gz', gz(zeros)), 'archive-bomb');
    assert.equal(await look('a.tgz', gz(await tar([{ name: 'z', data: zeros.toString() }]))), 'archive-bomb');
    const inner = zip([{ name: 'z', data: zeros }]);
    assert.equal(await look('a.zip', zip(['1', '2'].map((name) => ({ name, data: inner })))), 'archive-bomb');
    assert.equal(
      await look('a.zip', zip([{ name: 'z', data: deflateRawSync(zeros), claimed: 10 }])),
      'archive-unreadable',
    );
    assert.equal(
      await look('a.zip', zip([{ name: 'z', data: Buffer.alloc(9 * 1024 * 1024) }])),
      'application/zip',
    );
  });
});
