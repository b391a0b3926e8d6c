import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { writeBatch } from '../../cloudevents/index.ts';
import type { CloudEvent, EventLog } from '../../events/index.ts';
import { CLAIM, openStoredLog, type StoredLog } from '../../events/event-log.fixture.ts';
import { CALLER, FakeAuthenticator, GOOD } from '../guards/guards.fixture.ts';
import { answers, appOf, manifestOf, openGuards, routeOf, urlOf, withGateway } from '../gateway.fixture.ts';

let stored: StoredLog;

before(async () => {
  stored = await openStoredLog();
});
after(() => stored.close());

const LANE = 'route:/tenants/:name>shop/main';

function eventOf(id: string): CloudEvent {
  const attributes = {
    specversion: '1.0',
    id,
    source: '/a',
    type: 'a.b',
    datacontenttype: 'text/plain',
    n: 1,
  } as const;
  return { attributes, data: Buffer.from(`data of ${id}`) };
}

/** Posts a batch to a gateway in front of a log, and gives what it answers. */
async function post(events: EventLog, ids: readonly string[]): Promise<string> {
  const auth = { kind: 'apiKey', name: 'partners', scopes: [] } as const;
  const route = { ...routeOf('/tenants/:name', auth, ['POST']), deliver: 'cloudevents' as const };
  const guards = openGuards({ authenticator: new FakeAuthenticator() });
  let text = '';
  await withGateway(
    answers('a function ran'),
    async (harness) => {
      const { headers, body } = writeBatch(ids.map(eventOf));
      const answer = await fetch(urlOf(harness, '/tenants/acme'), {
        method: 'POST',
        headers: { ...GOOD, [headers[0] ?? '']: headers[1] ?? '' },
        body: Buffer.from(body ?? []),
      });
      text = `${answer.status} ${await answer.text()}`;
    },
    { apps: [appOf(manifestOf('shop', { main: [route] }))], guards, events },
  );
  return text;
}

it('what was acknowledged outlives the process, and is known again by the next one', async () => {
  assert.equal(await post(stored.log, ['1', '2']), '202 {"accepted":2,"duplicates":0}');
  await stored.log.close();
  const log = await stored.reopen();
  assert.equal(await post(log, ['2', '3', '3']), '202 {"accepted":1,"duplicates":2}');
  const claimed = await log.claim('default', LANE, CLAIM);
  const { kind, authenticator, subject, scopes, claims } = CALLER;
  const cordonsubject = JSON.stringify({ kind, authenticator, subject, scopes, claims });
  assert.deepEqual(
    claimed.map(({ event: { attributes, data }, hops }) => {
      const { cordonsignature, ...rest } = attributes as Readonly<Record<string, unknown>>;
      assert.equal(typeof cordonsignature, 'string');
      return [rest, Buffer.from(data ?? []).toString(), hops];
    }),
    ['1', '2', '3'].map((id) => [
      { ...eventOf(id).attributes, cordonsubject, cordonpath: '/tenants/acme' },
      `data of ${id}`,
      0,
    ]),
  );
});
