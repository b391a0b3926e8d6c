import type { Generated } from 'kysely';

/** Immutable versions of apps. */
interface DeploymentsTable {
  /** SHA-256, lower-case hex. */
  readonly id: string;
  readonly app: string;
  /** JSON of the resolved manifest. */
  readonly manifest: string;
  /** JSON of the deployed functions. */
  readonly functions: string;
  /** Milliseconds since the epoch, as every `_at` and `time` below. */
  readonly created_at: number;
}

/** What each app serves. */
interface AliasesTable {
  readonly app: string;
  /** Deployment id, as are `canary` and `previous`. */
  readonly live: string;
  readonly canary: string | null;
  /** 0 to 100. */
  readonly canary_percent: number;
  readonly previous: string | null;
  readonly updated_at: number;
}

/** Control tokens; only their hashes. */
interface TokensTable {
  /** SHA-256 of the token, lower-case hex. */
  readonly sha256: string;
  readonly name: string;
  readonly created_at: number;
}

interface LogsTable {
  readonly sequence: Generated<number>;
  readonly time: number;
  readonly level: string;
  readonly source: string;
  readonly app: string;
  readonly function: string;
  readonly deployment: string;
  readonly instance: string | null;
  readonly request: string | null;
  readonly message: string;
}

interface SecurityEventsTable {
  readonly sequence: Generated<number>;
  readonly time: number;
  readonly kind: string;
  readonly severity: string;
  readonly app: string | null;
  readonly function: string | null;
  readonly instance: string | null;
  readonly request: string | null;
  readonly reason: string;
  /** JSON object. */
  readonly detail: string;
}

interface SettingsTable {
  readonly name: string;
  /** JSON. */
  readonly value: string;
}

/** Which migrations were applied. */
interface MigrationsTable {
  readonly number: number;
  readonly name: string;
}

/** The tables of the store and their columns, as the migrations leave them. */
export interface Tables {
  readonly deployments: DeploymentsTable;
  readonly aliases: AliasesTable;
  readonly tokens: TokensTable;
  readonly logs: LogsTable;
  readonly security_events: SecurityEventsTable;
  readonly settings: SettingsTable;
  readonly migrations: MigrationsTable;
}
