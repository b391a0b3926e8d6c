import { CordonError } from '../contract/index.ts';
import { readStoredManifest } from '../manifest/index.ts';
import { queryBuilder, type Store, type Write } from '../store/index.ts';
import {
  UNSEALED,
  placeOf,
  sealedValuesPlace,
  type SealedPlace,
  type SealedValue,
  type TextSealer,
  type Vault,
} from '../vault/index.ts';
import type { Alias, DeployedFunction, Deployment } from './port.ts';

type StoredFunction = Omit<DeployedFunction, 'spec'> & { readonly name: string };

/** What the store keeps of the functions, with the runtime that their code caches were made by. */
interface StoredFunctions {
  readonly runtime: string;
  readonly functions: readonly StoredFunction[];
}

/** A deployment with the runtime that its code caches were made by. */
export interface Stored {
  readonly deployment: Deployment;
  readonly runtime: string;
}

interface DeploymentRow {
  readonly id: string;
  readonly app: string;
  /** Sealed, as `functions` is. */
  readonly manifest: Uint8Array;
  readonly functions: Uint8Array;
  readonly created_at: number;
}

interface AliasRow {
  readonly app: string;
  readonly live: string;
  readonly canary: string | null;
  readonly canary_percent: number;
  readonly previous: string | null;
}

const LIST_MAX = 200;
const IDS_PER_QUERY = 500;

/** Deployments and aliases in the store. Every change of an alias names the state that it changes. */
export class Deployments {
  readonly #store: Store;
  readonly #sealer: TextSealer;
  readonly #db: ReturnType<typeof queryBuilder>;

  /** `sealer` seals manifests and what is kept of functions. Without it they stand in the clear. */
  constructor(store: Store, sealer: TextSealer = UNSEALED) {
    this.#store = store;
    this.#sealer = sealer;
    this.#db = queryBuilder(store.dialect);
  }

  async get(id: string): Promise<Stored | null> {
    const [row] = await this.#rows(
      this.#db.selectFrom('deployments').selectAll().where('id', '=', id).compile(),
    );
    return row === undefined ? null : fromRow(this.#sealer, row);
  }

  /** By id, those that exist. */
  async getAll(ids: readonly string[]): Promise<Map<string, Deployment>> {
    const found = new Map<string, Deployment>();
    for (let from = 0; from < ids.length; from += IDS_PER_QUERY) {
      const some = ids.slice(from, from + IDS_PER_QUERY);
      const rows = await this.#rows(
        this.#db.selectFrom('deployments').selectAll().where('id', 'in', some).compile(),
      );
      for (const row of rows) found.set(row.id, (await fromRow(this.#sealer, row)).deployment);
    }
    return found;
  }

  /** Of an app, newest first, at most 200. */
  async list(app: string): Promise<Deployment[]> {
    const query = this.#db
      .selectFrom('deployments')
      .selectAll()
      .where('app', '=', app)
      .orderBy('created_at', 'desc')
      .orderBy('id')
      .limit(LIST_MAX);
    const listed: Deployment[] = [];
    for (const row of await this.#rows(query.compile())) {
      listed.push((await fromRow(this.#sealer, row)).deployment);
    }
    return listed;
  }

  async aliases(): Promise<Alias[]> {
    const query = this.#db.selectFrom('aliases').selectAll().orderBy('app').compile();
    return (await this.#store.query<AliasRow>(query)).map((row) => ({
      app: row.app,
      live: row.live,
      canary: row.canary === null ? null : { deployment: row.canary, percent: Number(row.canary_percent) },
      previous: row.previous,
    }));
  }

  /**
   * Moves the alias of an app from `before` (null: the app is new) to `after`, and adds the deployment where
   * one is given, in one commit. Errors: CORDON_STORE_CONFLICT when the alias is not at `before` any more.
   */
  async commit(before: Alias | null, after: Alias, now: number, added: Stored | null): Promise<void> {
    const writes = added === null ? [] : [await this.#putDeployment(added)];
    await this.#store.commit([...writes, this.#moveAlias(before, after, now)]);
  }

  /** An id that exists keeps its age; only its code caches are renewed. */
  async #putDeployment({ deployment, runtime }: Stored): Promise<Write> {
    const functions: StoredFunctions = {
      runtime,
      functions: deployment.functions.map(({ spec, ...rest }) => ({ name: spec.name, ...rest })),
    };
    const manifest = JSON.stringify(deployment.manifest);
    const sealed = {
      manifest: await this.#sealer.seal(placeIn('manifest', deployment), manifest),
      functions: await this.#sealer.seal(placeIn('functions', deployment), JSON.stringify(functions)),
    };
    return this.#db
      .insertInto('deployments')
      .values({
        id: deployment.id,
        app: deployment.app,
        ...sealed,
        created_at: deployment.createdAt,
      })
      .onConflict((conflict) => conflict.column('id').doUpdateSet({ functions: sealed.functions }))
      .compile();
  }

  #moveAlias(before: Alias | null, after: Alias, now: number): Write {
    const values = {
      live: after.live,
      canary: after.canary?.deployment ?? null,
      canary_percent: after.canary?.percent ?? 0,
      previous: after.previous,
      updated_at: now,
    };
    if (before === null) {
      const insert = this.#db.insertInto('aliases').values({ app: after.app, ...values });
      return { ...insert.onConflict((conflict) => conflict.doNothing()).compile(), changes: 1 };
    }
    const update = this.#db
      .updateTable('aliases')
      .set(values)
      .where('app', '=', before.app)
      .where('live', '=', before.live)
      .where('canary_percent', '=', before.canary?.percent ?? 0)
      .where('canary', before.canary === null ? 'is' : '=', before.canary?.deployment ?? null)
      .where('previous', before.previous === null ? 'is' : '=', before.previous);
    return { ...update.compile(), changes: 1 };
  }

  #rows(statement: {
    readonly sql: string;
    readonly parameters: readonly unknown[];
  }): Promise<DeploymentRow[]> {
    return this.#store.query<DeploymentRow>(statement);
  }
}

type SealedColumn = 'manifest' | 'functions';

/** A deployment opens as itself alone. */
function placeIn(column: SealedColumn, { app, id }: { readonly app: string; readonly id: string }): string {
  return placeOf('deployments', column, app, id);
}

/** Where deployments are sealed, for the rotation of keys. All of them belong to the one project. */
export function deploymentPlaces(store: Store, vault: Vault, project: string): readonly SealedPlace[] {
  return (['manifest', 'functions'] as const).map((column) => columnPlace(store, vault, project, column));
}

function columnPlace(store: Store, vault: Vault, owner: string, column: SealedColumn): SealedPlace {
  const db = queryBuilder(store.dialect);
  const select = db.selectFrom('deployments').selectAll();
  const read = async (query: typeof select): Promise<SealedValue[]> =>
    (await store.query<DeploymentRow>(query.compile())).map((row) => ({
      cursor: row.id,
      place: placeIn(column, row),
      sealed: row[column],
    }));
  return sealedValuesPlace(vault, {
    name: `deployments.${column}`,
    async list(project, after, limit) {
      if (project !== owner) return [];
      return read(
        select
          .where('id', '>', after ?? '')
          .orderBy('id')
          .limit(limit),
      );
    },
    async read(project, cursors) {
      if (project !== owner) return [];
      return read(select.where('id', 'in', cursors));
    },
    async replace(_project, value, next) {
      const [changed] = await store.commit([
        db
          .updateTable('deployments')
          .set({ [column]: next })
          .where('id', '=', value.cursor)
          .where(column, '=', value.sealed)
          .compile(),
      ]);
      return changed === 1;
    },
  });
}

async function fromRow(sealer: TextSealer, row: DeploymentRow): Promise<Stored> {
  const manifest = readStoredManifest(await sealer.open(placeIn('manifest', row), row.manifest));
  const { runtime, functions } = JSON.parse(
    await sealer.open(placeIn('functions', row), row.functions),
  ) as StoredFunctions;
  // The specification is the manifest's own object, so that it is in memory once.
  const specs = new Map(manifest.functions.map((spec) => [spec.name, spec]));
  return {
    runtime,
    deployment: {
      id: row.id,
      app: row.app,
      manifest,
      functions: functions.map(({ name, ...rest }) => {
        const spec = specs.get(name);
        if (spec === undefined)
          throw new CordonError('CORDON_STORE_FAILED', `Deployment ${row.id} names an unknown function.`);
        return { spec, ...rest };
      }),
      createdAt: Number(row.created_at),
    },
  };
}
