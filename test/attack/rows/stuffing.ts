import { LIMITS } from '../../../src/contract/index.ts';
import { sign } from '../../../src/identity/jwt/issuer.fixture.ts';
import { freshAddress } from '../caller.ts';
import { forgedKey, Guarded } from '../guarded.ts';
import { withoutInvocation } from '../invocations.ts';
import type { Row, Verdict } from '../row.ts';
import type { Answer, SecurityEventSeen, Stage } from '../stage.ts';

const PER_SOURCE = LIMITS.authFailuresPerSourceMax.value;
const PER_CREDENTIAL = LIMITS.authFailuresPerCredentialMax.value;
const COOLDOWN_S = LIMITS.authCooldownMs.value / 1000;

/** Credentials that somebody tries one after the other, each another one. */
const GUESSES: Readonly<Record<string, (guarded: Guarded, index: number) => Promise<Answer>>> = {
  'made-up keys': (guarded, index) => guess(guarded, '/guarded/keyed/x', `cordon_guess${index}`),
  'tokens of a strange key': async (guarded) =>
    guess(guarded, '/guarded/me/x', await sign(guarded.trap.signer, guarded.claims('ana'))),
  'keys as tokens and tokens as keys': (guarded, index) =>
    guess(guarded, index % 2 === 0 ? '/guarded/me/x' : '/guarded/keyed/x', `guess.${index}.x`),
};

let source = '';

function guess(guarded: Guarded, path: string, bearer: string): Promise<Answer> {
  return guarded.send(path, { bearer, from: source, headers: { 'x-forwarded-for': freshAddress() } });
}

function stuffing(events: readonly SecurityEventSeen[], by: string, name: string): SecurityEventSeen[] {
  return events.filter(
    ({ kind, detail }) => kind === 'auth.stuffing' && detail['by'] === by && detail['name'] === name,
  );
}

/** One source tries many credentials: it is refused, and whoever is known behind the same address is not. */
async function fromOneSource(stage: Stage, verdict: Verdict, guarded: Guarded): Promise<void> {
  const { key } = await guarded.key('honest');
  const bearer = await guarded.token('ana');
  for (const [name, tried] of Object.entries(GUESSES)) {
    source = freshAddress();
    const before = await stage.lastEvent();
    // Behind the same address: one that has called before, as a new token cannot be told from a guess.
    await guarded.served('/guarded/me/x', { bearer, from: source });
    await withoutInvocation(guarded, verdict, async () => {
      const statuses: number[] = [];
      for (let i = 0; i < PER_SOURCE + 20; i += 1) {
        const { status, headers } = await tried(guarded, i);
        statuses.push(status);
        const seconds = Number(headers.get('retry-after') ?? Number.NaN);
        if (status === 429) verdict.expect(seconds >= 1 && seconds <= COOLDOWN_S, `${name}: ${seconds} s`);
      }
      const refused = statuses.indexOf(429);
      verdict.expect(refused === PER_SOURCE + 1, `${name}: refused from try ${refused}`);
      verdict.expect(
        statuses.every((status, i) => status === (i < refused ? 401 : 429)),
        `${name}: ${statuses.join()}`,
      );
      // A new token may be a guess; a good one is not tried before the time is over.
      const late = await guarded.send('/guarded/me/x', {
        bearer: await guarded.token(crypto.randomUUID()),
        from: source,
      });
      verdict.expect(late.status === 429, `${name}: one more token: ${late.status}`);
    });
    const events = stuffing(await stage.events(before), 'source', source);
    verdict.expect(events.length === 1, `${name}: ${events.length} events`);
    for (const [who, sent] of Object.entries({ token: { bearer }, key: { bearer: key } })) {
      const path = who === 'token' ? '/guarded/me/x' : '/guarded/keyed/x';
      const { status } = await guarded.send(path, { ...sent, from: source });
      verdict.unharmed(status === 200, `${name}: a known ${who} behind the same address: ${status}`);
    }
    const other = await guarded.send('/guarded/me/x', { bearer: await guarded.token(crypto.randomUUID()) });
    verdict.unharmed(other.status === 200, `${name}: another address: ${other.status}`);
    const open = await guarded.send('/guarded/open/x', { from: source });
    verdict.unharmed(open.status === 200, `${name}: an open route: ${open.status}`);
  }
}

/** Many sources guess at one key: that is seen, and whoever has it is not locked out. */
async function againstOneKey(stage: Stage, verdict: Verdict, guarded: Guarded): Promise<void> {
  const target = await guarded.key('target');
  const before = await stage.lastEvent();
  await withoutInvocation(guarded, verdict, async () => {
    for (let i = 0; i < PER_CREDENTIAL + 5; i += 1) {
      const { status } = await guarded.send('/guarded/keyed/x', { bearer: forgedKey(target) });
      verdict.expect(status === 401, `a guess from a new address: ${status}`);
    }
  });
  const events = stuffing(await stage.events(before), 'credential', target.id);
  verdict.expect(events.length === 1, `a key that is guessed from everywhere: ${events.length} events`);
  const { status } = await guarded.send('/guarded/keyed/x', { bearer: target.key });
  verdict.unharmed(status === 200, `whoever has the key: ${status}`);
}

const credentialStuffing: Row = {
  id: 'H1',
  title: 'credential stuffing: many credentials from one source, one credential from many',
  event: ['auth.stuffing'],
  async attack(stage, verdict) {
    const guarded = await Guarded.of(stage);
    await fromOneSource(stage, verdict, guarded);
    await againstOneKey(stage, verdict, guarded);
  },
  async twin(stage) {
    const guarded = await Guarded.of(stage);
    const from = freshAddress();
    const before = await stage.lastEvent();
    // A caller that mistypes for a while, and one whose tokens have expired or that has none at all.
    for (let i = 0; i < PER_SOURCE; i += 1)
      await guarded.send('/guarded/keyed/x', { bearer: `mistyped-${i}`, from });
    const exp = Math.floor(Date.now() / 1000) - 300;
    const expired = await sign(guarded.signers.ed, guarded.claims('ana', { exp }));
    for (let i = 0; i < PER_SOURCE * 2; i += 1)
      await guarded.send('/guarded/me/x', { bearer: i % 2 === 0 ? null : expired, from });
    await guarded.served('/guarded/me/x', { bearer: await guarded.token('new'), from });
    const events = stuffing(await stage.events(before), 'source', from);
    if (events.length > 0) throw new Error('honest failures are taken for stuffing');
  },
};

export const STUFFING_ROWS: readonly Row[] = [credentialStuffing];
