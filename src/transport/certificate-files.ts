import { watch } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Clock } from '../contract/index.ts';
import { CordonError, LIMITS, toCordonError } from '../contract/index.ts';
import { CertificateSet } from './certificate-set.ts';
import { parseKeyPair } from './key-pair.ts';
import type { KeyPair, KeyPairTexts } from './key-pair.ts';
import type { Finding } from './port.ts';

/** Where a pair lies. */
export interface KeyPairFiles {
  /** PEM chain, leaf first. */
  readonly certificate: string;
  /** PEM key, not encrypted. */
  readonly key: string;
}

export interface CertificateFilesOptions {
  /** At least one; the first answers whoever asks for no name of the others. */
  readonly files: readonly KeyPairFiles[];
  readonly clock: Clock;
  /** Told once of each new problem while the last good certificates stay. */
  readonly onFinding: (finding: Finding) => void;
}

/** Writers make two files one after the other: what is seen at once is half of it more often than not. */
const SETTLE_MS = 100;

/** Certificates in files, watched: a renewed pair is taken up, a bad one is not. */
export class CertificateFiles {
  readonly certificates: CertificateSet;
  readonly #options: CertificateFilesOptions;
  readonly #watchers: FSWatcher[] = [];
  readonly #poll: NodeJS.Timeout;
  #settling: NodeJS.Timeout | null = null;
  #seen: string;
  #problem = '';
  #checking: Promise<boolean> = Promise.resolve(false);

  private constructor(options: CertificateFilesOptions, pairs: readonly KeyPair[], seen: string) {
    this.#options = options;
    this.certificates = new CertificateSet(pairs);
    this.#seen = seen;
    this.#poll = setInterval(() => void this.check(), LIMITS.certificatePollMs.value).unref();
    this.#watch();
  }

  /** Errors: CORDON_TLS_UNREADABLE, CORDON_TLS_INVALID, CORDON_TLS_EXPIRED. */
  static async open(options: CertificateFilesOptions): Promise<CertificateFiles> {
    const texts = await readAll(options.files);
    const pairs = texts.map((text) => parseKeyPair(text, options.clock.now()));
    return new CertificateFiles(options, pairs, fingerprint(texts));
  }

  /** Looks at the files now. True where other certificates were taken up. Never fails: problems are findings. */
  check(): Promise<boolean> {
    this.#checking = this.#checking.then(() => this.#check());
    return this.#checking;
  }

  close(): void {
    clearInterval(this.#poll);
    if (this.#settling !== null) clearTimeout(this.#settling);
    for (const watcher of this.#watchers) watcher.close();
    this.certificates.close();
  }

  async #check(): Promise<boolean> {
    try {
      const texts = await readAll(this.#options.files);
      const seen = fingerprint(texts);
      if (seen === this.#seen) {
        this.#tellExpired();
        return false;
      }
      const now = this.#options.clock.now();
      this.certificates.replace(texts.map((text) => parseKeyPair(text, now)));
      this.#seen = seen;
      this.#problem = '';
      return true;
    } catch (thrown) {
      const { code, message } = toCordonError(thrown);
      this.#tell(code, message);
      return false;
    }
  }

  /** Nobody renewed it: it is still shown, as nothing better is there. */
  #tellExpired(): void {
    const now = this.#options.clock.now();
    const expired = this.certificates.pairs.find(({ notAfter }) => now >= notAfter);
    if (expired === undefined) this.#problem = '';
    else this.#tell('CORDON_TLS_EXPIRED', `The TLS certificate in use ended at ${expired.leaf.validTo}.`);
  }

  #tell(code: string, reason: string): void {
    if (reason === this.#problem) return;
    this.#problem = reason;
    const known =
      code === 'CORDON_TLS_UNREADABLE' || code === 'CORDON_TLS_EXPIRED' ? code : 'CORDON_TLS_INVALID';
    this.#options.onFinding({ code: known, reason: `${reason} The last good one stays.` });
  }

  /** Folders and not files: a renewal mostly puts another file in the place of the old one. */
  #watch(): void {
    const paths = this.#options.files.flatMap(({ certificate, key }) => [dirname(certificate), dirname(key)]);
    for (const folder of new Set(paths)) {
      try {
        const watcher = watch(folder, { persistent: false }, () => this.#settle());
        watcher.on('error', () => watcher.close());
        this.#watchers.push(watcher);
      } catch {
        // Where the system has no watch left the files are still looked at in their time.
      }
    }
  }

  #settle(): void {
    if (this.#settling !== null) clearTimeout(this.#settling);
    this.#settling = setTimeout(() => void this.check(), SETTLE_MS).unref();
  }
}

function readAll(files: readonly KeyPairFiles[]): Promise<KeyPairTexts[]> {
  return Promise.all(
    files.map(async ({ certificate, key }) => ({
      name: certificate,
      certificate: await readText(certificate),
      key: await readText(key),
    })),
  );
}

async function readText(path: string): Promise<string> {
  const bytesMax = LIMITS.certificateFileBytesMax.value;
  try {
    const file = await open(path, 'r');
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(bytesMax + 1), 0, bytesMax + 1, 0);
      if (bytesRead > bytesMax) throw new Error(`it holds more than ${bytesMax} bytes`);
      return buffer.toString('latin1', 0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (cause) {
    const message = `The TLS file ${path} cannot be read: ${(cause as Error).message}.`;
    throw new CordonError('CORDON_TLS_UNREADABLE', message, { cause });
  }
}

function fingerprint(texts: readonly KeyPairTexts[]): string {
  return JSON.stringify(texts);
}
