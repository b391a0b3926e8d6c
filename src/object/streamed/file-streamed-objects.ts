import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CordonError } from '../../contract/index.ts';
import { FileSink } from './file-sink.ts';
import { hasCode, problem } from '../file-problem.ts';
import { syncFolder } from '../sync-folder.ts';
import type { ObjectSink, StreamedObject, StreamedObjects } from './port.ts';

const NAME = /^[0-9a-f]{32}$/;
const NAME_BYTES = 16;
/** Where objects are until they are kept. */
const INCOMING = 'incoming';
const OWNER_ONLY_FOLDER = 0o700;
const OWNER_ONLY_FILE = 0o600;

/**
 * Opens the folder at `path`, and makes it (0700) where there is none. One process at a time may have it open.
 * Call `recover` before anything is written. Errors: CORDON_STORE_FAILED, CORDON_STORE_FULL.
 */
export async function openFileStreamedObjects(options: { readonly path: string }): Promise<StreamedObjects> {
  try {
    await mkdir(join(options.path, INCOMING), { recursive: true, mode: OWNER_ONLY_FOLDER });
    await syncFolder(options.path);
    await syncFolder(dirname(options.path));
  } catch (cause) {
    throw problem(`open ${options.path}`, cause);
  }
  return new FileStreamedObjects(options.path);
}

/** A file per object, named at random, in a folder per first byte of the name. */
class FileStreamedObjects implements StreamedObjects {
  readonly #folder: string;
  readonly #incoming: string;

  constructor(folder: string) {
    this.#folder = folder;
    this.#incoming = join(folder, INCOMING);
  }

  async create(): Promise<ObjectSink> {
    const name = randomBytes(NAME_BYTES).toString('hex');
    const path = join(this.#incoming, name);
    try {
      return new FileSink(name, path, await open(path, 'wx', OWNER_ONLY_FILE));
    } catch (cause) {
      throw problem(`write ${path}`, cause);
    }
  }

  async open(name: string): Promise<StreamedObject> {
    const path = this.#path(name);
    // The second look at its place is for an object that is kept between the first two.
    for (const candidate of [path, join(this.#incoming, name), path]) {
      try {
        const file = await open(candidate, constants.O_RDONLY | constants.O_NOFOLLOW);
        return await FileObject.of(file);
      } catch (cause) {
        if (!hasCode(cause, 'ENOENT')) throw problem(`read ${candidate}`, cause);
      }
    }
    throw missing(name);
  }

  async keep(name: string): Promise<void> {
    const path = this.#path(name);
    try {
      await mkdir(dirname(path), { recursive: true, mode: OWNER_ONLY_FOLDER });
      await rename(join(this.#incoming, name), path);
      await syncFolder(dirname(path));
      await syncFolder(this.#folder);
    } catch (cause) {
      throw problem(`keep ${path}`, cause);
    }
  }

  async delete(name: string): Promise<void> {
    try {
      for (const path of [join(this.#incoming, name), this.#path(name)]) await rm(path, { force: true });
    } catch (cause) {
      throw problem(`delete the object ${name}`, cause);
    }
  }

  async recover(known: (names: readonly string[]) => Promise<ReadonlySet<string>>): Promise<number> {
    let removed = 0;
    try {
      const names = await readdir(this.#incoming);
      const keep = await known(names.filter((name) => NAME.test(name)));
      for (const name of names) {
        if (keep.has(name)) {
          await this.keep(name);
          continue;
        }
        await rm(join(this.#incoming, name), { recursive: true, force: true });
        removed += 1;
      }
    } catch (cause) {
      throw problem(`recover ${this.#incoming}`, cause);
    }
    return removed;
  }

  #path(name: string): string {
    if (!NAME.test(name)) throw missing(name);
    return join(this.#folder, name.slice(0, 2), name);
  }
}

class FileObject implements StreamedObject {
  readonly size: number;
  readonly #file: FileHandle;

  private constructor(file: FileHandle, size: number) {
    this.#file = file;
    this.size = size;
  }

  static async of(file: FileHandle): Promise<FileObject> {
    try {
      return new FileObject(file, (await file.stat()).size);
    } catch (thrown) {
      // A handle that is only dropped ends the process when it is collected.
      await file.close();
      throw thrown;
    }
  }

  async read(start: number, end: number, memory?: Uint8Array): Promise<Uint8Array> {
    const size = Math.max(0, Math.min(end, this.size) - start);
    const buffer =
      memory !== undefined && memory.byteLength >= size
        ? memory.subarray(0, size)
        : Buffer.allocUnsafeSlow(size);
    let filled = 0;
    try {
      while (filled < buffer.length) {
        const { bytesRead } = await this.#file.read(buffer, filled, buffer.length - filled, start + filled);
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
    } catch (cause) {
      throw problem('read an object', cause);
    }
    return buffer.subarray(0, filled);
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

function missing(name: string): CordonError {
  return new CordonError('CORDON_OBJECT_MISSING', `There is no object ${JSON.stringify(name.slice(0, 80))}.`);
}
