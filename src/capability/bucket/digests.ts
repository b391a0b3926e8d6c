import { createHash } from 'node:crypto';
import { CordonError } from '../../contract/index.ts';
import { CHECKSUMS } from './contract.ts';
import type { ChecksumName } from './contract.ts';

/** The checksums of a body as it passes: always the MD5, and those that the guest gave. */
export class Digests {
  readonly #expected: Readonly<Partial<Record<ChecksumName, string | undefined>>>;
  readonly #hashes: ReadonlyMap<ChecksumName, ReturnType<typeof createHash>>;

  constructor(expected: Readonly<Partial<Record<ChecksumName, string | undefined>>>) {
    this.#expected = expected;
    const wanted = CHECKSUMS.filter((name) => name === 'md5' || expected[name] !== undefined);
    this.#hashes = new Map(wanted.map((name) => [name, createHash(name)]));
  }

  update(chunk: Uint8Array): void {
    for (const hash of this.#hashes.values()) hash.update(chunk);
  }

  /** Lower-case hex by name. Errors: CORDON_BUCKET_CHECKSUM_WRONG. */
  verify(): { readonly md5: string } & Readonly<Partial<Record<ChecksumName, string>>> {
    const found: Partial<Record<ChecksumName, string>> = {};
    for (const [name, hash] of this.#hashes) {
      const digest = hash.digest('hex');
      const expected = this.#expected[name];
      if (expected !== undefined && expected !== digest)
        throw new CordonError(
          'CORDON_BUCKET_CHECKSUM_WRONG',
          `The bytes have the ${name} ${digest}, not ${expected}; nothing was stored.`,
        );
      found[name] = digest;
    }
    return { ...found, md5: found.md5 ?? '' };
  }
}
