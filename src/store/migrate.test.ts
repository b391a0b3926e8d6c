import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { migrate } from './migrate.ts';
import { MIGRATIONS, type Migration } from './migrations.ts';
import { queryBuilder } from './query-builder.ts';
import { openSqliteStore } from './sqlite/sqlite-store.ts';

const root = mkdtempSync(join(tmpdir(), 'cordon-migrate-'));
after(() => rmSync(root, { recursive: true, force: true }));

const next = MIGRATIONS.length + 1;

function migrationTo(name: string, sql: readonly string[]): Migration {
  const statements = sql.map((text) => ({ compile: () => ({ sql: text, parameters: [] }) }));
  return { number: next, name, statements: () => statements };
}

test('numbers its steps from 1 without a gap', () => {
  assert.deepEqual(
    MIGRATIONS.map(({ number }) => number),
    MIGRATIONS.map((_, index) => index + 1),
  );
});

test('applies what is new, once, and keeps the data', async () => {
  const path = join(root, 'new.db');
  const store = await openSqliteStore({ path });
  await store.commit([
    queryBuilder('sqlite').insertInto('settings').values({ name: 'a', value: '1' }).compile(),
  ]);
  const migrations = [...MIGRATIONS, migrationTo('more', ['ALTER TABLE settings ADD COLUMN note TEXT'])];
  await migrate(store, migrations);
  await migrate(store, migrations);
  assert.deepEqual(await store.query({ sql: 'SELECT * FROM settings', parameters: [] }), [
    { name: 'a', value: '1', note: null },
  ]);
  await store.close();
});

test('refuses a store that a newer version wrote, and leaves it as it is', async () => {
  const path = join(root, 'newer.db');
  const store = await openSqliteStore({ path });
  await migrate(store, [...MIGRATIONS, migrationTo('future', [])]);
  await store.close();
  await assert.rejects(openSqliteStore({ path }), { code: 'CORDON_DATA_NEWER' });
  await assert.rejects(openSqliteStore({ path }), { code: 'CORDON_DATA_NEWER' });
});

test('leaves nothing of a step that fails', async () => {
  const store = await openSqliteStore({ path: join(root, 'failing.db') });
  const failing = migrationTo('failing', ['CREATE TABLE half (a TEXT)', 'CREATE TABLE settings (a TEXT)']);
  await assert.rejects(migrate(store, [...MIGRATIONS, failing]), { code: 'CORDON_STORE_FAILED' });
  assert.deepEqual(
    await store.query({ sql: `SELECT name FROM sqlite_master WHERE name = 'half'`, parameters: [] }),
    [],
  );
  await migrate(store);
  await store.close();
});

test('has statements for PostgreSQL too', () => {
  const db = queryBuilder('postgres');
  for (const migration of MIGRATIONS) {
    for (const statement of migration.statements(db, 'postgres')) {
      assert.doesNotMatch(statement.compile().sql, /autoincrement/);
    }
  }
});
