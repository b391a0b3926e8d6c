import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { LIMITS } from '../../contract/index.ts';
import type { NewEvent } from '../../events/index.ts';
import { withGateway } from '../gateway.fixture.ts';
import { fakeLog, memoryLog } from './events.fixture.ts';
import { deliver, hooks, never } from './webhooks.fixture.ts';

const told = (event: NewEvent | undefined) => ({ ...event?.event.attributes, time: undefined });

describe('a signed delivery to a route with `deliver`', () => {
  it('becomes one event with the names that its provider gave it, and reaches no function', async () => {
    const github = '72d3162e-cc78-11e3-81ab-4c9367dc0958';
    const plainDigest = createHash('sha256').update('a=1').digest('hex');
    for (const [scheme, delivery, id, subject] of [
      ['standard', { id: 'msg_7', body: '{"type":"user.created"}' }, 'msg_7', 'user.created'],
      ['github', { headers: { 'x-github-event': 'push' } }, github, 'push'],
      ['stripe', { body: '{"id":"evt_1","type":"charge.failed"}' }, 'evt_1', 'charge.failed'],
      [
        'slack',
        { body: '{"event_id":"Ev1","type":"event_callback","event":{"type":"message"}}' },
        'Ev1',
        'message',
      ],
      ['stripe', { body: '{"id":"evt_2"}', headers: { 'content-type': 'text/plain' } }, 'evt_2', null],
      [
        'slack',
        { body: 'a=1', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
        plainDigest,
        null,
      ],
    ] as const) {
      const { log, accepted } = memoryLog();
      await withGateway(
        never,
        async (harness) => {
          const answer = await deliver(harness, scheme, delivery);
          assert.deepEqual([answer.status, answer.json], [202, { accepted: 1, duplicates: 0 }]);
          assert.equal(harness.invocations.length, 0);
          assert.match(harness.lines[0]?.message ?? '', /^POST \/hooks\/in 202 .* 1 events, 0 duplicates$/);
        },
        hooks(scheme, { events: log }),
      );
      const [event] = accepted;
      assert.deepEqual(told(event), {
        specversion: '1.0',
        id,
        source: '/apps/shop/functions/main/routes/hooks/in',
        type: `cordon.webhook.${scheme}`,
        time: undefined,
        ...(subject === null ? {} : { subject }),
        datacontenttype:
          'headers' in delivery && 'content-type' in delivery.headers
            ? delivery.headers['content-type']
            : 'application/json',
        cordonsubject: JSON.stringify({
          kind: 'webhook',
          authenticator: 'webhook:hook',
          subject: `${scheme}:hook`,
          scopes: [],
          claims: {},
        }),
      });
      assert.ok(Math.abs(Date.parse(String(event?.event.attributes['time'])) - Date.now()) < 60_000);
      const { project, lane, hops, order, delayMs } = event ?? {};
      assert.deepEqual(
        { project, lane, hops, order, delayMs },
        { project: 'default', lane: 'route:/hooks/in>shop/main', hops: 0, order: null, delayMs: 0 },
      );
      assert.equal(
        Buffer.from(event?.event.data ?? []).toString(),
        'body' in delivery ? delivery.body : '{}',
      );
    }
  });

  it('keeps the path that was asked for where the route leaves it open', async () => {
    const { log, accepted } = memoryLog();
    await withGateway(
      never,
      async (harness) => {
        assert.equal((await deliver(harness, 'stripe', { path: '/tenants/acme?x=1' })).status, 202);
      },
      hooks('stripe', { events: log }),
    );
    const attributes: Readonly<Record<string, unknown>> = accepted[0]?.event.attributes ?? {};
    assert.deepEqual(
      [attributes['source'], attributes['cordonpath']],
      ['/apps/shop/functions/main/routes/tenants/:name', '/tenants/acme'],
    );
  });

  it('is nothing where the signature is wrong, and its twin is taken', async () => {
    const { log, accepted } = memoryLog();
    await withGateway(
      never,
      async (harness) => {
        const forged = await deliver(harness, 'stripe', {
          headers: { 'stripe-signature': `t=1,v1=${'0'.repeat(64)}` },
        });
        assert.equal(forged.status, 401);
        assert.equal(accepted.length, 0);
        assert.equal((await deliver(harness, 'stripe')).status, 202);
        assert.equal(accepted.length, 1);
      },
      hooks('stripe', { events: log }),
    );
  });

  it('is not acknowledged before the log has it', async () => {
    const order: string[] = [];
    const events = fakeLog(async (wanted) => {
      await new Promise((resolve) => setImmediate(resolve));
      order.push('durable');
      return wanted.map((_event, i) => ({ id: String(i) }));
    });
    await withGateway(
      never,
      async (harness) => {
        await deliver(harness, 'stripe');
        order.push('told');
      },
      hooks('stripe', { events }),
    );
    assert.deepEqual(order, ['durable', 'told']);
  });

  it('is refused past eventBytesMax by one byte, and with content that the function could not read', async () => {
    const { log, accepted } = memoryLog();
    await withGateway(
      never,
      async (harness) => {
        const most = 'x'.repeat(LIMITS.eventBytesMax.value);
        const plain = { 'content-type': 'text/plain' };
        assert.equal((await deliver(harness, 'stripe', { body: most, headers: plain })).status, 202);
        const larger = await deliver(harness, 'stripe', { body: `${most}x`, headers: plain });
        assert.equal(larger.status, 413);
        assert.match(JSON.stringify(larger.json), /CORDON_EVENT_TOO_LARGE.*"what":"data"/);
        for (const headers of [{ 'content-encoding': 'gzip' }, { 'content-type': 'json' }])
          assert.equal((await deliver(harness, 'stripe', { body: '{"id":"1"}', headers })).status, 415);
        assert.equal((await deliver(harness, 'stripe', { body: '{"id":"1"}' })).status, 202);
        assert.equal(accepted.length, 2);
      },
      hooks('stripe', { events: log }),
    );
  });
});
