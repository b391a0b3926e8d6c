/** The position after an image’s last byte; null where its format does not tell or the image is cut off. */
export function endOfImage(type: string, bytes: Uint8Array): number | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    const end = endIn(type, view);
    return end === null || end > bytes.byteLength ? null : end;
  } catch (thrown) {
    // A read past the end: the image is cut off.
    if (thrown instanceof RangeError) return null;
    throw thrown;
  }
}

function endIn(type: string, view: DataView): number | null {
  switch (type) {
    case 'image/png':
      return endOfPng(view);
    case 'image/jpeg':
      return endOfJpeg(view);
    case 'image/gif':
      return endOfGif(view);
    case 'image/webp':
      return 8 + view.getUint32(4, true);
    default:
      return null;
  }
}

const IEND = 0x49454e44;

/** PNG, section 5.3: length, type, data and checksum of each chunk. */
function endOfPng(view: DataView): number {
  for (let at = 8; ;) {
    const length = view.getUint32(at);
    const type = view.getUint32(at + 4);
    at += 12 + length;
    if (type === IEND) return at;
  }
}

/** JPEG, ITU-T T.81, annex B: segments with lengths, and scans in which FF is followed by 00 or a restart. */
function endOfJpeg(view: DataView): number | null {
  for (let at = 2; ;) {
    if (view.getUint8(at) !== 0xff) return null;
    const marker = view.getUint8(at + 1);
    if (marker === 0xd9) return at + 2;
    if (marker === 0xff) at += 1;
    else if (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8)) at += 2;
    else {
      at += 2 + view.getUint16(at + 2);
      if (marker === 0xda) at = endOfScan(view, at);
    }
  }
}

function endOfScan(view: DataView, start: number): number {
  for (let at = start; ; at += 1) {
    if (view.getUint8(at) !== 0xff) continue;
    const next = view.getUint8(at + 1);
    if (next !== 0 && !(next >= 0xd0 && next <= 0xd7)) return at;
  }
}

/** GIF89a, section 17 and following: blocks of sub-blocks up to the trailer. */
function endOfGif(view: DataView): number | null {
  let at = 13 + tableBytes(view.getUint8(10));
  for (;;) {
    const block = view.getUint8(at);
    if (block === 0x3b) return at + 1;
    if (block === 0x21) at += 2;
    else if (block === 0x2c) at += 10 + tableBytes(view.getUint8(at + 9)) + 1;
    else return null;
    for (let size = view.getUint8(at); size !== 0; size = view.getUint8(at)) at += 1 + size;
    at += 1;
  }
}

function tableBytes(flags: number): number {
  return (flags & 0x80) === 0 ? 0 : 3 * 2 ** ((flags & 7) + 1);
}
