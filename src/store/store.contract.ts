import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { LIMITS } from '../contract/index.ts';
import type { Store } from './port.ts';
import { queryBuilder } from './query-builder.ts';

/** What every adapter of the store promises. `open` gives an empty one. */
export function storeContract(adapter: string, open: () => Promise<Store>): void {
  suite(`the ${adapter} store`, () => {
    let store: Store;
    before(async () => {
      store = await open();
    });
    after(() => store.close());

    const insert = (name: string, value = '0') =>
      queryBuilder(store.dialect).insertInto('settings').values({ name, value }).compile();
    const update = (name: string, value: string) =>
      queryBuilder(store.dialect).updateTable('settings').set({ value }).where('name', '=', name).compile();
    const valueOf = async (name: string): Promise<string | undefined> => {
      const select = queryBuilder(store.dialect)
        .selectFrom('settings')
        .select('value')
        .where('name', '=', name);
      return (await store.query<{ value: string }>(select.compile()))[0]?.value;
    };

    test('reads what was committed, and says how many rows each write changed', async () => {
      assert.deepEqual(
        await store.commit([insert('a1'), insert('a2'), update('a1', '1'), update('a9', '1')]),
        [1, 1, 1, 0],
      );
      assert.equal(await valueOf('a1'), '1');
      assert.equal(await valueOf('a9'), undefined);
    });

    test('takes back a whole transaction when one write changes another number of rows than it must', async () => {
      await store.commit([{ ...insert('b1'), changes: 1 }]);
      await assert.rejects(
        store.commit([insert('b2'), { ...update('none', '1'), changes: 1 }, insert('b3')]),
        {
          code: 'CORDON_STORE_CONFLICT',
        },
      );
      assert.equal(await valueOf('b1'), '0');
      assert.equal(await valueOf('b2'), undefined);
      assert.equal(await valueOf('b3'), undefined);
    });

    test('calls a key that exists already a conflict, and a statement that cannot run a failure', async () => {
      await store.commit([insert('c1')]);
      await assert.rejects(store.commit([insert('c1')]), { code: 'CORDON_STORE_CONFLICT' });
      const broken = { sql: 'INSERT INTO nowhere VALUES (1)', parameters: [] };
      await assert.rejects(store.commit([insert('c2'), broken]), { code: 'CORDON_STORE_FAILED' });
      assert.equal(await valueOf('c2'), undefined);
    });

    test('lets transactions that are made durable together fail one by one', async () => {
      const results = await Promise.allSettled([
        store.commit([insert('d1')]),
        store.commit([insert('d2'), insert('d1')]),
        store.commit([{ sql: 'INSERT INTO nowhere VALUES (1)', parameters: [] }]),
        store.commit([insert('d3')]),
        store.commit([insert('d4'), { ...update('none', '1'), changes: 1 }]),
        store.commit([insert('d4')]),
      ]);
      assert.deepEqual(
        results.map(({ status }) => status),
        ['fulfilled', 'rejected', 'rejected', 'fulfilled', 'rejected', 'fulfilled'],
      );
      assert.equal(await valueOf('d2'), undefined);
      assert.equal(await valueOf('d3'), '0');
      assert.equal(await valueOf('d4'), '0');
    });

    test('gives one winner to those who change the same row at the same time', async () => {
      await store.commit([insert('e1', 'free')]);
      const take = (by: string) =>
        queryBuilder(store.dialect)
          .updateTable('settings')
          .set({ value: by })
          .where('name', '=', 'e1')
          .where('value', '=', 'free')
          .compile();
      const results = await Promise.allSettled(
        Array.from({ length: 20 }, (_, index) => store.commit([{ ...take(`${index}`), changes: 1 }])),
      );
      assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
      assert.equal(await valueOf('e1'), '0');
    });

    test('keeps a write from ending the transaction of its neighbours', async () => {
      for (const sql of ['COMMIT', 'ROLLBACK', 'SAVEPOINT mine', 'RELEASE one', 'ROLLBACK TO one', 'BEGIN']) {
        const results = await Promise.allSettled([
          store.commit([insert(`f ${sql}`)]),
          store.commit([insert(`g ${sql}`), { sql, parameters: [] }]),
          store.commit([insert(`h ${sql}`)]),
        ]);
        assert.deepEqual(
          results.map(({ status }) => status),
          ['fulfilled', 'rejected', 'fulfilled'],
          sql,
        );
        assert.equal(await valueOf(`g ${sql}`), undefined, sql);
        assert.equal(await valueOf(`h ${sql}`), '0', sql);
      }
    });

    test('does not write by a query', async () => {
      await store.commit([insert('i1')]);
      await assert.rejects(store.query({ sql: `DELETE FROM settings WHERE name = 'i1'`, parameters: [] }), {
        code: 'CORDON_STORE_FAILED',
      });
      assert.equal(await valueOf('i1'), '0');
    });

    test('keeps text apart from SQL, whatever it holds', async () => {
      const attack = `'; DROP TABLE settings; --"\\\u0000\u{1f600}`;
      await store.commit([insert(attack, attack)]);
      assert.equal(await valueOf(attack), attack);
      assert.equal(await valueOf(`' OR '1' = '1`), undefined);
      assert.equal(await valueOf('a1'), '1');
    });

    test('refuses parameters that no column holds, without harm to the neighbours', async () => {
      const results = await Promise.allSettled([
        store.commit([insert('k1')]),
        store.commit([{ ...insert('k2'), parameters: ['k2', () => 1] }]),
        store.commit([{ ...insert('k3'), parameters: ['k3', true] }]),
        store.commit([insert('k4')]),
        store.query({ ...insert('k5'), parameters: [undefined, {}] }),
      ]);
      assert.deepEqual(
        results.map((result) =>
          result.status === 'rejected' ? (result.reason as { code: string }).code : '',
        ),
        ['', 'CORDON_STORE_FAILED', 'CORDON_STORE_FAILED', '', 'CORDON_STORE_FAILED'],
      );
    });

    test('takes as many commits at once as its bound, and refuses the one past it', async () => {
      const max = LIMITS.storeQueueMax.value;
      const waiting = Array.from({ length: max }, (_, index) => store.commit([insert(`l${index}`)]));
      await assert.rejects(store.commit([insert('l one more')]), { code: 'CORDON_OVERLOADED' });
      const results = await Promise.allSettled(waiting);
      assert.equal(results.filter(({ status }) => status === 'fulfilled').length, max);
      assert.equal(await valueOf('l one more'), undefined);
      await store.commit([insert('l one more')]);
    });

    test('makes what it accepted durable before it closes, and takes nothing after', async () => {
      const other = await open();
      const accepted = [other.commit([insert('m1')]), other.commit([insert('m2')])];
      await Promise.all([other.close(), other.close()]);
      assert.deepEqual(await Promise.all(accepted), [[1], [1]]);
      await assert.rejects(other.commit([insert('m3')]), { code: 'CORDON_STORE_FAILED' });
      await assert.rejects(other.query({ sql: 'SELECT 1', parameters: [] }), { code: 'CORDON_STORE_FAILED' });
    });
  });
}
