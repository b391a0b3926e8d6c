import type { Authenticator, Credentials, KnownCaller, Verdict } from '../../identity/index.ts';
import type { FunctionLimits, RouteSpec } from '../../manifest/index.ts';
import { appOf, manifestOf, openGuards, routeOf } from '../gateway.fixture.ts';
import type { Harness } from '../gateway.fixture.ts';
import type { Guards, RouteGuard } from './guard.ts';
import type { AppRoutes } from '../routing/router.ts';

/** Whom `FakeAuthenticator` lets in. */
export const CALLER: KnownCaller = {
  kind: 'key',
  authenticator: 'apiKey:partners',
  subject: 'acme',
  credential: 'key-1',
  scopes: ['read'],
  claims: {},
  expiresAt: null,
};

/** An authenticator that lets in `Bearer good` at once, unless a test has it say something else. */
export class FakeAuthenticator implements Authenticator {
  readonly kind = 'apiKey';
  readonly name = 'partners';
  readonly challenge = 'Bearer';
  readonly needsBody: boolean;
  /** What `isCurrent` says. */
  isValid = true;
  asked = 0;
  readonly #says: (credentials: Credentials) => Verdict | Promise<Verdict>;

  constructor(says = judgeBearer, needsBody = false) {
    this.#says = says;
    this.needsBody = needsBody;
  }

  authenticate(credentials: Credentials): Verdict | Promise<Verdict> {
    this.asked += 1;
    return this.#says(credentials);
  }

  isCurrent(): boolean {
    return this.isValid;
  }

  close(): void {
    this.isValid = false;
  }
}

function judgeBearer({ authorization }: Credentials): Verdict | Promise<Verdict> {
  return authorization === 'Bearer good'
    ? { ok: true, caller: CALLER }
    : { ok: false, reason: 'another credential' };
}

export const GOOD = { authorization: 'Bearer good' } as const;

/** An app whose one route, `/keyed`, asks for an API key; and `/open` for nothing. */
export function keyedApp(limits: Partial<FunctionLimits> = {}, route: Partial<RouteSpec> = {}): AppRoutes {
  const auth = { kind: 'apiKey', name: 'partners', scopes: [] } as const;
  return appOf(
    manifestOf('shop', { main: [{ ...routeOf('/keyed', auth), ...route }, routeOf('/open')] }, { limits }),
  );
}

/** Options of a gateway whose route `/keyed` is guarded like this. */
export function guarded(
  guard: Partial<RouteGuard> = {},
  more: Partial<Guards> = {},
): { apps: AppRoutes[]; guards: Guards } {
  const guards = openGuards({ authenticator: new FakeAuthenticator(), ...guard }, more);
  return { apps: [keyedApp()], guards };
}

/** Resolves once something is true that a gateway comes to by itself. */
export async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setTimeout(resolve, 1));
}

/** Resolves once nothing is held for anybody any more. */
export function idle({ gateway }: Harness): Promise<void> {
  return until(() => gateway.stats().requestsInFlight === 0 && gateway.stats().connections === 0);
}

/** What a caller sees of a refusal, but for its id and its time. */
export async function seenOf(response: Response): Promise<string> {
  const { error } = (await response.json()) as { error: { id: string } };
  const fields = [...response.headers].filter(([name]) => name !== 'date' && name !== 'x-request-id');
  return JSON.stringify([response.status, fields, { ...error, id: error.id.length }]);
}
