/**
 * Native code in a sandbox: a static program takes the place of the runtime and makes whatever system call it
 * is told to. It is what a function could do that has broken V8.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { LIMITS } from '../guest.fixture.ts';
import type { Isolation, Sandbox } from '../port.ts';
import { createBubblewrapIsolation } from './bubblewrap-isolation.ts';
import { LAUNCHER_ADDRESS } from './launcher.ts';

/** Reads seven numbers from descriptor 3, makes the call, and writes what the kernel answered. */
const PROBE = `
#define _GNU_SOURCE
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <stdint.h>
#include <stdlib.h>
static char path[] = "/bin/deno";
static char buffer[4096];
static void *sleeper(void *arg) { pause(); for (;;) sleep(1000); return arg; }
static int64_t raw(int64_t n, int64_t *a) {
  register int64_t r10 __asm__("r10") = a[3], r8 __asm__("r8") = a[4], r9 __asm__("r9") = a[5];
  int64_t result;
  __asm__ volatile("syscall" : "=a"(result) : "a"(n), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
  return result;
}
int main(void) {
  int64_t c[7], result;
  while (read(3, c, sizeof c) == sizeof c) {
    if (c[0] == -2) result = (int64_t)path;
    else if (c[0] == -3) result = (int64_t)buffer;
    else if (c[0] == -4) { pthread_t t; result = 0; while (result < c[1] && pthread_create(&t, 0, sleeper, 0) == 0) result++; }
    else if (c[0] == -5) { int32_t r; __asm__ volatile("int $0x80" : "=a"(r) : "a"(20) : "memory"); result = r; }
    else if (c[0] == -6) { buffer[0] = '/'; for (int i = 0; i < 9; i++) buffer[i] = ((char *)&c[1])[i]; buffer[c[6]] = 0; result = (int64_t)buffer; }
    else if (c[0] == -7) { result = 0; for (int fd = 4; fd < 1024; fd++) { int64_t a[6] = {fd, 1}; if (raw(72, a) >= 0) result++; } }
    else if (c[0] == -8) { result = 0; for (;;) { int64_t a[6] = {3, 1030, 0}; int64_t fd = raw(72, a); if (fd < 0) break; result = fd; } }
    else if (c[0] == -9) { char *p = malloc(c[1]); for (int64_t i = 0; p && i < c[1]; i += 4096) p[i] = 1; result = p != 0; }
    else result = raw(c[0], c + 1);
    write(3, &result, sizeof result);
  }
  return 0;
}`;

const EPERM = -1;
const hasCompiler = spawnSync('gcc', ['--version'], { stdio: 'ignore' }).status === 0;
const options = { skip: hasCompiler ? false : 'gcc is not installed' };

let folder = '';
let isolation: Isolation;

before(async () => {
  if (!hasCompiler) return;
  folder = mkdtempSync(join(tmpdir(), 'cordon-probe-'));
  chmodSync(folder, 0o755);
  const binary = join(folder, 'probe');
  writeFileSync(join(folder, 'probe.c'), PROBE);
  const made = spawnSync('gcc', ['-static', '-O1', '-w', '-o', binary, join(folder, 'probe.c')], {
    encoding: 'utf8',
  });
  assert.equal(made.status, 0, made.stderr);
  isolation = createBubblewrapIsolation({
    harness: '',
    runtimeDirectory: join(folder, 'roots'),
    runtime: { path: binary, version: 'probe' },
  });
  await isolation.prepare();
});

after(async () => {
  if (!hasCompiler) return;
  await isolation.close();
  rmSync(folder, { recursive: true, force: true });
});

type Outcome = bigint | 'killed' | 'ended';

class Probe {
  readonly sandbox: Sandbox;
  constructor(sandbox: Sandbox) {
    this.sandbox = sandbox;
    sandbox.channel.on('error', () => undefined);
  }

  static async start(): Promise<Probe> {
    return new Probe(await isolation.start(LIMITS));
  }

  /** What the kernel answers, or how the sandbox ended. */
  async call(number: number, ...args: (number | bigint)[]): Promise<Outcome> {
    const request = Buffer.alloc(56);
    for (const [index, value] of [number, ...args].entries())
      request.writeBigInt64LE(BigInt(value), index * 8);
    const { channel } = this.sandbox;
    channel.write(request);
    const answer = await new Promise<Buffer | null>((resolve) => {
      const closed = (): void => resolve(null);
      channel.once('close', closed);
      channel.once('data', (piece: Buffer) => {
        channel.off('close', closed);
        resolve(piece);
      });
    });
    if (answer !== null) return answer.readBigInt64LE();
    return (await this.sandbox.exited).reason === 'syscall' ? 'killed' : 'ended';
  }

  async end(): Promise<void> {
    this.sandbox.kill();
    await this.sandbox.exited;
  }
}

/** One call in a sandbox of its own. */
async function outcome(number: number, ...args: (number | bigint)[]): Promise<Outcome> {
  const probe = await Probe.start();
  const result = await probe.call(number, ...args);
  await probe.end();
  return result;
}

test('calls that only an attack makes end the sandbox', options, async () => {
  const attacks: readonly (readonly [name: string, number: number, ...args: number[]])[] = [
    ['unshare', 272, 0x10000000],
    ['setns', 308, 0, 0],
    ['mount', 165],
    ['umount2', 166],
    ['pivot_root', 155],
    ['chroot', 161],
    ['ptrace', 101],
    ['process_vm_readv', 310, 1],
    ['process_vm_writev', 311, 1],
    ['pidfd_open', 434, 1],
    ['bpf', 321],
    ['io_uring_setup', 425, 8],
    ['io_uring_enter', 426],
    ['keyctl', 250],
    ['add_key', 248],
    ['userfaultfd', 323, 1],
    ['perf_event_open', 298],
    ['memfd_create', 319],
    ['execveat', 322],
    ['fork', 57],
    ['vfork', 58],
    ['open_by_handle_at', 304],
    ['setuid', 105, 0],
    ['setresuid', 117, 0, 0, 0],
    ['capset', 126],
    ['seccomp', 317, 1],
    ['personality', 135, 0x0400000],
    ['init_module', 175],
    ['reboot', 169],
    ['modify_ldt', 154],
    ['fsopen', 430],
    ['open_tree', 428],
    ['clone with a user namespace', 56, 0x10000011],
    ['clone with a network namespace', 56, 0x40000011],
    ['getpid of x32', 0x40000000 + 39],
    ['getpid of i386', -5],
  ];
  for (const [name, number, ...args] of attacks) assert.equal(await outcome(number, ...args), 'killed', name);
});

test('calls that a library may try are refused', options, async () => {
  const probe = await Probe.start();
  const refusals: readonly (readonly [name: string, number: number, ...args: number[]])[] = [
    ['an internet socket', 41, 2, 1],
    ['a datagram socket', 41, 2, 2],
    ['an IPv6 socket', 41, 10, 1],
    ['a netlink socket', 41, 16, 3],
    ['a packet socket', 41, 17, 3],
    ['a unix socket', 41, 1, 1],
    ['a unix datagram pair', 53, 1, 2],
    ['sending with flags, such as out-of-band data', 44, 3, 0, 0, 1],
    ['sending descriptors', 46, 3],
    ['receiving descriptors', 47, 3],
    ['receiving out-of-band data', 45, 3, 0, 0, 1],
    ['socket options', 54, 3, 1, 9],
    ['connect', 42, 3],
    ['bind', 49, 3],
    ['a process by clone', 56, 17],
    ['kill', 62, -1, 9],
    ['a signal to a thread', 234, 1, 1, 9],
    ['setrlimit', 160, 7],
    ['mkdir', 83],
    ['symlink', 88],
    ['shared memory', 29, 0, 4096, 0o1600],
    ['a message queue', 240],
    ['a timer', 222],
    ['dumpable by prctl', 157, 4, 1],
    ['a new seccomp filter by prctl', 157, 22, 2],
    ['a terminal ioctl that types for others', 16, 0, 0x5412],
    ['signals from a descriptor', 72, 3, 8, 1],
  ];
  for (const [name, number, ...args] of refusals) {
    assert.equal(await probe.call(number, ...args), BigInt(EPERM), name);
  }
  assert.equal(await probe.call(435), -38n, 'clone3');
  assert.equal(await probe.call(39), 1n, 'getpid is allowed, and it is the first process');
  assert.equal(await probe.call(102), 65534n, 'getuid is allowed');
  await probe.end();
});

test('no program is started again, by any pointer', options, async () => {
  const probe = await Probe.start();
  const path = await probe.call(-2);
  assert.ok(typeof path === 'bigint');
  assert.equal(await probe.call(59, path, 0, 0), BigInt(EPERM));
  for (let at = LAUNCHER_ADDRESS; at < LAUNCHER_ADDRESS + 0x1000; at += 0x50) {
    assert.equal(await probe.call(59, at, 0, 0), BigInt(EPERM));
  }
  await probe.end();
});

test('the page of the launcher cannot be made again', options, async () => {
  const probe = await Probe.start();
  const map = (address: number, length: number, flags: number): Promise<Outcome> =>
    probe.call(9, address, length, 3, flags, -1, 0);
  assert.equal(await map(LAUNCHER_ADDRESS, 4096, 0x32), BigInt(EPERM));
  assert.equal(await map(LAUNCHER_ADDRESS, 4096, 0x22), BigInt(EPERM));
  assert.equal(await map(LAUNCHER_ADDRESS - 0x1000, 0x10000, 0x32), BigInt(EPERM));
  assert.equal(await map(0, 0x20000, 0x32), BigInt(EPERM));
  assert.equal(await map(0x20000000, 4096, 0x32), 0x20000000n);
  assert.equal(await probe.call(25, 0x20000000, 4096, 4096, 3, LAUNCHER_ADDRESS), BigInt(EPERM));
  const sizes = [45, 44, 43, 42, 41, 40, 36, 32].map((bits) => 2 ** bits);
  let reserved = 0;
  for (const size of sizes) {
    for (let address = await map(0, size, 0x4022); typeof address === 'bigint' && address > 0n;) {
      assert.ok(address > LAUNCHER_ADDRESS + 0x10000);
      reserved += size;
      address = await map(0, size, 0x4022);
    }
  }
  assert.ok(reserved > 0 && reserved <= 2 ** 44, 'the address space cannot be filled down to it');
  await probe.end();
});

test('the file tree has only what the runtime needs, and cannot be written', options, async () => {
  const probe = await Probe.start();
  const open = async (path: string, flags: number): Promise<Outcome> => {
    const bytes = Buffer.alloc(40);
    bytes.write(path);
    const words = [0, 8, 16, 24].map((at) => bytes.readBigInt64LE(at));
    const address = await probe.call(-6, ...words, 0, path.length);
    assert.ok(typeof address === 'bigint');
    return probe.call(257, -100, address, flags, 0);
  };
  for (const path of ['/etc', '/proc/1', '/dev', '/sys', '/tmp', '/bin/sh']) {
    assert.equal(await open(path, 0), -2n, path);
  }
  const root = await open('/', 0);
  assert.ok(typeof root === 'bigint' && root > 3n);
  assert.equal(await open('/a', 0x41), BigInt(EPERM));
  assert.equal(await open('/', 0x410002), BigInt(EPERM));
  await probe.end();
});

test('it starts with descriptors 0 to 3 and may open few', options, async () => {
  const probe = await Probe.start();
  assert.equal(await probe.call(-7), 0n);
  const highest = await probe.call(-8);
  assert.equal(highest, 63n);
  await probe.end();
});

test('descriptors that the server has inherited do not reach a sandbox', options, () => {
  const stdio = [...Array.from({ length: 20 }, () => 'ignore' as const), 'pipe' as const];
  const code = `
    import { createBubblewrapIsolation } from ${JSON.stringify(new URL('bubblewrap-isolation.ts', import.meta.url))};
    import { LIMITS } from ${JSON.stringify(new URL('../guest.fixture.ts', import.meta.url))};
    import { fstatSync } from 'node:fs';
    const runtime = ${JSON.stringify({ path: join(folder, 'probe'), version: 'probe' })};
    const isolation = createBubblewrapIsolation({ harness: '', runtimeDirectory: ${JSON.stringify(join(folder, 'roots'))}, runtime });
    await isolation.prepare();
    const { channel } = await isolation.start(LIMITS);
    const request = Buffer.alloc(56);
    request.writeBigInt64LE(-7n);
    channel.write(request);
    const answer = await new Promise((resolve) => channel.once('data', resolve));
    console.error(fstatSync(20).isSocket() || fstatSync(20).isFIFO(), answer.readBigInt64LE());
    await isolation.close();`;
  const ran = spawnSync(process.execPath, ['--input-type=module', '--eval', code], {
    stdio: ['ignore', 'ignore', 'pipe', ...stdio.slice(3)],
    encoding: 'utf8',
  });
  assert.equal(ran.stderr.trim(), 'true 0n');
});

test('threads are bounded', options, async () => {
  const probe = await Probe.start();
  const threads = await probe.call(-4, 1000);
  assert.ok(
    typeof threads === 'bigint' && threads > 10n && threads < BigInt(LIMITS.pidsMax),
    String(threads),
  );
  await probe.end();
});

test('native memory ends at the limit', options, async () => {
  const small = await Probe.start();
  assert.equal(await small.call(-9, 16 * 1024 * 1024), 1n);
  await small.end();
  const large = await Probe.start();
  assert.equal(await large.call(-9, 1024 ** 3), 'ended');
  assert.equal((await large.sandbox.exited).reason, 'memory');
});
