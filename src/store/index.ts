/**
 * Where metadata, logs and events are kept. Promises: what `commit` acknowledged is durable and every later
 * `query` sees it; a transaction stands whole or not at all, whatever its neighbours do; a data folder has
 * one owner at a time. Refuses to work on data that a newer Cordon wrote, and more waiting work than its bound.
 */
export { openSqliteStore } from './sqlite/sqlite-store.ts';
export { openDataFolder } from './data-folder.ts';
export type { DataFolder } from './data-folder.ts';
export { syncFolder } from './sync-folder.ts';
export { queryBuilder } from './query-builder.ts';
export type { Tables } from './tables.ts';
export type { Row, Statement, Store, Write } from './port.ts';
