import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../contract/index.ts';
import { openSqliteStore, type Store } from '../store/index.ts';
import { sealedVersion } from './format.ts';
import type { ResealProgress, Vault } from './port.ts';
import { killed, programOf } from './rotation.fixture.ts';
import { openText, sealText, sealedColumnPlace } from './sealed-column.ts';
import { localWrapper, manualClock, openPlace } from './vault.fixture.ts';
import { openVault } from './vault.ts';

const COUNT = LIMITS.resealBatchMax.value * 3 + 20;

async function makeTable(store: Store): Promise<void> {
  const sql =
    'CREATE TABLE notes (project TEXT, name TEXT, body TEXT, raw BLOB, PRIMARY KEY (project, name))';
  await store.commit([{ sql, parameters: [] }]);
}

async function fill(store: Store, vault: Vault, project = 'default', count = COUNT): Promise<void> {
  const writes = Array.from({ length: count }, async (_, index) => {
    const name = `note ${String(index).padStart(5, '0')}`;
    const body = await sealText(vault, project, `notes/${name}`, `text ${index}`);
    const raw = await vault.seal(project, `raw/${name}`, Buffer.of(index & 255));
    return { sql: 'INSERT INTO notes VALUES (?, ?, ?, ?)', parameters: [project, name, body, raw] };
  });
  await store.commit(await Promise.all(writes));
}

function placesOf(store: Store, vault: Vault) {
  const shared = { store, table: 'notes', projectColumn: 'project', keyColumn: 'name' };
  return [
    sealedColumnPlace(vault, {
      ...shared,
      column: 'body',
      encoding: 'base64url',
      placeOf: (key) => `notes/${key}`,
    }),
    sealedColumnPlace(vault, { ...shared, column: 'raw', encoding: 'bytes', placeOf: (key) => `raw/${key}` }),
  ];
}

interface Note {
  readonly name: string;
  readonly body: string;
  readonly raw: Uint8Array;
}

async function versionsIn(store: Store, vault: Vault): Promise<number[]> {
  const rows = await store.query<Note>({
    sql: 'SELECT name, body, raw FROM notes ORDER BY name',
    parameters: [],
  });
  for (const [index, { name, body, raw }] of rows.entries()) {
    assert.equal(await openText(vault, 'default', `notes/${name}`, body), `text ${index}`);
    assert.deepEqual(Buffer.from(await vault.open('default', `raw/${name}`, raw)), Buffer.of(index & 255));
  }
  const versions = rows.flatMap(({ body, raw }) => [
    sealedVersion(Buffer.from(body, 'base64url')),
    sealedVersion(raw),
  ]);
  return [...new Set(versions)].toSorted((one, two) => one - two);
}

test('reseals every value with the new data key, and says how far it is', async () => {
  const place = await openPlace();
  try {
    const { store, vault } = place;
    await makeTable(store);
    await fill(store, vault);
    await vault.rotateDataKey('default');
    const progress: ResealProgress[] = [];
    const places = placesOf(store, vault);
    const results = await vault.reseal('default', places, { onProgress: (step) => progress.push(step) });
    assert.deepEqual(
      results.map(({ place, seen, rewritten, broken, isDone }) => ({
        place,
        seen,
        rewritten,
        broken,
        isDone,
      })),
      ['notes.body', 'notes.raw'].map((name) => ({
        place: name,
        seen: COUNT,
        rewritten: COUNT,
        broken: 0,
        isDone: true,
      })),
    );
    assert.deepEqual(
      progress.slice(0, 5).map(({ seen }) => seen),
      [100, 200, 300, COUNT, COUNT],
    );
    assert.deepEqual(await versionsIn(store, vault), [2]);
    // Nothing is left to do.
    const again: ResealProgress[] = [];
    await vault.reseal('default', places, { onProgress: (step) => again.push(step) });
    assert.equal(again.length, 0);
  } finally {
    await place.close();
  }
});

test('goes on where it was stopped', async () => {
  const place = await openPlace();
  try {
    const { store, vault } = place;
    await makeTable(store);
    await fill(store, vault);
    await vault.rotateDataKey('default');
    const stop = new AbortController();
    const stopped = vault.reseal('default', placesOf(store, vault), {
      signal: stop.signal,
      onProgress: ({ seen }) => seen === 200 && stop.abort(),
    });
    await assert.rejects(stopped, { name: 'AbortError' });
    assert.deepEqual(await versionsIn(store, vault), [1, 2]);
    const seen: number[] = [];
    await vault.reseal('default', placesOf(store, vault), { onProgress: (step) => seen.push(step.seen) });
    assert.equal(seen[0], 300);
    assert.deepEqual(await versionsIn(store, vault), [2]);
  } finally {
    await place.close();
  }
});

test('leaves a value as it is that somebody changes meanwhile, and counts one that does not open', async () => {
  const place = await openPlace();
  try {
    const { store, vault } = place;
    await makeTable(store);
    await fill(store, vault, 'default', 3);
    const set = (column: string, value: unknown, name: string) =>
      store.commit([{ sql: `UPDATE notes SET ${column} = ? WHERE name = ?`, parameters: [value, name] }]);
    await set('body', 'not sealed at all', 'note 00001');
    await vault.rotateDataKey('default');
    const [body] = placesOf(store, vault);
    assert.ok(body);
    const items = await body.list('default', null, 10);
    const theirs = await sealText(vault, 'default', 'notes/note 00002', 'changed');
    // Between what `rewrite` reads and what it writes.
    const racing: Vault = Object.assign(Object.create(vault) as Vault, {
      open: async (...parameters: Parameters<Vault['open']>) => {
        if (parameters[1] === 'notes/note 00002') await set('body', theirs, 'note 00002');
        return vault.open(...parameters);
      },
      seal: (...parameters: Parameters<Vault['seal']>) => vault.seal(...parameters),
    });
    const [racingBody] = placesOf(store, racing);
    assert.deepEqual(await racingBody?.rewrite('default', items), { rewritten: 1, broken: 1 });
    const [row] = await store.query<Note>({
      sql: `SELECT * FROM notes WHERE name = 'note 00002'`,
      parameters: [],
    });
    assert.equal(row?.body, theirs);
  } finally {
    await place.close();
  }
});

test('forgets retired data keys when nothing needs them, and not within the grace time', async () => {
  const clock = manualClock();
  const place = await openPlace({ clock });
  try {
    const { store, vault } = place;
    await makeTable(store);
    await fill(store, vault, 'default', 5);
    const straggler = await sealText(vault, 'default', 'notes/late', 'text 5');
    await vault.rotateDataKey('default');
    const places = placesOf(store, vault);
    await vault.reseal('default', places);
    // Sealed before the rotation and stored after the walk.
    const raw = await vault.seal('default', 'raw/zlate', Buffer.of(5));
    const late = await sealText(vault, 'default', 'notes/zlate', 'text 5');
    assert.equal(sealedVersion(Buffer.from(straggler, 'base64url')), 1);
    await store.commit([
      { sql: 'INSERT INTO notes VALUES (?, ?, ?, ?)', parameters: ['default', 'zlate', late, raw] },
    ]);
    await store.commit([
      {
        sql: 'INSERT INTO notes VALUES (?, ?, ?, NULL)',
        parameters: ['default', 'late', straggler],
      },
    ]);

    const early = { code: 'CORDON_RESEAL_INCOMPLETE' };
    assert.equal(await vault.forgettableAt('default'), clock.now() + LIMITS.retiredKeyGraceMs.value);
    clock.move(LIMITS.retiredKeyGraceMs.value - 1);
    await assert.rejects(vault.forgetRetiredKeys('default', places), early);
    clock.move(1);
    assert.equal(await vault.forgetRetiredKeys('default', places), 1);
    assert.equal(await vault.forgetRetiredKeys('default', places), 0);
    assert.equal(await vault.forgettableAt('default'), null);
    const [row] = await store.query<Note>({ sql: `SELECT * FROM notes WHERE name = 'late'`, parameters: [] });
    assert.equal(await openText(vault, 'default', 'notes/late', row?.body ?? ''), 'text 5');
    await assert.rejects(openText(vault, 'default', 'notes/late', straggler), { code: 'CORDON_KEY_MISSING' });
  } finally {
    await place.close();
  }
});

test('forgets no data key while a value does not open', async () => {
  const clock = manualClock();
  const place = await openPlace({ clock });
  try {
    const { store, vault } = place;
    await makeTable(store);
    await fill(store, vault, 'default', 2);
    const set = (raw: Uint8Array | undefined) =>
      store.commit([{ sql: `UPDATE notes SET raw = ? WHERE name = 'note 00001'`, parameters: [raw] }]);
    const [kept] = await store.query<Note>({
      sql: `SELECT * FROM notes WHERE name = 'note 00001'`,
      parameters: [],
    });
    await set(Buffer.alloc(60, 1));
    await vault.rotateDataKey('default');
    clock.move(LIMITS.retiredKeyGraceMs.value);
    const places = placesOf(store, vault);
    await assert.rejects(vault.forgetRetiredKeys('default', places), { code: 'CORDON_RESEAL_INCOMPLETE' });
    await set(kept?.raw);
    assert.equal(await vault.forgetRetiredKeys('default', places), 1);
    assert.deepEqual(await versionsIn(store, vault), [2]);
  } finally {
    await place.close();
  }
});

test('loses nothing when the process is killed in the middle of resealing, and goes on after it', async () => {
  const place = await openPlace();
  try {
    await makeTable(place.store);
    await fill(place.store, place.vault);
    await place.vault.rotateDataKey('default');
    await place.store.close();
    await killed(
      programOf(
        place.storePath,
        `
        const shared = { store, table: 'notes', projectColumn: 'project', keyColumn: 'name' };
        const place = sealedColumnPlace(vault, { ...shared, column: 'body', encoding: 'base64url', placeOf: (key) => 'notes/' + key });
        let batches = 0;
        // Killed with a batch that is rewritten in part, and not marked.
        const slow = { ...place, rewrite: async (project, items) => {
          batches += 1;
          if (batches < 3) return place.rewrite(project, items);
          await place.rewrite(project, items.slice(0, 30));
          console.log('kill me');
          return new Promise(() => {});
        } };
        await vault.reseal('default', [slow]);`,
      ),
    );
    const store = await openSqliteStore({ path: place.storePath });
    const vault = await openVault({ store, wrapper: localWrapper() });
    assert.deepEqual(await versionsIn(store, vault), [1, 2]);
    const steps: ResealProgress[] = [];
    const [body] = await vault.reseal('default', placesOf(store, vault), {
      onProgress: (step) => steps.push(step),
    });
    assert.equal(steps[0]?.seen, 300, 'two batches were marked');
    assert.deepEqual([body?.seen, body?.rewritten, body?.broken], [COUNT, COUNT - 30, 0]);
    assert.deepEqual(await versionsIn(store, vault), [2]);
    await store.close();
  } finally {
    await place.close();
  }
});
