/** A text with its placeholders filled in, or why that cannot be done. */
export type Filled =
  { readonly ok: true; readonly text: string } | { readonly ok: false; readonly reason: string };

const PLACEHOLDER = /\{params\.([A-Za-z][A-Za-z0-9_]*)\}/;
const UNSAFE = /[\0/]/;

/**
 * Fills `{params.name}` in. Two sets of parameters never make the same text: a value that holds a character
 * of what separates it from the next value is refused, as `a:b` would be in `{params.user}:{params.id}`;
 * and so are NUL, a slash, an empty value, text that is not well-formed and more than `bytesMax` bytes.
 */
export function fillPlaceholders(
  template: string,
  params: Readonly<Record<string, string>>,
  bytesMax: number,
): Filled {
  // Literals stand at the even places, names of parameters between them.
  const parts = template.split(PLACEHOLDER);
  let text = parts[0] ?? '';
  for (let index = 1; index < parts.length; index += 2) {
    const name = parts[index] ?? '';
    const after = parts[index + 1] ?? '';
    const value = Object.hasOwn(params, name) ? params[name] : undefined;
    const isLast = index + 2 === parts.length;
    const reason = value === undefined ? 'is not there' : valueProblem(value, isLast ? null : after);
    if (reason !== null) return { ok: false, reason: `cannot be made: the parameter ${name} ${reason}` };
    text += `${value}${after}`;
  }
  if (Buffer.byteLength(text) <= bytesMax) return { ok: true, text };
  return { ok: false, reason: `is longer than ${bytesMax} bytes` };
}

/** `separator` stands between this value and the next; null after the last one. */
function valueProblem(value: string, separator: string | null): string | null {
  if (value === '') return 'is empty';
  if (UNSAFE.test(value)) return 'holds a slash or NUL';
  if (!value.isWellFormed()) return 'is not well-formed text';
  if (separator === null) return null;
  if (separator === '') return 'has nothing between it and the next one';
  return Array.from(separator).some((character) => value.includes(character))
    ? 'holds a character that separates it from the next one'
    : null;
}

/** Whether two placeholders of a template touch, so that it could never be filled in. */
export function hasAdjacentPlaceholders(template: string): boolean {
  const parts = template.split(PLACEHOLDER);
  return parts.some((part, index) => index % 2 === 0 && index > 0 && index < parts.length - 1 && part === '');
}
