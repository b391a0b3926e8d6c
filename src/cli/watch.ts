import { readdirSync, watch, type FSWatcher } from 'node:fs';
import { dirname, join } from 'node:path';

/** Time without another change before it is told, in ms: editors write a file in several steps. */
const QUIET_MS = 25;
/** Folders that are watched at most; the kernel's watches are few. */
const FOLDERS_MAX = 2000;
const IGNORED = /^(?:node_modules|\..*|cordon\.d\.ts.*)$/;

/**
 * Watches the folders of an app, without packages and hidden ones, and the folders of the files that it
 * is made of. Tells once when changes have come to rest.
 */
export class SourceWatcher {
  readonly #folder: string;
  readonly #onChange: () => void;
  readonly #watchers = new Map<string, FSWatcher>();
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(folder: string, onChange: () => void) {
    this.#folder = folder;
    this.#onChange = onChange;
    this.update([]);
  }

  /** Watches what is there now. `sources`: absolute paths of files, which may lie outside of the app. */
  update(sources: readonly string[]): void {
    // A reload that was under way at the end must not bring watches back: they would keep the process alive.
    if (this.#closed) return;
    const wanted = new Set([...foldersIn(this.#folder), ...sources.map((source) => dirname(source))]);
    for (const [folder, watcher] of this.#watchers) {
      if (wanted.has(folder)) continue;
      watcher.close();
      this.#watchers.delete(folder);
    }
    for (const folder of wanted) if (this.#watchers.size < FOLDERS_MAX) this.#add(folder);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  #add(folder: string): void {
    if (this.#watchers.has(folder)) return;
    try {
      const watcher = watch(folder, (_kind, name) => {
        if (name === null || !IGNORED.test(name)) this.#changed();
      });
      watcher.on('error', () => {
        watcher.close();
        this.#watchers.delete(folder);
      });
      this.#watchers.set(folder, watcher);
    } catch {
      // It went away in between; the folder above tells of that.
    }
  }

  #changed(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#onChange, QUIET_MS);
  }
}

function foldersIn(root: string): string[] {
  const found = [root];
  for (let i = 0; i < found.length && found.length < FOLDERS_MAX; i++) {
    const folder = found[i] ?? root;
    try {
      for (const entry of readdirSync(folder, { withFileTypes: true })) {
        if (entry.isDirectory() && !IGNORED.test(entry.name)) found.push(join(folder, entry.name));
      }
    } catch {
      // Gone in between.
    }
  }
  return found;
}
