import { Buffer } from 'node:buffer';
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { extract } from 'tar-stream';
import type { Header } from 'tar-stream';
import { Budget, Names, Refusal } from './budget.ts';
import type { Bounds } from './budget.ts';
import { typeOf } from './sniff.ts';
import type { Sniffed } from './sniff.ts';
import { startsAsZip } from './traces.ts';
import { walkZip } from './zip.ts';

/** Bytes of an entry by which an archive is known; a tar is known at 262. */
const MAGIC_BYTES = 512;
const BLOCK_BYTES = 512;

/** Unpacks an archive into nothing, and all archives in it. */
export async function inspectArchive(bytes: Uint8Array, bounds: Bounds): Promise<Sniffed> {
  const type = await typeOf(bytes);
  try {
    await walk(bytes, new Budget(bounds, bytes.byteLength), 0);
    return { type, needs: 'nothing', problem: null };
  } catch (thrown) {
    const code = thrown instanceof Refusal ? thrown.code : 'archive-unreadable';
    const detail = thrown instanceof Error ? thrown.message : 'cannot be read';
    return { type, needs: 'nothing', problem: { code, detail } };
  }
}

async function walk(bytes: Uint8Array, budget: Budget, depth: number): Promise<void> {
  if (depth > budget.bounds.depth) throw new Refusal('archive-depth', 'archives in archives in archives');
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (isGzip(buffer)) return gunzip(buffer, budget, depth);
  if (isTar(buffer)) return walkTar(Readable.from([buffer]), budget, depth);
  return walkZip(buffer, budget, (stream) => content(stream, budget, depth));
}

/** Reads an entry to its end; one that is an archive is walked through too. */
async function content(stream: AsyncIterable<Uint8Array>, budget: Budget, depth: number): Promise<void> {
  let held: Uint8Array[] = [];
  let size = 0;
  let isNested: boolean | null = null;
  for await (const chunk of stream) {
    size += chunk.byteLength;
    budget.spend(chunk.byteLength);
    if (isNested === false) continue;
    held.push(chunk);
    if (isNested === null && size >= MAGIC_BYTES) isNested = isArchive(Buffer.concat(held));
    if (isNested === false) held = [];
    else if (size > budget.bounds.nestedBytes && isNested === true)
      throw new Refusal('archive-bomb', `an archive of more than ${budget.bounds.nestedBytes} bytes within`);
  }
  const bytes = Buffer.concat(held);
  if (isNested ?? isArchive(bytes)) await walk(bytes, budget, depth + 1);
}

async function gunzip(bytes: Buffer, budget: Budget, depth: number): Promise<void> {
  const unpacked = Readable.from([bytes]).pipe(createGunzip());
  budget.entry();
  const iterator = unpacked[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  const first: Buffer[] = [];
  for (let size = 0; size < MAGIC_BYTES;) {
    const next = await iterator.next();
    if (next.done === true) break;
    first.push(next.value);
    size += next.value.byteLength;
  }
  const rest = (async function* () {
    yield* first;
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) yield next.value;
  })();
  // A tar in gzip is one archive, not two.
  if (isTar(Buffer.concat(first))) return walkTar(counted(rest, budget), budget, depth);
  return content(rest, budget, depth);
}

async function* counted(source: AsyncIterable<Uint8Array>, budget: Budget): AsyncGenerator<Uint8Array> {
  for await (const chunk of source) {
    budget.spend(chunk.byteLength);
    yield chunk;
  }
}

async function walkTar(source: AsyncIterable<Uint8Array>, budget: Budget, depth: number): Promise<void> {
  const names = new Names(budget.bounds);
  const tar = extract();
  const feeding = (async () => {
    for await (const chunk of source) if (!tar.write(chunk)) await drained(tar);
    tar.end(null);
  })().catch((thrown: unknown) => tar.destroy(thrown as Error));
  try {
    for await (const entry of tar) {
      budget.entry();
      checkHeader(entry.header, names);
      await content(entry as AsyncIterable<Uint8Array>, budget, depth);
    }
    await feeding;
  } catch (thrown) {
    tar.destroy(thrown as Error);
    throw thrown;
  }
}

function drained(tar: ReturnType<typeof extract>): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      tar.off('drain', settle);
      tar.off('close', lost);
      resolve();
    };
    const lost = (): void => reject(new Refusal('archive-unreadable', 'the archive is cut off'));
    tar.on('drain', settle);
    tar.on('close', lost);
  });
}

function checkHeader({ name, type, linkname, size, pax }: Header, names: Names): void {
  const kind: string | null = type;
  // Readers differ about whether data follows, and tar-stream waits for it in vain.
  if (kind === 'directory' && size > 0) throw new Refusal('archive-unreadable', 'a folder that has a size');
  // A file with holes, which unpacks to any size.
  if (kind === null || Object.keys(pax ?? {}).some((field) => field.startsWith('GNU.sparse')))
    throw new Refusal('archive-unreadable', 'an entry with holes, or of an unknown kind');
  if (kind === 'symlink' || kind === 'link') {
    names.add(name);
    names.link(name, linkname, kind === 'link');
  } else if (kind === 'file' || kind === 'directory' || kind === 'contiguous-file') {
    // The root itself.
    if (name === './' || name === '.') return;
    names.add(name);
  } else throw new Refusal('archive-device', `an entry that is a ${kind}`);
}

function isArchive(bytes: Buffer): boolean {
  return isGzip(bytes) || isTar(bytes) || startsAsZip(bytes);
}

function isGzip(bytes: Buffer): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b && bytes[2] === 8;
}

function isTar(bytes: Buffer): boolean {
  return bytes.byteLength >= BLOCK_BYTES && bytes.toString('latin1', 257, 262) === 'ustar';
}
