/** What section 3.1.3.2 of the HTTP binding has encoded: space, `"`, `%`, and all outside of printable ASCII. */
const ENCODED = /[^\x21\x23\x24\x26-\x7e]/gu;
/** What may stand in a field as it is. Older versions of the binding encoded neither space nor quotes. */
const PLAIN = /^[\x20\x21\x23-\x7e]*$/;
const QUOTED = /^"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\[\x20-\x7e])*)"$/;

/** The text of an attribute as the value of a field (HTTP binding section 3.1.3.2). The text is well-formed. */
export function encodeValue(text: string): string {
  return text.replace(ENCODED, (character) =>
    Buffer.from(character).reduce(
      (out, byte) => `${out}%${byte.toString(16).toUpperCase().padStart(2, '0')}`,
      '',
    ),
  );
}

/**
 * The reverse: double quotes around the whole are taken off with their escapes, then one round of percent-decoding.
 * Null for what could be read in two ways: bytes beyond ASCII, a quote elsewhere, `%` without two digits, and
 * encoded bytes that are not UTF-8.
 */
export function decodeValue(value: string): string | null {
  const [, inside] = QUOTED.exec(value) ?? [];
  if (inside === undefined && !PLAIN.test(value)) return null;
  try {
    return decodeURIComponent(inside?.replace(/\\(.)/g, '$1') ?? value);
  } catch {
    return null;
  }
}
