import { crc32, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import type { Header } from 'tar-stream';
import inspecting from './guest/main.ts';
import type { InspectedObject, InspectionRoom } from './index.ts';

/** A file as an upload, for an inspector. */
export function uploadOf(
  key: string,
  bytes: Uint8Array,
  declaredType: string | null = null,
): InspectedObject {
  return {
    key,
    size: bytes.byteLength,
    declaredType,
    read: (start, end) => Promise.resolve(bytes.subarray(start, end)),
    async *stream() {
      for (let at = 0; at < bytes.byteLength; at += 65_536) yield bytes.subarray(at, at + 65_536);
    },
  };
}

/** Runs the inspecting code right here, on files that a test has made. */
export const directRoom: InspectionRoom = {
  async run(_bundle, { target, body }) {
    const init = { method: 'POST', body: ReadableStream.from(body), duplex: 'half' } as const;
    return (await inspecting.fetch(new Request(`http://inspection${target}`, init))).json();
  },
};

function chunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type), data]);
  const [length, checksum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.byteLength);
  checksum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, checksum]);
}

/** A grey picture; `text` stands in a chunk before the pixels. */
export function png(pixels = 16, text: string | null = null): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(pixels, 0);
  header.writeUInt32BE(pixels, 4);
  header.set([8, 0, 0, 0, 0], 8);
  const rows = Buffer.alloc(pixels * (pixels + 1), 0x7f);
  for (let row = 0; row < pixels; row += 1) rows[row * (pixels + 1)] = 0;
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk('IHDR', header),
    ...(text === null ? [] : [chunk('tEXt', Buffer.from(`Comment\0${text}`))]),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

/** Segments and a scan as a camera writes them; whether the picture is pretty nobody asks. */
export function jpeg(scanBytes = 200, application = 'Exif\0\0MM'): Buffer {
  const segment = (marker: number, data: Buffer): Buffer => {
    const head = Buffer.from([0xff, marker, 0, 0]);
    head.writeUInt16BE(data.byteLength + 2, 2);
    return Buffer.concat([head, data]);
  };
  const jfif = Buffer.from([0x4a, 0x46, 0x49, 0x46, 0, 1, 1, 0, 0, 1, 0, 1, 0, 0]);
  const scan = Buffer.alloc(scanBytes, 0x5a);
  scan.set([0xff, 0x00, 0xff, 0xd0], 10);
  return Buffer.concat([
    Buffer.from([0xff, 0xd8]),
    segment(0xe0, jfif),
    segment(0xe1, Buffer.from(application, 'latin1')),
    segment(0xdb, Buffer.alloc(65, 1)),
    segment(0xc0, Buffer.from([8, 0, 16, 0, 16, 1, 1, 0x11, 0])),
    segment(0xda, Buffer.from([1, 1, 0, 0, 63, 0])),
    scan,
    Buffer.from([0xff, 0xd9]),
  ]);
}

export function gif(width = 61): Buffer {
  const head = Buffer.from('GIF89a......', 'latin1');
  head.writeUInt16LE(width, 6);
  head.writeUInt16LE(1, 8);
  const table = [0x80, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff];
  const image = [0x2c, 0, 0, 0, 0, width, 0, 1, 0, 0, 2, 2, 0x44, 1, 0, 0x3b];
  return Buffer.concat([head.subarray(0, 10), Buffer.from([...table, ...image])]);
}

export function pdf(inside = ''): Buffer {
  const body = `%PDF-1.4\n%\u00e2\u00e3\n1 0 obj\n<< /Type /Catalog >>\nendobj\n${inside}`;
  return Buffer.from(`${body}trailer\n<< /Root 1 0 R >>\nstartxref\n0\n%%EOF\n`, 'latin1');
}

export interface ZipItem {
  readonly name: string;
  readonly data: Uint8Array | string;
  /** Name in the entry’s own header. Default: the same. */
  readonly localName?: string;
  /** Unix mode with the type of file. Default: a plain file’s. */
  readonly mode?: number;
  readonly encrypted?: boolean;
  /** Already deflated, with the size that it claims. */
  readonly claimed?: number;
}

/** A ZIP archive, field by field, so that it can be wrong (APPNOTE, sections 4.3.7, 4.3.12 and 4.3.16). */
export function zip(items: readonly ZipItem[]): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, data, localName = name, mode = 0o100644, encrypted = false, claimed } of items) {
    const plain = Buffer.from(data);
    const packed = claimed === undefined ? deflateRawSync(plain) : plain;
    const fields = Buffer.alloc(26);
    fields.writeUInt16LE(20, 0);
    fields.writeUInt16LE(encrypted ? 1 : 0, 2);
    fields.writeUInt16LE(8, 4);
    fields.writeUInt32LE(claimed === undefined ? crc32(plain) : 0, 10);
    fields.writeUInt32LE(packed.byteLength, 14);
    fields.writeUInt32LE(claimed ?? plain.byteLength, 18);
    const ownName = Buffer.from(localName);
    const nameBytes = Buffer.from(name);
    fields.writeUInt16LE(ownName.byteLength, 22);
    parts.push(Buffer.from('PK\x03\x04', 'latin1'), Buffer.from(fields), ownName, packed);
    fields.writeUInt16LE(nameBytes.byteLength, 22);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(mode * 0x10000, 6);
    rest.writeUInt32LE(offset, 10);
    directory.push(Buffer.from('PK\x01\x02\x14\x03', 'latin1'), Buffer.from(fields), rest, nameBytes);
    offset += 30 + ownName.byteLength + packed.byteLength;
  }
  const size = directory.reduce((sum, part) => sum + part.byteLength, 0);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(items.length, 8);
  end.writeUInt16LE(items.length, 10);
  end.writeUInt32LE(size, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, ...directory, end]);
}

export function docx(): Buffer {
  const types =
    '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>';
  return zip([
    { name: '[Content_Types].xml', data: types },
    { name: '_rels/.rels', data: '<?xml version="1.0"?><Relationships/>' },
    { name: 'word/document.xml', data: '<?xml version="1.0"?><w:document><w:body/></w:document>' },
  ]);
}

/** Entries of a tar; names and links go in as they are. */
export async function tar(
  entries: readonly (Partial<Header> & { name: string; data?: string })[],
): Promise<Buffer> {
  const packing = pack();
  for (const { data, ...header } of entries)
    if (data === undefined) packing.entry(header);
    else packing.entry(header, data);
  packing.finalize();
  const pieces: Uint8Array[] = [];
  for await (const piece of packing) pieces.push(piece as Uint8Array);
  return Buffer.concat(pieces);
}

export function gz(bytes: Uint8Array): Buffer {
  return gzipSync(bytes);
}
