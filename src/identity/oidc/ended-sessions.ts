import { LIMITS } from '../../contract/index.ts';
import type { Clock } from '../../contract/index.ts';
import { queryBuilder } from '../../store/index.ts';
import type { Store } from '../../store/index.ts';
import { beginningOf } from './session.ts';

/** In the place of a session: all that began until then. */
const ALL = '*';
/** The longest that a session of any manifest lasts. */
const SESSION_MS_MAX = 30 * 86_400_000;

export interface EndedSessionsOptions {
  readonly store: Store;
  readonly project: string;
  readonly clock: Clock;
  /** Sessions of one authenticator. Default `LIMITS.oidcEndedSessionsMax`. */
  readonly sessionsMax?: number;
}

interface Ended {
  /** When they would have ended by themselves, by id. */
  readonly sessions: Map<string, number>;
  /** Sessions that began until then have ended; ms since the epoch. */
  allUntil: number;
}

/**
 * Logins that were ended before their time, of all apps: in memory for each request to ask, in the store so
 * that a restart lets none of them in again. When there are too many of an authenticator, all of its sessions
 * are ended, and its callers have to log in anew: nothing is forgotten that would let somebody in.
 */
export class EndedSessions {
  readonly #store: Store;
  readonly #project: string;
  readonly #clock: Clock;
  readonly #sessionsMax: number;
  readonly #ended = new Map<string, Ended>();

  private constructor({ store, project, clock, sessionsMax }: EndedSessionsOptions) {
    this.#store = store;
    this.#project = project;
    this.#clock = clock;
    this.#sessionsMax = sessionsMax ?? LIMITS.oidcEndedSessionsMax.value;
  }

  /** Errors: those of the store. */
  static async open(options: EndedSessionsOptions): Promise<EndedSessions> {
    const ended = new EndedSessions(options);
    await ended.#read();
    return ended;
  }

  has(app: string, authenticator: string, session: string): boolean {
    const ended = this.#ended.get(keyOf(app, authenticator));
    if (beginningOf(session) <= (ended?.allUntil ?? 0)) return true;
    return (ended?.sessions.get(session) ?? 0) > this.#clock.now();
  }

  /** Has effect at once, and is durable when it returns. Errors: those of the store; it has effect all the same. */
  async end(app: string, authenticator: string, session: string, expiresAt: number): Promise<void> {
    const ended = this.#of(app, authenticator);
    const now = this.#clock.now();
    if (ended.sessions.size >= this.#sessionsMax)
      for (const [id, until] of ended.sessions) if (until <= now) ended.sessions.delete(id);
    if (ended.sessions.size >= this.#sessionsMax && !ended.sessions.has(session))
      return this.endAll(app, authenticator);
    ended.sessions.set(session, expiresAt);
    await this.#write(app, authenticator, session, now, expiresAt);
  }

  /** Ends every session of an authenticator that has begun by now. Errors: as of `end`. */
  async endAll(app: string, authenticator: string): Promise<void> {
    const ended = this.#of(app, authenticator);
    const now = this.#clock.now();
    ended.allUntil = Math.max(ended.allUntil, now);
    ended.sessions.clear();
    await this.#write(app, authenticator, ALL, ended.allUntil, ended.allUntil + SESSION_MS_MAX);
  }

  #of(app: string, authenticator: string): Ended {
    const key = keyOf(app, authenticator);
    let ended = this.#ended.get(key);
    if (ended === undefined) {
      ended = { sessions: new Map(), allUntil: 0 };
      this.#ended.set(key, ended);
    }
    return ended;
  }

  async #read(): Promise<void> {
    const rows = await this.#store.query<EndedRow>(
      queryBuilder(this.#store.dialect)
        .selectFrom('ended_sessions')
        .select(['app', 'authenticator', 'session', 'ended_at', 'expires_at'])
        .where('project', '=', this.#project)
        .where('expires_at', '>', this.#clock.now())
        .compile(),
    );
    for (const { app, authenticator, session, ended_at, expires_at } of rows) {
      const ended = this.#of(app, authenticator);
      if (session === ALL) ended.allUntil = Number(ended_at);
      else ended.sessions.set(session, Number(expires_at));
    }
  }

  /** One transaction: what the row of all makes needless goes with it, as does what has run out. */
  async #write(
    app: string,
    authenticator: string,
    session: string,
    endedAt: number,
    expiresAt: number,
  ): Promise<void> {
    const db = queryBuilder(this.#store.dialect);
    const obsolete = db
      .deleteFrom('ended_sessions')
      .where('project', '=', this.#project)
      .where((row) =>
        session === ALL
          ? row.and([row('app', '=', app), row('authenticator', '=', authenticator)])
          : row('expires_at', '<=', this.#clock.now()),
      );
    const insert = db
      .insertInto('ended_sessions')
      .values({
        project: this.#project,
        app,
        authenticator,
        session,
        ended_at: endedAt,
        expires_at: expiresAt,
      })
      .onConflict((row) => row.doNothing());
    await this.#store.commit([obsolete.compile(), insert.compile()]);
  }
}

/** Times of PostgreSQL come as text. */
interface EndedRow {
  readonly app: string;
  readonly authenticator: string;
  readonly session: string;
  readonly ended_at: number | string;
  readonly expires_at: number | string;
}

function keyOf(app: string, authenticator: string): string {
  return JSON.stringify([app, authenticator]);
}
