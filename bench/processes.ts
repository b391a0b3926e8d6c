/** CPU time and memory of processes, from /proc. */
import { readdirSync, readFileSync } from 'node:fs';

/** Microseconds in a clock tick of /proc: USER_HZ is 100 on Linux. */
const MICROS_PER_TICK = 10_000;
const KIB = 1024;
const BYTES_PER_MB = 1e6;

/** The processes that `pid` has started, and theirs, itself first. Those that have ended meanwhile are left out. */
export function processTree(pid: number): number[] {
  const tree = [pid];
  for (const parent of tree) {
    for (const thread of entries(`/proc/${parent}/task`)) {
      const children = read(`/proc/${parent}/task/${thread}/children`);
      for (const child of children.split(' ')) if (child.trim() !== '') tree.push(Number(child));
    }
  }
  return tree;
}

/** Name of the program that a process runs, at most 15 characters. Empty when it is gone. */
export function programName(pid: number): string {
  return read(`/proc/${pid}/comm`).trim();
}

/** User and system time of all threads of a process, and of children that it has waited for, in µs. 0 when it is gone. */
export function cpuMicros(pid: number): number {
  const stat = read(`/proc/${pid}/stat`);
  // The name in brackets may hold spaces; utime, stime, cutime and cstime are fields 14 to 17 of the whole.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0) * MICROS_PER_TICK;
}

/** CPU time of many processes together. */
export function cpuMicrosOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + cpuMicros(pid), 0);
}

/** Proportional set size in MB: shared pages count once over all that share them. */
export function pssMb(pid: number): number {
  return kilobytesMb(read(`/proc/${pid}/smaps_rollup`), 'Pss');
}

/** Resident memory in MB. */
export function rssMb(pid: number): number {
  return kilobytesMb(read(`/proc/${pid}/status`), 'VmRSS');
}

function kilobytesMb(text: string, field: string): number {
  const match = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(text);
  return (Number(match?.[1] ?? 0) * KIB) / BYTES_PER_MB;
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function entries(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
