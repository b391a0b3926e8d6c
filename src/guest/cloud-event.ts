type Attributes = Readonly<Record<string, string | number | boolean>>;

const JSON_TYPE = /^(?:application\/json|text\/json|[^/\s;]+\/[^/\s;]+\+json)\s*(?:;|$)/i;
const TEXT_TYPE = /^text\//i;
const NO_DATA = new Uint8Array(0);

/**
 * What `event` gets: a CloudEvent (CloudEvents 1.0.2, section 3) with its attributes as properties. One that is named
 * like a member of every object, or of this one, is in `attributes` alone.
 */
export class CloudEvent {
  declare readonly specversion: '1.0';
  declare readonly id: string;
  declare readonly source: string;
  declare readonly type: string;
  readonly attributes: Attributes;
  readonly #bytes: Uint8Array<ArrayBuffer> | null;
  #data: { readonly value: unknown } | null = null;

  constructor(attributes: Attributes, bytes: Uint8Array<ArrayBuffer> | null) {
    this.attributes = Object.freeze({ ...attributes });
    this.#bytes = bytes;
    for (const [name, value] of Object.entries(attributes))
      if (!(name in this)) Object.defineProperty(this, name, { value, enumerable: true });
  }

  /**
   * The data as `datacontenttype` says: the value for JSON, a string for text, else bytes; undefined where there is
   * none. Read when it is first asked for. Errors: SyntaxError for data that is not the JSON that it says it is.
   */
  get data(): unknown {
    this.#data ??= { value: this.#read() };
    return this.#data.value;
  }

  /** A copy of the data, empty where there is none. */
  bytes(): Uint8Array<ArrayBuffer> {
    return (this.#bytes ?? NO_DATA).slice();
  }

  text(): string {
    return new TextDecoder().decode(this.#bytes ?? NO_DATA);
  }

  /** Errors: SyntaxError. */
  json(): unknown {
    return JSON.parse(this.text()) as unknown;
  }

  #read(): unknown {
    if (this.#bytes === null) return undefined;
    const { datacontenttype } = this.attributes;
    const type = typeof datacontenttype === 'string' ? datacontenttype.trim() : '';
    if (JSON_TYPE.test(type)) return this.json();
    return TEXT_TYPE.test(type) ? this.text() : this.bytes();
  }
}
