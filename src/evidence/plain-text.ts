// C0 and C1 controls, line and paragraph separators, and what reorders or hides text (Unicode TR 36, section
// 2.4; CVE-2021-42574). The joiners U+200C and U+200D stay: scripts and emoji need them. With the `u` flag a
// surrogate matches only where it stands alone.
const UNSAFE =
  // oxlint-disable-next-line no-control-regex -- control characters are what it is about
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]|[\u{e0000}-\u{e007f}]/gu;

const SHORT_ESCAPES: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** The text on one line, with every character that could act on a terminal or pass for another line escaped. */
export function escapeControls(text: string): string {
  return text.replace(UNSAFE, (character) => SHORT_ESCAPES[character] ?? unicodeEscape(character));
}

/** Escapes the same characters inside JSON text, so that it parses to the same value. */
export function escapeJsonControls(json: string): string {
  return json.replace(UNSAFE, (character) => {
    // JSON text has line feeds between values only.
    if (character === '\n') return character;
    return character
      .split('')
      .map((unit) => `\\u${hex(unit.charCodeAt(0), 4)}`)
      .join('');
  });
}

/**
 * Escaped and at most `bytesMax` bytes of UTF-8, with a mark that says how long it was when it was longer.
 * The work is bounded by `bytesMax`, however long the text.
 */
export function plainText(text: string, bytesMax: number): string {
  // Escaping never makes text shorter, and a UTF-16 unit is at least one byte: no more than this can fit.
  const escaped = escapeControls(text.length > bytesMax ? text.slice(0, bytesMax) : text);
  if (text.length <= bytesMax && Buffer.byteLength(escaped) <= bytesMax) return escaped;
  const mark = ` [cut, ${Buffer.byteLength(text)} bytes]`;
  return `${cutBytes(escaped, bytesMax - mark.length)}${mark}`;
}

/** At most `bytesMax` bytes, without half a character at the end. */
function cutBytes(text: string, bytesMax: number): string {
  const bytes = Buffer.from(text);
  let end = Math.min(Math.max(0, bytesMax), bytes.byteLength);
  // 10xxxxxx continues a character (RFC 3629, section 3).
  while (end > 0 && end < bytes.byteLength && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.toString('utf8', 0, end);
}

function unicodeEscape(character: string): string {
  const point = character.codePointAt(0) ?? 0;
  if (point < 0x100) return `\\x${hex(point, 2)}`;
  return point < 0x10000 ? `\\u${hex(point, 4)}` : `\\u{${hex(point, 5)}}`;
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}
