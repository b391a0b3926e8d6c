/** What makes an archive one that is refused. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly code: string;

  constructor(code: string, detail: string) {
    super(detail);
    this.code = code;
  }
}

/** Bounds of one inspection; the host sends them. */
export interface Bounds {
  readonly entries: number;
  readonly unpackedBytes: number;
  readonly ratio: number;
  readonly freeBytes: number;
  readonly nestedBytes: number;
  readonly depth: number;
  readonly nameBytes: number;
  /** Encrypted entries pass unread. */
  readonly allowEncrypted: boolean;
}

/** Counts what really comes out of an archive and of those in it. */
export class Budget {
  readonly bounds: Bounds;
  readonly #packedBytes: number;
  #unpacked = 0;
  #entries = 0;

  constructor(bounds: Bounds, packedBytes: number) {
    this.bounds = bounds;
    this.#packedBytes = packedBytes;
  }

  entry(): void {
    this.#entries += 1;
    if (this.#entries > this.bounds.entries)
      throw new Refusal('archive-entries', `more than ${this.bounds.entries} entries`);
  }

  spend(bytes: number): void {
    this.#unpacked += bytes;
    const { unpackedBytes, ratio, freeBytes } = this.bounds;
    if (this.#unpacked > unpackedBytes)
      throw new Refusal('archive-bomb', `unpacks to more than ${unpackedBytes} bytes`);
    if (this.#unpacked > freeBytes && this.#unpacked > ratio * this.#packedBytes)
      throw new Refusal('archive-bomb', `unpacks to more than ${ratio} times its size`);
  }
}

/** The names in one archive: each once, relative, within it, and none behind a link. */
export class Names {
  readonly #seen = new Set<string>();
  readonly #folders = new Set<string>();
  readonly #links = new Set<string>();
  readonly #nameBytes: number;

  constructor({ nameBytes }: Bounds) {
    this.#nameBytes = nameBytes;
  }

  add(name: string): void {
    this.check(name);
    const key = keyOf(name);
    if (key !== '' && this.#seen.has(key))
      throw new Refusal('archive-duplicate', 'two entries with one name');
    this.#seen.add(key);
    for (let at = key.indexOf('/'); at >= 0; at = key.indexOf('/', at + 1)) {
      const folder = key.slice(0, at);
      if (this.#links.has(folder)) throw new Refusal('archive-link', 'an entry behind a link');
      this.#folders.add(folder);
    }
  }

  check(name: string): void {
    if (name === '' || name.length > this.#nameBytes || /\p{Cc}/u.test(name))
      throw new Refusal('archive-path', 'an entry whose name is empty, too long or holds control characters');
    if (/^[/\\]|^[A-Za-z]:/.test(name)) throw new Refusal('archive-path', 'an entry with an absolute name');
    if (name.includes('\\')) throw new Refusal('archive-path', 'an entry with a backslash in its name');
    if (name.split('/').includes('..'))
      throw new Refusal('archive-path', 'an entry whose name leads upwards');
  }

  /**
   * A link at `name`, which was added, that leads to `target`: it has to stay within the archive. No name goes
   * through a link and no target goes up again after a name, so that counting folders says where it ends.
   */
  link(name: string, target: string, isHard: boolean): void {
    const outside = new Refusal('archive-link', 'a link that leads outside');
    if (target === '' || /^[/\\]|^[A-Za-z]:|\\|\p{Cc}/u.test(target)) throw outside;
    const key = keyOf(name);
    if (this.#folders.has(key)) throw new Refusal('archive-link', 'an entry behind a link');
    if (!isHard) this.#links.add(key);
    const parts = target.split('/').filter((part) => part !== '' && part !== '.');
    const up = parts.findIndex((part) => part !== '..');
    const rises = up < 0 ? parts.length : up;
    const depth = isHard ? 0 : key.split('/').length - 1;
    if (rises > depth || parts.slice(rises).includes('..')) throw outside;
  }
}

/** Where case and composition do not count, two names with the same key are one file. */
function keyOf(name: string): string {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  return parts.join('/').normalize('NFC').toLowerCase();
}
