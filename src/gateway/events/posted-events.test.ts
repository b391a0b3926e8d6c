import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { writeBatch, writeCloudEvent } from '../../cloudevents/index.ts';
import { CordonError, LIMITS } from '../../contract/index.ts';
import type { CloudEvent, EventLog } from '../../events/index.ts';
import type { KnownCaller } from '../../identity/index.ts';
import { SIGN, clockAt, open } from '../../identity/webhook/webhook.fixture.ts';
import { MemoryCounters, RateRules } from '../../rate/index.ts';
import type { RouteGuard } from '../guards/guard.ts';
import { CALLER, FakeAuthenticator, GOOD } from '../guards/guards.fixture.ts';
import { answers, appOf, manifestOf, openGuards, routeOf, urlOf, withGateway } from '../gateway.fixture.ts';
import type { Harness } from '../gateway.fixture.ts';
import { RawClient } from '../http/raw-client.fixture.ts';
import { asciiJson } from '../stages/ascii-json.ts';
import { fakeLog, memoryLog } from './events.fixture.ts';

const never = answers('a function ran');
const PATH = '/events/in';

function eventOf(more: Readonly<Record<string, string>> = {}, data = 'hi'): CloudEvent {
  const head = { specversion: '1.0', id: '1', source: '/shop', type: 'order.made' } as const;
  return { attributes: { ...head, datacontenttype: 'text/plain', ...more }, data: Buffer.from(data) };
}

/** A gateway whose `/events/in` takes CloudEvents of callers that an API key vouches for. */
function taking(events: EventLog, guard: Partial<RouteGuard> = {}) {
  const auth = { kind: 'apiKey', name: 'partners', scopes: [] } as const;
  const route = { ...routeOf(PATH, auth, ['POST']), deliver: 'cloudevents' as const };
  const guards = openGuards({ authenticator: new FakeAuthenticator(), ...guard });
  return { apps: [appOf(manifestOf('shop', { main: [route] }))], guards, events };
}

async function post(
  harness: Harness,
  written: ReturnType<typeof writeBatch>,
  more: Record<string, string> = GOOD,
) {
  const headers = new Headers(more);
  for (let i = 0; i < written.headers.length; i += 2)
    headers.append(written.headers[i] ?? '', written.headers[i + 1] ?? '');
  const body = written.body === null ? null : Buffer.from(written.body);
  const answer = await fetch(urlOf(harness, PATH), { method: 'POST', headers, body });
  return { status: answer.status, headers: answer.headers, text: await answer.text() };
}

const callerNamed = (subject: string): KnownCaller => ({ ...CALLER, subject });
const letsIn = (caller: KnownCaller) => new FakeAuthenticator(() => ({ ok: true, caller }));

describe('CloudEvents to a route with `deliver`', () => {
  it('are taken in every mode, with who sent them, and reach no function', async () => {
    const { log, accepted } = memoryLog();
    await withGateway(
      never,
      async (harness) => {
        const first = await post(harness, writeCloudEvent(eventOf(), 'binary'));
        assert.deepEqual([first.status, first.text], [202, '{"accepted":1,"duplicates":0}']);
        assert.match(first.headers.get('content-type') ?? '', /^application\/json$/);
        await post(harness, writeCloudEvent(eventOf({ id: '2' }), 'structured'));
        const batch = [eventOf({ id: '2' }), eventOf({ id: '3' }), eventOf({ source: '/other', id: '1' })];
        assert.equal((await post(harness, writeBatch(batch))).text, '{"accepted":2,"duplicates":1}');
        assert.equal((await post(harness, writeBatch([]))).text, '{"accepted":0,"duplicates":0}');
        assert.equal(harness.invocations.length, 0);
      },
      taking(log),
    );
    const { kind, authenticator, subject, scopes, claims } = CALLER;
    const identity = { cordonsubject: JSON.stringify({ kind, authenticator, subject, scopes, claims }) };
    assert.deepEqual(
      accepted.map(({ event }) => event.attributes),
      [eventOf(), eventOf({ id: '2' }), eventOf({ id: '3' }), eventOf({ source: '/other' })].map(
        ({ attributes }) => ({ ...attributes, ...identity }),
      ),
    );
    for (const { lane, hops, event } of accepted) {
      assert.deepEqual([lane, hops], [`route:${PATH}>shop/main`, 0]);
      assert.equal(Buffer.from(event.data ?? []).toString(), 'hi');
    }
  });

  it('of two callers are never one, so that nobody takes an id away from another', async () => {
    const { log, accepted } = memoryLog();
    for (const subject of ['mallory', 'ada', 'ada']) {
      const guarded = taking(log, { authenticator: letsIn(callerNamed(subject)) });
      await withGateway(
        never,
        async (harness) => void (await post(harness, writeCloudEvent(eventOf(), 'binary'))),
        guarded,
      );
    }
    const subjects = accepted.map(
      ({ event }) => /"subject":"(.*?)"/.exec(String(event.attributes['cordonsubject']))?.[1],
    );
    assert.deepEqual(subjects, ['mallory', 'ada']);
  });

  it('are refused as a whole where one of them is wrong, and the sender is told where', async () => {
    const { log, accepted } = memoryLog();
    await withGateway(
      never,
      async (harness) => {
        for (const [bad, details] of [
          [{ cordonsubject: 'root' }, { attribute: 'cordonsubject', fault: 'reserved', index: 1 }],
          [{ type: 'cordon.webhook.github' }, { attribute: 'type', fault: 'reserved', index: 1 }],
          [{ id: '' }, { attribute: 'id', fault: 'empty', index: 1 }],
        ] as const) {
          const { status, text } = await post(harness, writeBatch([eventOf(), eventOf(bad)]));
          const { error } = JSON.parse(text) as { error: Record<string, unknown> };
          const { id, message, ...rest } = error;
          assert.deepEqual([status, rest], [400, { code: 'CORDON_EVENT_INVALID', ...details }]);
          assert.ok(id !== undefined && message !== undefined);
        }
        const spoofed = writeCloudEvent(eventOf(), 'binary');
        const headers = ['ce-cordonsubject', 'root', ...spoofed.headers];
        assert.equal((await post(harness, { ...spoofed, headers })).status, 400);
        assert.deepEqual([...new Set(harness.events.map(({ kind }) => kind))], ['event.refused']);
        assert.equal(accepted.length, 0);
        assert.equal((await post(harness, writeBatch([eventOf()]))).status, 202);
      },
      taking(log),
    );
  });

  it('have room for what the platform says of them', async () => {
    const { log, accepted } = memoryLog();
    const extensions = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`a${i}`, 'x']));
    const room = LIMITS.eventAttributesMax.value - Object.keys(eventOf().attributes).length - 1;
    await withGateway(
      never,
      async (harness) => {
        assert.equal(
          (await post(harness, writeCloudEvent(eventOf(extensions(room)), 'structured'))).status,
          202,
        );
        assert.equal(
          (await post(harness, writeCloudEvent(eventOf(extensions(room + 1)), 'structured'))).status,
          413,
        );
      },
      taking(log),
    );
    assert.equal(accepted.length, 1);
  });

  it('are refused of a caller whose identity is longer than an attribute, by one byte', async () => {
    const { log, accepted } = memoryLog();
    const bytes = LIMITS.eventAttributeBytesMax.value;
    const rest = asciiJson({
      kind: 'key',
      authenticator: CALLER.authenticator,
      subject: '',
      scopes: ['read'],
      claims: {},
    });
    for (const [more, status] of [
      [0, 202],
      [1, 413],
    ] as const) {
      const caller = callerNamed('s'.repeat(bytes - rest.length + more));
      await withGateway(
        never,
        async (harness) =>
          assert.equal((await post(harness, writeCloudEvent(eventOf(), 'binary'))).status, status),
        taking(log, { authenticator: letsIn(caller) }),
      );
    }
    assert.equal(accepted.length, 1);
  });

  it('are for callers who are known, within their rates, as on any route', async () => {
    const { log, accepted } = memoryLog();
    const scope = { project: 'default', route: 'events' };
    const rates = new RateRules(
      new MemoryCounters(),
      [{ count: 1, periodMs: 3_600_000, per: 'subject', burst: 1 }],
      scope,
    );
    await withGateway(
      never,
      async (harness) => {
        const written = writeCloudEvent(eventOf(), 'binary');
        assert.equal((await post(harness, written, {})).status, 401);
        assert.equal((await post(harness, written)).status, 202);
        const limited = await post(harness, written);
        assert.equal(limited.status, 429);
        assert.ok(Number(limited.headers.get('retry-after')) > 0);
        assert.match(limited.text, /CORDON_RATE_LIMITED/);
      },
      taking(log, { rates }),
    );
    assert.equal(accepted.length, 1);
  });

  it('are refused with a time to wait while too many wait, and opaquely where the log fails', async () => {
    const full = new CordonError('CORDON_EVENTS_FULL', 'the lane holds 7 events', {
      details: { retryAfterMs: 20, lane: 'x' },
    });
    for (const [error, status, retry, text] of [
      [full, 429, '1', /"code":"CORDON_EVENTS_FULL","message":"More events of this kind wait than may."/],
      [new CordonError('CORDON_EVENTS_FULL'), 429, '1', /CORDON_EVENTS_FULL/],
      [new Error('disk on fire'), 500, null, /CORDON_INTERNAL/],
    ] as const) {
      await withGateway(
        never,
        async (harness) => {
          const answer = await post(harness, writeCloudEvent(eventOf(), 'binary'));
          assert.deepEqual([answer.status, answer.headers.get('retry-after')], [status, retry]);
          assert.match(answer.text, text);
          assert.doesNotMatch(answer.text, /holds 7|fire|lane/);
        },
        taking(fakeLog(() => Promise.reject(error))),
      );
    }
  });

  it('of a sender that signs have their attributes in the body that is signed', async () => {
    const { log, accepted } = memoryLog();
    const auth = { kind: 'webhook', name: 'hook', scopes: [] } as const;
    const route = { ...routeOf(PATH, auth, ['POST']), deliver: 'cloudevents' as const };
    const guards = openGuards({ authenticator: open({ scheme: 'standard', clock: clockAt() }) });
    await withGateway(
      never,
      async (harness) => {
        const signed = (written: ReturnType<typeof writeBatch>) =>
          post(harness, written, SIGN.standard({ body: Buffer.from(written.body ?? []) }));
        const binary = await signed(writeCloudEvent(eventOf(), 'binary'));
        assert.equal(binary.status, 415);
        assert.match(binary.text, /CORDON_CONTENT_TYPE_REFUSED/);
        assert.equal((await signed(writeCloudEvent(eventOf(), 'structured'))).status, 202);
        assert.equal((await signed(writeBatch([eventOf({ id: '2' })]))).status, 202);
      },
      { apps: [appOf(manifestOf('shop', { main: [route] }))], guards, events: log },
    );
    assert.equal(accepted.length, 2);
  });

  it('are read up to the limit of any JSON body, and not compressed', async () => {
    const { log, accepted } = memoryLog();
    await withGateway(
      never,
      async (harness) => {
        const most = LIMITS.validatedBodyBytesMax.value;
        const written = writeBatch([eventOf()]);
        const padded = (bytes: number) =>
          Buffer.concat([written.body ?? Buffer.alloc(0), Buffer.alloc(bytes, ' ')]).subarray(0, bytes);
        assert.equal((await post(harness, { ...written, body: padded(most) })).status, 202);
        assert.equal((await post(harness, { ...written, body: padded(most + 1) })).status, 413);
        assert.equal((await post(harness, written, { ...GOOD, 'content-encoding': 'gzip' })).status, 415);
        assert.equal((await post(harness, written, { ...GOOD, 'content-encoding': 'identity' })).status, 202);
        for (const twice of [
          'Content-Type: text/plain',
          'Content-Encoding: identity\r\nContent-Encoding: gzip',
        ]) {
          const client = new RawClient(harness.port);
          const head = `POST ${PATH} HTTP/1.1\r\nHost: shop.example\r\nAuthorization: Bearer good\r\n${twice}\r\n`;
          client.send(
            `${head}Content-Type: application/cloudevents-batch+json\r\nContent-Length: 2\r\n\r\n[]`,
          );
          assert.match(await client.until(/\r\n\r\n/), /^HTTP\/1\.1 415 /);
          client.socket.destroy();
        }
      },
      taking(log),
    );
    assert.equal(accepted.length, 1);
  });
});
