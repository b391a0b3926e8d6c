import { mkdirSync, readFileSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const PARENT = /^cordon-(\d+)$/;

/** Name of the parent of all groups of this process. */
export function parentName(pid: number = process.pid): string {
  return `cordon-${pid}`;
}

/** Writes a control file in one call, as the kernel wants it. */
export function writeControl(folder: string, file: string, value: number | string): void {
  writeFileSync(join(folder, file), String(value), { flag: 'r+' });
}

export function readControl(folder: string, file: string): string | null {
  try {
    return readFileSync(join(folder, file), 'utf8').trim();
  } catch {
    return null;
  }
}

export function readNumber(folder: string, file: string): number {
  const value = Number(readControl(folder, file) ?? 0);
  return Number.isFinite(value) ? value : 0;
}

/** The number after `key` in a file of lines `key number`. 0 when there is none. */
export function readField(folder: string, file: string, key: string): number {
  const lines = readControl(folder, file)?.split('\n') ?? [];
  const line = lines.find((text) => text.startsWith(`${key} `));
  return line === undefined ? 0 : Number(line.slice(key.length + 1));
}

/** Processes in one group, not those of the groups below it. */
export function processesIn(folder: string): number[] {
  const text = readControl(folder, 'cgroup.procs') ?? '';
  return text === '' ? [] : text.split('\n').map(Number);
}

/** True when this call made it. */
export function makeFolder(folder: string): boolean {
  try {
    mkdirSync(folder);
    return true;
  } catch (thrown) {
    if (codeOf(thrown) === 'EEXIST') return false;
    throw thrown;
  }
}

/** True when it is gone afterwards. */
export function removeFolder(folder: string): boolean {
  try {
    rmdirSync(folder);
    return true;
  } catch (thrown) {
    return codeOf(thrown) === 'ENOENT';
  }
}

/** Ends what is left in the groups of servers that do not run any more, and removes the groups. */
export function removeStaleParents(base: string, isAlive: (pid: number) => boolean): void {
  for (const name of foldersIn(base)) {
    const pid = PARENT.exec(name)?.[1];
    if (pid === undefined || isAlive(Number(pid))) continue;
    const parent = join(base, name);
    for (const child of [...foldersIn(parent).map((group) => join(parent, group)), parent]) {
      for (const process of processesIn(child)) killProcess(process);
      removeFolder(child);
    }
  }
}

/** SIGKILL; a process that is gone already is no error. */
export function killProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (thrown) {
    if (codeOf(thrown) !== 'ESRCH') throw thrown;
  }
}

export function isProcessAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    return codeOf(thrown) !== 'ESRCH';
  }
}

function foldersIn(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
  } catch {
    return [];
  }
}

function codeOf(thrown: unknown): unknown {
  return thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
}
