import { z } from 'zod';
import { CordonError, LIMITS, systemClock, toCordonError, type Clock } from '../contract/index.ts';
import { queryBuilder, type Store } from '../store/index.ts';
import type { KeyWrapper, ResealProgress, SealedPlace, Vault } from '../vault/index.ts';
import type { ControlKeys } from './port.ts';
import { PROJECT } from './project.ts';
import type { KeyRotationView } from './schema.ts';

/** How the server comes by another master key. */
export interface MasterKeyChange {
  /** The key to change to: a new one, or that of a change that was interrupted. */
  next(): Promise<KeyWrapper>;
  /** Makes it the one that the server starts with. Returns what the operator should know. */
  adopt(): Promise<string>;
}

export interface KeyRotationOptions {
  readonly store: Store;
  readonly vault: Vault;
  /** All places that hold sealed data. */
  readonly places: readonly SealedPlace[];
  /** Null where the master key is not Cordon's to change: it comes from the environment or a key service. */
  readonly master: MasterKeyChange | null;
  /** Default: the system's. */
  readonly clock?: Clock;
}

type Kind = 'data' | 'master';

const SETTING = 'key-rotation';
/** Between the end of the grace time and its use, as timers and clocks differ a little. */
const GRACE_MARGIN_MS = 1000;
const IDLE: KeyRotationView = {
  state: 'idle',
  kind: null,
  startedAt: null,
  endedAt: null,
  version: null,
  places: [],
  keys: null,
  note: null,
  error: null,
};

const unfinished = z.object({
  kind: z.enum(['data', 'master']),
  /** Of the data key; null until it is made. */
  version: z.number().nullable(),
  startedAt: z.number(),
});
type Unfinished = z.output<typeof unfinished>;

/**
 * Rotates keys in the background. What is begun is noted in the store: after an interruption, also one by the
 * end of the process, the same rotation goes on where it was. Retired data keys are forgotten when their time
 * of grace is over; where that fails, such as for a value that does not open, it is tried again after as long.
 */
export class KeyRotation implements ControlKeys {
  readonly #options: KeyRotationOptions;
  readonly #clock: Clock;
  readonly #stopping = new AbortController();
  #view: KeyRotationView = IDLE;
  #running: Promise<void> | null = null;
  /** The last that was begun about retired keys. It never rejects. */
  #forgetting: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: KeyRotationOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /** Goes on with what an earlier process left unfinished. For the start of the server, which no failure of it keeps from starting. */
  async resume(): Promise<void> {
    this.#planForgetting();
    const left = await this.#readUnfinished();
    if (left === null) return;
    try {
      await this.start(left.kind);
    } catch (thrown) {
      const { code, message } = toCordonError(thrown);
      this.#view = { ...IDLE, ...left, state: 'failed', error: { code, message } };
    }
  }

  async status(): Promise<KeyRotationView> {
    if (this.#view.state !== 'idle') return this.#view;
    const left = await this.#readUnfinished();
    return left === null ? IDLE : { ...IDLE, ...left, state: 'interrupted' };
  }

  async start(kind: Kind): Promise<KeyRotationView> {
    const left = await this.#readUnfinished();
    // From here to where it runs nothing is awaited, so that two cannot start.
    if (this.#running !== null) {
      if (this.#view.kind === kind) return this.#view;
      throw rotating(`Cannot rotate the ${kind} key: the ${this.#view.kind ?? ''} key is being rotated.`);
    }
    if (left !== null && left.kind !== kind) {
      const command = left.kind === 'master' ? 'cordon key rotate --master' : 'cordon key rotate';
      throw rotating(
        `Cannot rotate the ${kind} key: a rotation of the ${left.kind} key was interrupted.`,
        `Finish it with \`${command}\`.`,
      );
    }
    if (kind === 'master' && this.#options.master === null) {
      throw new CordonError('CORDON_KEY_INVALID', 'Cannot change the master key: it is not kept by Cordon.', {
        details: { next: 'Rotate it where it comes from: the environment or the key service.' },
      });
    }
    const begun = left ?? { kind, version: null, startedAt: this.#clock.now() };
    this.#view = { ...IDLE, ...begun, state: 'running' };
    this.#running = this.#run(begun).finally(() => {
      this.#running = null;
      this.#planForgetting();
    });
    return this.#view;
  }

  /** Resolves when nothing is being forgotten or planned to be. */
  async settled(): Promise<void> {
    await this.#forgetting;
  }

  /** Stops at the next durable mark and waits for it. A later start goes on from there. */
  async close(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    clearTimeout(this.#timer);
    await this.#forgetting;
  }

  async #run(begun: Unfinished): Promise<void> {
    try {
      await this.#forgetting;
      await this.#note(begun);
      const result = begun.kind === 'data' ? await this.#rotateData(begun) : await this.#rotateMaster();
      await this.#note(null);
      this.#view = { ...this.#view, ...result, state: 'done', endedAt: this.#clock.now() };
    } catch (thrown) {
      const { code, message } = toCordonError(thrown);
      const state = this.#stopping.signal.aborted ? ('interrupted' as const) : ('failed' as const);
      this.#view = { ...this.#view, state, endedAt: this.#clock.now(), error: { code, message } };
    }
  }

  async #rotateData(begun: Unfinished): Promise<Partial<KeyRotationView>> {
    const { vault, places } = this.#options;
    if (begun.version === null) {
      await this.#forgetRetired();
      const version = await vault.rotateDataKey(PROJECT);
      await this.#note({ ...begun, version });
      this.#view = { ...this.#view, version };
    }
    const progress = new Map<string, ResealProgress>();
    const resealed = await vault.reseal(PROJECT, places, {
      signal: this.#stopping.signal,
      onProgress: (place) => {
        progress.set(place.place, place);
        this.#view = { ...this.#view, places: [...progress.values()].map(placeView) };
      },
    });
    const broken = resealed.reduce((sum, place) => sum + place.broken, 0);
    const note =
      broken === 0
        ? null
        : `${broken} values could not be opened; they stay as they are, and so do the old keys.`;
    return { places: resealed.map(placeView), note };
  }

  /** Has retired keys forgotten when their grace time ends, and not before `waitMs` have passed. */
  #planForgetting(waitMs = 0): void {
    this.#forgetting = this.#forgetting
      .then(async () => {
        const forgettableAt = await this.#options.vault.forgettableAt(PROJECT);
        clearTimeout(this.#timer);
        if (forgettableAt === null || this.#stopping.signal.aborted) return;
        const left = Math.max(0, forgettableAt - this.#clock.now()) + GRACE_MARGIN_MS;
        this.#timer = setTimeout(() => this.#forgetNow(), Math.max(left, waitMs)).unref();
      })
      .catch(() => undefined);
  }

  #forgetNow(): void {
    // The end of what runs plans it again.
    if (this.#running !== null) return;
    this.#forgetting = this.#forgetting.then(() => this.#forgetRetired()).catch(() => undefined);
    this.#planForgetting(LIMITS.retiredKeyGraceMs.value);
  }

  /** Data keys that nothing can need any more. Those of the last hour, and what is still in use, stay. */
  async #forgetRetired(): Promise<void> {
    const { vault, places } = this.#options;
    try {
      await vault.forgetRetiredKeys(PROJECT, places, { signal: this.#stopping.signal });
    } catch (thrown) {
      if (toCordonError(thrown).code !== 'CORDON_RESEAL_INCOMPLETE') throw thrown;
    }
  }

  async #rotateMaster(): Promise<Partial<KeyRotationView>> {
    const { vault, master } = this.#options;
    if (master === null) return {};
    const count = await vault.rotateMaster(await master.next(), {
      signal: this.#stopping.signal,
      onProgress: (keys) => (this.#view = { ...this.#view, keys: { ...keys } }),
    });
    return { note: await master.adopt(), keys: { done: count, total: count } };
  }

  async #readUnfinished(): Promise<Unfinished | null> {
    const { store } = this.#options;
    const [row] = await store.query<{ value: string }>(
      queryBuilder(store.dialect)
        .selectFrom('settings')
        .select('value')
        .where('name', '=', SETTING)
        .compile(),
    );
    return row === undefined ? null : unfinished.parse(JSON.parse(row.value));
  }

  async #note(begun: Unfinished | null): Promise<void> {
    const { store } = this.#options;
    const db = queryBuilder(store.dialect);
    const value = JSON.stringify(begun);
    await store.commit([
      begun === null
        ? db.deleteFrom('settings').where('name', '=', SETTING).compile()
        : db
            .insertInto('settings')
            .values({ name: SETTING, value })
            .onConflict((row) => row.column('name').doUpdateSet({ value }))
            .compile(),
    ]);
  }
}

function placeView({ project: _project, ...place }: ResealProgress): KeyRotationView['places'][number] {
  return place;
}

function rotating(message: string, next?: string): CordonError {
  return new CordonError('CORDON_KEY_ROTATING', message, next === undefined ? {} : { details: { next } });
}
