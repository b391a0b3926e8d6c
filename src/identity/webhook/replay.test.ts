import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { LIMITS } from '../../contract/index.ts';
import { ReplayCache } from '../replay-cache.ts';
import {
  BODY,
  DATED,
  NOW,
  NOW_MS,
  SCHEMES,
  SIGN,
  STANDARD_SECRET,
  assertAccepted,
  assertRefused,
  clockAt,
  credentialsOf,
  open,
} from './webhook.fixture.ts';

describe('a replay', () => {
  it('is refused as long as its time would be accepted, and afterwards for its age', async () => {
    for (const scheme of DATED) {
      const clock = clockAt();
      const authenticator = open({ scheme, clock });
      const fields = SIGN[scheme]({ at: NOW + 100 });
      assert.equal((await authenticator.authenticate(credentialsOf(fields))).ok, true);
      for (const [ms, reason] of [
        [0, 'replayed'],
        [400_000, 'replayed'],
        [1, 'too old'],
      ] as const) {
        clock.move(ms);
        assert.deepEqual(await authenticator.authenticate(credentialsOf(fields)), { ok: false, reason });
      }
    }
  });

  it('is refused with another secret of the same sender', async () => {
    const next = `whsec_${randomBytes(32).toString('base64')}`;
    const authenticator = open({ scheme: 'standard', secrets: { OLD: STANDARD_SECRET, NEXT: next } });
    const old = SIGN.standard();
    const both = `${old['webhook-signature']} ${SIGN.standard({ secret: next })['webhook-signature']}`;
    const first = await authenticator.authenticate(credentialsOf({ ...old, 'webhook-signature': both }));
    assert.equal(first.ok, true);
    for (const secret of [STANDARD_SECRET, next]) {
      const verdict = await authenticator.authenticate(credentialsOf(SIGN.standard({ secret })));
      assert.deepEqual(verdict, { ok: false, reason: 'replayed' });
    }
  });

  it('is not what a sender does that tries again with a new time', async () => {
    for (const scheme of DATED) {
      const authenticator = open({ scheme });
      for (const at of [NOW, NOW + 1]) {
        const verdict = await authenticator.authenticate(credentialsOf(SIGN[scheme]({ at })));
        assert.equal(verdict.ok, true, scheme);
      }
    }
  });

  it('of GitHub is refused with the same body under another id, or the same id with another body, for its time', async () => {
    const clock = clockAt();
    const authenticator = open({ scheme: 'github', clock });
    const other = Buffer.from('other');
    const attempts: readonly [Record<string, string>, Buffer][] = [
      [SIGN.github(), BODY],
      [SIGN.github({ id: 'another-id' }), BODY],
      [SIGN.github({ body: other }), other],
      [SIGN.github({ body: other, id: '72D3162E-CC78-11E3-81AB-4C9367DC0958' }), other],
    ];
    const judgeAll = async () => {
      const verdicts: boolean[] = [];
      for (const [fields, body] of attempts)
        verdicts.push((await authenticator.authenticate(credentialsOf(fields, body))).ok);
      return verdicts;
    };
    assert.deepEqual(await judgeAll(), [true, false, false, false]);
    clock.move(LIMITS.webhookUntimedReplayMs.value - 1);
    assert.deepEqual(await judgeAll(), [false, false, false, false]);
    clock.move(1);
    assert.deepEqual(await judgeAll(), [true, false, false, false]);
    const fresh = await authenticator.authenticate(
      credentialsOf(SIGN.github({ body: other, id: 'x' }), other),
    );
    assert.equal(fresh.ok, true);
  });

  it('is refused by a new deployment that was given what the old one remembers', async () => {
    const clock = clockAt();
    const replays = new ReplayCache({ now: () => NOW_MS - 1000, monotonic: () => 0 });
    const setting = { scheme: 'slack' as const, clock, replays };
    await assertAccepted(setting, SIGN.slack());
    await assertRefused(setting, SIGN.slack(), /replayed/);
  });

  it('cannot be told when the memory is full, so that new deliveries are refused until it has room', () => {
    const clock = clockAt();
    const replays = new ReplayCache(clock, 3);
    for (const name of ['a', 'b', 'c']) assert.equal(replays.remember([name], NOW_MS + 5000), 'new');
    assert.equal(replays.remember(['d'], NOW_MS + 5000), 'full');
    assert.equal(replays.remember(['a'], NOW_MS + 5000), 'seen');
    clock.move(5000);
    assert.equal(replays.remember(['d', 'e', 'f', 'g'], NOW_MS + 9000), 'full');
    assert.equal(replays.remember(['d', 'e', 'f'], NOW_MS + 9000), 'new');
    assert.equal(replays.remember(['a'], NOW_MS + 9000), 'full');
    assert.equal(new ReplayCache(clock, 1).remember(['a'], NOW_MS + 9000), 'new');
  });

  it('is refused as well when there is no room to remember it', async () => {
    const clock = clockAt();
    const replays = new ReplayCache({ now: () => NOW_MS - 1000, monotonic: () => 0 }, 0);
    await assertRefused({ scheme: 'slack', clock, replays }, SIGN.slack(), /could not be judged/);
  });

  it('is let in where what was delivered came to nothing, and one that was refused takes nothing back', async () => {
    for (const scheme of SCHEMES) {
      const authenticator = open({ scheme });
      const judge = () => authenticator.authenticate(credentialsOf(SIGN[scheme]()));
      const first = await judge();
      assert.ok(first.ok);
      assert.equal((await judge()).ok, false);
      authenticator.revoke({ ...first.caller });
      assert.equal((await judge()).ok, false);
      authenticator.revoke(first.caller);
      const second = await judge();
      assert.equal(second.ok, true, scheme);
      authenticator.revoke(first.caller);
      assert.equal((await judge()).ok, false);
    }
  });
});
