import type { Buffer } from 'node:buffer';
import { inflateRawSync } from 'node:zlib';
import { fromBufferPromise } from 'yauzl';
import type { Entry, ZipFile } from 'yauzl';
import { Names, Refusal } from './budget.ts';
import type { Budget } from './budget.ts';

const STORED = 0;
const DEFLATED = 8;
/** Entries up to this are unpacked in one piece. */
const SMALL_BYTES = 1024 * 1024;
const TYPE_MASK = 0o170000;
const SYMLINK = 0o120000;
const FILE = 0o100000;
const FOLDER = 0o040000;
const MADE_ON_UNIX = 3;
const LINK_BYTES_MAX = 4096;

/** Goes through a ZIP archive and hands on what each entry unpacks to. Errors: `Refusal`, those of yauzl. */
export async function walkZip(
  bytes: Buffer,
  budget: Budget,
  content: (stream: AsyncIterable<Uint8Array>) => Promise<void>,
): Promise<void> {
  const names = new Names(budget.bounds);
  const zip = await fromBufferPromise(bytes, { lazyEntries: true, strictFileNames: true });
  for await (const entry of entriesOf(zip)) {
    budget.entry();
    // Readers that know no Unicode field go by the bytes.
    names.check(entry.fileNameRaw.toString());
    names.add(entry.fileName);
    if (entry.isEncrypted()) {
      if (budget.bounds.allowEncrypted) continue;
      throw new Refusal('archive-encrypted', 'an entry that is encrypted');
    }
    const start = await checkLocal(zip, entry);
    const isLink = checkKind(entry);
    const stream =
      entry.uncompressedSize <= SMALL_BYTES
        ? inOnePiece(unpack(bytes.subarray(start, start + entry.compressedSize), entry))
        : ((await zip.openReadStreamPromise(entry)) as AsyncIterable<Uint8Array>);
    if (isLink) names.link(entry.fileName, await targetOf(stream), false);
    else await content(stream);
  }
}

async function* entriesOf(zip: ZipFile): AsyncGenerator<Entry> {
  try {
    yield* zip.eachEntry();
  } catch (thrown) {
    if (thrown instanceof Refusal) throw thrown;
    const message = thrown instanceof Error ? thrown.message : '';
    // yauzl judges names itself.
    const isName = /absolute path|relative path|invalid characters in fileName/.test(message);
    throw new Refusal(
      isName ? 'archive-path' : 'archive-unreadable',
      isName ? 'an entry that leads outside' : message,
    );
  }
}

/** Readers that go by the entries themselves and readers that go by the directory have to see the same archive. Gives where its data begins. */
async function checkLocal(zip: ZipFile, entry: Entry): Promise<number> {
  const local = await zip.readLocalFileHeaderPromise(entry);
  const isSame =
    local.fileName.equals(entry.fileNameRaw) && local.compressionMethod === entry.compressionMethod;
  if (!isSame) throw new Refusal('archive-unreadable', 'an entry that its directory describes otherwise');
  return local.fileDataStart;
}

/** A small entry at once: a stream for each of thousands takes much longer. */
function unpack(packed: Uint8Array, { compressionMethod, uncompressedSize }: Entry): Uint8Array {
  let unpacked = packed;
  if (compressionMethod === DEFLATED)
    // One byte of room says whether it holds more than it claims.
    unpacked = inflateRawSync(packed, { maxOutputLength: uncompressedSize + 1 });
  else if (compressionMethod !== STORED)
    throw new Refusal('archive-unreadable', `an entry packed by method ${compressionMethod}`);
  if (unpacked.byteLength !== uncompressedSize)
    throw new Refusal('archive-unreadable', 'an entry of another size than it claims');
  return unpacked;
}

async function* inOnePiece(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** True: a symbolic link. */
function checkKind(entry: Entry): boolean {
  if (entry.versionMadeBy >>> 8 !== MADE_ON_UNIX) return false;
  const kind = (entry.externalFileAttributes >>> 16) & TYPE_MASK;
  if (kind === SYMLINK) return true;
  if (kind !== 0 && kind !== FILE && kind !== FOLDER)
    throw new Refusal('archive-device', 'an entry that is no file, folder or link');
  return false;
}

async function targetOf(stream: AsyncIterable<Uint8Array>): Promise<string> {
  let text = '';
  for await (const chunk of stream) {
    text += new TextDecoder('latin1').decode(chunk);
    if (text.length > LINK_BYTES_MAX) throw new Refusal('archive-link', 'a link whose target is too long');
  }
  return text;
}
