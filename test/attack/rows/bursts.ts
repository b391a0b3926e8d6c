import { freshAddress } from '../caller.ts';
import { Guarded } from '../guarded.ts';
import type { Row, Verdict } from '../row.ts';
import type { Answer } from '../stage.ts';

/** What the manifest allows in a minute, and at once. */
const RATE = 20;
const BURST = 60;
/** What comes back within the time of a burst: one in three seconds. */
const REFILLED_MAX = 3;
const OTHERS = 12;
const P99_MS_MAX = 1000;

type Call = (index: number) => Promise<Answer>;

/** Calls again and again, at once, until it is told to stop. */
async function burst(call: Call, isOver: () => boolean): Promise<Answer[]> {
  const answers: Answer[] = [];
  do answers.push(...(await Promise.all(Array.from({ length: BURST }, (_, index) => call(index)))));
  while (!isOver());
  return answers;
}

function judge(verdict: Verdict, name: string, answers: readonly Answer[]): void {
  const served = answers.filter(({ status }) => status === 200);
  const limited = answers.filter(({ status }) => status === 429);
  verdict.expect(
    served.length <= RATE + REFILLED_MAX,
    `${name}: ${served.length} of ${answers.length} served`,
  );
  verdict.expect(
    served.length + limited.length === answers.length,
    `${name}: other answers than 200 and 429`,
  );
  for (const { headers } of limited) {
    const seconds = Number(headers.get('retry-after') ?? Number.NaN);
    verdict.expect(seconds >= 1 && seconds <= 60, `${name}: Retry-After ${headers.get('retry-after')}`);
  }
  verdict.note(`${name}: ${limited.length} of ${answers.length} limited`);
}

async function timed(call: () => Promise<Answer>): Promise<{ readonly status: number; readonly ms: number }> {
  const start = performance.now();
  const { status } = await call();
  return { status, ms: performance.now() - start };
}

const bursts: Row = {
  id: 'C10',
  title: 'bursts past the rate of a subject, of a key and of an address, while others call',
  event: ['limit.exceeded'],
  async attack(stage, verdict) {
    const guarded = await Guarded.of(stage);
    const greedy = crypto.randomUUID();
    // One subject by several tokens and from several addresses is one subject all the same.
    const tokens = await Promise.all([1, 2, 3].map(() => guarded.token(greedy)));
    const { key } = await guarded.key('greedy');
    const from = freshAddress();
    const kinds: Readonly<Record<string, readonly [Call, () => Promise<() => Promise<Answer>>]>> = {
      subject: [
        (index) => guarded.send('/guarded/rated', { bearer: tokens[index % 3] ?? null }),
        async () => {
          const bearer = await guarded.token(crypto.randomUUID());
          return () => guarded.send('/guarded/rated', { bearer });
        },
      ],
      key: [
        (index) =>
          guarded.send(
            '/guarded/keyed-rated',
            index % 2 === 0 ? { bearer: key } : { headers: { 'x-api-key': key } },
          ),
        async () => {
          const other = await guarded.key('modest');
          return () => guarded.send('/guarded/keyed-rated', { bearer: other.key });
        },
      ],
      address: [
        (index) =>
          guarded.send(`/guarded/counted/${index}`, {
            from,
            headers: { 'x-forwarded-for': `192.0.2.${index}` },
          }),
        () => {
          const other = freshAddress();
          return Promise.resolve(() => guarded.send('/guarded/counted/x', { from: other }));
        },
      ],
    };
    for (const [name, [call, prepare]] of Object.entries(kinds)) {
      const other = await prepare();
      const alone = await timed(other);
      const times: number[] = [];
      const state = { isOver: false };
      const bursting = burst(call, () => state.isOver);
      try {
        for (let i = 0; i < OTHERS; i += 1) {
          const { status, ms } = await timed(other);
          verdict.unharmed(status === 200, `${name}: another caller is answered with ${status}`);
          times.push(ms);
        }
      } finally {
        state.isOver = true;
      }
      judge(verdict, name, await bursting);
      const worst = Math.max(...times);
      verdict.unharmed(worst < P99_MS_MAX, `${name}: another caller waited ${Math.round(worst)} ms`);
      verdict.note(`another: ${Math.round(alone.ms)} ms alone, at worst ${Math.round(worst)} ms`);
    }
  },
  async twin(stage) {
    const guarded = await Guarded.of(stage);
    const bearer = await guarded.token(crypto.randomUUID());
    const answers = await Promise.all(
      Array.from({ length: RATE }, () => guarded.send('/guarded/rated', { bearer })),
    );
    const statuses = new Set(answers.map(({ status }) => status));
    if ([...statuses].join() !== '200') throw new Error(`as many as allowed: ${[...statuses].join()}`);
  },
};

export const BURST_ROWS: readonly Row[] = [bursts];
