import { connect } from 'node:net';
import { LIMITS } from '../../../src/contract/index.ts';
import type { Row, Verdict } from '../row.ts';
import { eventually } from '../processes.ts';
import type { SecurityEventSeen, Stage } from '../stage.ts';

/** What a guest writes to its channel against the protocol. Each has to end its instance with an event. */
const VIOLATIONS: readonly string[] = [
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
  'call that is not JSON',
  'reply of the guest',
];

/** The same by a guest that has grants: its calls are served. */
const CALL_VIOLATIONS: readonly string[] = [
  'noise',
  'giant frame',
  'giant call',
  'reserved bytes of a call',
  'call on a stream of the host',
  'call on a stream twice',
  'call on a stream that was used',
  'call that goes back in numbers',
  'call that is not JSON',
  'call longer than its frame',
  'call with a malformed head',
  'call with too few parts',
  'call with parts of wrong types',
  'call with a giant name',
  'call of a stream that is text',
  'call with giant arguments',
  'data for a call that is not open',
  'data after the end of a call',
  'credit overflow of a call',
  'credit of three bytes for a call',
  'window of a call ignored',
  'window of many calls ignored',
  'response on the stream of a call',
  'reply of the guest',
  'reply to its own call',
  'answer on a stream of its own',
];

/** What the protocol lets a guest write, or not write, and what must still not reach the caller. */
const MISUSES: readonly string[] = [
  'denials without end',
  'partial frame',
  'header injection',
  'header name injection',
  'framing headers',
  'informational status',
  'pong nobody asked for',
  'closed channel',
  'half-closed channel',
];
const CALL_MISUSES: readonly string[] = [
  'values that nobody reads',
  'partial call',
  'call without its body',
  'call of everything at once',
  'closed channel with open calls',
  'half-closed channel with open calls',
];

/** Violations that show only while nobody reads. */
const FILLING: readonly string[] = ['window ignored', 'calls whose answers nobody reads'];
const CALL_FILLING = 'calls whose answers nobody reads';
/** Calls that one instance opens at once, and more than it may have open. */
const MANY_CALLS = 10_000;

/** At its peak, garbage included: what one instance may have waiting, open and in windows, several times. */
const SERVER_GROWTH_BYTES_MAX = 256 * 1024 * 1024;

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
async function fillHost(stage: Stage, verdict: Verdict, from: string, name: string): Promise<void> {
  const before = await stage.lastEvent();
  const { hostname, port } = new URL(stage.gateway);
  const path = `/attacker/${from}/${encodeURIComponent(name)}`;
  const socket = connect({ host: hostname, port: Number(port) }, () =>
    socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`),
  );
  socket.on('error', () => undefined);
  socket.pause();
  verdict.expect((await violation(stage, before)) !== null, `${name} from ${from}: no event`);
  socket.destroy();
}

/** What is against the protocol ends the instance, with an event, and nothing else. */
async function violate(stage: Stage, verdict: Verdict, from: string, name: string): Promise<void> {
  const before = await stage.lastEvent();
  const outcome = await stage.outcome(`/attacker/${from}/${encodeURIComponent(name)}`);
  verdict.expect(/^502$|^cut off$|^200$/.test(outcome), `${name} from ${from}: ${outcome}`);
  const found = await violation(stage, before);
  verdict.expect(found !== null, `${name} from ${from}: no event, the caller got ${outcome}`);
  const isGone = await eventually(
    async () => !(await stage.status()).instances.some(({ id }) => id === found?.instance),
    2000,
  );
  verdict.expect(isGone, `${name} from ${from}: its instance lives on`);
  const next = await stage.outcome(`/attacker/${from}/fine`);
  verdict.unharmed(next === '200', `after ${name} from ${from} the next call gets ${next}`);
}

/** What the protocol does not forbid gets no answer through to the caller. */
async function misuse(stage: Stage, verdict: Verdict, from: string, name: string): Promise<void> {
  const { text, closed } = await stage.raw(
    `GET /attacker/${from}/${encodeURIComponent(name)} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`,
    { waitMs: 4000 },
  );
  verdict.expect(/^HTTP\/1\.1 50[0234]/.test(text), `${name} from ${from}: ${text.slice(0, 80)}`);
  verdict.unharmed(
    !/stolen|<html>/.test(text) && text.split('HTTP/1.1').length === 2,
    `${name} from ${from} wrote ${JSON.stringify(text.slice(0, 400))}`,
  );
  verdict.expect(closed, `${name} from ${from}: the connection stays open`);
  const next = await stage.outcome(`/attacker/${from}/fine`);
  verdict.unharmed(next === '200', `after ${name} from ${from} the next call gets ${next}`);
}

/** More calls than an instance may have open: the ones too many are refused, the others stay. */
async function crowd(stage: Stage, verdict: Verdict): Promise<void> {
  const { status, text } = await stage.call('/attacker/channel-granted-patient/ten%20thousand%20calls');
  verdict.expect(status === 200, `ten thousand calls end with ${status}`);
  const refused = MANY_CALLS - LIMITS.callsPerInstanceMax.value;
  verdict.expect(text === JSON.stringify({ CORDON_CALLS_TOO_MANY: refused }), `ten thousand calls: ${text}`);
}

const hostileFrames: Row = {
  id: 'F12',
  title: 'malformed, giant, slow and out-of-order frames on the channel, with and without grants',
  event: ['channel.violation'],
  async attack(stage, verdict) {
    const memory = stage.serverMemoryBytes();
    let most = memory;
    const each = async (names: readonly string[], attack: (name: string) => Promise<void>): Promise<void> => {
      for (const name of names) {
        await attack(name);
        most = Math.max(most, stage.serverMemoryBytes());
      }
    };
    const others = await stage.watch(async () => {
      await each(VIOLATIONS, (name) => violate(stage, verdict, 'channel', name));
      await each(CALL_VIOLATIONS, (name) => violate(stage, verdict, 'channel-granted', name));
      await each(FILLING, (name) => fillHost(stage, verdict, 'channel-patient', name));
      await each([CALL_FILLING], (name) => fillHost(stage, verdict, 'channel-granted-patient', name));
      await each(MISUSES, (name) => misuse(stage, verdict, 'channel', name));
      await each(CALL_MISUSES, (name) => misuse(stage, verdict, 'channel-granted', name));
      await crowd(stage, verdict);
    });
    verdict.unharmed(
      others.failed === 0,
      `${others.failed} of ${others.calls} calls of another caller failed`,
    );
    const grown = Math.round((most - memory) / 2 ** 20);
    verdict.unharmed(most - memory < SERVER_GROWTH_BYTES_MAX, `the server grew by ${grown} MiB`);
    const violations = [VIOLATIONS, CALL_VIOLATIONS, FILLING, CALL_FILLING].flat().length;
    const misuses = MISUSES.length + CALL_MISUSES.length + 1;
    verdict.note(`${violations} violations, ${misuses} misuses; server +${grown} MiB`);
  },
  async twin(stage) {
    const before = await stage.lastEvent();
    for (const from of ['channel', 'channel-granted']) {
      for (let i = 0; i < 10; i += 1) {
        const outcome = await stage.outcome(`/attacker/${from}/fine`);
        if (outcome !== '200') throw new Error(`a harmless call of ${from} gets ${outcome}`);
      }
    }
    const stored = await stage.call('/attacker/channel-granted/store');
    if (stored.text !== 'stored') throw new Error(`harmless calls to a store end with ${stored.text}`);
    const events = (await stage.events(before)).filter(({ kind }) => kind === 'channel.violation');
    if (events.length > 0) throw new Error('harmless calls were recorded as a violation');
  },
};

export const CHANNEL_ROWS: readonly Row[] = [hostileFrames];
