import assert from 'node:assert/strict';
import type { X509Certificate } from 'node:crypto';
import type { Clock } from '../../contract/index.ts';
import type { Credentials, Verdict } from '../port.ts';
import { makeAuthority } from './certificates.fixture.ts';
import type { Issued } from './certificates.fixture.ts';
import { MtlsAuthenticator } from './index.ts';

export const HOUR_MS = 3_600_000;
export const DER_NULL = [5, 0];

export function fixedClock(at = Date.now()): Clock & { move(ms: number): void } {
  let now = at;
  return { now: () => now, monotonic: () => now, move: (ms) => void (now += ms) };
}

export function credentialsOf(
  leaf: X509Certificate | null,
  intermediates: readonly X509Certificate[] = [],
): Credentials {
  return {
    authorization: null,
    cookie: null,
    field: () => null,
    certificate: leaf === null ? null : { leaf, intermediates },
    body: null,
    address: '192.0.2.1',
  };
}

export function open(
  authorities: readonly Issued[],
  subjects: readonly string[] | null = null,
  clock = fixedClock(),
) {
  const pem = authorities.map((authority) => authority.pem).join('');
  return MtlsAuthenticator.open({ name: 'partners', spec: { ca: 'ca.pem', subjects }, pem, clock });
}

export interface Shown {
  readonly authorities?: readonly Issued[];
  readonly subjects?: readonly string[] | null;
  readonly intermediates?: readonly Issued[];
}

/** The authority where a test says nothing else. */
export const root = await makeAuthority({ subject: 'root' });

async function judge(
  leaf: Issued,
  { authorities = [root], subjects, intermediates = [] }: Shown,
): Promise<Verdict> {
  const authenticator = await open(authorities, subjects);
  return authenticator.authenticate(
    credentialsOf(
      leaf.certificate,
      intermediates.map(({ certificate }) => certificate),
    ),
  );
}

export async function assertAccepted(leaf: Issued, shown: Shown = {}) {
  const verdict = await judge(leaf, shown);
  assert.ok(verdict.ok, verdict.ok ? '' : verdict.reason);
  return verdict.caller;
}

export async function assertRefused(leaf: Issued, reason: string | RegExp, shown: Shown = {}) {
  const verdict = await judge(leaf, shown);
  assert.ok(!verdict.ok, 'it was accepted');
  if (typeof reason === 'string') assert.equal(verdict.reason, reason);
  else assert.match(verdict.reason, reason);
}
