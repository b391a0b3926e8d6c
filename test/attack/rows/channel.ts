import { connect } from 'node:net';
import type { Row, Verdict } from '../row.ts';
import { eventually } from '../processes.ts';
import type { SecurityEventSeen, Stage } from '../stage.ts';

/** What a guest writes to its channel against the protocol. Each has to end its instance with an event. */
const VIOLATIONS = [
  'noise',
  'giant frame',
  'frame past the limit',
  'reserved bytes',
  'unknown type',
  'type of the host',
  'unknown stream',
  'stream of the future',
  'second response',
  'data before the head',
  'data after the end',
  'done without an answer',
  'done twice',
  'credit overflow',
  'credit of three bytes',
  'close without a WebSocket',
  'ready again',
  'assigned again',
  'head longer than its frame',
  'head that is not JSON',
  'head of a wrong shape',
  'status out of range',
  'header that is no text',
  'failure of a wrong shape',
  'log of an unknown level',
  'call on a stream of the host',
  'call on a stream twice',
  'call with a malformed head',
  'call that is not JSON',
  'data for a call that is not open',
  'reply of the guest',
  'answer on a stream of its own',
] as const;

/** What the protocol lets a guest write, or not write, and what must still not reach the caller. */
const MISUSES = [
  'denials without end',
  'partial frame',
  'header injection',
  'header name injection',
  'framing headers',
  'informational status',
  'pong nobody asked for',
  'closed channel',
  'half-closed channel',
] as const;

/** Violations that show only while nobody reads. */
const FILLING = ['window ignored', 'calls whose answers nobody reads'] as const;

const SERVER_GROWTH_BYTES_MAX = 160 * 1024 * 1024;

/** The first violation recorded after an event; null when there is none in time. */
async function violation(stage: Stage, after: number): Promise<SecurityEventSeen | null> {
  let found: SecurityEventSeen | null = null;
  await eventually(async () => {
    found = (await stage.events(after)).find(({ kind }) => kind === 'channel.violation') ?? null;
    return found !== null;
  }, 6000);
  return found;
}

/** A guest that makes the host keep what nobody takes: its caller does not read, or the guest itself does not. */
async function fillHost(stage: Stage, verdict: Verdict, name: string): Promise<void> {
  const before = await stage.lastEvent();
  const { hostname, port } = new URL(stage.gateway);
  const path = `/attacker/channel-patient/${encodeURIComponent(name)}`;
  const socket = connect({ host: hostname, port: Number(port) }, () =>
    socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`),
  );
  socket.on('error', () => undefined);
  socket.pause();
  verdict.expect((await violation(stage, before)) !== null, `${name}: no event`);
  socket.destroy();
}

const hostileFrames: Row = {
  id: 'F12',
  title: 'malformed, giant and out-of-order frames on the channel',
  event: ['channel.violation'],
  async attack(stage, verdict) {
    const memory = stage.serverMemoryBytes();
    for (const name of VIOLATIONS) {
      const before = await stage.lastEvent();
      const outcome = await stage.outcome(`/attacker/channel/${encodeURIComponent(name)}`);
      verdict.expect(/^502$|^cut off$|^200$/.test(outcome), `${name}: ${outcome}`);
      const found = await violation(stage, before);
      verdict.expect(found !== null, `${name}: no event, the caller got ${outcome}`);
      const isGone = await eventually(
        async () => !(await stage.status()).instances.some(({ id }) => id === found?.instance),
        2000,
      );
      verdict.expect(isGone, `${name}: its instance lives on`);
      const next = await stage.outcome('/attacker/channel/fine');
      verdict.unharmed(next === '200', `after ${name} the next call gets ${next}`);
    }
    for (const name of FILLING) await fillHost(stage, verdict, name);
    for (const name of MISUSES) {
      const { text, closed } = await stage.raw(
        `GET /attacker/channel/${encodeURIComponent(name)} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`,
        { waitMs: 4000 },
      );
      verdict.expect(/^HTTP\/1\.1 50[0234]/.test(text), `${name}: ${text.slice(0, 80)}`);
      verdict.unharmed(
        !/stolen|<html>/.test(text) && text.split('HTTP/1.1').length === 2,
        `${name} wrote ${JSON.stringify(text.slice(0, 400))}`,
      );
      verdict.expect(closed, `${name}: the connection stays open`);
      const next = await stage.outcome('/attacker/channel/fine');
      verdict.unharmed(next === '200', `after ${name} the next call gets ${next}`);
    }
    const grown = stage.serverMemoryBytes() - memory;
    verdict.unharmed(
      grown < SERVER_GROWTH_BYTES_MAX,
      `the server grew by ${Math.round(grown / 2 ** 20)} MiB`,
    );
    verdict.note(
      `${VIOLATIONS.length + FILLING.length} violations, ${MISUSES.length} misuses; server +${Math.round(grown / 2 ** 20)} MiB`,
    );
  },
  async twin(stage) {
    const before = await stage.lastEvent();
    for (let i = 0; i < 10; i += 1) {
      const outcome = await stage.outcome('/attacker/channel/fine');
      if (outcome !== '200') throw new Error(`a harmless call gets ${outcome}`);
    }
    const events = (await stage.events(before)).filter(({ kind }) => kind === 'channel.violation');
    if (events.length > 0) throw new Error('harmless calls were recorded as a violation');
  },
};

export const CHANNEL_ROWS: readonly Row[] = [hostileFrames];
