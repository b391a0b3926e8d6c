import { once } from 'node:events';
import { Agent } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { WebSocket } from 'ws';
import { freshAddress, open } from '../caller.ts';
import { forgedKey, Guarded, refusedAlike, type ApiKey } from '../guarded.ts';
import { withoutInvocation } from '../invocations.ts';
import type { Row, Verdict } from '../row.ts';
import type { Answer, Stage } from '../stage.ts';

/** A revoked key is of no use after this. */
const REVOKED_MS_MAX = 1000;
const PATIENCE_MS = 5000;

/** What is open with a key when it is revoked. */
interface Opened {
  readonly from: string;
  readonly agent: Agent;
  readonly stream: IncomingMessage;
  readonly socket: WebSocket;
}

async function openAll(stage: Stage, guarded: Guarded, { key }: ApiKey): Promise<Opened> {
  const from = freshAddress();
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const headers = { authorization: `Bearer ${key}` };
  await guarded.served('/guarded/keyed/kept', { bearer: key, from, agent });
  const stream = await open(stage.gateway, '/guarded/keyed/stream', { headers });
  if (stream.statusCode !== 200) throw new Error(`the stream is answered with ${stream.statusCode}`);
  await once(stream, 'data');
  const socket = new WebSocket(`${stage.gateway.replace('http', 'ws')}/guarded/keyed/socket`, { headers });
  socket.on('error', () => undefined);
  await once(socket, 'open');
  socket.send('1');
  await once(socket, 'message');
  return { from, agent, stream, socket };
}

function close({ agent, stream, socket }: Opened): void {
  agent.destroy();
  stream.destroy();
  socket.terminate();
}

/** Milliseconds until something happens; infinity when it does not. */
async function until(start: number, happened: Promise<unknown>): Promise<number> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<number>((resolve) => {
    timer = setTimeout(() => resolve(Number.POSITIVE_INFINITY), PATIENCE_MS);
  });
  const ms = happened.then(() => performance.now() - start);
  return Promise.race([ms, patience]).finally(() => clearTimeout(timer));
}

async function callUntilRefused(guarded: Guarded, { key }: ApiKey, opened: Opened): Promise<void> {
  for (;;) {
    const { from, agent } = opened;
    const { status } = await guarded.send('/guarded/keyed/kept', { bearer: key, from, agent });
    if (status !== 200) return;
  }
}

async function revoke(stage: Stage, { id }: ApiKey): Promise<void> {
  const { status, text } = await stage.control('DELETE', `/v1/api-keys/${id}`);
  if (status !== 200) throw new Error(`the key is not revoked: ${status} ${text}`);
}

/** Texts that are nearly a key. */
function near(made: ApiKey, other: ApiKey): Record<string, string> {
  const { key, id } = made;
  return {
    'a key with another secret and its checksum': forgedKey(made),
    'a key with another last letter': `${key.slice(0, -1)}${key.endsWith('x') ? 'y' : 'x'}`,
    'a key without its last letter': key.slice(0, -1),
    'a key in capitals': key.toUpperCase(),
    'an id with the rest of another key': `cordon_${id}_${other.key.split('_')[2] ?? ''}`,
    'an id': id,
    'a key twice': `${key}${key}`,
    'a key in base64': Buffer.from(key).toString('base64'),
  };
}

async function expectNear(guarded: Guarded, verdict: Verdict, texts: Record<string, string>): Promise<void> {
  const answers: Record<string, Answer> = {};
  for (const [name, text] of Object.entries(texts)) {
    answers[name] = await guarded.send('/guarded/keyed/x', { bearer: text });
    answers[`${name}, in its field`] = await guarded.send('/guarded/keyed/x', {
      headers: { 'x-api-key': text },
    });
  }
  refusedAlike(verdict, answers, 401, 'CORDON_UNAUTHENTICATED');
}

const revokedKey: Row = {
  id: 'C6',
  title: 'a revoked API key: anew, on a kept connection, on an open stream and WebSocket',
  event: ['auth.failed'],
  async attack(stage, verdict) {
    const guarded = await Guarded.of(stage);
    const key = await guarded.key('revoked');
    const other = await guarded.key('other');
    const opened = await openAll(stage, guarded, key);
    const unharmed = await openAll(stage, guarded, other);
    try {
      await withoutInvocation(guarded, verdict, () => expectNear(guarded, verdict, near(key, other)));
      // Not `once`: being cut is an error too.
      const ended = new Promise((resolve) => opened.stream.resume().on('close', resolve));
      const cut = new Promise((resolve) => opened.socket.on('close', resolve));
      const start = performance.now();
      await revoke(stage, key);
      const times = {
        'a kept connection': until(start, callUntilRefused(guarded, key, opened)),
        'an open stream': until(start, ended),
        'an open WebSocket': until(start, cut),
      };
      for (const [name, time] of Object.entries(times)) {
        const ms = Math.round(await time);
        verdict.expect(ms < REVOKED_MS_MAX, `${name} was cut after ${ms} ms`);
        verdict.note(`${name}: ${ms} ms`);
      }
      verdict.expect(!opened.stream.complete, 'the stream ends as if it were whole');
      await withoutInvocation(guarded, verdict, () =>
        expectNear(guarded, verdict, { 'the key': key.key, 'a key that was made up': madeUp(key.key) }),
      );
      // Whoever has another key is not cut.
      unharmed.socket.send('2');
      await once(unharmed.socket, 'message');
      await once(unharmed.stream, 'data');
      await guarded.served('/guarded/keyed/kept', { bearer: other.key, ...unharmed });
    } finally {
      close(opened);
      close(unharmed);
      await revoke(stage, other);
    }
  },
  async twin(stage) {
    const guarded = await Guarded.of(stage);
    const key = await guarded.key('twin');
    const { headers } = await guarded.served('/guarded/keyed/twin', { headers: { 'x-api-key': key.key } });
    if (JSON.stringify(headers).includes(key.key)) throw new Error('the function is given the key itself');
    close(await openAll(stage, guarded, key));
    await revoke(stage, key);
  },
};

/** A key of the right form and length that nobody has. */
function madeUp(key: string): string {
  return key.replace(/[0-9]/g, (digit) => String((Number(digit) + 1) % 10));
}

export const API_KEY_ROWS: readonly Row[] = [revokedKey];
