import { readFileSync } from 'node:fs';

/**
 * User ids that no account, container or service manager of a usual machine hands out
 * (systemd, "Users, Groups, UIDs and GIDs"), one for each sandbox that is alive.
 */
const FIRST_HIGH = 1_900_000_000;
/** In a container that has only the first 65536 ids. */
const FIRST_LOW = 64_000;
const COUNT = 900;
const TOOL_OFFSET = COUNT;
const LAST_OFFSET = TOOL_OFFSET;

const taken = new Set<number>();
let next = 0;
let first: number | null = null;

export function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/** Hands out an id that no other sandbox of this process has. Errors: all are taken. */
export function takeUserId(): number {
  for (let tried = 0; tried < COUNT; tried++) {
    const id = firstId() + next;
    next = (next + 1) % COUNT;
    if (taken.has(id)) continue;
    taken.add(id);
    return id;
  }
  throw new Error(`Cannot start more than ${COUNT} sandboxes at a time.`);
}

/** Gives an id back, when no process has it any more. */
export function releaseUserId(id: number): void {
  taken.delete(id);
}

/** The user that a confined tool reads files as. */
export function toolUserId(): number {
  return isRoot() ? firstId() + TOOL_OFFSET : (process.getuid?.() ?? 0);
}

/** The start of a command line that becomes another user without any privilege; empty when the host is not root. */
export function dropPrivileges(setpriv: string, uid: number): string[] {
  if (!isRoot()) return [];
  const identity = [`--reuid=${uid}`, `--regid=${uid}`, '--clear-groups'];
  return [setpriv, ...identity, '--no-new-privs', '--inh-caps=-all', '--bounding-set=-all', '--'];
}

function firstId(): number {
  first ??= canMap(FIRST_HIGH + LAST_OFFSET) ? FIRST_HIGH : FIRST_LOW;
  return first;
}

/** True when the user namespace of this process has the id at all. */
function canMap(id: number): boolean {
  const lines = readFileSync('/proc/self/uid_map', 'utf8').trim().split('\n');
  return lines.some((line) => {
    const [start = 0, , count = 0] = line.trim().split(/\s+/).map(Number);
    return id >= start && id < start + count;
  });
}
