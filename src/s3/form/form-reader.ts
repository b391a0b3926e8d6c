import { LIMITS } from '../../contract/index.ts';
import { S3Error } from '../errors.ts';

/** The fields of an upload form, and its file behind them. */
export interface UploadForm {
  /** In their order, the file not among them. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  /** As the browser names it, without folders; null where it names none. */
  readonly filename: string | null;
  /** To be read once. It throws MalformedPOSTRequest where anything but the end of the form follows. */
  readonly file: AsyncIterable<Uint8Array>;
}

interface PartHead {
  readonly name: string;
  readonly filename: string | null;
}

const CONTENT_TYPE =
  /^multipart\/form-data *; *boundary=(?:"([0-9A-Za-z'()+_,./:=? -]{1,70})"|([0-9A-Za-z'+_.-]{1,70}))$/i;
const DISPOSITION = /^form-data *; *name="([^"\\]*)"(?: *; *filename="([^"\\]*)")?$/i;
const LINE_END = '\r\n';

/** Whether a request is a form of a browser, well-made or not. */
export function isForm(contentType: string | undefined): boolean {
  return /^multipart\/form-data\b/i.test(contentType ?? '');
}

/**
 * Reads multipart/form-data (RFC 7578) as S3 wants it: text fields first, then the one field `file`, then
 * nothing. Fields are held, at most `s3FormFieldsMax` of `s3FormBytesMax` in all; the file streams. It knows
 * no preamble, no nested parts, no transfer encodings. Errors: MalformedPOSTRequest.
 */
export async function readForm(
  contentType: string | undefined,
  body: AsyncIterable<Uint8Array>,
): Promise<UploadForm> {
  const [, quoted, plain] = CONTENT_TYPE.exec(contentType ?? '') ?? [];
  const boundary = quoted ?? plain;
  if (boundary === undefined || boundary.endsWith(' ')) throw malformed('the boundary');
  const bytes = new MarkedBytes(body);
  const delimiter = `${LINE_END}--${boundary}`;
  if ((await bytes.until(`--${boundary}`, 0)).length > 0) throw malformed('a preamble');
  const fields: [string, string][] = [];
  let left = LIMITS.s3FormBytesMax.value;
  for (;;) {
    if ((await bytes.until(LINE_END, 0)).length > 0) throw malformed('the end before a file');
    const head = await bytes.until(LINE_END + LINE_END, Math.min(left, LIMITS.s3FormHeaderBytesMax.value));
    left -= head.length;
    const { name, filename } = readHead(textOf(head));
    if (name.toLowerCase() === 'file') return { fields, filename, file: bytes.file(delimiter) };
    if (fields.length >= LIMITS.s3FormFieldsMax.value) throw malformed('too many fields');
    const value = await bytes.until(delimiter, left);
    left -= value.length;
    fields.push([name, textOf(value)]);
  }
}

function readHead(text: string): PartHead {
  let found: PartHead | null = null;
  for (const line of text.split(LINE_END)) {
    const at = line.indexOf(':');
    const field = line.slice(0, Math.max(0, at)).toLowerCase();
    if (field === 'content-type') continue;
    const match = field === 'content-disposition' ? DISPOSITION.exec(line.slice(at + 1).trim()) : null;
    if (match === null || found !== null) throw malformed('the head of a field');
    const [, name = '', filename] = match;
    // A browser of old may send the whole path.
    found = { name, filename: filename?.split(/[/\\]/).at(-1) ?? null };
  }
  if (found === null || found.name === '') throw malformed('a field without a name');
  return found;
}

function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new S3Error('MalformedPOSTRequest', { reason: 'a field that is not UTF-8', cause });
  }
}

function malformed(reason: string): S3Error {
  return new S3Error('MalformedPOSTRequest', { reason });
}

/** Bytes that are taken up to marks. It holds what may be a part of one, and the piece that came last. */
class MarkedBytes {
  readonly #source: AsyncIterator<Uint8Array>;
  #held: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** The bytes before a mark, which is passed. Errors: MalformedPOSTRequest when there are more than `bytesMax`. */
  async until(mark: string, bytesMax: number): Promise<Buffer> {
    for (;;) {
      const at = this.#held.indexOf(mark, 0, 'latin1');
      if (at > bytesMax || (at === -1 && this.#held.length >= bytesMax + mark.length))
        throw malformed('a field that is too long, or no mark where one has to be');
      if (at !== -1) {
        const before = this.#held.subarray(0, at);
        this.#held = this.#held.subarray(at + mark.length);
        return before;
      }
      await this.#fill();
    }
  }

  /** The bytes of the file, which has to be the last of the form. */
  async *file(delimiter: string): AsyncGenerator<Uint8Array> {
    let at = this.#held.indexOf(delimiter, 0, 'latin1');
    while (at === -1) {
      const safe = this.#held.length - (delimiter.length - 1);
      if (safe > 0) {
        yield this.#held.subarray(0, safe);
        this.#held = this.#held.subarray(safe);
      }
      await this.#fill();
      at = this.#held.indexOf(delimiter, 0, 'latin1');
    }
    if (at > 0) yield this.#held.subarray(0, at);
    this.#held = this.#held.subarray(at + delimiter.length);
    await this.#expectEnd();
  }

  async #expectEnd(): Promise<void> {
    const end = `--${LINE_END}`;
    while (this.#held.length <= end.length) {
      const next = await this.#source.next();
      if (next.done === true) break;
      this.#held = Buffer.concat([this.#held, next.value]);
    }
    const rest = this.#held.toString('latin1');
    if (rest !== '--' && rest !== end) throw malformed('something behind the file');
  }

  async #fill(): Promise<void> {
    const next = await this.#source.next();
    if (next.done === true) throw malformed('the form ends early');
    this.#held = Buffer.concat([this.#held, next.value]);
  }
}
