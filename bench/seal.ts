import { randomBytes } from 'node:crypto';
import { CORDON, type Measurement, type Result } from './measurement.ts';
import { openSealed } from './sealed.ts';
import { fromRounds } from './statistics.ts';

const PROJECT = 'bench';
const PLACE = 'bench';
const VALUE_BYTES = 1024;
const PIECE_BYTES = 64 * 1024;
const BYTES_PER_MB = 1e6;
const MICROS_PER_MS = 1000;

/** Encryption at rest alone, without the store behind it. */
export const seal: Measurement = {
  name: 'seal',
  about: 'encryption at rest: values and streams',
  async run(place) {
    const { vault } = await openSealed(place);
    const value = randomBytes(VALUE_BYTES);
    const sealed = await vault.seal(PROJECT, PLACE, value);
    const count = place.pick(20_000, 2000);
    const streamBytes = place.pick(200, 20) * BYTES_PER_MB;
    const stream = await pieces(vault.sealStream(PROJECT, PLACE, source(streamBytes)));
    const rounds = async (
      name: string,
      unit: Result['unit'],
      round: () => Promise<number>,
    ): Promise<Result> => {
      await round();
      const found: number[] = [];
      for (let done = 0; done < place.pick(5, 2); done += 1) found.push(await round());
      return fromRounds({ name, unit, subject: CORDON }, found);
    };
    const each = (once: () => unknown) => async (): Promise<number> => {
      const startedAt = performance.now();
      for (let done = 0; done < count; done += 1) {
        const result = once();
        if (result instanceof Promise) await result;
      }
      return ((performance.now() - startedAt) / count) * MICROS_PER_MS;
    };
    const through = (open: () => AsyncIterable<Uint8Array>) => async (): Promise<number> => {
      const startedAt = performance.now();
      let bytes = 0;
      for await (const piece of open()) bytes += piece.byteLength;
      return bytes / BYTES_PER_MB / ((performance.now() - startedAt) / 1000);
    };
    return [
      await rounds(
        'seal of 1 KiB',
        'µs',
        each(() => vault.seal(PROJECT, PLACE, value)),
      ),
      await rounds(
        'open of 1 KiB',
        'µs',
        each(() => vault.open(PROJECT, PLACE, sealed)),
      ),
      await rounds(
        'seal of a stream',
        'MB/s',
        through(() => vault.sealStream(PROJECT, PLACE, source(streamBytes))),
      ),
      await rounds(
        'open of a stream',
        'MB/s',
        through(() => vault.openStream(PROJECT, PLACE, from(stream))),
      ),
    ];
  },
};

async function* source(bytes: number): AsyncGenerator<Uint8Array> {
  const piece = Buffer.alloc(PIECE_BYTES, 7);
  for (let left = bytes; left > 0; left -= PIECE_BYTES) yield piece.subarray(0, Math.min(left, PIECE_BYTES));
}

async function* from(given: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* given;
}

async function pieces(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const all: Uint8Array[] = [];
  for await (const piece of stream) all.push(piece);
  return all;
}
