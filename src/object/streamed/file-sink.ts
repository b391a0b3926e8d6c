import type { FileHandle } from 'node:fs/promises';
import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CordonError } from '../../contract/index.ts';
import { problem } from '../file-problem.ts';
import { syncFolder } from '../sync-folder.ts';
import type { ObjectSink } from './port.ts';

/** Bytes that are written at once. At most two blocks are in memory: one fills while the other is written. */
const BLOCK_BYTES = 256 * 1024;
/** Bytes after which the disk is asked to begin, so that not all is left for the end. */
const SYNC_BYTES = 16 * 1024 * 1024;

/** Writes one file. What fails behind a write is thrown by a later one, or by `finish`. */
export class FileSink implements ObjectSink {
  readonly name: string;
  readonly #path: string;
  #file: FileHandle | null;
  /** What fills, and what was written. */
  #block: Buffer | null = null;
  #spare: Buffer | null = null;
  #filled = 0;
  #unsynced = 0;
  /** The write of a block, and a sync of what came before. Neither rejects without being asked. */
  #writing: Promise<void> = Promise.resolve();
  #syncing: Promise<void> = Promise.resolve();

  constructor(name: string, path: string, file: FileHandle) {
    this.name = name;
    this.#path = path;
    this.#file = file;
  }

  async write(chunk: Uint8Array): Promise<void> {
    const file = this.#open();
    let taken = 0;
    while (taken < chunk.byteLength) {
      const block = (this.#block ??= Buffer.allocUnsafeSlow(BLOCK_BYTES));
      const part = chunk.subarray(taken, taken + BLOCK_BYTES - this.#filled);
      block.set(part, this.#filled);
      this.#filled += part.byteLength;
      taken += part.byteLength;
      if (this.#filled === BLOCK_BYTES) await this.#flush(file);
    }
  }

  async finish(): Promise<void> {
    const file = this.#open();
    try {
      await this.#flush(file);
      await this.#writing;
      await this.#syncing;
      await file.datasync();
      this.#file = null;
      await file.close();
      await syncFolder(dirname(this.#path));
    } catch (cause) {
      throw problem(`write ${this.#path}`, cause);
    }
  }

  async abandon(): Promise<void> {
    const file = this.#file;
    if (file === null) return;
    this.#file = null;
    // What cannot be removed now is found at the next start.
    await Promise.allSettled([this.#writing, this.#syncing]);
    await file.close().catch(() => undefined);
    await rm(this.#path, { force: true }).catch(() => undefined);
  }

  /** Resolves when the block is free again, not when it is written. */
  async #flush(file: FileHandle): Promise<void> {
    try {
      await this.#writing;
      if (this.#unsynced >= SYNC_BYTES) {
        await this.#syncing;
        this.#unsynced = 0;
        this.#syncing = behind(file.datasync());
      }
    } catch (cause) {
      throw problem(`write ${this.#path}`, cause);
    }
    const block = this.#block;
    if (block === null) return;
    this.#writing = behind(writeAll(file, block.subarray(0, this.#filled)));
    this.#unsynced += this.#filled;
    this.#filled = 0;
    this.#block = this.#spare;
    this.#spare = block;
  }

  #open(): FileHandle {
    if (this.#file === null) throw new CordonError('CORDON_INTERNAL', 'The object is finished already.');
    return this.#file;
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  let written = 0;
  // A disk that is nearly full takes a part.
  while (written < bytes.byteLength) {
    const { bytesWritten } = await file.write(bytes, written, bytes.byteLength - written);
    written += bytesWritten;
  }
}

/** Work that is waited for later: a failure is that of who waits. */
function behind(work: Promise<void>): Promise<void> {
  work.catch(() => undefined);
  return work;
}
