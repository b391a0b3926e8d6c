import type { ServerResponse } from 'node:http';
import { after, afterEach, before, beforeEach } from 'node:test';
import { SystemResolver } from '../../egress/index.ts';
import { manualClock, type ManualClock } from '../clock.fixture.ts';
import { IssuerClient } from './issuer-client.ts';
import { signer, startIssuer, type Issuer } from './issuer.fixture.ts';
import { KeySet, type KeySetOptions } from './key-set.ts';

/** The keys of the issuer: it has the first. */
export const one = signer('ES256', 'one');
export const two = signer('ES256', 'two');

interface Making {
  readonly issuer?: string;
  readonly jwks?: string | null;
  readonly unsafePrivate?: boolean;
  readonly timeoutMs?: number;
  readonly changed?: KeySetOptions['changed'];
}

export interface KeySetPlace {
  issuer: Issuer;
  clock: ManualClock;
  /** New for each test. */
  set: KeySet;
  /** Closes the set and puts another in its place. */
  readonly remake: (how: Making) => void;
  /** Answers requests for keys alone. */
  readonly answerKeysWith: (write: (response: ServerResponse) => unknown) => void;
  readonly finds: (kid: string) => Promise<boolean>;
}

/** An issuer for the tests of a file, and a set of its keys for each of them. */
export function useKeySet(): KeySetPlace {
  const place = {} as KeySetPlace;
  before(async () => {
    place.issuer = await startIssuer([]);
  });
  after(() => place.issuer.close());
  beforeEach(() => {
    place.clock = manualClock();
    place.issuer.keys = [one.jwk];
    place.issuer.answer = null;
    place.issuer.asked.length = 0;
    place.set = make({});
  });
  afterEach(() => place.set.close());

  const make = ({
    issuer = place.issuer.url,
    jwks = null,
    unsafePrivate = true,
    timeoutMs,
    changed,
  }: Making): KeySet => {
    const timeout = timeoutMs === undefined ? {} : { timeoutMs };
    const client = new IssuerClient({ resolver: new SystemResolver(), unsafePrivate, ...timeout });
    return new KeySet({
      issuer,
      jwks,
      client,
      clock: place.clock,
      ...(changed === undefined ? {} : { changed }),
    });
  };
  return Object.assign(place, {
    remake(how: Making): void {
      place.set.close();
      place.set = make(how);
    },
    answerKeysWith(write: (response: ServerResponse) => unknown): void {
      place.issuer.answer = (path, response) => {
        if (path === '/keys') write(response);
        return path === '/keys';
      };
    },
    finds: async (kid: string): Promise<boolean> => (await place.set.find('ES256', kid)).ok,
  });
}
