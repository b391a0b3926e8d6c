import { makeAuthority, type Issued } from '../../src/identity/mtls/certificates.fixture.ts';
import { Stage, type Hits } from './stage.ts';

/** A second server, which is served by TLS: with HTTP/2, and with an app that asks for client certificates. */
export class Secure {
  readonly stage: Stage;
  /** Of the partners that may call `/gated`. */
  readonly authority: Issued;

  private constructor(stage: Stage, authority: Issued) {
    this.stage = stage;
    this.authority = authority;
  }

  /** Starts it, once for each stage, and ends it with that. */
  static of(stage: Stage): Promise<Secure> {
    let secure = known.get(stage);
    if (secure === undefined) known.set(stage, (secure = Secure.#open(stage)));
    return secure;
  }

  static async #open(beside: Stage): Promise<Secure> {
    const stage = await Stage.openSecure();
    beside.onClose(() => stage.close());
    const authority = await makeAuthority({ subject: 'partners' });
    await stage.deployApp('gated', {}, { 'partners.pem': authority.pem });
    return new Secure(stage, authority);
  }

  get url(): string {
    return this.stage.gateway;
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  /** Requests that reached the app that asks for certificates. */
  victimHits(): Promise<Hits> {
    return this.stage.hitsAt('/gated/count');
  }
}

const known = new WeakMap<Stage, Promise<Secure>>();
