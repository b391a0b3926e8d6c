import { findActiveMarkup, findAnyTag } from './markup.ts';

/** Bytes at the start in which browsers look for HTML. */
const TAG_BYTES = 1024;
const PDF_BYTES = 1024;
const ZIP_END_BYTES = 22;
const ZIP_ENTRY_BYTES = 46;

/** Why a file that is no text can be read as something else too; null: it cannot, as far as can be seen. */
export function traceIn(type: string, head: Uint8Array, tail: Uint8Array): string | null {
  if (type.startsWith('image/') && findAnyTag(head.subarray(0, TAG_BYTES)) >= 0) return 'HTML at the start';
  if (findActiveMarkup(head) >= 0) return 'markup in the first bytes';
  if (findActiveMarkup(tail) >= 0) return 'markup in the last bytes';
  if (type !== 'application/pdf' && indexOfText(head.subarray(0, PDF_BYTES), '%PDF-') >= 0)
    return 'a PDF in the first bytes';
  return isScript(type, head) ? 'a script' : null;
}

/** An entry, an empty archive, the first of several pieces (APPNOTE, sections 4.3.7, 4.3.16 and 8.5.4). */
const ZIP_STARTS = ['PK\x03\x04', 'PK\x05\x06', 'PK\x07\x08'];

/** Whether the bytes start as a ZIP archive does, of which there are many types. */
export function startsAsZip(head: Uint8Array): boolean {
  return ZIP_STARTS.includes(latin(head.subarray(0, 4)));
}

/** Whether the bytes end as a ZIP archive does (APPNOTE, section 4.3.16), which readers find from the end. */
export function endsAsZip(tail: Uint8Array): boolean {
  const view = new DataView(tail.buffer, tail.byteOffset, tail.byteLength);
  for (let at = tail.length - ZIP_END_BYTES; at >= 0; at -= 1) {
    if (view.getUint32(at, true) !== 0x06054b50) continue;
    const entries = view.getUint16(at + 10, true);
    const size = view.getUint32(at + 12, true);
    const isSpread = ![0, 0xffff].includes(view.getUint16(at + 4, true));
    const comment = view.getUint16(at + 20, true);
    if (size < entries * ZIP_ENTRY_BYTES || isSpread || at + ZIP_END_BYTES + comment > tail.length) continue;
    if (view.getUint16(at + 8, true) !== entries) continue;
    // Where the directory is in sight, it has to be one.
    if (size > at || entries === 0 || view.getUint32(at - size, true) === 0x02014b50) return true;
  }
  return false;
}

/** The headers of these formats can be the start of a program in JavaScript. */
function isScript(type: string, head: Uint8Array): boolean {
  if (type === 'image/gif') {
    // The size of the image, which would have to be thousands of pixels each way.
    const size = head.subarray(6, 10);
    return ['/*', '//'].includes(latin(head.subarray(6, 8))) || size.every(isPrintable);
  }
  if (type === 'image/bmp')
    return ['/*', '=', '//'].some((start) => latin(head.subarray(2, 4)).startsWith(start));
  // The first segment has the length that says `/*`.
  if (type === 'image/jpeg' && latin(head.subarray(4, 6)) === '/*')
    return /\*\/\s*[=;(,[.?+\-*\n][\t\n\r -~]{4}/.test(latin(head));
  return false;
}

function isPrintable(byte: number): boolean {
  return (byte >= 0x20 && byte < 0x7f) || (byte >= 0x09 && byte <= 0x0d);
}

export function latin(bytes: Uint8Array): string {
  return new TextDecoder('latin1').decode(bytes);
}

function indexOfText(bytes: Uint8Array, text: string): number {
  return latin(bytes).indexOf(text);
}
