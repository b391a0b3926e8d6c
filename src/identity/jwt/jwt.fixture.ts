import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach } from 'node:test';
import { SystemResolver } from '../../egress/index.ts';
import type { JwtSpec } from '../../manifest/index.ts';
import { manualClock, type ManualClock } from '../clock.fixture.ts';
import type { KnownCaller, Verdict } from '../port.ts';
import { IssuerClient } from './issuer-client.ts';
import { AUDIENCE, showing, signer, specOf, startIssuer, type Issuer } from './issuer.fixture.ts';
import { JwtAuthenticator } from './jwt-authenticator.ts';
import { KeySet } from './key-set.ts';

export const rsa = signer('RS256', 'rsa-1');
export const ec = signer('ES256', 'ec-1');
export const ed = signer('EdDSA', 'ed-1');

export type Claims = Record<string, unknown>;

export interface JwtPlace {
  issuer: Issuer;
  clock: ManualClock;
  /** One with the default settings, new for each test. */
  authenticator: JwtAuthenticator;
  readonly make: (more?: Partial<JwtSpec>) => JwtAuthenticator;
  readonly seconds: () => number;
  /** Claims that are accepted. */
  readonly good: (more?: Claims) => Claims;
  readonly judge: (token: string, by?: JwtAuthenticator) => Promise<Verdict>;
  readonly accepted: (token: string, by?: JwtAuthenticator) => Promise<KnownCaller>;
  readonly reasonFor: (token: string, by?: JwtAuthenticator) => Promise<string>;
}

/** An issuer for the tests of a file, and an authenticator for each of them. */
export function useIssuer(): JwtPlace {
  const place = {} as JwtPlace;
  before(async () => {
    place.issuer = await startIssuer([]);
  });
  after(() => place.issuer.close());
  beforeEach(() => {
    place.clock = manualClock();
    place.issuer.keys = [rsa.jwk, ec.jwk, ed.jwk];
    place.issuer.answer = null;
    place.issuer.asked.length = 0;
    place.authenticator = make();
  });
  afterEach(() => place.authenticator.close());

  const make: JwtPlace['make'] = (more = {}) => {
    const { issuer, clock } = place;
    const client = new IssuerClient({ resolver: new SystemResolver(), unsafePrivate: true });
    const keys = new KeySet({ issuer: issuer.url, jwks: null, client, clock });
    return new JwtAuthenticator({ name: 'customers', spec: specOf(issuer.url, more), keys, clock });
  };
  const seconds = (): number => Math.floor(place.clock.now() / 1000);
  const judge: JwtPlace['judge'] = async (token, by = place.authenticator) =>
    by.authenticate(showing(`Bearer ${token}`));
  return Object.assign(place, {
    make,
    seconds,
    judge,
    good: (more: Claims = {}) => ({
      iss: place.issuer.url,
      aud: AUDIENCE,
      sub: 'ada',
      iat: seconds(),
      exp: seconds() + 600,
      ...more,
    }),
    async accepted(token: string, by = place.authenticator): Promise<KnownCaller> {
      const verdict = await judge(token, by);
      assert.ok(verdict.ok, verdict.ok ? '' : verdict.reason);
      return verdict.caller;
    },
    async reasonFor(token: string, by = place.authenticator): Promise<string> {
      const verdict = await judge(token, by);
      return verdict.ok ? 'accepted' : verdict.reason;
    },
  });
}
