import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { openText, sealText, sealedColumnPlace } from './sealed-column.ts';
import { openPlace, type Place } from './vault.fixture.ts';

const broken = { code: 'CORDON_SEAL_BROKEN' };
let place: Place;
before(async () => {
  place = await openPlace();
});
after(() => place.close());

test('seals text to text, and opens it at its place alone', async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'grapheme', maxLength: 200 }), async (text) => {
      const sealed = await sealText(place.vault, 'default', 'a', text);
      assert.match(sealed, /^[A-Za-z0-9_-]+$/);
      assert.equal(await openText(place.vault, 'default', 'a', sealed), text);
      await assert.rejects(openText(place.vault, 'default', 'b', sealed), broken);
    }),
    { numRuns: 50 },
  );
});

test('opens no other spelling of a sealed text', async () => {
  const sealed = await sealText(place.vault, 'default', 'a', 'ab');
  assert.equal(await openText(place.vault, 'default', 'a', sealed), 'ab');
  for (const text of [
    `${sealed}=`,
    `${sealed} `,
    ` ${sealed}`,
    sealed.slice(0, -1),
    '',
    'plain',
    `${sealed}\n`,
  ]) {
    await assert.rejects(openText(place.vault, 'default', 'a', text), broken, JSON.stringify(text));
  }
});

test('takes names of columns alone into its statements', () => {
  const column = {
    store: place.store,
    table: 'settings',
    projectColumn: 'project',
    keyColumn: 'name',
    column: 'value',
    encoding: 'bytes',
    placeOf: (key: string) => key,
  } as const;
  assert.equal(sealedColumnPlace(place.vault, column).name, 'settings.value');
  for (const name of ['', 'a"b', 'a; DROP TABLE settings', 'A']) {
    assert.throws(() => sealedColumnPlace(place.vault, { ...column, table: name }), {
      code: 'CORDON_INTERNAL',
    });
  }
});
