import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Balance } from './account.ts';
import { Stand, type Behaviour } from './stand.ts';

const REST_MS = 60_000;

let stand: Stand;

before(async () => {
  stand = await Stand.open();
});

after(async () => {
  await stand.server.stop();
  await stand.close();
});

function ids(count: number): string[] {
  return Array.from({ length: count }, () => stand.newId());
}

async function rest(title: string): Promise<Balance> {
  const balance = await stand.atRest(REST_MS);
  if (title !== 'before') stand.print(title, balance);
  assert.deepEqual([balance.missing, balance.astray, balance.forged], [[], [], []]);
  assert.equal(balance.waiting, 0);
  return balance;
}

test('a poison message in each batch is the only one that becomes a dead letter', async () => {
  const before = await rest('before');
  const poison: string[] = [];
  for (let batch = 0; batch < 5; batch += 1) {
    const good = ids(19);
    const bad = ids(1);
    assert.ok(await stand.send(good));
    assert.ok(await stand.send(bad, { mode: 'poison' }));
    poison.push(...bad);
  }
  const { delivered, dead } = await rest('poison');
  assert.equal(dead - before.dead, poison.length);
  assert.equal(delivered - before.delivered, 5 * 19);
});

for (const mode of ['spin', 'memory'] as const) {
  test(`code that ends its instance (${mode}) takes no other event with it`, async () => {
    const before = await rest('before');
    const behaviour: Behaviour = { mode };
    assert.ok(await stand.send(ids(2), behaviour));
    assert.ok(await stand.send(ids(40)));
    assert.ok(await stand.post('other', ids(40)));
    const { delivered, dead } = await rest(mode);
    assert.equal(dead - before.dead, 2);
    assert.equal(delivered - before.delivered, 80);
  });
}

test('a slow consumer is waited for, and others are served meanwhile', async () => {
  const slow = ids(60);
  for (let start = 0; start < slow.length; start += 20)
    assert.ok(await stand.post('taker', slow.slice(start, start + 20), { mode: 'slow', ms: 800 }));
  const quick = ids(20);
  const startedAt = performance.now();
  assert.ok(await stand.post('other', quick));
  const waitMs = 30_000;
  for (;;) {
    const { names } = await seenOf(quick);
    if (names === quick.length) break;
    assert.ok(performance.now() - startedAt < waitMs, 'the quick ones wait behind the slow ones');
  }
  const { dead } = await rest('slow');
  assert.ok(dead >= 0);
});

test('a storm of duplicates is one event', async () => {
  const before = await rest('before');
  const storm = ids(10);
  const offers = Array.from({ length: 200 }, () => stand.post('taker', storm));
  const acknowledged = await Promise.all(offers);
  assert.ok(acknowledged.some(Boolean));
  const { delivered, repeated } = await rest('duplicates');
  assert.equal(delivered - before.delivered, storm.length);
  assert.equal(repeated, before.repeated);
});

async function seenOf(wanted: readonly string[]): Promise<{ names: number }> {
  const response = await fetch(`${stand.server.gatewayUrl}/seen`);
  const { names } = (await response.json()) as { names: string[] };
  const found = new Set(names.map((name) => name.split(' ')[0]));
  return { names: wanted.filter((id) => found.has(id)).length };
}
