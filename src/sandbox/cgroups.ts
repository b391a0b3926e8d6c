import { existsSync, mkdirSync, readFileSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SandboxLimits, SandboxUsage } from './port.ts';

const CPU_PERIOD_US = 100_000;
const PARENT_PREFIX = 'cordon-';
const CONTROLLERS_V1 = ['memory', 'pids', 'cpu', 'cpuacct'] as const;
type ControllerV1 = (typeof CONTROLLERS_V1)[number];

/** The control groups of one sandbox. */
export interface SandboxGroup {
  /** Files to which a process writes its id to be in all of them. */
  readonly joinFiles: readonly string[];
  setMemoryLimit(bytes: number): void;
  usage(): SandboxUsage;
  /** How often the kernel killed for lack of memory. */
  memoryKills(): number;
  /** Ids of the processes that are left. */
  processes(): number[];
  /** Removes the groups. False while a process is left. */
  remove(): boolean;
}

/** Makes control groups below one parent, which belongs to this server process. */
export interface GroupTree {
  readonly version: 1 | 2;
  create(name: string, limits: SandboxLimits): SandboxGroup;
  /** Removes the parents of servers that are not alive any more, and their empty groups. */
  sweep(): void;
  close(): void;
}

/** Where this process's groups can have children, or why not. */
export type GroupPlaces =
  | { readonly version: 1; readonly roots: Readonly<Record<ControllerV1, string>> }
  | { readonly version: 2; readonly root: string };

/** Reads mounts and membership. Errors: a message that says which controller is missing. */
export function findGroupPlaces(
  mountinfo = readFileSync('/proc/self/mountinfo', 'utf8'),
  membership = readFileSync('/proc/self/cgroup', 'utf8'),
): GroupPlaces {
  const mounts = mountinfo.trim().split('\n').map(parseMount);
  const own = new Map<string, string>();
  for (const line of membership.trim().split('\n')) {
    const [, controllers = '', path = '/'] = line.split(':');
    for (const controller of controllers.split(',')) own.set(controller, path);
  }
  const roots: Partial<Record<ControllerV1, string>> = {};
  for (const controller of CONTROLLERS_V1) {
    const mount = mounts.find(
      (candidate) => candidate.type === 'cgroup' && candidate.options.includes(controller),
    );
    if (mount !== undefined) roots[controller] = below(mount, own.get(controller) ?? '/');
  }
  const { memory, pids, cpu, cpuacct } = roots;
  if (memory !== undefined && pids !== undefined && cpu !== undefined && cpuacct !== undefined)
    return { version: 1, roots: { memory, pids, cpu, cpuacct } };
  const unified = mounts.find((candidate) => candidate.type === 'cgroup2');
  if (unified === undefined)
    throw new Error('no cgroup file system with the memory, pids and cpu controllers is mounted');
  return { version: 2, root: below(unified, own.get('') ?? '/') };
}

interface Mount {
  readonly root: string;
  readonly point: string;
  readonly type: string;
  readonly options: readonly string[];
}

function parseMount(line: string): Mount {
  const [before = '', after = ''] = line.split(' - ');
  const fields = before.split(' ');
  const [type = '', , superOptions = ''] = after.split(' ');
  return { root: fields[3] ?? '/', point: fields[4] ?? '', type, options: superOptions.split(',') };
}

/** The group's folder below its mount; the mount itself where a container hides the way. */
function below(mount: Mount, path: string): string {
  const relative = mount.root !== '/' && path.startsWith(mount.root) ? path.slice(mount.root.length) : path;
  const folder = join(mount.point, relative);
  return existsSync(folder) ? folder : mount.point;
}

/** Makes the parent groups of this server. Errors: as the file system gives them, when groups cannot be made. */
export function openGroupTree(places: GroupPlaces = findGroupPlaces()): GroupTree {
  return places.version === 1 ? new TreeV1(places.roots) : new TreeV2(places.root);
}

function parentName(): string {
  return `${PARENT_PREFIX}${process.pid}`;
}

function sweepBelow(root: string): void {
  for (const name of readdirSync(root)) {
    if (!name.startsWith(PARENT_PREFIX)) continue;
    const pid = Number(name.slice(PARENT_PREFIX.length));
    if (pid === process.pid || existsSync(`/proc/${pid}`)) continue;
    removeTree(join(root, name));
  }
}

function removeTree(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true }))
    if (entry.isDirectory()) removeTree(join(folder, entry.name));
  removeGroup(folder);
}

function removeGroup(folder: string): boolean {
  try {
    rmdirSync(folder);
    return true;
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === 'ENOENT';
  }
}

function readNumber(file: string): number {
  try {
    return Number(readFileSync(file, 'utf8'));
  } catch {
    return 0;
  }
}

/** The number behind a key of a flat keyed file, such as `oom_kill 3`. */
function readKey(file: string, key: string): number {
  try {
    const line = readFileSync(file, 'utf8')
      .split('\n')
      .find((candidate) => candidate.startsWith(`${key} `));
    return Number(line?.slice(key.length + 1) ?? 0);
  } catch {
    return 0;
  }
}

function readProcesses(folder: string): number[] {
  try {
    return readFileSync(join(folder, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

/** A limit that not every kernel has: swap accounting. */
function writeOptional(file: string, value: string): void {
  try {
    writeFileSync(file, value);
  } catch {
    // Without swap accounting the kernel has no such file; then swap is not charged either.
  }
}

class TreeV1 implements GroupTree {
  readonly version = 1;
  readonly #roots: Readonly<Record<ControllerV1, string>>;

  constructor(roots: Readonly<Record<ControllerV1, string>>) {
    this.#roots = roots;
    for (const root of this.#parents()) mkdirSync(root, { recursive: true });
  }

  create(name: string, limits: SandboxLimits): SandboxGroup {
    const folders = Object.fromEntries(
      CONTROLLERS_V1.map((controller) => [controller, join(this.#parent(controller), name)]),
    ) as Record<ControllerV1, string>;
    for (const folder of new Set(Object.values(folders))) mkdirSync(folder, { recursive: true });
    writeFileSync(join(folders.pids, 'pids.max'), String(limits.pidsMax));
    writeFileSync(join(folders.cpu, 'cpu.cfs_period_us'), String(CPU_PERIOD_US));
    writeFileSync(
      join(folders.cpu, 'cpu.cfs_quota_us'),
      String(Math.round(limits.cpuCoresMax * CPU_PERIOD_US)),
    );
    const setMemoryLimit = (bytes: number): void => setMemoryV1(folders.memory, bytes);
    setMemoryLimit(limits.memoryBytesMax);
    return {
      joinFiles: [...new Set(Object.values(folders))].map((folder) => join(folder, 'cgroup.procs')),
      setMemoryLimit,
      usage: () => ({
        memoryBytes: readNumber(join(folders.memory, 'memory.usage_in_bytes')),
        cpuMicros: Math.round(readNumber(join(folders.cpuacct, 'cpuacct.usage')) / 1000),
      }),
      memoryKills: () => readKey(join(folders.memory, 'memory.oom_control'), 'oom_kill'),
      processes: () => readProcesses(folders.memory),
      remove: () => [...new Set(Object.values(folders))].map(removeGroup).every(Boolean),
    };
  }

  sweep(): void {
    for (const root of new Set(Object.values(this.#roots))) sweepBelow(root);
  }

  close(): void {
    for (const parent of this.#parents()) removeGroup(parent);
  }

  #parent(controller: ControllerV1): string {
    return join(this.#roots[controller], parentName());
  }

  #parents(): Set<string> {
    return new Set(CONTROLLERS_V1.map((controller) => this.#parent(controller)));
  }
}

/** The limit with swap may never be below the limit without, so the order depends on the direction. */
function setMemoryV1(folder: string, bytes: number): void {
  const limit = join(folder, 'memory.limit_in_bytes');
  const withSwap = join(folder, 'memory.memsw.limit_in_bytes');
  if (readNumber(limit) < bytes) {
    writeOptional(withSwap, String(bytes));
    writeFileSync(limit, String(bytes));
  } else {
    writeFileSync(limit, String(bytes));
    writeOptional(withSwap, String(bytes));
  }
}

const CONTROLLERS_V2 = '+memory +pids +cpu';

class TreeV2 implements GroupTree {
  readonly version = 2;
  readonly #root: string;
  readonly #parent: string;

  constructor(root: string) {
    this.#root = root;
    this.#enable(root);
    this.#parent = join(root, parentName());
    mkdirSync(this.#parent, { recursive: true });
    writeFileSync(join(this.#parent, 'cgroup.subtree_control'), CONTROLLERS_V2);
  }

  create(name: string, limits: SandboxLimits): SandboxGroup {
    const folder = join(this.#parent, name);
    mkdirSync(folder);
    writeFileSync(join(folder, 'pids.max'), String(limits.pidsMax));
    writeFileSync(
      join(folder, 'cpu.max'),
      `${Math.round(limits.cpuCoresMax * CPU_PERIOD_US)} ${CPU_PERIOD_US}`,
    );
    writeOptional(join(folder, 'memory.swap.max'), '0');
    const setMemoryLimit = (bytes: number): void => writeFileSync(join(folder, 'memory.max'), String(bytes));
    setMemoryLimit(limits.memoryBytesMax);
    return {
      joinFiles: [join(folder, 'cgroup.procs')],
      setMemoryLimit,
      usage: () => ({
        memoryBytes: readNumber(join(folder, 'memory.current')),
        cpuMicros: readKey(join(folder, 'cpu.stat'), 'usage_usec'),
      }),
      memoryKills: () => readKey(join(folder, 'memory.events'), 'oom_kill'),
      processes: () => readProcesses(folder),
      remove: () => removeGroup(folder),
    };
  }

  sweep(): void {
    sweepBelow(this.#root);
  }

  close(): void {
    removeGroup(this.#parent);
  }

  /** A group with processes of its own cannot give controllers to children: the server moves into a leaf. */
  #enable(root: string): void {
    const control = join(root, 'cgroup.subtree_control');
    try {
      writeFileSync(control, CONTROLLERS_V2);
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code !== 'EBUSY') throw thrown;
      const leaf = join(root, 'server');
      mkdirSync(leaf, { recursive: true });
      for (const pid of readProcesses(root)) writeFileSync(join(leaf, 'cgroup.procs'), String(pid));
      writeFileSync(control, CONTROLLERS_V2);
    }
  }
}
