import { closeSync, constants, fchmodSync, openSync, writeSync } from 'node:fs';
import { chmod, mkdir, readFile, stat, symlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { extract } from 'tar-stream';
import { CordonError, LIMITS } from '../contract/index.ts';
import {
  ARCHIVE_HEAD,
  archiveHeadSchema,
  isPackageFolder,
  isPlainPath,
  isReserved,
  LINKS_MAX,
  type ArchiveHead,
} from './archive-format.ts';

export interface Unpacked {
  /** App folder relative to the staging folder; empty for the folder itself. */
  readonly app: string;
  readonly files: number;
  readonly bytes: number;
}

/**
 * Unpacks a source archive into `folder`, which must exist and be empty. Only plain files below it are
 * written: links, devices, absolute or dotted paths, two spellings of one name and names that differ in
 * case alone are refused as a whole; the caller removes the folder then. Limits default to
 * `sourceFilesMax` and `sourceBytesMax`.
 * Errors: CORDON_ARCHIVE_REFUSED, CORDON_SOURCE_TOO_LARGE.
 */
export async function unpackArchive(
  archive: Uint8Array,
  folder: string,
  limits: { readonly filesMax?: number; readonly bytesMax?: number } = {},
): Promise<Unpacked> {
  const { filesMax = LIMITS.sourceFilesMax.value, bytesMax = LIMITS.sourceBytesMax.value } = limits;
  const names = new Names();
  const tar = extract();
  // Everything is in memory already; what the reader refuses ends the iteration below.
  tar.end(Buffer.from(archive.buffer, archive.byteOffset, archive.byteLength));
  let files = 0;
  let bytes = 0;
  try {
    for await (const entry of tar) {
      const { type, size } = entry.header;
      if (type !== 'file' && type !== 'directory')
        throw refused(entry.header.name, `a ${String(type)} instead of a plain file`);
      if (type === 'directory') {
        names.folder(entry.header.name.replace(/\/$/, ''));
        entry.resume();
        continue;
      }
      const name = entry.header.name;
      names.file(name);
      files += 1;
      bytes += size;
      if (files > filesMax) throw tooLarge(`more than ${filesMax} files`);
      if (bytes > bytesMax) throw tooLarge(`more than ${bytesMax} bytes`);
      await makeFolders(folder, name, names);
      await writeFile(join(folder, name), entry);
    }
  } catch (thrown) {
    tar.destroy();
    if (thrown instanceof CordonError) throw thrown;
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    if (isFileSystemError(thrown))
      throw new CordonError('CORDON_STORE_FAILED', `Cannot unpack the source archive: ${reason}`, {
        cause: thrown,
      });
    throw new CordonError('CORDON_ARCHIVE_REFUSED', `The source archive is not a readable tar: ${reason}.`, {
      cause: thrown,
    });
  }
  const head = names.has(ARCHIVE_HEAD) ? await readHead(folder) : null;
  if (head !== null) await makeLinks(folder, head, names);
  return { app: head?.app ?? '', files, bytes };
}

/** Names that an archive has used so far, with what they may no longer be used for. */
class Names {
  readonly #kinds = new Map<string, { readonly name: string; readonly kind: 'file' | 'folder' }>();
  readonly made = new Set<string>();

  file(name: string): void {
    if (!isPlainPath(name)) throw refused(name, 'not a plain relative path');
    if (isReserved(name)) throw refused(name, 'a name that Cordon keeps for itself');
    if (this.#kinds.has(key(name)))
      throw refused(name, 'there twice, or differs from another name in case alone');
    this.#kinds.set(key(name), { name, kind: 'file' });
    if (name.includes('/')) this.folder(dirname(name));
  }

  folder(name: string): void {
    if (!isPlainPath(name)) throw refused(name, 'not a plain relative path');
    for (let place = name; place !== '.'; place = dirname(place)) {
      const known = this.#kinds.get(key(place));
      if (known === undefined) this.#kinds.set(key(place), { name: place, kind: 'folder' });
      else if (known.kind !== 'folder' || known.name !== place) {
        throw refused(name, `in conflict with ${JSON.stringify(known.name)}`);
      } else return;
    }
  }

  has(name: string): boolean {
    return this.#kinds.get(key(name))?.name === name;
  }

  isFolder(name: string): boolean {
    const known = this.#kinds.get(key(name));
    return known?.kind === 'folder' && known.name === name;
  }

  isTaken(name: string): boolean {
    return this.#kinds.has(key(name));
  }
}

/** What a file system without case or with normalisation would take for the same name. */
function key(name: string): string {
  return name.normalize('NFKC').toLowerCase();
}

async function makeFolders(root: string, name: string, names: Names): Promise<void> {
  const missing: string[] = [];
  for (let place = dirname(name); place !== '.' && !names.made.has(place); place = dirname(place))
    missing.push(place);
  for (const place of missing.reverse()) {
    await mkdir(join(root, place));
    await chmod(join(root, place), 0o755);
    names.made.add(place);
  }
}

const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/** Synchronous: an archive has thousands of small files, and a round trip through the thread pool for each takes longer than writing it. */
async function writeFile(path: string, entry: AsyncIterable<unknown>): Promise<void> {
  const file = openSync(path, CREATE, 0o644);
  try {
    // The bundler may run as another user, whatever the umask is here.
    fchmodSync(file, 0o644);
    for await (const chunk of entry) writeAll(file, chunk as Uint8Array);
  } finally {
    closeSync(file);
  }
}

function writeAll(file: number, bytes: Uint8Array): void {
  for (let offset = 0; offset < bytes.byteLength;) offset += writeSync(file, bytes, offset);
}

async function readHead(folder: string): Promise<ArchiveHead> {
  const text = await readFile(join(folder, ARCHIVE_HEAD), 'utf8');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw refused(ARCHIVE_HEAD, 'not JSON');
  }
  const head = archiveHeadSchema.safeParse(value);
  if (!head.success) throw refused(ARCHIVE_HEAD, 'not what this version of Cordon writes');
  return head.data;
}

/**
 * Makes the links that stand for package folders. It runs when no file is written any more, each link lies
 * where the archive has nothing, and each leads to a real folder of the archive, so that none leads outside.
 */
async function makeLinks(folder: string, head: ArchiveHead, names: Names): Promise<void> {
  const links = Object.entries(head.links);
  if (links.length > LINKS_MAX) throw refused(ARCHIVE_HEAD, `more than ${LINKS_MAX} links`);
  for (const [name, target] of links) {
    // Each link counts as a file from here on, so that nothing comes to lie below one.
    if (!isPackageFolder(name)) throw refused(name, 'a link that is no package folder');
    if (names.isTaken(name)) throw refused(name, 'a link where a file or folder is');
    if (!names.isFolder(target))
      throw refused(name, `a link to ${JSON.stringify(target)}, which the archive does not have`);
    names.file(name);
    await makeFolders(folder, name, names);
    await symlink(relative(dirname(name), target), join(folder, name));
    const reached = await stat(join(folder, name));
    if (!reached.isDirectory()) throw refused(name, 'a link to something else than a folder');
  }
}

function refused(name: string, reason: string): CordonError {
  const shown = JSON.stringify(name.slice(0, 200));
  return new CordonError('CORDON_ARCHIVE_REFUSED', `The source archive is refused: ${shown} is ${reason}.`, {
    details: { file: name.slice(0, 200), reason },
  });
}

function tooLarge(what: string): CordonError {
  return new CordonError('CORDON_SOURCE_TOO_LARGE', `The source archive has ${what}.`, {
    details: { limit: what },
  });
}

function isFileSystemError(thrown: unknown): boolean {
  return thrown instanceof Error && 'syscall' in thrown;
}
