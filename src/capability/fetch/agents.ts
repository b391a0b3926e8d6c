import { Agent } from 'undici';
import { Guard, guardedConnector } from '../../egress/index.ts';
import type { Resolver } from '../../egress/index.ts';
import { LIMITS } from '../../contract/index.ts';
import type { FetchGrant } from '../../manifest/index.ts';

const ORIGINS_PER_GRANT_MAX = 200;
const KEEP_ALIVE_MS_MAX = 60_000;

/** Waits that tests shorten. Defaults: the limits of the same names. */
export interface FetchTimeouts {
  readonly connectMs: number;
  readonly headersMs: number;
  readonly idleMs: number;
}

export interface AgentsOptions {
  readonly resolver: Resolver;
  readonly timeouts: FetchTimeouts;
  readonly ca: readonly string[] | undefined;
  readonly closedPorts: ReadonlySet<number>;
}

/** A pool of connections for each grant, so that no function rides on a connection of another. */
export class Agents {
  readonly #options: AgentsOptions;
  /** Least recently used first. */
  readonly #agents = new Map<FetchGrant, Agent>();

  constructor(options: AgentsOptions) {
    this.#options = options;
  }

  /** The same object of a grant gets the same agent. */
  for(grant: FetchGrant): Agent {
    const agent = this.#agents.get(grant) ?? this.#open(grant);
    this.#agents.delete(grant);
    this.#agents.set(grant, agent);
    if (this.#agents.size > LIMITS.egressPoolsMax.value) this.#closeOldest();
    return agent;
  }

  async close(): Promise<void> {
    const agents = [...this.#agents.values()];
    this.#agents.clear();
    await Promise.all(agents.map((agent) => agent.destroy()));
  }

  #closeOldest(): void {
    const [oldest] = this.#agents;
    if (oldest === undefined) return;
    const [grant, agent] = oldest;
    this.#agents.delete(grant);
    // What it still serves ends first.
    agent.close().catch(() => undefined);
  }

  #open({ unsafePrivate }: FetchGrant): Agent {
    const { resolver, timeouts, ca, closedPorts } = this.#options;
    const guard = new Guard({ resolver, unsafePrivate: unsafePrivate === true, closedPorts });
    return new Agent({
      connect: guardedConnector(guard, { connectTimeoutMs: timeouts.connectMs, ca }),
      allowH2: true,
      connections: LIMITS.egressConnectionsPerOriginMax.value,
      maxOrigins: ORIGINS_PER_GRANT_MAX,
      maxHeaderSize: LIMITS.egressHeadersBytesMax.value,
      headersTimeout: timeouts.headersMs,
      bodyTimeout: timeouts.idleMs,
      keepAliveTimeout: LIMITS.egressKeepAliveMs.value,
      keepAliveMaxTimeout: KEEP_ALIVE_MS_MAX,
    });
  }
}
