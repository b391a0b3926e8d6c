import type { Generated } from 'kysely';
import type { EventKeysTable, EventSigningKeysTable, EventsTable } from './event-tables.ts';

/** Immutable versions of apps. */
interface DeploymentsTable {
  /** SHA-256, lower-case hex. */
  readonly id: string;
  readonly app: string;
  /** JSON of the resolved manifest, sealed. */
  readonly manifest: Uint8Array;
  /** JSON of the deployed functions, sealed. */
  readonly functions: Uint8Array;
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
  /** Sealed. */
  readonly message: Uint8Array;
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
  /** JSON object, sealed. */
  readonly detail: Uint8Array;
}

interface SettingsTable {
  readonly name: string;
  /** JSON. */
  readonly value: string;
}

/** Data keys, wrapped by a master key. */
interface DataKeysTable {
  readonly project: string;
  /** From 1; the highest seals what is new. */
  readonly version: number;
  readonly wrapped: Uint8Array;
  /** Id of the master key. */
  readonly wrapper: string;
  readonly created_at: number;
  /** When a newer one took its place. */
  readonly retired_at: number | null;
}

/** Data keys that are wrapped by the next master key already, until all are. */
interface DataKeyRewrapsTable {
  readonly project: string;
  readonly version: number;
  readonly wrapped: Uint8Array;
  readonly wrapper: string;
}

/** Projects whose data keys were destroyed. */
interface ShreddedProjectsTable {
  readonly project: string;
  readonly shredded_at: number;
}

/** How far each place was brought to a version of the data key. */
interface ResealsTable {
  readonly project: string;
  readonly place: string;
  readonly version: number;
  /** Of the last item that was looked at. */
  readonly cursor: string | null;
  readonly seen: number;
  readonly rewritten: number;
  readonly broken: number;
  readonly started_at: number;
  readonly done_at: number | null;
}

/** Where the sealed bytes of an object are. */
interface SealedObjectsTable {
  readonly project: string;
  /** HMAC-SHA256 of the hash of the plaintext, lower-case hex. */
  readonly name: string;
  /** Of the data key, for the name as for the bytes. */
  readonly version: number;
  /** SHA-256 of the sealed bytes: their name in the object store below. */
  readonly object: string;
}

/** Values of kv. Exactly one of `value` and `object` is set; both are sealed, as `metadata` is. */
interface KvTable {
  readonly project: string;
  readonly store: string;
  readonly key: string;
  /** Random; a part of the place where the rest is sealed. */
  readonly version: string;
  readonly value: Uint8Array | null;
  /** Name in the streamed object store, of a value too large for a row. */
  readonly object: string | null;
  /** Bytes of plaintext. */
  readonly size: number;
  /** JSON. */
  readonly metadata: Uint8Array | null;
  readonly expires_at: number | null;
}

/** Objects in buckets; columns as in `KvTable`. */
interface BucketObjectsTable {
  readonly project: string;
  readonly bucket: string;
  readonly key: string;
  readonly version: string;
  readonly value: Uint8Array | null;
  readonly object: string | null;
  readonly size: number;
  /** JSON of the etag, checksums and metadata, sealed. */
  readonly detail: Uint8Array;
  readonly uploaded_at: number;
}

/** Streamed objects that no row needs any more and whose files are to be deleted. */
interface ReleasedObjectsTable {
  readonly object: string;
}

interface SecretsTable {
  readonly project: string;
  readonly name: string;
  /** Sealed. */
  readonly value: Uint8Array;
  readonly created_at: number;
  readonly updated_at: number;
}

/** Logins that were ended before their time. */
interface EndedSessionsTable {
  readonly project: string;
  readonly app: string;
  readonly authenticator: string;
  /** Id, or `*` for all that began until `ended_at`. */
  readonly session: string;
  readonly ended_at: number;
  /** When it would have ended by itself. */
  readonly expires_at: number;
}

/** Keys that callers of apps hold; only their hashes. */
interface ApiKeysTable {
  readonly id: string;
  readonly project: string;
  readonly app: string;
  /** Name in the manifest. */
  readonly authenticator: string;
  /** SHA-256 of the whole key, lower-case hex. */
  readonly sha256: string;
  readonly name: string;
  /** JSON list. */
  readonly scopes: string;
  readonly created_at: number;
  readonly expires_at: number | null;
  readonly used_at: number | null;
}

/** Uploads of objects in parts that are not put together yet. */
interface MultipartUploadsTable {
  /** Random. */
  readonly id: string;
  readonly project: string;
  readonly bucket: string;
  readonly key: string;
  /** JSON of the metadata and the checksum that the object is to have, sealed. */
  readonly detail: Uint8Array;
  readonly created_at: number;
}

/** Their parts; columns as in `KvTable`. */
interface MultipartPartsTable {
  readonly project: string;
  readonly upload: string;
  /** From 1. */
  readonly number: number;
  readonly version: string;
  readonly value: Uint8Array | null;
  readonly object: string | null;
  readonly size: number;
  /** JSON of the etag and the checksum, sealed. */
  readonly detail: Uint8Array;
  readonly uploaded_at: number;
}

/** How far the schedule of each function was kept. */
interface SchedulesTable {
  readonly project: string;
  /** Lane of its ticks. */
  readonly lane: string;
  /** Time of the last tick that was kept or passed over; at first when it began. */
  readonly last_at: number;
  readonly started_at: number;
}

/** Objects that were not let into their bucket; columns as in `BucketObjectsTable`, sealed at the same places. */
interface RejectedObjectsTable {
  /** Orders by time. */
  readonly id: string;
  readonly project: string;
  readonly bucket: string;
  readonly key: string;
  readonly version: string;
  readonly value: Uint8Array | null;
  readonly object: string | null;
  readonly size: number;
  /** As of an object in its bucket, with what was found. */
  readonly detail: Uint8Array;
  /** Why, as a stable word. */
  readonly reason: string;
  /** Who put it there. */
  readonly actor: string;
  readonly rejected_at: number;
}

/** Keys with which clients of S3 sign. */
interface AccessKeysTable {
  readonly id: string;
  readonly project: string;
  readonly name: string;
  /** Sealed. */
  readonly secret: Uint8Array;
  /** JSON of the buckets, the prefix and the operations. */
  readonly scope: string;
  readonly created_at: number;
  readonly expires_at: number | null;
  readonly used_at: number | null;
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
  readonly data_keys: DataKeysTable;
  readonly data_key_rewraps: DataKeyRewrapsTable;
  readonly shredded_projects: ShreddedProjectsTable;
  readonly reseals: ResealsTable;
  readonly sealed_objects: SealedObjectsTable;
  readonly kv: KvTable;
  readonly bucket_objects: BucketObjectsTable;
  readonly released_objects: ReleasedObjectsTable;
  readonly events: EventsTable;
  readonly event_keys: EventKeysTable;
  readonly event_signing_keys: EventSigningKeysTable;
  readonly secrets: SecretsTable;
  readonly ended_sessions: EndedSessionsTable;
  readonly api_keys: ApiKeysTable;
  readonly multipart_uploads: MultipartUploadsTable;
  readonly multipart_parts: MultipartPartsTable;
  readonly schedules: SchedulesTable;
  readonly rejected_objects: RejectedObjectsTable;
  readonly access_keys: AccessKeysTable;
  readonly migrations: MigrationsTable;
}
