import { setTimeout as delay } from 'node:timers/promises';
import { Keeper, REFLECTIONS } from '../keeper.ts';
import { eventually } from '../processes.ts';
import type { Row, Verdict } from '../row.ts';
import type { Stage } from '../stage.ts';
import { formsOf } from './egress.ts';

const ENCODED = /[A-Za-z0-9+/=_-]{12,}/g;
/** The rate of log lines is bounded by the second: each round has one of its own. */
const ROUND_MS = 1100;

/** Everything that an operator is shown: by the API, by the command, as it comes, and about security. */
async function records(stage: Stage, after: number): Promise<Record<string, string>> {
  const command = await stage.home.json('logs', '--app', 'keeper', '--limit', '1000');
  const security = await stage.home.json('logs', '--security', '--limit', '1000');
  const lines = await stage.logs({ app: 'keeper' });
  return {
    'the logs': JSON.stringify(lines.map(({ message }) => message)),
    'the messages of the logs': lines.map(({ message }) => message).join('\n'),
    'cordon logs': JSON.stringify(command),
    'the events': JSON.stringify(await stage.events(after)),
    'cordon logs --security': JSON.stringify(security),
  };
}

/** A text with what its encoded parts say. */
function decoded(text: string): string[] {
  const parts = text.match(ENCODED) ?? [];
  const hex = parts.filter((part) => /^[0-9a-f]+$/i.test(part));
  const unescaped = text.replaceAll(/%[0-9a-f]{2}/gi, (code) =>
    String.fromCharCode(Number.parseInt(code.slice(1), 16)),
  );
  return [
    text,
    unescaped,
    text.replaceAll(/\\(.)/g, '$1'),
    parts.map((part) => Buffer.from(part, 'base64').toString('latin1')).join('\n'),
    hex.map((part) => Buffer.from(part, 'hex').toString('latin1')).join('\n'),
  ];
}

/** What may not be found: the value in its forms, and the part of it that nobody could guess, in halves. */
function traces(value: string): string[] {
  const random = /[0-9a-f-]{32,36}/.exec(value)?.[0] ?? value;
  const half = random.length >> 1;
  return [...formsOf(value), random, random.slice(0, half), random.slice(half)];
}

function search(verdict: Verdict, seen: Record<string, string>, values: Record<string, string>): void {
  for (const [where, text] of Object.entries(seen)) {
    const readings = decoded(text);
    for (const [name, value] of Object.entries(values)) {
      const held = traces(value).flatMap((trace) =>
        readings.flatMap((reading) => {
          const at = reading.indexOf(trace);
          return at === -1 ? [] : [reading.slice(Math.max(0, at - 80), at + 60)];
        }),
      );
      verdict.unharmed(held.length === 0, `${name} is in ${where}: …${held[0]}…`);
    }
  }
}

const secretsInLogs: Row = {
  id: 'H4',
  title: 'secrets in log lines, errors, events and echoes: plain, encoded, split and cut',
  event: ['grant.denied'],
  async attack(stage, verdict) {
    const keeper = await Keeper.of(stage);
    const before = await stage.lastEvent();
    await keeper.silence('start');
    await keeper.restart();
    const mark = `mark-${crypto.randomUUID()}`;
    verdict.expect((await keeper.talk(mark, false)) === 200, 'the function that talks fails');
    await delay(ROUND_MS);
    verdict.expect((await keeper.talk(mark, true)) === 500, 'the function that throws does not');
    await keeper.silence(mark);
    const broken = await keeper.broken();
    verdict.expect(broken.status >= 500, `the function that cannot load answers ${broken.status}`);
    search(verdict, { 'the answer to the caller': broken.text }, { ATTACK_SPOKEN: keeper.spoken });
    await keeper.send(
      ...REFLECTIONS.map((how) => ({ url: `${keeper.allowed.url}/reflect?how=${how}`, mark })),
      {
        url: `${keeper.allowed.url}/redirect?to=${encodeURIComponent(`${keeper.other.url}/echo?k=`)}{own}`,
        mark,
      },
      { url: `${keeper.allowed.url}/redirect?to=${encodeURIComponent('http://x.invalid/?k=')}{own}`, mark },
    );
    // The last thing that is written: then all is there.
    const isThere = await eventually(async () => {
      const messages = (await stage.logs({ app: 'keeper' })).map(({ message }) => message);
      return ['rejected with', 'thrown in a timer', 'threw', 'last words', '/reflect?how=basic'].every(
        (part) => messages.some((message) => message.includes(mark) && message.includes(part)),
      );
    }, 5000);
    verdict.expect(isThere, 'what was said is not in the logs');
    const seen = await records(stage, before);
    search(verdict, seen, {
      ATTACK_SPOKEN: keeper.spoken,
      ATTACK_PLAIN: keeper.plain,
      ATTACK_KEY: keeper.key,
    });
    const marked = (await stage.logs({ app: 'keeper' })).filter(({ message }) => message.includes(mark));
    const masked = marked.filter(({ message }) => message.includes('[redacted]'));
    verdict.expect(masked.length >= 40, `${masked.length} of ${marked.length} lines are redacted`);
    verdict.expect(seen['the events']?.includes('[redacted]') ?? false, 'no event is redacted');
    verdict.note(`${masked.length} lines redacted`);
  },
  async twin(stage) {
    const keeper = await Keeper.of(stage);
    await keeper.silence('start');
    const mark = `mark-${crypto.randomUUID()}`;
    await keeper.talk(mark, false);
    const expected = `${mark} nothing secret {"a":"b\\"c"} ${btoa('nothing to hide here')}`;
    const isThere = await eventually(async () => {
      const lines = await stage.logs({ app: 'keeper', function: 'talker' });
      return lines.some(({ message, request }) => message === expected && request !== null);
    }, 5000);
    if (!isThere) throw new Error('an ordinary line is not in the logs as it was written');
  },
};

export const LOG_ROWS: readonly Row[] = [secretsInLogs];
