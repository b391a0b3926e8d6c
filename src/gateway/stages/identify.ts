import { LIMITS } from '../../contract/index.ts';
import { isNavigation } from '../../identity/index.ts';
import type { Authenticator, Caller, Verdict } from '../../identity/index.ts';
import { credentialsOf } from '../guards/credentials.ts';
import type { Guards } from '../guards/guard.ts';
import { Refusal } from './refusal.ts';
import type { Identified, Outcome, Received } from './stages.ts';

/** Says whether a control token is valid. Has to compare in constant time. */
export type TokenVerifier = (token: string) => Promise<boolean> | boolean;

/** What the second stage judges by. */
export interface IdentifyRules {
  readonly verifyControlToken: TokenVerifier;
  readonly guards: Guards;
}

const ANONYMOUS: Caller = { kind: 'anonymous' };
const CONTROL: Caller = { kind: 'control' };
const BEARER = /^[Bb]earer +([A-Za-z0-9\-._~+/]{1,512}=*)$/;
/** Verified in the place of a token that is missing, so that its absence costs as much time as a wrong one. */
const ABSENT_TOKEN = 'absent';

/**
 * Second stage: who calls. Stays synchronous for public routes and for verdicts that are known. Every failure
 * looks the same from outside, whether the credentials are missing, malformed or wrong; an authenticator that
 * fails itself lets nobody in.
 */
export function identify(received: Received, rules: IdentifyRules): Outcome<Identified> {
  const { auth } = received.match;
  if (auth === 'public') return known(received, ANONYMOUS);
  if (auth === 'control') return identifyControl(received, rules.verifyControlToken);
  const { authenticator } = received.guard;
  if (authenticator === null) return new Refusal('CORDON_INTERNAL', 'a route without its authenticator');
  return authenticator.needsBody
    ? identifyByBody(authenticator, received, rules)
    : identifyBy(authenticator, received, null, rules);
}

/** False once the caller of an open connection would not be let in any more. */
export function isStillKnown({ caller, guard }: Identified): boolean {
  if (caller.kind === 'anonymous' || caller.kind === 'control') return true;
  try {
    return guard.authenticator?.isCurrent(caller) ?? false;
  } catch {
    return false;
  }
}

function known(received: Received, caller: Caller): Identified {
  return { ...received, caller } as Identified;
}

async function identifyControl(received: Received, verify: TokenVerifier): Promise<Identified | Refusal> {
  const token = BEARER.exec(received.head.authorization ?? '')?.[1];
  let valid = false;
  try {
    valid = (await verify(token ?? ABSENT_TOKEN)) === true;
  } catch (thrown) {
    return new Refusal('CORDON_INTERNAL', `token verifier failed: ${String(thrown)}`);
  }
  if (valid && token !== undefined) return known(received, CONTROL);
  return new Refusal('CORDON_UNAUTHENTICATED', token === undefined ? 'no bearer token' : 'wrong token', {
    event: 'auth.failed',
    headers: ['www-authenticate', 'Bearer'],
  });
}

/** Reads the body first, as the authenticator has to see what was signed. */
async function identifyByBody(
  authenticator: Authenticator,
  received: Received,
  rules: IdentifyRules,
): Promise<Identified | Refusal> {
  const bytesMax = Math.min(received.match.fn.spec.limits.bodyBytes, LIMITS.signedBodyBytesMax.value);
  const body = await received.body.collect(bytesMax);
  if (body instanceof Refusal) return body;
  return identifyBy(authenticator, received, body, rules);
}

function identifyBy(
  authenticator: Authenticator,
  received: Received,
  body: Uint8Array | null,
  { guards }: IdentifyRules,
): Outcome<Identified> {
  const conclude = (verdict: Verdict): Identified | Refusal => {
    if (verdict.ok) return known(received, verdict.caller);
    guards.failed(authenticator, received, verdict.reason);
    return unauthenticated(authenticator, received, verdict.reason);
  };
  const failed = (thrown: unknown): Refusal =>
    unauthenticated(authenticator, received, `the authenticator failed: ${String(thrown)}`);
  let verdict: Verdict | number | Promise<Verdict>;
  try {
    verdict = guards.authenticate(authenticator, received, body);
  } catch (thrown) {
    return failed(thrown);
  }
  if (typeof verdict === 'number') return blocked(verdict);
  return verdict instanceof Promise ? verdict.then(conclude, failed) : conclude(verdict);
}

/** The source has failed too often. What it is told does not depend on what it sent. */
function blocked(ms: number): Refusal {
  return new Refusal('CORDON_RATE_LIMITED', 'too many failed authentications', {
    event: 'auth.failed',
    headers: ['retry-after', String(Math.ceil(ms / 1000))],
  });
}

function unauthenticated(authenticator: Authenticator, received: Received, reason: string): Refusal {
  const rule = `${authenticator.kind}:${authenticator.name}: ${reason}`;
  const { login } = received.guard;
  if (login !== null && isNavigation(credentialsOf(received, null))) {
    const location = login.loginLocation(`${received.target.path}${received.target.search}`);
    return new Refusal('CORDON_LOGIN_REQUIRED', rule, { headers: ['location', location] });
  }
  const { challenge } = authenticator;
  return new Refusal('CORDON_UNAUTHENTICATED', rule, {
    event: 'auth.failed',
    headers: challenge === null ? [] : ['www-authenticate', challenge],
  });
}
