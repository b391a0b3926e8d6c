import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { DATED, SCHEMES, SIGN, type Signing } from '../../../src/identity/webhook/webhook.fixture.ts';
import type { WebhookScheme } from '../../../src/manifest/index.ts';
import { Guarded, HOOK_SECRETS, refusedAlike } from '../guarded.ts';
import { withoutInvocation } from '../invocations.ts';
import { eventually } from '../processes.ts';
import type { Row, Verdict } from '../row.ts';
import type { Answer, Stage } from '../stage.ts';

/** Past the tolerance of five minutes. */
const STALE_SECONDS = 301;
const SIGNATURE: Readonly<Record<WebhookScheme, string>> = {
  standard: 'webhook-signature',
  github: 'x-hub-signature-256',
  stripe: 'stripe-signature',
  slack: 'x-slack-signature',
};

const REST_WAIT_MS = 10_000;
const lanesSchema = z.object({ lanes: z.array(z.object({ waiting: z.number() })) });

interface Delivery {
  readonly body: Buffer;
  readonly headers: Record<string, string>;
}

function now(): number {
  return Math.floor(Date.now() / 1000);
}

/** A delivery that has not been seen before, signed by its sender. */
function delivery(scheme: WebhookScheme, more: Signing = {}): Delivery {
  const body = Buffer.from(more.body ?? JSON.stringify({ paid: randomUUID() }));
  const signing = { body, at: now(), id: randomUUID(), secret: HOOK_SECRETS[scheme], ...more };
  return { body, headers: { 'content-type': 'application/json', ...SIGN[scheme](signing) } };
}

/** The same with a signature that is changed. */
function changed(scheme: WebhookScheme, change: (signature: string) => string): Delivery {
  const { body, headers } = delivery(scheme);
  const name = SIGNATURE[scheme];
  return { body, headers: { ...headers, [name]: change(headers[name] ?? '') } };
}

function without(scheme: WebhookScheme, name: string): Delivery {
  const { body, headers } = delivery(scheme);
  return { body, headers: Object.fromEntries(Object.entries(headers).filter(([key]) => key !== name)) };
}

/** Deliveries that nobody has to take. */
function forgeries(scheme: WebhookScheme): Record<string, Delivery> {
  const wrong = scheme === 'standard' ? `whsec_${Buffer.alloc(32, 9).toString('base64')}` : 'another secret';
  const good = delivery(scheme);
  const other = delivery(scheme);
  const made: Record<string, Delivery> = {
    'without a signature': without(scheme, SIGNATURE[scheme]),
    'with an empty signature': changed(scheme, () => ''),
    'with a signature cut by a letter': changed(scheme, (text) => text.slice(0, -1)),
    'with half a signature': changed(scheme, (text) => text.slice(0, -20)),
    'with the beginning of a signature': changed(scheme, (text) =>
      text.slice(0, text.search(/v1[,=]|=/) + 8),
    ),
    'with a longer signature': changed(scheme, (text) => `${text}00`),
    'with a letter changed': changed(scheme, (text) =>
      text.replace(/.(?==?$)/, (last) => (last === '0' ? '4' : '0')),
    ),
    'with the signature of another body': { body: good.body, headers: other.headers },
    'with a body that was changed': { body: Buffer.from(`${good.body.toString()} `), headers: good.headers },
    'with a body that was cut': { body: good.body.subarray(0, -1), headers: good.headers },
    'without a body': { body: Buffer.alloc(0), headers: good.headers },
    'by another secret': delivery(scheme, { secret: wrong }),
    'by the name of the secret': delivery(scheme, {
      secret:
        scheme === 'standard'
          ? `whsec_${Buffer.from('GUARDED_STANDARD'.padEnd(32)).toString('base64')}`
          : `GUARDED_${scheme.toUpperCase()}`,
    }),
    'by an older algorithm': changed(scheme, (text) =>
      text.replace('sha256=', 'sha1=').replace(/v[01]/, 'v9'),
    ),
  };
  if (!DATED.includes(scheme)) return { ...made, 'without its id': without(scheme, 'x-github-delivery') };
  made['that is stale'] = delivery(scheme, { at: now() - STALE_SECONDS });
  made['of long ago'] = delivery(scheme, { at: 1 });
  made['from the future'] = delivery(scheme, { at: now() + STALE_SECONDS + 2 });
  made['with a fresh date on a stale signature'] = redated(scheme);
  return made;
}

function redated(scheme: WebhookScheme): Delivery {
  const stale = delivery(scheme, { at: now() - STALE_SECONDS });
  const text = String(now());
  const headers = Object.fromEntries(
    Object.entries(stale.headers).map(([name, value]) => [
      name,
      name.endsWith('timestamp') ? text : value.replace(/^t=\d+/, `t=${text}`),
    ]),
  );
  return { body: stale.body, headers };
}

/** The same on routes that deliver from the log: nothing of what is refused becomes an event. */
async function throughTheLog(stage: Stage, guarded: Guarded, verdict: Verdict): Promise<void> {
  const post = (scheme: WebhookScheme, { body, headers }: Delivery, route = 'delivered'): Promise<Answer> =>
    guarded.send(`/guarded/${route}/${scheme}`, { method: 'POST', body, headers });
  const quietly = (action: () => Promise<Record<string, Answer>>): Promise<void> =>
    withoutInvocation(guarded, verdict, async () => {
      refusedAlike(verdict, await action(), 401, 'CORDON_UNAUTHENTICATED');
      await atRest(stage);
    });
  for (const scheme of SCHEMES) {
    await quietly(async () => {
      const answers: Record<string, Answer> = {};
      for (const [name, forged] of Object.entries(forgeries(scheme)))
        answers[`${scheme} ${name}, as an event`] = await post(scheme, forged);
      return answers;
    });
    const before = (await guarded.victimHits()).hits.length;
    const [taken, served, raced] = [delivery(scheme), delivery(scheme), delivery(scheme)];
    const { status } = await post(scheme, taken);
    verdict.expect(status === 202, `${scheme}: a good delivery, as an event: ${status}`);
    await post(scheme, served, 'hooks');
    await Promise.all(Array.from({ length: 10 }, () => post(scheme, raced)));
    await atRest(stage);
    const hits = (await guarded.victimHits()).hits.slice(before);
    const events = hits.filter((hit) => hit.startsWith(`EVENT cordon.webhook.${scheme} `));
    verdict.unharmed(
      hits.length === 3 && events.length === 2,
      `${scheme}: two deliveries are the events ${events.join(', ')}`,
    );
    // What one of the routes took is known to the other, too.
    await quietly(async () => ({
      [`${scheme} replayed, as an event`]: await post(scheme, taken),
      [`${scheme} replayed on another route`]: await post(scheme, taken, 'hooks'),
      [`${scheme} served, and replayed as an event`]: await post(scheme, served),
    }));
  }
  // What GitHub does not sign may be changed: it is the same event all the same.
  const sent = delivery('github');
  await post('github', sent);
  await atRest(stage);
  await withoutInvocation(guarded, verdict, async () => {
    for (const name of ['x-github-delivery', 'x-github-event'])
      await post('github', { ...sent, headers: { ...sent.headers, [name]: randomUUID() } });
    await atRest(stage);
  });
}

async function atRest(stage: Stage): Promise<void> {
  const isAtRest = await eventually(async () => {
    const { text } = await stage.control('GET', '/v1/event-lanes');
    return lanesSchema.parse(JSON.parse(text)).lanes.every(({ waiting }) => waiting === 0);
  }, REST_WAIT_MS);
  if (!isAtRest) throw new Error('events still wait');
}

const webhooks: Row = {
  id: 'C11',
  title: 'webhooks that are stale, replayed, cut, changed or signed by somebody else, in each scheme',
  event: ['auth.failed'],
  async attack(stage, verdict) {
    const guarded = await Guarded.of(stage);
    const post = (scheme: WebhookScheme, { body, headers }: Delivery, to = scheme): Promise<Answer> =>
      guarded.send(`/guarded/hooks/${to}`, { method: 'POST', body, headers });
    let count = 0;
    for (const scheme of SCHEMES) {
      await withoutInvocation(guarded, verdict, async () => {
        const answers: Record<string, Answer> = {};
        for (const [name, forged] of Object.entries(forgeries(scheme)))
          answers[`${scheme} ${name}`] = await post(scheme, forged);
        for (const other of SCHEMES.filter((name) => name !== scheme))
          answers[`${scheme} to ${other}`] = await post(scheme, delivery(scheme), other);
        refusedAlike(verdict, answers, 401, 'CORDON_UNAUTHENTICATED');
        count += Object.keys(answers).length;
      });
      const taken = delivery(scheme);
      const { status } = await post(scheme, taken);
      verdict.expect(status === 200, `${scheme}: a good delivery: ${status}`);
      await withoutInvocation(guarded, verdict, async () => {
        const again = { [`${scheme} replayed`]: await post(scheme, taken) };
        refusedAlike(verdict, again, 401, 'CORDON_UNAUTHENTICATED');
        const many = await Promise.all(Array.from({ length: 10 }, () => post(scheme, taken)));
        verdict.expect(
          many.every((answer) => answer.status === 401),
          `${scheme} replayed at once`,
        );
      });
      // The first of those that come at once is taken, and no other.
      const raced = delivery(scheme);
      const race = await Promise.all(Array.from({ length: 10 }, () => post(scheme, raced)));
      const won = race.filter((answer) => answer.status === 200).length;
      verdict.unharmed(won === 1, `${scheme}: one delivery was taken ${won} times`);
    }
    await throughTheLog(stage, guarded, verdict);
    verdict.note(`${count} deliveries`);
  },
  async twin(stage) {
    const guarded = await Guarded.of(stage);
    for (const scheme of SCHEMES) {
      for (const body of ['{"paid":true}', 'plain text \u00e4 \u0000', '']) {
        const sent = delivery(scheme, { body: Buffer.from(`${body}${randomUUID()}`) });
        const given = await guarded.served(`/guarded/hooks/${scheme}`, { method: 'POST', ...sent });
        if (given.body !== sent.body.toString())
          throw new Error(`${scheme}: the function is given ${given.body}`);
        const { headers, body: bytes } = delivery(scheme, { body: Buffer.from(`${body}${randomUUID()}`) });
        const path = `/guarded/delivered/${scheme}`;
        const { status } = await guarded.send(path, { method: 'POST', headers, body: bytes });
        if (status !== 202) throw new Error(`${scheme}, as an event: ${status}`);
      }
    }
  },
};

export const WEBHOOK_ROWS: readonly Row[] = [webhooks];
