import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { sign, signer } from '../jwt/issuer.fixture.ts';
import type { Signer } from '../jwt/issuer.fixture.ts';

/** What a browser brought to the provider, and what the token endpoint is to answer for it. */
export interface Grant {
  readonly code: string;
  readonly state: string;
  readonly nonce: string;
  readonly redirectUri: string;
  readonly challenge: string;
}

export interface FakeProvider {
  readonly url: string;
  readonly signer: Signer;
  /** Bodies of requests to the token endpoint. */
  readonly exchanges: URLSearchParams[];
  /** Authorization fields of the same. */
  readonly authorizations: (string | undefined)[];
  /** More of the discovery document. */
  document: Record<string, unknown>;
  /** How often the discovery document was asked for. */
  discoveries: number;
  /** Claims that differ from those of a good ID token; undefined leaves one out. */
  claims: Record<string, unknown>;
  header: Record<string, unknown>;
  /** Signs ID tokens. */
  signedBy: Signer;
  /** Answers in place of the token endpoint; returns true where it did. */
  token: ((response: ServerResponse) => boolean) | null;
  /** Answers in place of anything. */
  answer: ((path: string, response: ServerResponse) => boolean) | null;
  /** What the provider does with a browser that was led to it: a code for its callback. */
  authorize(location: string): Grant;
  close(): Promise<void>;
}

export const CLIENT_ID = 'shop';

/** A provider on loopback that can be made to misbehave in every way. */
export async function startProvider(): Promise<FakeProvider> {
  const good = signer('RS256', 'first');
  const grants = new Map<string, Grant>();
  const server = createServer((request, response) => void serve(request, response));
  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = new URL(request.url ?? '/', provider.url).pathname;
    if (provider.answer?.(path, response) === true) return;
    const json = (value: unknown, status = 200): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    };
    if (path === '/.well-known/openid-configuration') {
      provider.discoveries += 1;
      json({ ...documentOf(provider.url), ...provider.document });
    } else if (path === '/keys') json({ keys: [provider.signer.jwk] });
    else if (path === '/token') {
      let text = '';
      for await (const piece of request as AsyncIterable<Buffer>) text += piece.toString();
      const body = new URLSearchParams(text);
      provider.exchanges.push(body);
      provider.authorizations.push(request.headers.authorization);
      if (provider.token?.(response) === true) return;
      const grant = grants.get(body.get('code') ?? '');
      grants.delete(body.get('code') ?? '');
      if (grant === undefined) json({ error: 'invalid_grant' }, 400);
      else json(await tokensFor(provider, grant));
    } else json({}, 404);
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const provider: FakeProvider = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    signer: good,
    exchanges: [],
    authorizations: [],
    document: {},
    discoveries: 0,
    claims: {},
    header: {},
    signedBy: good,
    token: null,
    answer: null,
    authorize(location) {
      const { searchParams } = new URL(location);
      const grant: Grant = {
        code: `code-${grants.size}-${searchParams.get('state')}`,
        state: searchParams.get('state') ?? '',
        nonce: searchParams.get('nonce') ?? '',
        redirectUri: searchParams.get('redirect_uri') ?? '',
        challenge: searchParams.get('code_challenge') ?? '',
      };
      grants.set(grant.code, grant);
      return grant;
    },
    async close() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => void server.close(() => resolve()));
    },
  };
  return provider;
}

function documentOf(url: string): Record<string, unknown> {
  return {
    issuer: url,
    authorization_endpoint: `${url}/authorize`,
    token_endpoint: `${url}/token`,
    jwks_uri: `${url}/keys`,
    id_token_signing_alg_values_supported: ['RS256'],
    authorization_response_iss_parameter_supported: true,
  };
}

async function tokensFor(provider: FakeProvider, { nonce }: Grant): Promise<Record<string, unknown>> {
  const now = Math.floor(Date.now() / 1000);
  const claims: Record<string, unknown> = {
    iss: provider.url,
    sub: 'user-1',
    aud: CLIENT_ID,
    nonce,
    iat: now,
    exp: now + 300,
    ...provider.claims,
  };
  for (const [name, value] of Object.entries(claims)) if (value === undefined) delete claims[name];
  return {
    access_token: 'at',
    token_type: 'Bearer',
    id_token: await sign(provider.signedBy, claims, provider.header),
  };
}
