import { gif, jpeg, pdf, png, zip } from '../../../src/inspection/inspection.fixture.ts';
import { Depot, type InspectedBucket, type Uploaded } from '../depot.ts';
import type { Row, Verdict } from '../row.ts';

const HTML = '<html><body onload=alert(1)>hello</body></html>';
const SVG = '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>';
/** An upload that nobody should take: its key, its bytes and the type that it says it is of. */
export type Upload = readonly [key: string, bytes: Uint8Array | string, contentType?: string];

/** Uploads each, and says what became of it: refused with a status, kept aside, seen by nobody. */
export async function refuseUploads(
  depot: Depot,
  verdict: Verdict,
  bucket: InspectedBucket,
  uploads: Readonly<Record<string, Upload>>,
  isRefused: (answer: Uploaded) => boolean,
): Promise<void> {
  const before = (await depot.list(bucket)).toSorted();
  await depot.withoutEvents(verdict, async () => {
    for (const [name, [key, bytes, type]] of Object.entries(uploads)) {
      const answer = await depot.put(bucket, key, bytes, type);
      verdict.expect(isRefused(answer), `${name}: ${answer.status} ${answer.code}`);
      verdict.unharmed(!(await depot.isVisible(bucket, key)), `${name} can be seen`);
    }
  });
  const after = (await depot.list(bucket)).toSorted();
  verdict.unharmed(JSON.stringify(after) === JSON.stringify(before), `the bucket holds ${after.join(' ')}`);
  const kept = await depot.rejected();
  for (const [name, [key, bytes]] of Object.entries(uploads))
    verdict.expect(
      kept.some((one) => one.bucket === bucket && one.key === key && one.size === Buffer.byteLength(bytes)),
      `${name} is not kept aside for the operator`,
    );
}

/** Uploads each and throws unless it is taken, can be read, and reaches the function once. */
export async function takeUploads(
  depot: Depot,
  bucket: InspectedBucket,
  uploads: Readonly<Record<string, Upload>>,
): Promise<void> {
  const notes = await depot.notesOf(async () => {
    for (const [name, [key, bytes, type]] of Object.entries(uploads)) {
      const { status, code } = await depot.put(bucket, key, bytes, type);
      if (status !== 200) throw new Error(`${name}: ${status} ${code}`);
      if (!(await depot.isVisible(bucket, key))) throw new Error(`${name} cannot be read`);
    }
  });
  const told = notes.map(({ subject = '' }) => subject).toSorted();
  const expected = Object.values(uploads).map(([key]) => key);
  if (JSON.stringify(told) !== JSON.stringify(expected.toSorted()))
    throw new Error(`the function was told of ${told.join(' ')}`);
}

function join(...parts: readonly (Uint8Array | string)[]): Buffer {
  return Buffer.concat(parts.map((part) => Buffer.from(part)));
}

/** The start of a program for Windows. */
function executable(): Buffer {
  const bytes = Buffer.alloc(512);
  bytes.write('MZ', 0, 'latin1');
  bytes.writeUInt32LE(0x80, 0x3c);
  bytes.write('PE\0\0\x4c\x01\x01\0', 0x80, 'latin1');
  return bytes;
}

const PICTURES: Readonly<Record<string, Upload>> = {
  'a GIF that is a script': ['a.gif', join('GIF89a/*', gif().subarray(8), '*/=1;alert(1)'), 'image/gif'],
  'a GIF with HTML behind it': ['b.gif', join(gif(), HTML), 'image/gif'],
  'a PNG with a ZIP behind it': ['c.png', join(png(), zip([{ name: 'a', data: 'b' }])), 'image/png'],
  'a PNG with a script in a comment': ['d.png', png(16, '<script>alert(document.domain)</script>')],
  'a JPEG with HTML behind it': ['e.jpg', join(jpeg(), HTML), 'image/jpeg'],
  'a JPEG with a PDF in it': ['f.jpg', jpeg(200, 'Exif\0\0%PDF-1.4 it is')],
  'an SVG as a PNG': ['g.png', SVG, 'image/png'],
  'an SVG as itself': ['h.svg', SVG, 'image/svg+xml'],
  'an SVG without a name': ['i', SVG],
  'HTML as a JPEG': ['j.jpg', HTML, 'image/jpeg'],
  'HTML in UTF-16': ['k.png', Buffer.from(`\ufeff${HTML}`, 'utf16le'), 'image/png'],
  'a JPEG as a PNG': ['l.png', jpeg(), 'image/png'],
  'a PNG that says it is HTML': ['m.png', png(), 'text/html'],
  'a ZIP as a PNG': ['n.png', zip([{ name: 'a', data: 'b' }]), 'image/png'],
  'a PDF where pictures are taken': ['o.pdf', pdf(), 'application/pdf'],
  'an empty picture': ['p.png', '', 'image/png'],
};

const PAPERS: Readonly<Record<string, Upload>> = {
  'HTML as CSV': ['a.csv', HTML, 'text/csv'],
  'HTML as text': ['b.txt', ` \n<!-- c -->${HTML}`, 'text/plain'],
  'SVG as text': ['c.txt', SVG, 'text/plain'],
  'a program as a PDF': ['d.pdf', executable(), 'application/pdf'],
  'a PDF that is HTML': ['e.pdf', pdf(`${HTML}\n`), 'application/pdf'],
  'a PDF with a ZIP behind it': ['f.pdf', join(pdf(), zip([{ name: 'a', data: 'b' }])), 'application/pdf'],
  'a script as a PDF': ['g.pdf', '#!/bin/sh\nid\n', 'application/pdf'],
  'a PDF that says it is HTML': ['h.pdf', pdf(), 'text/html'],
  'a text that is not UTF-8': ['i.txt', Buffer.from('caf\xe9 au lait', 'latin1'), 'text/plain'],
};

/** Names that hide what a file is: they are refused as names. */
const HIDING: Readonly<Record<string, Upload>> = {
  'HTML behind a PDF': ['invoice.pdf.html', HTML],
  'a program behind a picture': ['cat.jpg.exe', executable()],
  'a letter without width': ['in\u200bvoice.pdf', pdf()],
  'a dot at the end': ['a.pdf.', pdf()],
  'a blank at the end': ['a.pdf ', pdf()],
};

const disguises: Row = {
  id: 'D2',
  title: 'files that are two things at once, or another thing than their name or Content-Type says',
  event: ['upload.rejected'],
  async attack(stage, verdict) {
    const depot = await Depot.of(stage);
    const is415 = ({ status, code }: Uploaded): boolean =>
      status === 415 && code === 'CORDON_UPLOAD_TYPE_REFUSED';
    await refuseUploads(depot, verdict, 'depot-pictures', PICTURES, is415);
    await refuseUploads(depot, verdict, 'depot-papers', PAPERS, is415);
    await refuseUploads(depot, verdict, 'depot-papers', HIDING, ({ status }) => status === 400);
    verdict.note(`${Object.keys({ ...PICTURES, ...PAPERS, ...HIDING }).length} files`);
  },
  async twin(stage) {
    const depot = await Depot.of(stage);
    await takeUploads(depot, 'depot-pictures', {
      'a PNG': ['good.png', png(), 'image/png'],
      'a PNG with a comment': ['comment.png', png(16, 'a < b and c > d')],
      'a JPEG': ['good.jpeg', jpeg(), 'image/jpeg'],
      'a GIF': ['good.gif', gif()],
      'a picture without a name': ['good', png()],
    });
    await takeUploads(depot, 'depot-papers', {
      'a PDF': ['good.pdf', pdf(), 'application/pdf'],
      'a CSV': ['good.csv', 'a;b\r\n1;ä\r\n', 'text/csv'],
      'a text about HTML': ['good.txt', 'BMW and <script> in a text', 'text/plain'],
    });
  },
};

export const UPLOAD_ROWS: readonly Row[] = [disguises];
