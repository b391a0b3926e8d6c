import type { GuestCaller } from '../guest-port.ts';
import { bodyOf } from '../guest-bytes.ts';
import type { ChecksumName, GetAnswer, HttpMetadata, ListAnswer, ObjectAnswer } from './contract.ts';
import { R2Object, R2ObjectBody } from './guest-object.ts';
import { checksumsFrom, conditionalFrom, httpMetadataFrom, rangeFrom } from './guest-options.ts';
import type { ConditionalOption, HttpMetadataOption, RangeOption } from './guest-options.ts';

interface GetOptions {
  readonly onlyIf?: ConditionalOption;
  readonly range?: RangeOption;
  readonly ssecKey?: unknown;
}

type PutOptions = {
  readonly onlyIf?: ConditionalOption;
  readonly httpMetadata?: HttpMetadataOption;
  readonly customMetadata?: Readonly<Record<string, string>>;
  readonly storageClass?: string;
  readonly ssecKey?: unknown;
} & Readonly<Partial<Record<ChecksumName, ArrayBuffer | ArrayBufferView | string>>>;

interface ListOptions {
  readonly prefix?: string;
  readonly delimiter?: string;
  readonly cursor?: string;
  readonly startAfter?: string;
  readonly limit?: number;
  readonly include?: readonly ('httpMetadata' | 'customMetadata')[];
}

/** `env.PHOTOS`: one bucket, with the methods of Workers' `R2Bucket` except multipart uploads. */
export class R2Bucket {
  readonly #caller: GuestCaller;
  readonly #binding: string;

  constructor(caller: GuestCaller, binding: string) {
    this.#caller = caller;
    this.#binding = binding;
  }

  async head(key: string): Promise<R2Object | null> {
    const { value } = await this.#call('head', { key: String(key) });
    return value === null ? null : new R2Object(value as ObjectAnswer);
  }

  /** Without a body when `onlyIf` is not met. */
  async get(key: string, options: GetOptions = {}): Promise<R2Object | R2ObjectBody | null> {
    refuseCustomerKey(options.ssecKey);
    const args = {
      key: String(key),
      ...(options.range === undefined ? {} : { range: rangeFrom(options.range) }),
      ...(options.onlyIf === undefined ? {} : { onlyIf: conditionalFrom(options.onlyIf) }),
    };
    const { value, bytes, stream } = await this.#call('get', args);
    if (value === null) return null;
    const { object, range } = value as GetAnswer;
    if (range === null) return new R2Object(object);
    const body = stream ?? (bytes as Uint8Array<ArrayBuffer>);
    return new R2ObjectBody(object, options.range === undefined ? null : range, body);
  }

  /** Null when `onlyIf` is not met. */
  async put(
    key: string,
    value: string | ArrayBuffer | ArrayBufferView | ReadableStream<Uint8Array> | Blob | null,
    options: PutOptions = {},
  ): Promise<R2Object | null> {
    refuseCustomerKey(options.ssecKey);
    const { onlyIf, httpMetadata, customMetadata } = options;
    const checksums = checksumsFrom(options);
    const args = {
      key: String(key),
      ...(httpMetadata === undefined ? {} : { httpMetadata: httpMetadataFrom(httpMetadata) }),
      ...(customMetadata === undefined ? {} : { customMetadata }),
      ...(checksums === null ? {} : { checksums }),
      ...(onlyIf === undefined ? {} : { onlyIf: conditionalFrom(onlyIf) }),
    };
    const body = value === null ? new Uint8Array(0) : value instanceof Blob ? value.stream() : bodyOf(value);
    const answer = await this.#call('put', args, body);
    return answer.value === null ? null : new R2Object(answer.value as ObjectAnswer);
  }

  async delete(keys: string | readonly string[]): Promise<void> {
    const list = typeof keys === 'string' ? [keys] : keys.map(String);
    if (list.length > 0) await this.#call('delete', { keys: list });
  }

  async list(options: ListOptions = {}): Promise<unknown> {
    const { prefix, delimiter, cursor, startAfter, limit, include } = options;
    const { value } = await this.#call('list', { prefix, delimiter, cursor, startAfter, limit, include });
    const answer = value as ListAnswer;
    const objects = answer.objects.map((object) => new R2Object(object));
    const { delimitedPrefixes } = answer;
    return answer.cursor === null
      ? { objects, delimitedPrefixes, truncated: false }
      : { objects, delimitedPrefixes, truncated: true, cursor: answer.cursor };
  }

  #call(
    operation: string,
    args: unknown,
    body: Uint8Array | ReadableStream<Uint8Array> | null = null,
  ): ReturnType<GuestCaller['call']> {
    return this.#caller.call('bucket', this.#binding, operation, args, { body });
  }
}

/** Everything is encrypted at rest; a key of the caller's own would be ignored, which must not pass in silence. */
function refuseCustomerKey(key: unknown): void {
  if (key !== undefined) throw new TypeError('`ssecKey` is not supported.');
}

export type { HttpMetadata };
