import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { findControlGroups, openControlGroups, readWhereabouts, whyNotUsable } from './find.ts';
import { parentName } from './folder.ts';
import { ControlGroups1 } from './version-1.ts';
import { ControlGroups2, becomeParent, enableControllers, hasControllers } from './version-2.ts';

const MIB = 1024 * 1024;
const LIMITS = { memoryBytesMax: 64 * MIB, cpuCoresMax: 0.5, pidsMax: 10 };

let base = '';
beforeEach(() => (base = mkdtempSync(join(tmpdir(), 'cordon-groups-'))));
afterEach(() => rmSync(base, { recursive: true, force: true }));

/** A folder with control files, as the kernel makes one when a group is made. */
function group(path: string, files: Readonly<Record<string, string>>): string {
  const folder = join(base, path);
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

/** The kernel replaces the content of a control file; a plain file keeps what was longer. */
function written(folder: string, file: string): string {
  return readFileSync(join(folder, file), 'utf8');
}

const FILES_2 = {
  'cgroup.procs': '',
  'memory.max': '',
  'memory.swap.max': '',
  'memory.oom.group': '',
  'pids.max': '',
  'cpu.max': '',
};

test('version 2: a group has every limit, its use and its end', () => {
  group(parentName(), { 'cgroup.subtree_control': 'cpu memory pids\n' });
  const folder = group(join(parentName(), 'a'), {
    ...FILES_2,
    'memory.current': '4096\n',
    'cpu.stat': 'usage_usec 1234\nuser_usec 1000\n',
    'memory.events': 'low 0\noom 1\noom_kill 0\n',
  });
  const groups = new ControlGroups2(base);
  const made = groups.create('a', LIMITS);
  assert.equal(written(folder, 'memory.max'), String(64 * MIB));
  assert.equal(written(folder, 'memory.swap.max'), '0');
  assert.equal(written(folder, 'memory.oom.group'), '1');
  assert.equal(written(folder, 'pids.max'), '10');
  assert.equal(written(folder, 'cpu.max'), '50000 100000');
  assert.deepEqual(made.entrances, [join(folder, 'cgroup.procs')]);
  assert.deepEqual(made.usage(), { memoryBytes: 4096, cpuMicros: 1234 });
  assert.equal(made.ranOutOfMemory(), false);
  writeFileSync(join(folder, 'memory.events'), 'oom_kill 2\n');
  assert.equal(made.ranOutOfMemory(), true);
  writeFileSync(join(folder, 'cgroup.procs'), '12\n34\n');
  assert.deepEqual(made.processes(), [12, 34]);
  assert.equal(made.remove(), false);
  rmSync(folder, { recursive: true });
  assert.equal(made.remove(), true);
  assert.deepEqual(made.usage(), { memoryBytes: 4096, cpuMicros: 1234 });
  assert.deepEqual(made.processes(), []);
});

test('version 2: a kernel without swap accounting makes groups too, one without a memory limit does not', () => {
  group(parentName(), { 'cgroup.subtree_control': 'cpu memory pids\n' });
  const folder = group(join(parentName(), 'a'), { 'memory.max': '', 'pids.max': '', 'cpu.max': '' });
  new ControlGroups2(base).create('a', LIMITS);
  assert.ok(!existsSync(join(folder, 'memory.swap.max')));
  rmSync(join(folder, 'memory.max'));
  assert.throws(() => new ControlGroups2(base).create('a', LIMITS), /ENOENT/);
});

test('version 2: controllers are enabled once, and only those that are missing', () => {
  const folder = group('own', {
    'cgroup.controllers': 'cpu io memory pids\n',
    'cgroup.subtree_control': 'cpu\n',
  });
  assert.equal(hasControllers(folder), true);
  enableControllers(folder);
  assert.equal(written(folder, 'cgroup.subtree_control'), '+memory +pids');
  writeFileSync(join(folder, 'cgroup.controllers'), 'cpu pids\n');
  assert.equal(hasControllers(folder), false);
});

test('version 2: this process leaves its group for a leaf, and never moves processes of others', () => {
  const files = { 'cgroup.subtree_control': '', 'cgroup.procs': `${process.pid}\n` };
  const folder = group('own', files);
  const leaf = group('own/cordon-server', { 'cgroup.procs': '' });
  assert.equal(becomeParent(folder, false), true);
  assert.equal(written(leaf, 'cgroup.procs'), String(process.pid));
  assert.equal(written(folder, 'cgroup.subtree_control'), '+memory +pids +cpu');
  const shared = group('shared', { ...files, 'cgroup.procs': `${process.pid}\n1\n` });
  assert.equal(becomeParent(shared, false), false);
  assert.equal(written(shared, 'cgroup.subtree_control'), '');
});

test('groups of servers that are gone are removed with what is left in them, others are not', async () => {
  const child = spawn('sleep', ['60'], { stdio: 'ignore' });
  const gone = new Promise((resolve) => child.once('exit', (_code, signal) => resolve(signal)));
  for (const name of ['cordon-11/a', 'cordon-22', 'cordon-x', 'other'])
    mkdirSync(join(base, name), { recursive: true });
  group('cordon-33', { 'cgroup.procs': `${child.pid}\n` });
  const hierarchies = { memory: base, pids: base, cpu: base, cpuacct: base };
  new ControlGroups1(hierarchies, (pid) => pid === 22).removeStale();
  assert.equal(await gone, 'SIGKILL');
  for (const name of ['cordon-22', 'cordon-x', 'other']) assert.ok(existsSync(join(base, name)), name);
  assert.ok(!existsSync(join(base, 'cordon-11')));
});

test('version 1: the limit with swap is set first when it rises and last when it falls', () => {
  const folder = group(join(parentName(), 'a'), {
    'memory.limit_in_bytes': '9223372036854771712',
    'memory.memsw.limit_in_bytes': '9223372036854771712',
    'pids.max': '',
    'cpu.cfs_period_us': '',
    'cpu.cfs_quota_us': '',
    'memory.usage_in_bytes': '8192\n',
    'cpuacct.usage': '5000000\n',
    'memory.oom_control': 'oom_kill_disable 0\nunder_oom 0\noom_kill 1\n',
  });
  const made = new ControlGroups1({ memory: base, pids: base, cpu: base, cpuacct: base }).create('a', LIMITS);
  assert.ok(written(folder, 'memory.limit_in_bytes').startsWith(String(64 * MIB)));
  assert.ok(written(folder, 'memory.memsw.limit_in_bytes').startsWith(String(64 * MIB)));
  assert.equal(written(folder, 'cpu.cfs_quota_us'), '50000');
  assert.deepEqual(made.usage(), { memoryBytes: 8192, cpuMicros: 5000 });
  assert.equal(made.ranOutOfMemory(), true);
  assert.equal(made.entrances.length, 1);
});

const MOUNTS_1 = ['memory', 'pids', 'cpu,cpuacct']
  .map((names) => `31 23 0:28 / /sys/fs/cgroup/${names} rw - cgroup cgroup rw,${names}`)
  .join('\n');
const MOUNT_2 = '31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate';

test('the groups of this process are found, nested or not, in a container or not', () => {
  assert.deepEqual(
    findControlGroups({ groups: '4:memory:/a/b\n3:pids:/\n1:cpu,cpuacct:/c\n0::/\n', mounts: MOUNTS_1 }),
    {
      version: 1,
      folders: {
        memory: '/sys/fs/cgroup/memory/a/b',
        pids: '/sys/fs/cgroup/pids',
        cpu: '/sys/fs/cgroup/cpu,cpuacct/c',
        cpuacct: '/sys/fs/cgroup/cpu,cpuacct/c',
      },
    },
  );
  assert.deepEqual(findControlGroups({ groups: '0::/system.slice/cordon.service\n', mounts: MOUNT_2 }), {
    version: 2,
    own: '/sys/fs/cgroup/system.slice/cordon.service',
    top: '/sys/fs/cgroup',
  });
  const container = MOUNT_2.replace(' / /sys', ' /docker/1 /sys');
  assert.deepEqual(findControlGroups({ groups: '0::/docker/1/x\n', mounts: container }), {
    version: 2,
    own: '/sys/fs/cgroup/x',
    top: '/sys/fs/cgroup',
  });
});

test('a machine without control groups, or with spread ones, is refused with the reason', () => {
  const none = findControlGroups({ groups: '0::/\n', mounts: '22 1 8:1 / / rw - ext4 /dev/sda1 rw' });
  assert.match(whyNotUsable(none) ?? '', /no control groups are mounted/);
  assert.throws(() => openControlGroups(none), /no control groups are mounted/);
  const spread = `${MOUNTS_1.split('\n')[0]}\n${MOUNT_2}`;
  assert.match(
    whyNotUsable(findControlGroups({ groups: '4:memory:/\n0::/\n', mounts: spread })) ?? '',
    /spread/,
  );
  const found = findControlGroups({
    groups: '0::/nowhere\n',
    mounts: MOUNT_2.replace('/sys/fs/cgroup', base),
  });
  assert.match(whyNotUsable(found) ?? '', /no writable group/);
});

test('a real group holds a real process, and is removed when that has ended', async (context) => {
  const found = findControlGroups(readWhereabouts());
  const why = whyNotUsable(found);
  if (why !== null) return context.skip(why);
  const groups = openControlGroups(found);
  const made = groups.create('cordon-test', LIMITS);
  const enter = made.entrances.map((entrance) => `echo 0 > ${entrance}`).join(' && ');
  const child = spawn('/bin/sh', ['-c', `${enter} && echo in && exec sleep 60`], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  await new Promise((resolve) => child.stdout.once('data', resolve));
  assert.deepEqual(made.processes(), [child.pid]);
  assert.equal(made.remove(), false);
  made.setMemoryLimit(128 * MIB);
  made.setMemoryLimit(32 * MIB);
  assert.ok(made.usage().memoryBytes > 0);
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
  while (!made.remove()) await new Promise((resolve) => setTimeout(resolve, 2));
  assert.deepEqual(made.processes(), []);
  groups.close();
});
