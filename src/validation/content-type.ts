/** A Content-Type. */
export interface ContentType {
  /** `type/subtype` in lower case. */
  readonly essence: string;
  /** In lower case; null where none is said. */
  readonly charset: string | null;
}

const TOKEN = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";
const QUOTED = '"(?:[\\t \\x21\\x23-\\x5b\\x5d-\\x7e\\x80-\\xff]|\\\\[\\t\\x20-\\x7e\\x80-\\xff])*"';
const CONTENT_TYPE = new RegExp(`^(${TOKEN}/${TOKEN})((?:[ \\t]*;[ \\t]*${TOKEN}=(?:${TOKEN}|${QUOTED}))*)$`);
const PARAMETER = new RegExp(`;[ \\t]*(${TOKEN})=(${TOKEN}|${QUOTED})`, 'g');

/** Reads a Content-Type as RFC 9110 section 8.3.1 writes it; null for anything else, and for a parameter said twice. */
export function parseContentType(value: string): ContentType | null {
  const [, essence = '', rest = ''] = CONTENT_TYPE.exec(value) ?? [];
  if (essence === '') return null;
  let charset: string | null = null;
  const seen = new Set<string>();
  for (const [, name = '', text = ''] of rest.matchAll(PARAMETER)) {
    const lower = name.toLowerCase();
    if (seen.has(lower)) return null;
    seen.add(lower);
    if (lower === 'charset') charset = (text.startsWith('"') ? text.slice(1, -1) : text).toLowerCase();
  }
  return { essence: essence.toLowerCase(), charset };
}

/** Whether a list of types, such as `image/*`, has this one. */
export function isListed({ essence }: ContentType, types: readonly string[]): boolean {
  return types.some(
    (type) => type === essence || (type.endsWith('/*') && essence.startsWith(type.slice(0, -1))),
  );
}

/** JSON in UTF-8 (RFC 8259 section 8.1): `application/json`, or a type that ends in `+json` (RFC 6839). */
export function isJson({ essence, charset }: ContentType): boolean {
  return (
    (essence === 'application/json' || /^application\/.+\+json$/.test(essence)) &&
    (charset === null || charset === 'utf-8')
  );
}
