import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { queryBuilder } from '../../store/index.ts';
import { REASONS } from '../reasons.ts';
import { showing } from '../jwt/issuer.fixture.ts';
import { useKeys } from './api-key.fixture.ts';
import { ApiKeyStore } from './api-key-store.ts';
import { keyIdIn, newKey } from './key-text.ts';

const place = useKeys();
const { make, create, judge, callerOf } = place;

/** A text with the checksum that its other characters ask for, as only code would write it. */
function forged(id: string): string {
  for (;;) {
    const { key } = newKey();
    const text = key.reveal();
    if (keyIdIn(text) !== id) return text;
  }
}

describe('a text is refused as an API key', () => {
  const cases: readonly (readonly [title: string, reason: RegExp, make: (text: string) => string])[] = [
    ['where nobody made it', /no such key/, () => newKey().key.reveal()],
    [
      'with the id of another key',
      /no API key/,
      (text) => forged('').slice(0, 7) + text.slice(7, 15) + forged('').slice(15),
    ],
    ['with another secret', /no API key/, (text) => text.slice(0, 16) + 'A'.repeat(43) + text.slice(59)],
    ['with one other character', /no API key/, (text) => swap(text, 20)],
    ['with two characters exchanged', /no API key/, (text) => exchange(text)],
    ['with another checksum', /no API key/, (text) => swap(text, 60)],
    ['without its checksum', /no API key/, (text) => text.slice(0, -6)],
    ['without its prefix', /no API key/, (text) => text.slice('cordon_'.length)],
    ['with another prefix', /no API key/, (text) => `cordom_${text.slice(7)}`],
    ['with its prefix in capitals', /no API key/, (text) => `CORDON_${text.slice(7)}`],
    ['with its id in capitals', /no API key/, (text) => text.slice(0, 7) + 'ABCDEFGH' + text.slice(15)],
    ['all in lower case', /no API key/, (text) => text.toLowerCase().replace(/.$/, 'z')],
    ['cut', /no API key/, (text) => text.slice(0, 40)],
    ['with a character more', /no API key/, (text) => `${text}0`],
    ['with a character less', /no API key/, (text) => text.slice(0, -1)],
    ['twice', /no API key/, (text) => text + text],
    ['with padding', /no API key/, (text) => `${text}=`],
    ['with a dash in its place', /no API key/, (text) => text.replace(/_/g, '-')],
    ['of the same length', /no API key/, (text) => 'a'.repeat(text.length)],
    ['with its id alone', /no API key/, (text) => text.slice(7, 15)],
    ['that is very long', /no API key/, () => 'a'.repeat(30_000)],
    ['that is a control token', /no API key/, () => `cordon_${'A'.repeat(49)}`],
    ['that is a JWT', /no API key/, () => 'eyJhbGciOiJub25lIn0.e30.AA'],
    ['with the alphabet of base64', /no API key/, (text) => `${text.slice(0, 30)}-${text.slice(31)}`],
    ['with __proto__ as its id', /no API key/, (text) => `${text.slice(0, 7)}__proto_${text.slice(15)}`],
    ['with a slash', /no API key/, (text) => `${text.slice(0, 30)}/${text.slice(31)}`],
  ];
  for (const [title, reason, write] of cases) {
    it(title, async () => {
      const { text } = await create();
      assert.match(judge(write(text)), reason);
      assert.equal(judge(text), 'accepted');
    });
  }

  function swap(text: string, at: number): string {
    return text.slice(0, at) + (text[at] === 'x' ? 'y' : 'x') + text.slice(at + 1);
  }

  function exchange(text: string): string {
    for (let at = 16; ; at += 1) {
      const [one = '', other = ''] = text.slice(at, at + 2);
      if (one !== other) return text.slice(0, at) + other + one + text.slice(at + 2);
    }
  }

  it('with a secret that is wrong under a checksum that is right', async () => {
    const { id, text } = await create();
    // As the store would hold it if its row were changed.
    await place.store.commit([
      queryBuilder('sqlite')
        .updateTable('api_keys')
        .set({ sha256: '00'.repeat(32) })
        .compile(),
    ]);
    const changed = make({ keys: await ApiKeyStore.open({ store: place.store, clock: place.clock }) });
    assert.equal(judge(text, changed), 'its secret is wrong');
    assert.equal(callerOf(text).subject, id);
  });

  it('of another app, authenticator or project', async () => {
    for (const realm of [{ app: 'other' }, { authenticator: 'staff' }, { project: 'other' }]) {
      const { text } = await create(realm);
      assert.equal(judge(text), 'the key is for something else');
    }
    const { text } = await create({ app: 'other' });
    const there = make({ app: 'other' });
    assert.equal(judge(text, there), 'accepted');
    assert.equal(place.authenticator.isCurrent(callerOf(text, there)), false);
    assert.equal(make({ name: 'staff' }).isCurrent(callerOf(text, there)), false);
  });
});

describe('the fields of a key are refused', () => {
  const cases: readonly (readonly [string, (text: string) => readonly [string | null, string?]])[] = [
    ['when both are there', (text) => [`Bearer ${text}`, text]],
    ['when the other holds something else', (text) => [`Bearer ${text}`, 'x']],
    ['when the other is empty', (text) => [`Bearer ${text}`, '']],
    ['when another scheme stands beside it', (text) => ['Basic YTpi', text]],
    ['of another scheme', (text) => [`Basic ${text}`]],
    ['without a scheme', (text) => [text]],
    ['with two keys', (text) => [`Bearer ${text} ${text}`]],
    ['with a comma', (text) => [`Bearer ${text},`]],
    ['with a space after', (text) => [`Bearer ${text} `]],
    ['with a tab', (text) => [`Bearer\t${text}`]],
    ['with a scheme in the other field', (text) => [null, `Bearer ${text}`]],
    ['with a space in the other field', (text) => [null, ` ${text}`]],
    ['with a line break in the other field', (text) => [null, `${text}\n`]],
    ['with a list in the other field', (text) => [null, `${text}, ${text}`]],
  ];
  for (const [title, write] of cases) {
    it(title, async () => {
      const { text } = await create();
      const [authorization, field] = write(text);
      const shown = showing(authorization, field === undefined ? {} : { 'x-api-key': field });
      assert.equal(place.authenticator.authenticate(shown).ok, false);
      assert.equal(judge(text), 'accepted');
    });
  }

  it('when there are none', () => {
    assert.deepEqual(place.authenticator.authenticate(showing(null)), { ok: false, reason: REASONS.missing });
  });
});

it('any change of a character makes a key useless', async () => {
  const { text } = await create();
  const characters = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-. ';
  fc.assert(
    fc.property(
      fc.nat(text.length - 1),
      fc.constantFrom(...characters.split('')),
      fc.constantFrom('replace', 'insert', 'remove'),
      (at, character, how) => {
        const changed =
          text.slice(0, at) +
          (how === 'remove' ? '' : character) +
          text.slice(how === 'insert' ? at : at + 1);
        // Any number of spaces may stand before it (RFC 9110 section 11.4).
        fc.pre(changed.trimStart() !== text);
        assert.notEqual(judge(changed), 'accepted');
        assert.equal(place.authenticator.authenticate(showing(null, { 'x-api-key': changed })).ok, false);
      },
    ),
    { numRuns: 2000 },
  );
  assert.equal(judge(text), 'accepted');
});
