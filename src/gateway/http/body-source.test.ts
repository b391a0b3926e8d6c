import assert from 'node:assert/strict';
import { request } from 'node:http';
import { describe, it } from 'node:test';
import { CALLER, FakeAuthenticator, guarded, idle, keyedApp, until } from '../guards/guards.fixture.ts';
import { answers, withGateway } from '../gateway.fixture.ts';
import type { Harness } from '../gateway.fixture.ts';
import { RawClient } from './raw-client.fixture.ts';

const HEAD = 'POST /keyed HTTP/1.1\r\nHost: shop.example\r\n';

/** One that has to see the whole body, and lets everybody in. */
function signing(): FakeAuthenticator {
  return new FakeAuthenticator(({ body }) => {
    assert.ok(body !== null);
    return { ok: true, caller: CALLER };
  }, true);
}

/** Sends a body in pieces and gives the status of the answer. */
function send({ port }: Harness, pieces: readonly Uint8Array[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request({ port, path: '/keyed', method: 'POST', headers: { connection: 'close' } });
    sent.on('response', (answer) => {
      answer.resume();
      answer.on('end', () => resolve(answer.statusCode ?? 0));
    });
    sent.on('error', reject);
    for (const piece of pieces) sent.write(piece);
    sent.end();
  });
}

describe('a body that is read whole', () => {
  it('arrives as it was sent, in however many pieces', async () => {
    const body = Buffer.from(Uint8Array.from({ length: 70_000 }, (_, i) => i & 255));
    const cuts: number[][] = [[0], [1], [0, 1, 2, 3, 60_000], Array.from({ length: 300 }, (_, i) => i * 200)];
    await withGateway(
      answers('in'),
      async (harness) => {
        for (const [i, places] of cuts.entries()) {
          const pieces = [...places, body.length].map((end, at, all) => body.subarray(all[at - 1] ?? 0, end));
          assert.equal(await send(harness, pieces), 200);
          const { received, ended } = await harness.invocation(i);
          assert.deepEqual(Buffer.concat(received), body);
          assert.equal(ended, true);
        }
      },
      guarded({ authenticator: signing() }),
    );
  });

  it('may have its greatest size, and not one byte more', async () => {
    for (const [bytes, status] of [
      [1000, 200],
      [1001, 413],
    ] as const) {
      await withGateway(
        answers('in'),
        async (harness) => {
          assert.equal(await send(harness, [Buffer.alloc(500), Buffer.alloc(bytes - 500)]), status);
          assert.equal(harness.invocations.length, status === 200 ? 1 : 0);
        },
        { ...guarded({ authenticator: signing() }), apps: [keyedApp({ bodyBytes: 1000 })] },
      );
    }
  });

  it('counts among all that are kept, while its request lasts', async () => {
    await withGateway(
      () => undefined,
      async (harness) => {
        const first = new RawClient(harness.port);
        first.send(`${HEAD}Content-Length: 60\r\n\r\n${'x'.repeat(60)}`);
        const invocation = await harness.invocation(0);
        const refused = new RawClient(harness.port);
        refused.send(`${HEAD}Content-Length: 41\r\n\r\n${'x'.repeat(41)}`);
        await refused.until(/^HTTP\/1\.1 503 .*CORDON_OVERLOADED/s);
        const second = new RawClient(harness.port);
        second.send(`${HEAD}Content-Length: 40\r\n\r\n${'x'.repeat(40)}`);
        const another = await harness.invocation(1);
        for (const { sink } of [invocation, another]) sink.head(200, [], Buffer.from('done'), true);
        await first.until(/done$/);
        await second.until(/done$/);
        const third = new RawClient(harness.port);
        third.send(`${HEAD}Content-Length: 100\r\n\r\n${'x'.repeat(100)}`);
        (await harness.invocation(2)).sink.head(200, [], null, true);
        await third.until(/200 OK/);
        for (const client of [first, refused, second, third]) client.socket.destroy();
        assert.ok(harness.events.some(({ kind }) => kind === 'limit.exceeded'));
      },
      { ...guarded({ authenticator: signing() }), limits: { wholeBodiesBytesMax: 100 } },
    );
  });

  it('counts no more where its caller leaves, or is refused', async () => {
    const authenticator = new FakeAuthenticator(() => ({ ok: false, reason: 'another signature' }), true);
    await withGateway(
      answers('in'),
      async (harness) => {
        for (let i = 0; i < 3; i += 1) {
          const client = new RawClient(harness.port);
          client.send(`${HEAD}Content-Length: 200\r\n\r\n${'x'.repeat(90)}`);
          await until(() => harness.gateway.stats().connections === 1);
          client.socket.destroy();
          await idle(harness);
          assert.equal(await send(harness, [Buffer.alloc(90)]), 401);
        }
        assert.equal(harness.invocations.length, 0);
      },
      { ...guarded({ authenticator }), limits: { wholeBodiesBytesMax: 100 } },
    );
  });
});
