// `@peculiar/x509` asks for it before itself.
// oxlint-disable-next-line import/no-unassigned-import -- a polyfill is its effect
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  cryptoProvider,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import type { Clock } from '../contract/index.ts';
import { CordonError } from '../contract/index.ts';
import { CertificateSet } from './certificate-set.ts';
import { parseKeyPair } from './key-pair.ts';
import type { KeyPair } from './key-pair.ts';

cryptoProvider.set(webcrypto);

const DAY_MS = 24 * 3600 * 1000;
const AUTHORITY_DAYS = 3650;
/** Browsers refuse leaves of more than 398 days. */
const LEAF_DAYS = 90;
const RENEW_SHARE = 2 / 3;
const CHECK_MS = 3600 * 1000;
/** Against clocks that are a little behind. */
const BACKDATE_MS = 3600 * 1000;
const SERIAL_BYTES = 16;
const OWNER_ONLY_FOLDER = 0o700;
const OWNER_ONLY_FILE = 0o600;
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/**
 * NameConstraints (RFC 5280 section 4.2.1.10), which permits `localhost` and what is below it, 127.0.0.1 and
 * ::1 alone: whoever trusts this authority trusts it for this machine, and a stolen key forges nothing else.
 */
const NAME_CONSTRAINTS = new Extension(
  '2.5.29.30',
  true,
  Buffer.from(
    '303fa03d300b82096c6f63616c686f7374300a87087f000001ffffffff3022872000000000000000000000000000000001ffffffffffffffffffffffffffffffff',
    'hex',
  ),
);

export interface DevelopmentAuthorityOptions {
  /** Folder for the keys, made (0700) where there is none. */
  readonly folder: string;
  readonly clock: Clock;
}

/** TLS for this machine alone: an authority that may only speak for localhost, and a leaf that it renews. */
export class DevelopmentAuthority {
  readonly certificates: CertificateSet;
  /** What a browser or a client has to trust. PEM. */
  readonly authorityFile: string;
  readonly #options: DevelopmentAuthorityOptions;
  readonly #authority: KeyPair;
  readonly #timer: NodeJS.Timeout;
  #leaf: KeyPair;

  private constructor(options: DevelopmentAuthorityOptions, authority: KeyPair, leaf: KeyPair) {
    this.#options = options;
    this.#authority = authority;
    this.#leaf = leaf;
    this.authorityFile = join(options.folder, 'authority.pem');
    this.certificates = new CertificateSet([leaf]);
    this.#timer = setInterval(() => void this.renew().catch(() => undefined), CHECK_MS).unref();
  }

  /** Takes up what is in the folder, and makes what is missing, expired or broken. Errors: CORDON_DATA_UNWRITABLE. */
  static async open(options: DevelopmentAuthorityOptions): Promise<DevelopmentAuthority> {
    const { folder, clock } = options;
    try {
      mkdirSync(folder, { recursive: true, mode: OWNER_ONLY_FOLDER });
      chmodSync(folder, OWNER_ONLY_FOLDER);
      const now = clock.now();
      const known = load(folder, 'authority', now);
      const authority = known ?? save(folder, 'authority', await makeAuthority(now), now);
      const leaf = known === null ? null : load(folder, 'localhost', now);
      const isUsable = leaf !== null && !isDue(leaf, now) && leaf.leaf.verify(authority.leaf.publicKey);
      const used = isUsable ? leaf : save(folder, 'localhost', await makeLeaf(authority, now), now);
      return new DevelopmentAuthority(options, authority, used);
    } catch (cause) {
      const message = `The development certificates cannot be kept in ${folder}: ${(cause as Error).message}`;
      throw new CordonError('CORDON_DATA_UNWRITABLE', message, { cause });
    }
  }

  /** Renews the leaf where two thirds of its life are over. True where it did. */
  async renew(): Promise<boolean> {
    const { folder, clock } = this.#options;
    const now = clock.now();
    if (!isDue(this.#leaf, now)) return false;
    this.#leaf = save(folder, 'localhost', await makeLeaf(this.#authority, now), now);
    this.certificates.replace([this.#leaf]);
    return true;
  }

  close(): void {
    clearInterval(this.#timer);
    this.certificates.close();
  }
}

function isDue({ notBefore, notAfter }: KeyPair, now: number): boolean {
  return now >= notBefore + (notAfter - notBefore) * RENEW_SHARE;
}

interface Made {
  readonly certificate: string;
  readonly key: string;
}

async function makeAuthority(now: number): Promise<Made> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    // The year tells one from another in the list of a browser.
    name: `CN=Cordon development authority ${new Date(now).toISOString().slice(0, 10)}`,
    notBefore: new Date(now - BACKDATE_MS),
    notAfter: new Date(now + AUTHORITY_DAYS * DAY_MS),
    keys,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      NAME_CONSTRAINTS,
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: certificate.toString('pem'), key: await exportKey(keys.privateKey) };
}

async function makeLeaf(authority: KeyPair, now: number): Promise<Made> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const issuer = new X509Certificate(authority.certificate);
  const [der = new ArrayBuffer()] = PemConverter.decode(authority.key);
  const signingKey = await webcrypto.subtle.importKey('pkcs8', der, ALGORITHM, false, ['sign']);
  const certificate = await X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: 'CN=localhost',
    issuer: issuer.subject,
    notBefore: new Date(now - BACKDATE_MS),
    notAfter: new Date(Math.min(now + LEAF_DAYS * DAY_MS, authority.notAfter)),
    publicKey: keys.publicKey,
    signingKey,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension([
        { type: 'dns', value: 'localhost' },
        { type: 'dns', value: '*.localhost' },
        { type: 'ip', value: '127.0.0.1' },
        { type: 'ip', value: '::1' },
      ]),
      await AuthorityKeyIdentifierExtension.create(issuer),
    ],
  });
  return { certificate: certificate.toString('pem'), key: await exportKey(keys.privateKey) };
}

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  return PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY');
}

/** Positive, as RFC 5280 section 4.1.2.2 asks. */
function serialNumber(): string {
  const bytes = Buffer.from(webcrypto.getRandomValues(new Uint8Array(SERIAL_BYTES)));
  bytes.writeUInt8((bytes.readUInt8(0) & 0x7f) | 0x40, 0);
  return bytes.toString('hex');
}

/** Null where it is missing, expired or broken. */
function load(folder: string, name: string, now: number): KeyPair | null {
  try {
    const certificate = readFileSync(join(folder, `${name}.pem`), 'latin1');
    const key = readFileSync(join(folder, `${name}.key`), 'latin1');
    return parseKeyPair({ name, certificate, key }, now);
  } catch {
    return null;
  }
}

function save(folder: string, name: string, { certificate, key }: Made, now: number): KeyPair {
  const pair = parseKeyPair({ name, certificate, key }, now);
  replaceFile(join(folder, `${name}.key`), key);
  replaceFile(join(folder, `${name}.pem`), certificate);
  return pair;
}

function replaceFile(path: string, text: string): void {
  const fresh = `${path}.${process.pid}`;
  writeFileSync(fresh, text, { mode: OWNER_ONLY_FILE });
  renameSync(fresh, path);
}
