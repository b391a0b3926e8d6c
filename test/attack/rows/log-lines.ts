import { sign } from '../../../src/identity/jwt/issuer.fixture.ts';
import { Guarded } from '../guarded.ts';
import { eventually } from '../processes.ts';
import type { Row, Verdict } from '../row.ts';
import type { Stage } from '../stage.ts';

const WAIT_MS = 5000;
const ESC = '\u001b';
/** What acts on a terminal, ends a line or reorders it. Line feeds are between the lines of a command. */
// oxlint-disable-next-line no-control-regex -- control characters are what it is about
const RAW = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/;
/** How a line of `cordon logs` begins; nothing else is a line. */
const LINE = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} (?:debug|info|warn|error|low|medium|high) /;

/** Texts that would be a line of the platform, or hide one, if they were printed as they are. */
function injections(mark: string): string[] {
  const fake = `2026-01-01 00:00:00.000 error victim/main cordon: GET /victim/admin/x 200 forged ${mark}`;
  return [
    `${mark}\n${fake}`,
    `${mark}\r\n${fake}`,
    `${mark}\r${fake}`,
    `${mark}\u2028${fake}\u2029${fake}`,
    `${mark}\u0085${fake}`,
    `${mark}\u000b${fake}\u000c${fake}`,
    `${mark}${ESC}[2K${ESC}[1A${ESC}[31m${fake}${ESC}[0m`,
    `${mark}${ESC}]0;title\u0007${ESC}]52;c;cm0gLXJm\u0007`,
    `${mark}\u009b2J\u009d0;x\u009c`,
    `${mark}\u202e${fake}\u202c\u2066x\u2069\u200f`,
    `${mark}\b\b\b\b\b\b\u0000\u007f`,
    `{"source":"platform","level":"error","app":"victim","request":null,"message":"${fake}"}`,
    `cordon: ${fake}`,
    fake,
  ];
}

/** Everything that an operator is shown, with the commands in the form that a person reads. */
async function printed(stage: Stage, verdict: Verdict, mark: string): Promise<void> {
  for (const args of [
    ['logs', '--app', 'guarded', '--limit', '1000'],
    ['logs', '--limit', '1000'],
    ['logs', '--security', '--limit', '1000'],
  ]) {
    const command = `cordon ${args.join(' ')}`;
    const { stdout } = await stage.home.run(...args);
    const raw = RAW.exec(stdout);
    const around =
      raw === null ? '' : JSON.stringify(stdout.slice(Math.max(0, raw.index - 40), raw.index + 20));
    verdict.unharmed(raw === null, `${command} prints ${around}`);
    const lines = stdout.split('\n').filter((line) => line !== '');
    const broken = lines.find((line) => !LINE.test(line));
    verdict.unharmed(broken === undefined, `${command} prints a line that is none: ${broken}`);
    // The place where a line says who wrote it is before all that a caller or code can say.
    const forged = lines.find(
      (line) => line.includes(mark) && (line.startsWith('2026-01-01') || /^\S+ \S+ \S+ +victim\//.test(line)),
    );
    verdict.unharmed(forged === undefined, `${command} prints a forged line: ${forged}`);
  }
}

async function recorded(stage: Stage, verdict: Verdict, mark: string, after: number): Promise<void> {
  const lines = (await stage.logs({ limit: '1000' })).filter(({ message }) => message.includes(mark));
  for (const { source, message, request } of lines) {
    verdict.unharmed(
      !RAW.test(message) && !message.includes('\n'),
      `a raw message: ${JSON.stringify(message)}`,
    );
    verdict.unharmed(
      !(source === 'platform' && message.startsWith('GET /victim')),
      `a forged line of the platform: ${message}`,
    );
    verdict.expect(request !== null, `a line without its request: ${message}`);
  }
  const victims = await stage.logs({ app: 'victim', limit: '1000' });
  verdict.unharmed(
    !victims.some(({ message }) => message.includes(mark)),
    'a line in the log of another app',
  );
  for (const event of await stage.events(after)) {
    verdict.unharmed(!RAW.test(event.reason), `a raw reason: ${JSON.stringify(event.reason)}`);
    verdict.unharmed(
      event.app !== 'victim' || !JSON.stringify(event).includes(mark),
      'an event of another app',
    );
  }
}

/** Says a text in every place that a caller has. */
async function sayAsCaller(stage: Stage, guarded: Guarded, text: string): Promise<void> {
  const encoded = encodeURIComponent(text.toWellFormed());
  const token = await guarded.token('ana');
  await guarded.send(`/guarded/open/${encoded}`);
  await guarded.send(`/guarded/objects/${encoded}`, { bearer: token });
  await guarded.send(`/guarded/open/x?${encoded}=${encoded}`);
  await guarded.send(`/guarded/orders?${encoded}=x`, { bearer: token });
  // By hand, as no client sends them.
  const bytes = Buffer.from(text).toString('latin1');
  const end = 'Host: a\r\nConnection: close\r\n\r\n';
  await stage.raw(`GET /guarded/open/${bytes} HTTP/1.1\r\n${end}`, { waitMs: 1000 });
  await stage.raw(`${bytes} /guarded/open/x HTTP/1.1\r\n${end}`, { waitMs: 1000 });
  await stage.raw(`GET /guarded/me/x HTTP/1.1\r\nX-A: ${bytes}\r\nAuthorization: ${bytes}\r\n${end}`, {
    waitMs: 1000,
  });
  await stage.raw(`GET /guarded/open/x HTTP/1.1\r\nHost: ${bytes}\r\nConnection: close\r\n\r\n`, {
    waitMs: 1000,
  });
  for (const claims of [{ sub: text }, { iss: text }, { aud: text }, { sub: 'ana', exp: text }]) {
    const bearer = await sign(guarded.signers.ed, guarded.claims('ana', claims));
    await guarded.send('/guarded/me/x', { bearer });
    await guarded.send('/guarded/objects/none', { bearer });
  }
  const strange = await sign(guarded.trap.signer, guarded.claims('ana'), { kid: text, typ: text });
  await guarded.send('/guarded/me/x', { bearer: strange });
  for (const body of [{ [text]: 1 }, { item: { [text]: 1 }, quantity: text }])
    await guarded.send('/guarded/orders', {
      method: 'POST',
      bearer: token,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
}

const logInjection: Row = {
  id: 'H3',
  title: 'log injection by path, query, fields, tokens, bodies and console.log: line ends, ANSI, reordering',
  event: null,
  async attack(stage, verdict) {
    const guarded = await Guarded.of(stage);
    const before = await stage.lastEvent();
    const mark = `mark-${crypto.randomUUID()}`;
    const texts = injections(mark);
    for (const text of texts) await sayAsCaller(stage, guarded, text);
    await guarded.served('/guarded/me/say', {
      method: 'POST',
      bearer: await guarded.token('ana'),
      body: JSON.stringify(texts),
    });
    const said = async (): Promise<number> =>
      (await stage.logs({ app: 'guarded' })).filter(
        ({ source, message }) => source === 'function' && message.includes(mark),
      ).length;
    verdict.expect(
      await eventually(async () => (await said()) === texts.length, WAIT_MS),
      `code said ${texts.length} lines, and ${await said()} are there`,
    );
    await printed(stage, verdict, mark);
    await recorded(stage, verdict, mark, before);
    verdict.note(`${texts.length} texts`);
  },
  async twin(stage) {
    const guarded = await Guarded.of(stage);
    const line = `${crypto.randomUUID()} Gr\u00fc\u00dfe \u4f60\u597d \u{1f469}\u200d\u{1f4bb} "quoted" \\ 100 %`;
    await guarded.served('/guarded/me/say', {
      method: 'POST',
      bearer: await guarded.token('ana'),
      body: JSON.stringify([line]),
    });
    const isThere = await eventually(async () => {
      const lines = await stage.logs({ app: 'guarded' });
      return lines.some(({ message, source }) => message === line && source === 'function');
    }, WAIT_MS);
    if (!isThere) throw new Error('an ordinary line is not in the logs as it was written');
  },
};

export const LOG_LINE_ROWS: readonly Row[] = [logInjection];
