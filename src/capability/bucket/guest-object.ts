import type { ChecksumName, HttpMetadata, ObjectAnswer } from './contract.ts';

const CHECKSUM_NAMES: readonly ChecksumName[] = ['md5', 'sha1', 'sha256', 'sha384', 'sha512'];

/** Checksums as bytes; `toJSON` gives them in hex. */
class R2Checksums {
  declare readonly md5?: ArrayBuffer;
  declare readonly sha1?: ArrayBuffer;
  declare readonly sha256?: ArrayBuffer;
  declare readonly sha384?: ArrayBuffer;
  declare readonly sha512?: ArrayBuffer;
  readonly #hex: Readonly<Partial<Record<ChecksumName, string>>>;

  constructor(hex: Readonly<Partial<Record<ChecksumName, string>>>) {
    this.#hex = hex;
    for (const name of CHECKSUM_NAMES) {
      const digits = hex[name];
      if (digits !== undefined)
        Object.defineProperty(this, name, { value: bytesOf(digits), enumerable: true });
    }
  }

  toJSON(): Readonly<Partial<Record<ChecksumName, string>>> {
    return { ...this.#hex };
  }
}

/** What is known of an object. */
export class R2Object {
  readonly key: string;
  readonly version: string;
  readonly size: number;
  readonly etag: string;
  /** The etag in quotes, as HTTP has it. */
  readonly httpEtag: string;
  readonly checksums: R2Checksums;
  readonly uploaded: Date;
  readonly storageClass = 'Standard';
  declare readonly httpMetadata?: Omit<HttpMetadata, 'cacheExpiry'> & { cacheExpiry?: Date };
  declare readonly customMetadata?: Record<string, string>;
  declare readonly range?: { readonly offset: number; readonly length: number };

  constructor(
    answer: ObjectAnswer,
    range: { readonly offset: number; readonly length: number } | null = null,
  ) {
    this.key = answer.key;
    this.version = answer.version;
    this.size = answer.size;
    this.etag = answer.etag;
    this.httpEtag = `"${answer.etag}"`;
    this.checksums = new R2Checksums(answer.checksums);
    this.uploaded = new Date(answer.uploaded);
    const { httpMetadata, customMetadata } = answer;
    if (httpMetadata !== undefined) {
      const { cacheExpiry, ...texts } = httpMetadata;
      const metadata = {
        ...texts,
        ...(cacheExpiry === undefined ? {} : { cacheExpiry: new Date(cacheExpiry) }),
      };
      Object.assign(this, { httpMetadata: metadata });
    }
    if (customMetadata !== undefined) Object.assign(this, { customMetadata: { ...customMetadata } });
    if (range !== null) Object.assign(this, { range });
  }

  /** Sets the HTTP headers that were stored with the object. */
  writeHttpMetadata(headers: Headers): void {
    const metadata = this.httpMetadata ?? {};
    const { contentType, contentLanguage, contentDisposition, contentEncoding, cacheControl, cacheExpiry } =
      metadata;
    const fields: readonly (readonly [string, string | undefined])[] = [
      ['content-type', contentType],
      ['content-language', contentLanguage],
      ['content-disposition', contentDisposition],
      ['content-encoding', contentEncoding],
      ['cache-control', cacheControl],
      ['expires', cacheExpiry?.toUTCString()],
    ];
    for (const [name, value] of fields) if (value !== undefined) headers.set(name, value);
  }
}

/** An object with its bytes, which can be read once. */
export class R2ObjectBody extends R2Object {
  readonly #response: Response;

  constructor(
    answer: ObjectAnswer,
    range: { readonly offset: number; readonly length: number } | null,
    body: ReadableStream<Uint8Array> | Uint8Array<ArrayBuffer>,
  ) {
    super(answer, range);
    this.#response = new Response(body as ConstructorParameters<typeof Response>[0]);
  }

  get body(): ReadableStream<Uint8Array> {
    return this.#response.body ?? new ReadableStream({ start: (controller) => controller.close() });
  }

  get bodyUsed(): boolean {
    return this.#response.bodyUsed;
  }

  arrayBuffer(): Promise<ArrayBuffer> {
    return this.#response.arrayBuffer();
  }

  async bytes(): Promise<Uint8Array> {
    return new Uint8Array(await this.#response.arrayBuffer());
  }

  text(): Promise<string> {
    return this.#response.text();
  }

  json(): Promise<unknown> {
    return this.#response.json();
  }

  blob(): Promise<Blob> {
    return this.#response.blob();
  }
}

function bytesOf(hex: string): ArrayBuffer {
  const bytes = new Uint8Array(hex.length / 2);
  for (let index = 0; index < bytes.length; index += 1)
    bytes[index] = Number.parseInt(hex.slice(index * 2, index * 2 + 2), 16);
  return bytes.buffer;
}
