/** Types of text that a browser may run: told from the first bytes as browsers do (WHATWG MIME Sniffing, section 7.1). */
export type Markup = 'text/html' | 'image/svg+xml' | 'application/xml';

const TAGS = [
  ...[
    '!doctype html',
    'html',
    'head',
    'script',
    'iframe',
    'h1',
    'div',
    'font',
    'table',
    'a',
    'style',
    'title',
  ],
  ...[
    'b',
    'body',
    'br',
    'p',
    'svg',
    'img',
    'object',
    'embed',
    'base',
    'meta',
    'link',
    'form',
    'math',
    'template',
  ],
];
const TAG = new RegExp(`^<(?:${TAGS.join('|')})(?:[\\s/>]|$)`, 'i');
const BLANK = /^[\s\uFEFF]+/u;
/** Markup that does something, wherever it stands. */
const ACTIVE = ['<script', '<svg', '<html', '<!doctype html', '<iframe', '<?php'];
/** After a tag in real markup comes more text; after these bytes in a picture comes noise. */
const TEXT_AFTER_TAG = 8;

/** What markup a text starts with, behind white space, byte order marks, declarations and comments; or null. */
export function markupOf(head: Uint8Array): Markup | null {
  let text = textOf(head).replace(BLANK, '');
  let isXml = false;
  let hasComment = false;
  // Each turn takes something off the start of the text.
  for (;;) {
    if (/^<\?xml[\s?]/i.test(text)) {
      isXml = true;
      text = behind(text, '?>');
    } else if (text.startsWith('<?') && isXml) text = behind(text, '?>');
    else if (text.startsWith('<!--')) {
      hasComment = true;
      text = behind(text, '-->');
    } else if (/^<!doctype svg/i.test(text) || (isXml && /^<!doctype(?!\s+html)/i.test(text)))
      text = afterDoctype(text);
    else break;
  }
  if (/^<(?:[\w-]+:)?svg[\s/>]/i.test(text)) return 'image/svg+xml';
  if (/^<(?:[\w-]+:)?html[\s/>]/i.test(text) || TAG.test(text)) return 'text/html';
  if (isXml) return 'application/xml';
  return hasComment ? 'text/html' : null;
}

/** Where in bytes that are no text markup stands that a lenient reader would run; -1: nowhere. */
export function findActiveMarkup(bytes: Uint8Array): number {
  return findTag(bytes, (text) => ACTIVE.some((tag) => startsWithTag(text, tag)));
}

/** As `findActiveMarkup`, for any tag by which browsers know HTML. */
export function findAnyTag(bytes: Uint8Array): number {
  return findTag(bytes, (text) => TAG.test(text));
}

function findTag(bytes: Uint8Array, matches: (text: string) => boolean): number {
  for (let at = bytes.indexOf(0x3c); at >= 0; at = bytes.indexOf(0x3c, at + 1)) {
    // In UTF-16 a NUL stands beside each character.
    for (const step of [1, 2]) {
      const text = printable(bytes, at, step);
      if (text !== null && matches(text)) return at;
    }
  }
  return -1;
}

function startsWithTag(text: string, tag: string): boolean {
  const after = text.charAt(tag.length);
  return text.slice(0, tag.length).toLowerCase() === tag && (after === '' || /[\s/>]/.test(after));
}

const LONGEST_TAG = 16;

/** The text at a position, as far as a tag and what follows it reach; null where what follows is no text. */
function printable(bytes: Uint8Array, start: number, step: number): string | null {
  let text = '';
  for (let at = start; at < bytes.length && text.length < LONGEST_TAG + TEXT_AFTER_TAG; at += step) {
    const byte = bytes[at] ?? 0;
    const isText = (byte >= 0x20 && byte < 0x7f) || byte === 0x09 || byte === 0x0a || byte === 0x0d;
    if (!isText || (step === 2 && at + 1 < bytes.length && bytes[at + 1] !== 0)) break;
    text += String.fromCharCode(byte);
  }
  const tag = /^<[?!]?\w+(?:\s+html)?/.exec(text)?.[0].length ?? 0;
  const isWhole = start + text.length * step >= bytes.length;
  return tag > 1 && (isWhole || text.length >= tag + TEXT_AFTER_TAG) ? text : null;
}

/** By its byte order mark, or by the NULs beside its first character; otherwise UTF-8, whatever is wrong in it. */
function textOf(head: Uint8Array): string {
  const [first = 1, second = 1] = head;
  const isLittle = (first === 0xff && second === 0xfe) || (first !== 0 && second === 0);
  const isBig = (first === 0xfe && second === 0xff) || (first === 0 && second !== 0);
  return new TextDecoder(isLittle ? 'utf-16le' : isBig ? 'utf-16be' : 'utf-8').decode(head);
}

function behind(text: string, end: string): string {
  const at = text.indexOf(end);
  return at < 0 ? '' : text.slice(at + end.length).replace(BLANK, '');
}

/** Behind `<!DOCTYPE …>`, an internal subset included. */
function afterDoctype(text: string): string {
  const subset = /^<!doctype[^>[]*\[/i.exec(text);
  if (subset === null) return behind(text, '>');
  const end = /\]\s*>/.exec(text);
  return end === null ? '' : text.slice(end.index + end[0].length).replace(BLANK, '');
}
