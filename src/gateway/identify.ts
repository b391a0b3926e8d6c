import { Refusal } from './refusal.ts';
import type { Caller, Identified, Received } from './stages.ts';

/** Says whether a control token is valid. Has to compare in constant time. */
export type TokenVerifier = (token: string) => Promise<boolean> | boolean;

const ANONYMOUS: Caller = { kind: 'anonymous' };
const CONTROL: Caller = { kind: 'control' };
const BEARER = /^[Bb]earer +([A-Za-z0-9\-._~+/]{1,512}=*)$/;
/** Verified in the place of a token that is missing, so that its absence costs as much time as a wrong one. */
const ABSENT_TOKEN = 'absent';

/**
 * Second stage: who calls. Stays synchronous for public routes. Every failure looks the same from outside,
 * whether the credentials are missing, malformed or wrong; a verifier that throws lets nobody in.
 */
export function identify(
  received: Received,
  verify: TokenVerifier,
): Identified | Refusal | Promise<Identified | Refusal> {
  switch (received.match.auth) {
    case 'public':
      return { ...received, caller: ANONYMOUS } as Identified;
    case 'control':
      return identifyControl(received, verify);
  }
}

async function identifyControl(received: Received, verify: TokenVerifier): Promise<Identified | Refusal> {
  const token = BEARER.exec(received.head.authorization ?? '')?.[1];
  let valid = false;
  try {
    valid = (await verify(token ?? ABSENT_TOKEN)) === true;
  } catch (thrown) {
    return new Refusal('CORDON_INTERNAL', `token verifier failed: ${String(thrown)}`);
  }
  if (valid && token !== undefined) return { ...received, caller: CONTROL } as Identified;
  return new Refusal('CORDON_UNAUTHENTICATED', token === undefined ? 'no bearer token' : 'wrong token', {
    event: 'auth.failed',
    headers: ['www-authenticate', 'Bearer'],
  });
}
