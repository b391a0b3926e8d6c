import { generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { createServer } from 'node:http';
import type { ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SignJWT } from 'jose';
import type { JwtAlgorithm, JwtSpec } from '../../manifest/index.ts';
import type { Credentials } from '../port.ts';

export interface Signer {
  readonly algorithm: JwtAlgorithm;
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  /** Public key as a member of a set. */
  readonly jwk: Readonly<Record<string, unknown>>;
}

/** A key pair for an algorithm. */
export function signer(algorithm: JwtAlgorithm, kid: string): Signer {
  const { privateKey, publicKey } = pairFor(algorithm);
  return {
    algorithm,
    kid,
    privateKey,
    publicKey,
    jwk: { ...publicKey.export({ format: 'jwk' }), kid, use: 'sig' },
  };
}

function pairFor(algorithm: JwtAlgorithm): { privateKey: KeyObject; publicKey: KeyObject } {
  if (algorithm === 'EdDSA') return generateKeyPairSync('ed25519');
  if (algorithm.startsWith('ES'))
    return generateKeyPairSync('ec', {
      namedCurve: `P-${algorithm === 'ES512' ? '521' : algorithm.slice(2)}`,
    });
  return generateKeyPairSync('rsa', { modulusLength: 2048 });
}

export const AUDIENCE = 'https://api.example';

/** Signs claims as they are. */
export function sign(
  by: Signer,
  claims: Readonly<Record<string, unknown>>,
  header: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const full = { alg: by.algorithm, kid: by.kid, ...header };
  return new SignJWT({ ...claims }).setProtectedHeader(full).sign(by.privateKey);
}

export interface Issuer {
  readonly url: string;
  /** Paths that were asked for. */
  readonly asked: string[];
  /** What the next answers are: a set, or anything else. */
  keys: readonly unknown[];
  /** Answers in its stead; returns true where it did. */
  answer: ((path: string, response: ServerResponse) => boolean) | null;
  /** How often the keys were asked for. */
  keyFetches(): number;
  close(): Promise<void>;
}

/** An issuer on loopback with its discovery document and its keys. */
export async function startIssuer(keys: readonly unknown[]): Promise<Issuer> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    asked.push(path);
    if (issuer.answer?.(path, response) === true) return;
    response.setHeader('content-type', 'application/json');
    if (path === '/.well-known/openid-configuration')
      response.end(JSON.stringify({ issuer: issuer.url, jwks_uri: `${issuer.url}/keys` }));
    else if (path === '/keys') response.end(JSON.stringify({ keys: issuer.keys }));
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer: Issuer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    keys,
    answer: null,
    keyFetches: () => asked.filter((path) => path === '/keys').length,
    async close() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => void server.close(() => resolve()));
    },
  };
  return issuer;
}

export function specOf(issuer: string, more: Partial<JwtSpec> = {}): JwtSpec {
  return {
    issuer,
    audiences: [AUDIENCE],
    jwks: null,
    algorithms: ['RS256', 'ES256', 'EdDSA'],
    clockSkewMs: 30_000,
    subject: 'sub',
    claims: {},
    unsafePrivate: true,
    ...more,
  };
}

/** What a request shows. Fields by lower-case name. */
export function showing(
  authorization: string | null,
  fields: Readonly<Record<string, string>> = {},
  address = '192.0.2.1',
): Credentials {
  return {
    authorization,
    cookie: null,
    field: (name) => fields[name] ?? null,
    certificate: null,
    body: null,
    address,
  };
}
