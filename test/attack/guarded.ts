import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { crc32 } from 'node:zlib';
import { z } from 'zod';
import {
  sign,
  signer,
  startIssuer,
  type Issuer,
  type Signer,
} from '../../src/identity/jwt/issuer.fixture.ts';
import { send, type Sent } from './caller.ts';
import type { Verdict } from './row.ts';
import { errorOf, type Answer, type Hits, type Stage } from './stage.ts';

const TOKEN_SECONDS = 300;
const BASE_62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const CHECKSUM_CHARS = 6;

const keySchema = z.object({ id: z.string(), key: z.string() });
const echoSchema = z.object({
  method: z.string(),
  url: z.string(),
  headers: z.array(z.tuple([z.string(), z.string()])),
  body: z.string(),
});

export type ApiKey = z.output<typeof keySchema>;
export type Echo = z.output<typeof echoSchema>;

/** Secrets that senders of webhooks share with the app, by scheme. */
export const HOOK_SECRETS = {
  standard: `whsec_${Buffer.alloc(32, 'standard').toString('base64')}`,
  github: 'shared with github',
  stripe: 'whsec_shared-with-stripe',
  slack: 'shared with slack',
} as const;

/** The app whose routes ask who calls, with the issuer that vouches for its users. */
export class Guarded {
  /** Its keys are those of `signers`. */
  readonly issuer: Issuer;
  readonly signers: { readonly ed: Signer; readonly rsa: Signer; readonly ec: Signer };
  /** A server that would vouch for the attacker, if it was ever asked. */
  readonly trap: Trap;
  readonly #stage: Stage;

  private constructor(stage: Stage, issuer: Issuer, trap: Trap, signers: Guarded['signers']) {
    this.#stage = stage;
    this.issuer = issuer;
    this.trap = trap;
    this.signers = signers;
  }

  /** Deploys it, once for each stage. */
  static of(stage: Stage): Promise<Guarded> {
    let guarded = known.get(stage);
    if (guarded === undefined) known.set(stage, (guarded = Guarded.#open(stage)));
    return guarded;
  }

  static async #open(stage: Stage): Promise<Guarded> {
    const signers = {
      ed: signer('EdDSA', 'ed-1'),
      rsa: signer('RS256', 'rsa-1'),
      ec: signer('ES256', 'ec-1'),
    };
    const issuer = await startIssuer(Object.values(signers).map(({ jwk }) => jwk));
    const trap = await Trap.open();
    stage.onClose(async () => {
      await issuer.close();
      await trap.close();
    });
    for (const [scheme, secret] of Object.entries(HOOK_SECRETS))
      await stage.setSecret(`GUARDED_${scheme.toUpperCase()}`, secret);
    await stage.deployApp('guarded', { issuer: issuer.url });
    return new Guarded(stage, issuer, trap, signers);
  }

  /** Requests that reached its code. */
  async victimHits(): Promise<Hits> {
    return this.#stage.hitsAt('/guarded/count');
  }

  /** Claims that are accepted. */
  claims(subject: string, more: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
    const now = Math.floor(Date.now() / 1000);
    return {
      iss: this.issuer.url,
      aud: 'guarded',
      sub: subject,
      iat: now,
      exp: now + TOKEN_SECONDS,
      ...more,
    };
  }

  /** A good token. */
  token(subject: string, by: Signer = this.signers.ed): Promise<string> {
    return sign(by, this.claims(subject));
  }

  /** Makes an API key for `/guarded/keyed`. */
  async key(name: string): Promise<ApiKey> {
    const { status, text } = await this.#stage.control('POST', '/v1/api-keys', {
      app: 'guarded',
      auth: 'partners',
      name,
      scopes: ['read'],
    });
    if (status !== 201) throw new Error(`no API key: ${status} ${text}`);
    return keySchema.parse(JSON.parse(text));
  }

  send(path: string, sent: Sent & { readonly bearer?: string | null } = {}): Promise<Answer> {
    const { bearer = null, headers, ...rest } = sent;
    const shown = bearer === null ? {} : { authorization: `Bearer ${bearer}` };
    return send(this.#stage.gateway, path, { ...rest, headers: { ...shown, ...headers } });
  }

  /** Sends what has to be served, and returns what the function was given. */
  async served(path: string, sent: Sent & { readonly bearer?: string | null } = {}): Promise<Echo> {
    const { status, text } = await this.send(path, sent);
    if (status !== 200) throw new Error(`${path} was answered with ${status} ${text}`);
    return echoSchema.parse(JSON.parse(text));
  }

  /** Stores an object of somebody. */
  async store(id: string, owner: string): Promise<void> {
    const { status, text } = await this.send(`/guarded/seed/${id}`, {
      method: 'PUT',
      bearer: this.#stage.token,
      body: JSON.stringify({ owner, text: `of ${owner}` }),
    });
    if (status !== 200) throw new Error(`the object is not stored: ${status} ${text}`);
  }
}

const known = new WeakMap<Stage, Promise<Guarded>>();

/** A server on this machine that answers every request with keys, and that nobody should ever ask. */
class Trap {
  /** Who vouches for the attacker. Its id is one that the issuer has too. */
  readonly signer = signer('EdDSA', 'ed-1');
  readonly asked: string[] = [];
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async open(): Promise<Trap> {
    const trap = new Trap(
      createServer((request, response) => {
        trap.asked.push(request.url ?? '');
        response.setHeader('content-type', 'application/json');
        response.end(
          JSON.stringify({ issuer: trap.url, jwks_uri: `${trap.url}/keys`, keys: [trap.signer.jwk] }),
        );
      }),
    );
    trap.#server.listen(0, '127.0.0.1');
    await once(trap.#server, 'listening');
    return trap;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

/** A key with the id and the form of another, its checksum too, and another secret. */
export function forgedKey({ key }: ApiKey): string {
  const last = key.at(-CHECKSUM_CHARS - 1) === '0' ? '1' : '0';
  const body = `${key.slice(0, -CHECKSUM_CHARS - 1)}${last}`;
  let checksum = '';
  for (let rest = crc32(body); checksum.length < CHECKSUM_CHARS; rest = Math.floor(rest / BASE_62.length))
    checksum = BASE_62.charAt(rest % BASE_62.length) + checksum;
  return `${body}${checksum}`;
}

/** Judges answers that all have to be one and the same refusal, which tells the caller nothing. */
export function refusedAlike(
  verdict: Verdict,
  answers: Readonly<Record<string, Answer>>,
  status: number,
  code: string,
): void {
  const told = new Set<string>();
  for (const [name, answer] of Object.entries(answers)) {
    const error = errorOf(answer.text);
    verdict.expect(
      answer.status === status && error.code === code,
      `${name}: ${answer.status} ${error.code}`,
    );
    told.add(`${error.message} ${answer.headers.get('www-authenticate')}`);
  }
  verdict.expect(told.size <= 1, `refusals differ: ${[...told].join(' | ')}`);
}
