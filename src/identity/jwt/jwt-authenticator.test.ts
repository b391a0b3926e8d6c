import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LIMITS } from '../../contract/index.ts';
import { REASONS } from '../reasons.ts';
import { AUDIENCE, showing, sign, signer, specOf } from './issuer.fixture.ts';
import { checkJwt } from './jwt-authenticator.ts';
import { ec, ed, rsa, useIssuer } from './jwt.fixture.ts';

const stranger = signer('RS256', 'rsa-1');
const place = useIssuer();
const { accepted, good, judge, make, reasonFor, seconds } = place;

describe('a JWT is accepted', () => {
  it('with each algorithm that is allowed, and says who calls', async () => {
    for (const by of [rsa, ec, ed]) {
      const token = await sign(by, good({ scope: 'orders:read orders:write', scp: ['extra'] }));
      const caller = await accepted(token);
      assert.deepEqual(
        { ...caller, credential: '' },
        {
          kind: 'user',
          authenticator: 'jwt:customers',
          subject: 'ada',
          credential: '',
          scopes: ['orders:read', 'orders:write', 'extra'],
          claims: {},
          expiresAt: (seconds() + 600) * 1000 + 30_000,
        },
      );
      assert.equal(caller.credential.includes(token.slice(0, 10)), false);
    }
  });

  it('with the algorithms of the manifest instead of the default ones', async () => {
    const pss = make({ algorithms: ['PS256', 'ES256'] });
    const token = await sign({ ...rsa, algorithm: 'PS256' }, good());
    await accepted(token, pss);
    assert.equal(await reasonFor(token), 'its algorithm is not allowed');
    assert.equal(await reasonFor(await sign(rsa, good()), pss), 'its algorithm is not allowed');
    pss.close();
  });

  it('with several audiences, types of its kind, and a scheme in any case', async () => {
    await accepted(await sign(rsa, good({ aud: ['https://other.example', AUDIENCE] })));
    for (const typ of ['JWT', 'jwt', 'at+jwt', 'application/at+jwt'])
      await accepted(await sign(rsa, good(), { typ }));
    const token = await sign(ec, good());
    const verdict = await place.authenticator.authenticate(showing(`bEARER ${token}`));
    assert.equal(verdict.ok, true);
  });

  it('without a kid where one key alone fits', async () => {
    await accepted(await sign(ec, good(), { kid: undefined }));
    place.issuer.keys = [ec.jwk, signer('ES256', 'ec-2').jwk];
    place.clock.move(LIMITS.jwksLifetimeMs.value);
    assert.equal(await reasonFor(await sign(ec, good(), { kid: undefined })), 'it does not say which key');
  });

  it('within the skew of the clocks, at both ends', async () => {
    const skew = 30;
    await accepted(await sign(rsa, good({ exp: seconds() - skew + 1 })));
    assert.equal(await reasonFor(await sign(rsa, good({ exp: seconds() - skew }))), REASONS.expired);
    await accepted(await sign(rsa, good({ nbf: seconds() + skew })));
    assert.match(await reasonFor(await sign(rsa, good({ nbf: seconds() + skew + 1 }))), /its nbf/);
    await accepted(await sign(rsa, good({ iat: seconds() + skew })));
    assert.match(await reasonFor(await sign(rsa, good({ iat: seconds() + skew + 1 }))), /in the future/);
  });

  it('with the longest subject and the most scopes that there may be', async () => {
    const sub = 'é'.repeat(LIMITS.jwtSubjectBytesMax.value / 2);
    const scp = Array.from({ length: LIMITS.jwtScopesMax.value }, (_, index) => `s${index}`);
    const caller = await accepted(await sign(rsa, good({ sub, scp })));
    assert.equal(caller.subject, sub);
    assert.deepEqual(caller.scopes, scp);
  });

  it('at its longest, and not one byte longer', async () => {
    const base = (await sign(ed, good({ pad: '' }))).length;
    const most = LIMITS.jwtBytesMax.value;
    let size = Math.floor(((most - base) * 3) / 4) - 4;
    let token = '';
    for (; ; size += 1) {
      const next = await sign(ed, good({ pad: 'x'.repeat(size) }));
      if (next.length > most) {
        assert.equal(await reasonFor(next), 'the token is too long');
        break;
      }
      token = next;
    }
    assert.ok(token.length >= most - 2);
    await accepted(token);
  });
});

describe('claims', () => {
  it('are those that are declared, of the declared type', async () => {
    const claims = {
      plan: 'string',
      groups: 'strings',
      age: 'integer',
      admin: 'boolean',
      __proto__x: 'string',
    } as const;
    const by = make({ claims });
    const right = { plan: 'gold', groups: ['a', 'b'], age: 7, admin: true };
    assert.deepEqual((await accepted(await sign(rsa, good({ ...right, other: 'x' })), by)).claims, right);
    const wrong = { plan: ['gold'], groups: ['a', 1], age: 7.5, admin: 'true' };
    assert.deepEqual((await accepted(await sign(rsa, good(wrong)), by)).claims, {});
    by.close();
  });

  it('may be named as what every object has', async () => {
    const claims = Object.fromEntries([
      ['constructor', 'string'],
      ['__proto__', 'strings'],
    ] as const);
    const by = make({ claims });
    const caller = await accepted(await sign(rsa, good()), by);
    assert.deepEqual(Object.keys(caller.claims), []);
    const named = await accepted(await sign(rsa, { ...good(), ['constructor']: 'x' }), by);
    assert.deepEqual(Object.entries(named.claims), [['constructor', 'x']]);
    by.close();
  });

  it('may name the caller by another claim', async () => {
    const by = make({ subject: 'email' });
    assert.equal((await accepted(await sign(rsa, good({ email: 'a@example' })), by)).subject, 'a@example');
    assert.equal(await reasonFor(await sign(rsa, good()), by), 'it names no caller');
    by.close();
  });
});

describe('a verdict', () => {
  it('is given at once the second time, good or bad', async () => {
    const token = await sign(rsa, good());
    const bad = await sign(stranger, good());
    assert.ok(place.authenticator.authenticate(showing(`Bearer ${token}`)) instanceof Promise);
    await accepted(token);
    await judge(bad);
    assert.equal(place.authenticator.known(showing(`Bearer ${token}`))?.ok, true);
    for (const [shown, ok] of [
      [token, true],
      [bad, false],
    ] as const) {
      const verdict = place.authenticator.authenticate(showing(`Bearer ${shown}`));
      assert.ok(!(verdict instanceof Promise));
      assert.equal(verdict.ok, ok);
    }
  });

  it('is the same for requests that come together', async () => {
    const token = await sign(rsa, good());
    const [one, other] = await Promise.all([judge(token), judge(token)]);
    assert.equal(one, other);
  });

  it('ends when the token does', async () => {
    const token = await sign(rsa, good({ exp: seconds() + 60 }));
    const caller = await accepted(token);
    place.clock.move(89_999);
    assert.equal((await judge(token)).ok, true);
    assert.equal(place.authenticator.isCurrent(caller), true);
    place.clock.move(1);
    assert.equal(await reasonFor(token), REASONS.expired);
    assert.equal(place.authenticator.isCurrent(caller), false);
  });

  it('is not prolonged by a clock that is set back', async () => {
    const token = await sign(rsa, good({ exp: seconds() + 60 }));
    const caller = await accepted(token);
    place.clock.move(80_000);
    place.clock.jump(-40_000);
    assert.equal(place.authenticator.isCurrent(caller), true);
    place.clock.move(10_000);
    // By the wall clock the token has 40 s left, and is judged anew; who was let in before is not.
    assert.equal(place.authenticator.isCurrent(caller), false);
    assert.equal(place.authenticator.known(showing(`Bearer ${token}`)), null);
    place.clock.move(40_000);
    assert.equal(await reasonFor(token), REASONS.expired);
  });

  it('does not come back where the clock is before the token was made', async () => {
    const token = await sign(rsa, good({ exp: seconds() + 60 }));
    await accepted(token);
    place.clock.move(200_000);
    assert.equal(await reasonFor(token), REASONS.expired);
    place.clock.jump(-300_000);
    place.clock.move(LIMITS.jwtRefusalMs.value);
    assert.equal(await reasonFor(token), 'it was issued in the future');
  });

  it('falls when the issuer takes back the key', async () => {
    const token = await sign(rsa, good({ exp: seconds() + 36_000 }));
    const caller = await accepted(token);
    place.issuer.keys = [ec.jwk];
    place.clock.move(LIMITS.jwksLifetimeMs.value - 1);
    assert.equal((await judge(token)).ok, true);
    place.clock.move(1);
    assert.equal(await reasonFor(token), 'its key is not known');
    assert.equal(place.authenticator.isCurrent(caller), false);
  });

  it('is not given for a caller of another authenticator', async () => {
    const other = make();
    const caller = await accepted(await sign(rsa, good()), other);
    assert.equal(other.isCurrent(caller), true);
    assert.equal(place.authenticator.isCurrent(caller), false);
    other.close();
  });

  it('of a good token is not driven out by garbage', async () => {
    const token = await sign(rsa, good());
    await accepted(token);
    for (let index = 0; index < LIMITS.jwtRefusalsMax.value + 10; index += 1) await judge(`a.b.${index}AAA`);
    assert.equal(place.authenticator.known(showing(`Bearer ${token}`))?.ok, true);
  });
});

describe('a deployment', () => {
  it('may take keys over https, and over http where private networks are allowed', () => {
    const http = 'http://issuer.example';
    const https = 'https://issuer.example';
    const closed = { unsafePrivate: false };
    checkJwt('a', specOf(https, closed));
    checkJwt('a', specOf(http, { ...closed, jwks: `${https}/keys` }));
    checkJwt('a', specOf(http));
    for (const spec of [specOf(http, closed), specOf(https, { ...closed, jwks: `${http}/keys` })])
      assert.throws(() => checkJwt('a', spec), { code: 'CORDON_AUTH_INVALID' });
  });
});
