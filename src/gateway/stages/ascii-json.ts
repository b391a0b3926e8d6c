const NOT_ASCII = /[\u007f-\uffff]/g;

/**
 * JSON of ASCII alone, whatever a value holds: it is a header, and as many bytes as characters in each
 * encoding that it may be written in.
 */
export function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(
    NOT_ASCII,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
