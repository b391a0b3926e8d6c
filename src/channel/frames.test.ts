import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  ChannelViolation,
  FRAME,
  FrameDecoder,
  HEADER_BYTES,
  decodeClose,
  decodeCredit,
  decodeHead,
  encodeClose,
  encodeCredit,
  encodeFrame,
  encodeHead,
} from './index.ts';

const PAYLOAD_MAX = 4096;

interface Seen {
  type: number;
  flags: number;
  stream: number;
  payload: number[];
}

function decodeIn(bytes: Uint8Array, cuts: readonly number[]): Seen[] {
  const decoder = new FrameDecoder(PAYLOAD_MAX);
  const seen: Seen[] = [];
  const take = (type: number, flags: number, stream: number, payload: Uint8Array): void => {
    seen.push({ type, flags, stream, payload: [...payload] });
  };
  let from = 0;
  for (const cut of [...cuts].sort((a, b) => a - b)) {
    if (cut <= from || cut >= bytes.byteLength) continue;
    decoder.push(bytes.subarray(from, cut), take);
    from = cut;
  }
  decoder.push(bytes.subarray(from), take);
  return seen;
}

const anyFrame = fc.record({
  type: fc.integer({ min: 1, max: 255 }),
  flags: fc.integer({ min: 0, max: 255 }),
  stream: fc.integer({ min: 0, max: 0xffffffff }),
  payload: fc.uint8Array({ maxLength: 300 }),
});

test('frames come out as they went in, however the bytes are cut', () => {
  fc.assert(
    fc.property(
      fc.array(anyFrame, { minLength: 1, maxLength: 8 }),
      fc.array(fc.nat(4000), { maxLength: 40 }),
      (frames, cuts) => {
        const bytes = Buffer.concat(
          frames.map((frame) => encodeFrame(frame.type, frame.flags, frame.stream, frame.payload)),
        );
        const expected = frames.map((frame) => ({ ...frame, payload: [...frame.payload] }));
        assert.deepEqual(decodeIn(bytes, cuts), expected);
      },
    ),
  );
});

test('random bytes never do anything but yield frames or a violation', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 2000 }),
      fc.array(fc.nat(2000), { maxLength: 20 }),
      (bytes, cuts) => {
        try {
          for (const frame of decodeIn(bytes, cuts)) assert.ok(frame.payload.length <= PAYLOAD_MAX);
        } catch (thrown) {
          assert.ok(thrown instanceof ChannelViolation);
        }
      },
    ),
  );
});

test('a payload at the limit passes and one byte more is refused from its header alone', () => {
  assert.equal(decodeIn(encodeFrame(FRAME.data, 0, 1, new Uint8Array(PAYLOAD_MAX)), []).length, 1);
  const header = encodeFrame(FRAME.data, 0, 1, new Uint8Array(PAYLOAD_MAX + 1)).subarray(0, HEADER_BYTES);
  assert.throws(() => decodeIn(header, []), ChannelViolation);
});

test('reserved bytes have to be zero', () => {
  const frame = encodeFrame(FRAME.ping, 0, 0, null);
  assert.equal(decodeIn(frame, []).length, 1);
  frame[6] = 1;
  assert.throws(() => decodeIn(frame, []), ChannelViolation);
});

test('a head and its body come back apart, and a head longer than its frame is refused', () => {
  const { head, body } = decodeHead(encodeHead(['GET', 'ü'], new Uint8Array([1, 2])));
  assert.deepEqual(head, ['GET', 'ü']);
  assert.deepEqual([...body], [1, 2]);
  assert.throws(() => decodeHead(new Uint8Array([9, 0, 0, 0, 1])), ChannelViolation);
  assert.throws(() => decodeHead(new Uint8Array([1, 0])), ChannelViolation);
  assert.throws(() => decodeHead(new Uint8Array([2, 0, 0, 0, 0x7b, 0x22])), ChannelViolation);
});

test('credit and close come back, and wrong sizes are refused', () => {
  assert.equal(decodeCredit(encodeCredit(70_000)), 70_000);
  assert.throws(() => decodeCredit(new Uint8Array(3)), ChannelViolation);
  assert.deepEqual(decodeClose(encodeClose(1001, 'bye')), { code: 1001, reason: 'bye' });
  assert.throws(() => decodeClose(new Uint8Array(1)), ChannelViolation);
  assert.throws(() => decodeClose(new Uint8Array(126)), ChannelViolation);
});
