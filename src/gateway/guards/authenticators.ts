import { CordonError } from '../../contract/index.ts';
import type { Clock } from '../../contract/index.ts';
import type { Deployment } from '../../deploy/index.ts';
import type { Resolver } from '../../egress/index.ts';
import {
  ApiKeyAuthenticator,
  IssuerClient,
  JwtAuthenticator,
  MtlsAuthenticator,
  OidcAuthenticator,
  OidcLogin,
  ReplayCache,
  WebhookAuthenticator,
  checkJwt,
  checkMtls,
  checkOidc,
} from '../../identity/index.ts';
import type { ApiKeyStore, Authenticator, EndedSessions, KeySets } from '../../identity/index.ts';
import type { AuthKind, Manifest, OidcSpec } from '../../manifest/index.ts';
import type { Vault } from '../../vault/index.ts';
import { OpeningAuthenticator } from './opening-authenticator.ts';

export interface AuthenticatorsOptions {
  readonly project: string;
  readonly apiKeys: ApiKeyStore;
  /** Logins that were ended before their time. */
  readonly ended: EndedSessions;
  readonly vault: Pick<Vault, 'seal' | 'open'>;
  readonly resolver: Resolver;
  readonly keySets: KeySets;
  /** The value of a secret of the project, null when there is none. */
  readonly secret: (name: string) => Promise<string | null>;
  readonly clock: Clock;
}

/** Below it are the logins of all apps. No route begins with it. */
const LOGIN_PATH = '/.cordon/auth';

/** An authenticator with what belongs to it at the gateway. */
export interface OpenAuthenticator {
  readonly authenticator: Authenticator;
  /** Null where nobody logs in. */
  readonly login: OidcLogin | null;
}

/** What names an authenticator. */
interface Named {
  readonly kind: AuthKind;
  readonly name: string;
}

interface Entry extends OpenAuthenticator {
  readonly app: string;
}

/**
 * The authenticators of all apps. One is shared by all deployments of an app that say the same of it, so that
 * a deploy forgets neither the keys of an issuer, which may be out of reach just then, nor a verdict.
 */
export class Authenticators {
  readonly #options: AuthenticatorsOptions;
  readonly #open = new Map<string, Entry>();
  /** Manifest of the live deployment of each app. */
  readonly #served = new Map<string, Manifest>();
  /** By app and name: a delivery is seen once, whatever is deployed meanwhile. */
  readonly #replays = new Map<string, ReplayCache>();

  constructor(options: AuthenticatorsOptions) {
    this.#options = options;
  }

  /** The one that a route names. Errors: CORDON_AUTH_INVALID. */
  open(app: string, manifest: Manifest, named: Named): OpenAuthenticator {
    const key = keyOf(app, manifest, named);
    const known = this.#open.get(key);
    if (known !== undefined) return known;
    const made = { app, ...this.#make(app, manifest, named) };
    this.#open.set(key, made);
    return made;
  }

  /** Says whether all that a manifest names can work. Errors: CORDON_AUTH_INVALID. */
  async check({ auth, files }: Manifest): Promise<void> {
    for (const [name, spec] of Object.entries(auth.jwt)) checkJwt(name, spec);
    for (const [name, spec] of Object.entries(auth.oidc)) checkOidc(name, spec);
    for (const [name, spec] of Object.entries(auth.mtls)) {
      await checkMtls({ name, spec, pem: files[spec.ca] }, this.#options.clock.now());
    }
  }

  /** The login that is served at a path, by the app that serves this host; null for any other path. */
  loginAt(host: string, [first, second, app = '', name = '', action]: readonly string[]): OidcLogin | null {
    if (`/${first ?? ''}/${second ?? ''}` !== LOGIN_PATH || action === undefined) return null;
    const manifest = this.#served.get(app);
    if (manifest === undefined || !Object.hasOwn(manifest.auth.oidc, name)) return null;
    if (manifest.hosts.length > 0 && !manifest.hosts.includes(host)) return null;
    return this.open(app, manifest, { kind: 'oidc', name }).login;
  }

  /** True while some served app asks its callers for a certificate. */
  get wantsClientCertificates(): boolean {
    for (const { auth } of this.#served.values()) if (Object.keys(auth.mtls).length > 0) return true;
    return false;
  }

  /** Closes those that no served deployment names. */
  retain(served: readonly Deployment[]): void {
    const needed = new Set<string>();
    this.#served.clear();
    for (const { app, manifest } of served) {
      if (!this.#served.has(app)) this.#served.set(app, manifest);
      for (const name of Object.keys(manifest.auth.oidc)) {
        needed.add(keyOf(app, manifest, { kind: 'oidc', name }));
      }
      for (const { routes } of manifest.functions) {
        for (const { auth } of routes) if (typeof auth !== 'string') needed.add(keyOf(app, manifest, auth));
      }
    }
    for (const [key, { authenticator, login }] of this.#open) {
      if (needed.has(key)) continue;
      this.#open.delete(key);
      authenticator.close();
      login?.close();
    }
    for (const key of this.#replays.keys()) {
      if (!this.#served.has(key.slice(0, key.indexOf('/')))) this.#replays.delete(key);
    }
  }

  close(): void {
    for (const { authenticator, login } of this.#open.values()) {
      authenticator.close();
      login?.close();
    }
    this.#open.clear();
  }

  #make(app: string, { auth, files }: Manifest, { kind, name }: Named): OpenAuthenticator {
    const { clock, keySets, secret } = this.#options;
    switch (kind) {
      case 'jwt': {
        const spec = present(auth.jwt[name], kind, name);
        return withoutLogin(new JwtAuthenticator({ name, spec, keys: keySets.open(spec), clock }));
      }
      case 'mtls': {
        const spec = present(auth.mtls[name], kind, name);
        const opening = MtlsAuthenticator.open({ name, spec, pem: files[spec.ca], clock });
        return withoutLogin(new OpeningAuthenticator(kind, name, opening));
      }
      case 'webhook': {
        const spec = present(auth.webhook[name], kind, name);
        const replays = this.#replaysOf(app, name);
        return withoutLogin(new WebhookAuthenticator({ name, spec, secret, clock, replays }));
      }
      case 'apiKey': {
        const spec = present(auth.apiKey[name], kind, name);
        const { project, apiKeys: keys } = this.#options;
        return withoutLogin(new ApiKeyAuthenticator({ name, spec, project, app, keys }));
      }
      case 'oidc':
        return this.#makeOidc(app, name, present(auth.oidc[name], kind, name));
    }
  }

  #makeOidc(app: string, name: string, spec: OidcSpec): OpenAuthenticator {
    const { project, vault, ended, secret, resolver, clock } = this.#options;
    const client = new IssuerClient({ resolver, unsafePrivate: spec.unsafePrivate });
    const path = `${LOGIN_PATH}/${app}/${name}`;
    const login = new OidcLogin({ project, app, name, spec, vault, ended, secret, client, clock, path });
    const { seals } = login;
    return { authenticator: new OidcAuthenticator({ app, name, spec, seals, ended, clock }), login };
  }

  #replaysOf(app: string, name: string): ReplayCache {
    const key = `${app}/${name}`;
    const known = this.#replays.get(key) ?? new ReplayCache(this.#options.clock);
    this.#replays.set(key, known);
    return known;
  }
}

/** What has to be the same for two deployments to share one. */
function keyOf(app: string, { auth, files }: Manifest, { kind, name }: Named): string {
  const spec = auth[kind][name];
  const file = kind === 'mtls' ? files[auth.mtls[name]?.ca ?? ''] : null;
  return JSON.stringify([app, kind, name, spec, file]);
}

function withoutLogin(authenticator: Authenticator): OpenAuthenticator {
  return { authenticator, login: null };
}

function present<T>(spec: T | undefined, kind: AuthKind, name: string): T {
  if (spec !== undefined) return spec;
  throw new CordonError('CORDON_AUTH_INVALID', `The section \`auth\` has no ${kind} of the name ${name}.`);
}
