import { SIGN, clockAt, open } from '../../identity/webhook/webhook.fixture.ts';
import { NO_AUTH } from '../../manifest/index.ts';
import type { WebhookScheme } from '../../manifest/index.ts';
import { answers, appOf, manifestOf, openGuards, routeOf, urlOf } from '../gateway.fixture.ts';
import type { Harness, startGateway } from '../gateway.fixture.ts';

export const JSON_TYPE = { 'content-type': 'application/json' };
/** What a function says that is not to run. */
export const never = answers('a function ran');

/** A gateway whose `/hooks/in` and `/tenants/:name` deliver what is signed like this. */
export function hooks(scheme: WebhookScheme, more: Parameters<typeof startGateway>[1] = {}) {
  const auth = { kind: 'webhook', name: 'hook', scopes: [] } as const;
  const routes = ['/hooks/in', '/tenants/:name'].map((path) => ({
    ...routeOf(path, auth, ['POST']),
    deliver: 'webhook' as const,
  }));
  const spec = { scheme, secrets: ['HOOK'], toleranceMs: 300_000 };
  const manifest = { ...manifestOf('shop', { main: routes }), auth: { ...NO_AUTH, webhook: { hook: spec } } };
  const clock = clockAt();
  const guards = openGuards({ authenticator: open({ scheme, clock }) });
  return { apps: [appOf(manifest)], guards, ...more };
}

export interface Delivery {
  readonly body?: string;
  readonly at?: number;
  readonly id?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export async function deliver(
  harness: Harness,
  scheme: WebhookScheme,
  { body = '{}', path, headers, ...rest }: Delivery = {},
) {
  const signed = SIGN[scheme]({ body: Buffer.from(body), ...rest });
  const answer = await fetch(urlOf(harness, path ?? '/hooks/in'), {
    method: 'POST',
    headers: { ...JSON_TYPE, ...signed, ...headers },
    body,
  });
  return { status: answer.status, headers: answer.headers, json: await answer.json() };
}

/** Fields of a delivery of GitHub, as they stand on the wire. */
export function signedHead(body: string): string {
  const fields = {
    ...JSON_TYPE,
    ...SIGN.github({ body: Buffer.from(body) }),
    'content-length': String(body.length),
  };
  return Object.entries(fields)
    .map(([name, value]) => `${name}: ${value}`)
    .join('\r\n');
}
