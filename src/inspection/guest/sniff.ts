import { fileTypeFromBuffer } from 'file-type';
import { endOfImage } from './image-end.ts';
import { findActiveMarkup, markupOf } from './markup.ts';
import { TextCheck, looksLikeText } from './text.ts';
import { endsAsZip, startsAsZip, traceIn } from './traces.ts';

/** What a guest tells of a file. `code` is one of `PROBLEMS` of the host, anything else is a broken guest. */
export interface Problem {
  readonly code: string;
  readonly detail: string;
}

export interface Sniffed {
  readonly type: string;
  /** What has to be read whole before more can be said. */
  readonly needs: 'nothing' | 'archive' | 'whole';
  readonly problem: Problem | null;
}

/** Bytes at the start, and at the end, in which traces of another type are looked for. */
const EDGE_BYTES = 64 * 1024;
/** What is all text and a format of its own nevertheless. */
const TEXT_FORMATS = new Set([
  ...['application/pdf', 'application/rtf', 'application/postscript', 'application/eps'],
  ...['text/calendar', 'text/vcard', 'text/vtt'],
]);
const IMAGES = new Set(['image/png', 'image/jpeg', 'image/gif', 'image/webp']);

/** The type by the bytes: `head` is how the file starts, or all of it. */
export async function typeOf(head: Uint8Array): Promise<string> {
  const start = head.subarray(0, EDGE_BYTES);
  const isText = looksLikeText(start);
  const found = await fileTypeFromBuffer(head);
  const [known = null] = found?.mime.split(';') ?? [];
  // Magic numbers of two letters are in many a text.
  const isKnown = known !== null && (!isText || TEXT_FORMATS.has(known));
  if (isKnown && known !== 'application/xml') return normal(known);
  const markup = markupOf(start);
  if (markup !== null) return markup;
  return isText ? 'text/plain' : 'application/octet-stream';
}

/** `head` and `tail` are the same where they are the whole file. */
export async function sniff(head: Uint8Array, tail: Uint8Array, isWhole: boolean): Promise<Sniffed> {
  const type = await typeOf(head);
  if (startsAsZip(head) || type === 'application/x-tar' || type === 'application/gzip')
    return { type, needs: 'archive', problem: null };
  if (isMarkup(type)) return { type, needs: 'nothing', problem: null };
  if (isPlain(type)) return isWhole ? whole(type, head) : { type, needs: 'whole', problem: null };
  const end = tail.subarray(-EDGE_BYTES);
  const trace = endsAsZip(end)
    ? 'a ZIP archive at the end'
    : traceIn(type, head.subarray(0, EDGE_BYTES), end);
  if (trace !== null)
    return { type, needs: 'nothing', problem: { code: 'polyglot', detail: `${type} with ${trace}` } };
  if (!IMAGES.has(type)) return { type, needs: 'nothing', problem: null };
  return isWhole ? whole(type, head) : { type, needs: 'whole', problem: null };
}

/** What only the whole file tells: of a picture what follows it. */
export function whole(type: string, bytes: Uint8Array): Sniffed {
  let problem: Problem | null = null;
  if (isPlain(type)) {
    const check = new TextCheck();
    check.add(bytes);
    if (!check.end()) problem = NO_TEXT;
  } else {
    const trailing = bytes.subarray(endOfImage(type, bytes) ?? 0);
    if (findActiveMarkup(trailing) >= 0)
      problem = { code: 'polyglot', detail: `${type} with markup after its end` };
  }
  return { type, needs: 'nothing', problem };
}

export const NO_TEXT: Problem = { code: 'text-invalid', detail: 'text that is not UTF-8' };

export function isPlain(type: string): boolean {
  return type.startsWith('text/') && type !== 'text/html';
}

function isMarkup(type: string): boolean {
  return type === 'text/html' || type === 'image/svg+xml' || type === 'application/xml';
}

function normal(mime: string): string {
  if (mime === 'image/apng') return 'image/png';
  return mime === 'application/x-compressed-tar' ? 'application/gzip' : mime;
}
