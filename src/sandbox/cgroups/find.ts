import { accessSync, constants, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ControlGroups } from './port.ts';
import { ControlGroups1 } from './version-1.ts';
import { ControlGroups2, becomeParent, enableControllers, hasControllers } from './version-2.ts';

/** The two files of procfs that say where this process is. */
export interface Whereabouts {
  /** `/proc/self/cgroup` */
  readonly groups: string;
  /** `/proc/self/mountinfo` */
  readonly mounts: string;
}

interface Mount {
  /** Path inside the hierarchy that is mounted. */
  readonly root: string;
  readonly folder: string;
  readonly type: string;
  readonly options: readonly string[];
}

/** Where groups can be made on this machine, or why they cannot. Changes nothing. */
export type Found =
  | { readonly version: 1; readonly folders: Readonly<Record<Controller, string>> }
  | { readonly version: 2; readonly own: string; readonly top: string }
  | { readonly version: null; readonly why: string };

const CONTROLLERS = ['memory', 'pids', 'cpu', 'cpuacct'] as const;
type Controller = (typeof CONTROLLERS)[number];

export function readWhereabouts(): Whereabouts {
  return {
    groups: readFileSync('/proc/self/cgroup', 'utf8'),
    mounts: readFileSync('/proc/self/mountinfo', 'utf8'),
  };
}

/** Finds the groups of this process: version 1 where it has the controllers, else version 2. */
export function findControlGroups({ groups, mounts }: Whereabouts): Found {
  const mounted = parseMounts(mounts);
  const paths = new Map<string, string>();
  for (const line of groups.trim().split('\n')) {
    const [, controllers, ...path] = line.split(':');
    for (const controller of controllers?.split(',') ?? []) paths.set(controller, path.join(':'));
  }
  const folders: Partial<Record<Controller, string>> = {};
  for (const controller of CONTROLLERS) {
    const mount = mounted.find(({ type, options }) => type === 'cgroup' && options.includes(controller));
    if (mount !== undefined) folders[controller] = inside(mount, paths.get(controller) ?? '/');
  }
  const { memory, pids, cpu, cpuacct } = folders;
  if (memory !== undefined && pids !== undefined && cpu !== undefined && cpuacct !== undefined) {
    return { version: 1, folders: { memory, pids, cpu, cpuacct } };
  }
  const unified = mounted.find(({ type }) => type === 'cgroup2');
  if (unified === undefined) return { version: null, why: 'no control groups are mounted' };
  if (memory !== undefined) {
    return { version: null, why: 'the controllers are spread over versions 1 and 2 of control groups' };
  }
  return { version: 2, own: inside(unified, paths.get('') ?? '/'), top: unified.folder };
}

function parseMounts(text: string): Mount[] {
  return text
    .trim()
    .split('\n')
    .map((line) => {
      const [before = '', after = ''] = line.split(' - ');
      const [, , , root = '/', folder = '/'] = before.split(' ');
      const [type = '', , options = ''] = after.split(' ');
      return { root, folder, type, options: options.split(',') };
    });
}

/** In a container the path of a process may begin with what is the root of the mount. */
function inside({ root, folder }: Mount, path: string): string {
  if (path === '/') return folder;
  if (root === '/') return join(folder, path);
  return join(folder, path === root || path.startsWith(`${root}/`) ? path.slice(root.length) : '');
}

/** Why this process may not make groups there; null when it may. Changes nothing. */
export function whyNotUsable(found: Found): string | null {
  if (found.version === null) return found.why;
  if (found.version === 1) {
    const closed = Object.values(found.folders).find((folder) => !isWritable(folder));
    return closed === undefined ? null : `${closed} is not writable`;
  }
  const places = placesOf2(found);
  if (places.some((place) => hasControllers(place) && isWritable(place))) return null;
  return `no writable group with the controllers memory, pids and cpu (looked at ${places.join(', ')})`;
}

/** Opens them for use. Errors: when they are not usable, with the reason. */
export function openControlGroups(found: Found): ControlGroups {
  const why = whyNotUsable(found);
  if (found.version === null || why !== null) throw new Error(`Cannot use control groups: ${why}.`);
  if (found.version === 1) return new ControlGroups1(found.folders);
  let failure: unknown = null;
  for (const place of placesOf2(found)) {
    try {
      if (prepare2(place, found)) return new ControlGroups2(place);
    } catch (thrown) {
      failure = thrown;
    }
  }
  throw new Error('Cannot use control groups: other processes share the group of this one.', {
    cause: failure,
  });
}

/** The own group first, because a limit on it then holds for the sandboxes too; else the top. */
function placesOf2({ own, top }: { own: string; top: string }): string[] {
  return own === top ? [own] : [own, top];
}

function prepare2(place: string, { own, top }: { own: string; top: string }): boolean {
  if (!hasControllers(place) || !isWritable(place)) return false;
  try {
    enableControllers(place);
    return true;
  } catch (thrown) {
    // At the top of a container the whole hierarchy is ours.
    if (place !== own) throw thrown;
    return becomeParent(place, own === top);
  }
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
