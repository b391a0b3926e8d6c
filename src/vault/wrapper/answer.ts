import { CordonError } from '../../contract/index.ts';

/** The JSON of an answer. Errors: CORDON_KEY_REFUSED, naming `source`. */
export function parseAnswer(text: string, source: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw unusable(source, cause);
  }
}

/** The bytes that a text inside of an answer stands for. Errors: CORDON_KEY_REFUSED. */
export function answerBytes(
  answer: unknown,
  path: readonly string[],
  encoding: 'base64' | 'utf8',
  source: string,
): Uint8Array {
  const text = field(answer, path);
  if (typeof text !== 'string' || text === '') throw unusable(source);
  const bytes = Buffer.from(text, encoding);
  // Not skipped over: a key that lacks a byte opens nothing.
  if (encoding === 'base64' && bytes.toString('base64') !== text) throw unusable(source);
  return bytes;
}

/** What an object holds under these names, one inside the other, or undefined. */
export function field(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (inner, name) =>
      typeof inner === 'object' && inner !== null && Object.hasOwn(inner, name)
        ? (inner as Record<string, unknown>)[name]
        : undefined,
    value,
  );
}

function unusable(source: string, cause?: unknown): CordonError {
  return new CordonError(
    'CORDON_KEY_REFUSED',
    `Cannot use the answer of ${source}: it is not of the agreed shape.`,
    { cause },
  );
}
