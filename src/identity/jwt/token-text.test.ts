import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { REASONS } from '../reasons.ts';
import { showing, sign } from './issuer.fixture.ts';
import { ec, ed, rsa, useIssuer } from './jwt.fixture.ts';

const place = useIssuer();
const { accepted, good, judge } = place;

describe('an Authorization field is refused', () => {
  const malformed: readonly (readonly [string, (token: string) => string])[] = [
    ['of another scheme', (token) => `Basic ${token}`],
    ['without a scheme', (token) => token],
    ['with two tokens', (token) => `Bearer ${token} ${token}`],
    ['with two tokens and a comma', (token) => `Bearer ${token}, Bearer ${token}`],
    ['with a tab', (token) => `Bearer\t${token}`],
    ['with a space before', (token) => ` Bearer ${token}`],
    ['with a space after', (token) => `Bearer ${token} `],
    ['with a line break', (token) => `Bearer ${token}\n`],
    ['with a no-break space', (token) => `Bearer\u00a0${token}`],
    ['with a NUL', (token) => `Bearer ${token}\0`],
    ['with quotes', (token) => `Bearer "${token}"`],
    ['with a scheme alone', () => 'Bearer '],
    ['that is empty', () => ''],
    ['with the word token', (token) => `Bearer token=${token}`],
  ];
  for (const [title, write] of malformed) {
    it(title, async () => {
      const token = await sign(rsa, good());
      const verdict = await place.authenticator.authenticate(showing(write(token)));
      assert.equal(verdict.ok, false);
      await accepted(token);
    });
  }

  it('where there is none, at once', () => {
    assert.deepEqual(place.authenticator.authenticate(showing(null)), { ok: false, reason: REASONS.missing });
  });
});

it('any change of a character makes a JWT useless', async () => {
  for (const by of [rsa, ec, ed]) {
    const token = await sign(by, good());
    await accepted(token);
    const characters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ ';
    await fc.assert(
      fc.asyncProperty(
        fc.nat(token.length - 1),
        fc.constantFrom(...characters.split('')),
        fc.constantFrom('replace', 'insert', 'remove'),
        async (at, character, how) => {
          const changed =
            token.slice(0, at) +
            (how === 'remove' ? '' : character) +
            token.slice(how === 'insert' ? at : at + 1);
          // Any number of spaces may stand before it (RFC 9110 section 11.4).
          fc.pre(changed.trimStart() !== token);
          // Another one each time, or its refusals would be those that are remembered.
          assert.equal((await judge(changed)).ok, false);
        },
      ),
      { numRuns: 150 },
    );
  }
});
