import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { FRAME, FrameDecoder } from '../channel/index.ts';
import { Outbox } from './outbox.ts';

const KIB = 1024;

/** A connection whose far end does not read before it is told to. */
async function openPair(): Promise<{ readonly near: Socket; readonly far: Socket }> {
  const server = createServer({ pauseOnConnect: true });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { readonly port: number };
  const accepted = once(server, 'connection');
  const near = connect(port, '127.0.0.1');
  const [far] = (await accepted) as [Socket];
  server.close();
  return { near, far };
}

describe('frames that wait for a guest', () => {
  let near: Socket;
  let far: Socket;

  before(async () => {
    ({ near, far } = await openPair());
  });

  after(() => {
    near.destroy();
    far.destroy();
  });

  it('arrive in their order, and small ones wait joined', async () => {
    const outbox = new Outbox(near);
    const written: number[] = [];
    const write = near.write.bind(near);
    near.write = (chunk: Uint8Array | string) => {
      written.push(chunk.length);
      return write(chunk);
    };
    const sizes = [
      ...Array.from({ length: 20_000 }, (_, index) => index % 40),
      200 * KIB,
      1,
      16 * KIB,
      16 * KIB + 1,
      2,
    ];
    for (const [index, size] of sizes.entries())
      outbox.send(FRAME.data, 0, index + 1, Buffer.alloc(size, index % 256));

    const received: { readonly stream: number; readonly size: number }[] = [];
    const decoder = new FrameDecoder(1024 * KIB);
    const all = new Promise<void>((resolve) => {
      far.on('data', (chunk: Buffer) => {
        decoder.push(chunk, (_type, _flags, stream, payload) => {
          assert.ok(payload.every((byte) => byte === (stream - 1) % 256));
          received.push({ stream, size: payload.byteLength });
          if (received.length === sizes.length) resolve();
        });
      });
    });
    far.resume();
    await all;
    assert.deepEqual(
      received,
      sizes.map((size, index) => ({ stream: index + 1, size })),
    );
    // 20,000 frames of about 32 bytes each, and a few large ones that are not copied.
    assert.ok(written.length < 25, `${written.length} writes`);
    assert.ok(written.includes(200 * KIB), 'the large payload is handed on as it is');
  });
});
