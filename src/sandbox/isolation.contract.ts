import assert from 'node:assert/strict';
import { readlinkSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { EVAL_HARNESS, Guest, descriptorsOf, isAlive, statusOf } from './guest.fixture.ts';
import type { Isolation } from './port.ts';

const MIB = 1024 * 1024;

/** What every adapter has to withstand. `make` gets the harness to run; `confines` says what the adapter claims. */
export function isolationContract(
  name: string,
  claims: { readonly confines: boolean },
  make: (harness: string) => Isolation,
): void {
  describe(name, { concurrency: false }, () => {
    let isolation: Isolation;
    before(async () => {
      isolation = make(EVAL_HARNESS);
      await isolation.prepare();
    });
    after(() => isolation.close());
    lifecycle(() => isolation, claims.confines);
    if (claims.confines) {
      reach(() => isolation);
      identity(() => isolation);
      bombs(() => isolation);
    }
  });
}

function lifecycle(isolation: () => Isolation, confines: boolean): void {
  test('it says whether it confines, and all that it requires is here', async () => {
    assert.equal(isolation().confines, confines);
    const requirements = await isolation().requirements();
    assert.ok(requirements.length > 0);
    assert.deepEqual(
      requirements.filter(({ ok }) => !ok),
      [],
    );
  });

  test('a sandbox starts and the channel carries bytes both ways', async () => {
    const guest = await Guest.start(isolation());
    assert.equal(await guest.run('return 1 + 1'), 2);
    const long = 'x'.repeat(3 * MIB);
    assert.equal(await guest.run(`return ${JSON.stringify(long)}`), long);
    await guest.end();
  });

  test('what functions need works', async () => {
    const guest = await Guest.start(isolation());
    const found = await guest.run(`
      const wasm = new Uint8Array([0,97,115,109,1,0,0,0,1,7,1,96,2,127,127,1,127,3,2,1,0,7,7,1,3,97,100,100,0,0,10,9,1,7,0,32,0,32,1,106,11]);
      const { instance } = await WebAssembly.instantiate(wasm);
      const vm = process.getBuiltinModule('node:vm');
      const key = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign', 'verify']);
      const zipped = new Blob(['a'.repeat(1000)]).stream().pipeThrough(new CompressionStream('gzip'));
      await new Promise((resolve) => setTimeout(resolve, 1));
      return {
        add: instance.exports.add(2, 3),
        vm: new vm.Script('6 * 7').runInThisContext(),
        uuid: crypto.randomUUID().length,
        signature: (await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, key.privateKey, wasm)).byteLength,
        hash: process.getBuiltinModule('node:crypto').createHash('sha256').update('a').digest('hex').length,
        zipped: (await new Response(zipped).arrayBuffer()).byteLength < 100,
        date: new Intl.DateTimeFormat('de', { dateStyle: 'full', timeZone: 'UTC' }).format(0),
        url: new URL('http://a/b?c').search,
        cpu: process.cpuUsage().user > 0,
        json: await Response.json({ ok: true }).json(),
      };`);
    assert.deepEqual(found, {
      add: 5,
      vm: 42,
      uuid: 36,
      signature: 64,
      hash: 64,
      zipped: true,
      date: 'Donnerstag, 1. Januar 1970',
      url: '?c',
      cpu: true,
      json: { ok: true },
    });
    await guest.end();
  });

  test('the environment is empty', async () => {
    const guest = await Guest.start(isolation());
    const names = 'return [...Object.keys(process.env), ...Object.keys(Deno.env.toObject())]';
    assert.deepEqual(await guest.run(names), []);
    await guest.run("process.env.A = '1'");
    assert.deepEqual(await guest.run(names), ['A', 'A']);
    await guest.end();
  });

  test('random values differ between two sandboxes', async () => {
    const pair = await Promise.all([Guest.start(isolation()), Guest.start(isolation())]);
    const code = 'return [crypto.randomUUID(), Math.random()]';
    const [one, other] = await Promise.all(pair.map((guest) => guest.run(code) as Promise<unknown[]>));
    assert.notEqual(one?.[0], other?.[0]);
    assert.notEqual(one?.[1], other?.[1]);
    await Promise.all(pair.map((guest) => guest.end()));
  });

  test('a sandbox that ends by itself says how, and its channel is closed', async () => {
    const guest = await Guest.start(isolation());
    const closed = new Promise((resolve) => guest.sandbox.channel.once('close', resolve));
    const exit = await guest.last("console.error('last words'); Deno.exit(7)");
    await closed;
    assert.equal(exit.reason, 'exited');
    assert.equal(exit.code, 7);
    assert.match(exit.stderr, /last words/);
  });

  test('a sandbox ends when the host closes the channel', async () => {
    const guest = await Guest.start(isolation());
    guest.sandbox.channel.end();
    assert.equal((await guest.sandbox.exited).reason, 'exited');
  });

  test('a kill in a loop leaves no process and takes less than a second, and a second kill does nothing', async () => {
    const guest = await Guest.start(isolation());
    const processes = guest.processes();
    guest.run('for (;;);').catch(() => undefined);
    const begin = performance.now();
    guest.sandbox.kill();
    guest.sandbox.kill();
    const exit = await guest.sandbox.exited;
    assert.ok(performance.now() - begin < 1000);
    assert.equal(exit.reason, 'killed');
    assert.ok(processes.length > 0);
    assert.deepEqual(processes.filter(isAlive), []);
    guest.sandbox.kill();
  });

  test('a flood of stderr is kept to its last bytes and does not stop the guest', async () => {
    const guest = await Guest.start(isolation());
    await guest.run("for (let i = 0; i < 2000; i++) console.error('line ' + i)");
    const exit = await guest.end();
    assert.ok(exit.stderr.length <= 8 * 1024);
    assert.match(exit.stderr, /line 1999/);
  });

  test('use is measured while it runs and kept when it has ended', async () => {
    const guest = await Guest.start(isolation());
    const idle = guest.sandbox.usage();
    assert.ok(idle.memoryBytes > MIB && idle.memoryBytes < 1024 ** 4);
    // Work, not time: a busy machine may not give the guest a core for long.
    await guest.run('let sum = 0; for (let i = 0; i < 3e8; i++) sum += i % 7; globalThis.sum = sum;');
    assert.ok(guest.sandbox.usage().cpuMicros - idle.cpuMicros > 50_000);
    await guest.end();
  });
}

function reach(isolation: () => Isolation): void {
  const refused = async (guest: Guest, code: string): Promise<void> => {
    await assert.rejects(guest.run(code), /./, code);
  };

  test('no file of the host can be read, written or listed', async () => {
    const guest = await Guest.start(isolation());
    for (const path of [
      '/etc/passwd',
      '/proc/1/environ',
      '/proc/self/maps',
      '/sys/kernel',
      '/dev/mem',
      '/root',
    ]) {
      await refused(guest, `return Deno.readTextFileSync('${path}')`);
      await refused(guest, `return process.getBuiltinModule('node:fs').readFileSync('${path}')`);
      await refused(guest, `return [...Deno.readDirSync('${path}')]`);
    }
    for (const path of ['/tmp/a', '/a', '/dev/shm/a', '/harness.js']) {
      await refused(guest, `Deno.writeTextFileSync('${path}', 'a')`);
      await refused(guest, `process.getBuiltinModule('node:fs').writeFileSync('${path}', 'a')`);
    }
    await guest.end();
  });

  test('no network, no name service', async () => {
    const guest = await Guest.start(isolation());
    await refused(guest, "await Deno.connect({ hostname: '127.0.0.1', port: 22 })");
    await refused(guest, "Deno.listen({ hostname: '127.0.0.1', port: 0 })");
    await refused(guest, "await fetch('http://169.254.169.254/')");
    await refused(guest, "await Deno.resolveDns('localhost', 'A', { nameServer: { ipAddr: '127.0.0.1' } })");
    await refused(guest, "await process.getBuiltinModule('node:dns').promises.lookup('example.com')");
    await refused(
      guest,
      `await new Promise((resolve, reject) =>
        process.getBuiltinModule('node:net').connect(80, '127.0.0.1').on('connect', resolve).on('error', reject))`,
    );
    await guest.end();
  });

  test('no program and no native code can be started', async () => {
    const guest = await Guest.start(isolation());
    await refused(guest, "new Deno.Command('/bin/deno').outputSync()");
    await refused(guest, "process.getBuiltinModule('node:child_process').execFileSync('/bin/deno')");
    await refused(guest, "Deno.dlopen('/lib/x86_64-linux-gnu/libc.so.6', {})");
    await refused(guest, "process.dlopen({ exports: {} }, '/a.node')");
    await refused(guest, "Deno.kill(1, 'SIGKILL')");
    await guest.end();
  });

  test('two sandboxes cannot see each other', async () => {
    const [one, other] = await Promise.all([Guest.start(isolation()), Guest.start(isolation())]);
    const [first, second] = [innermost(one), innermost(other)];
    for (const space of ['user', 'pid', 'net', 'ipc', 'uts', 'mnt']) {
      assert.notEqual(namespaceOf(first, space), namespaceOf(second, space), space);
      assert.notEqual(namespaceOf(first, space), namespaceOf(process.pid, space), space);
    }
    assert.notEqual(statusOf(first, 'Uid'), process.getuid?.() === 0 ? statusOf(second, 'Uid') : '');
    assert.equal(await one.run('return Deno.pid'), await other.run('return Deno.pid'));
    await Promise.all([one.end(), other.end()]);
  });
}

function identity(isolation: () => Isolation): void {
  test('seen from the host it has no privilege, no way to one, and the filter', async () => {
    const guest = await Guest.start(isolation());
    const pid = innermost(guest);
    const uids = statusOf(pid, 'Uid').split(/\s+/);
    assert.ok(!uids.includes('0'), `its user ids are ${uids.join(' ')}`);
    assert.ok(!statusOf(pid, 'Gid').split(/\s+/).includes('0'));
    if (process.getuid?.() === 0) assert.equal(statusOf(pid, 'Groups'), '');
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapAmb']) assert.match(statusOf(pid, set), /^0+$/, set);
    if (process.getuid?.() === 0) assert.match(statusOf(pid, 'CapBnd'), /^0+$/);
    assert.equal(statusOf(pid, 'NoNewPrivs'), '1');
    assert.equal(statusOf(pid, 'Seccomp'), '2');
    await guest.end();
  });

  test('it holds no descriptor of the host but null, stderr and the channel', async () => {
    const guest = await Guest.start(isolation());
    const descriptors = descriptorsOf(innermost(guest));
    assert.equal(descriptors.get(0), '/dev/null');
    assert.equal(descriptors.get(1), '/dev/null');
    assert.match(descriptors.get(2) ?? '', /^(socket|pipe):/);
    assert.match(descriptors.get(3) ?? '', /^socket:/);
    const paths = [...descriptors].filter(
      ([number, target]) => number > 3 && target.startsWith('/') && target !== '/dev/null',
    );
    assert.deepEqual(paths, []);
    await guest.end();
  });
}

function bombs(isolation: () => Isolation): void {
  test('memory outside of the heap ends at the limit, and only its sandbox ends', async () => {
    const [bomb, neighbour] = await Promise.all([Guest.start(isolation()), Guest.start(isolation())]);
    const exit = await bomb.last('const kept = []; for (;;) kept.push(new Uint8Array(8 << 20).fill(1));');
    assert.equal(exit.reason, 'memory');
    assert.equal(await neighbour.run('return new Uint8Array(8 << 20).fill(1).length'), 8 * MIB);
    await neighbour.end();
  });

  test('a full heap is told apart from a crash', async () => {
    const bomb = await Guest.start(isolation(), { memoryBytesMax: 64 * MIB });
    const exit = await bomb.last('const kept = []; for (;;) kept.push({ a: [kept.length] });');
    assert.equal(exit.reason, 'memory');
    const crash = await Guest.start(isolation());
    assert.equal((await crash.last('Deno.exit(134)')).reason, 'exited');
  });

  test('a lowered memory limit holds, and one that was passed already ends the sandbox', async () => {
    const guest = await Guest.start(isolation(), { memoryBytesMax: 512 * MIB });
    guest.sandbox.setMemoryLimit(96 * MIB);
    const exit = await guest.last('const kept = []; for (;;) kept.push(new Uint8Array(8 << 20).fill(1));');
    assert.equal(exit.reason, 'memory');
    assert.ok(guest.sandbox.usage().memoryBytes <= 96 * MIB);
    const full = await Guest.start(isolation(), { memoryBytesMax: 512 * MIB });
    await full.run('globalThis.kept = new Uint8Array(256 << 20).fill(1); return 1');
    full.sandbox.setMemoryLimit(64 * MIB);
    assert.match((await full.sandbox.exited).reason, /memory|killed/);
  });

  test('threads are bounded, and only the sandbox that takes too many suffers', async () => {
    const [bomb, neighbour] = await Promise.all([Guest.start(isolation()), Guest.start(isolation())]);
    const pid = innermost(bomb);
    let most = 0;
    const watch = setInterval(
      () => (most = Math.max(most, Number(isAlive(pid) ? statusOf(pid, 'Threads') : 0))),
      5,
    );
    await bomb
      .run(
        `const code = 'data:text/javascript,setInterval(() => 0, 1000)';
        for (let i = 0; i < 60; i++) new Worker(code, { type: 'module' });
        await new Promise((resolve) => setTimeout(resolve, 300));`,
      )
      .catch(() => undefined);
    clearInterval(watch);
    assert.ok(most > 0 && most <= 32, `${most} threads were seen`);
    assert.equal(await neighbour.run('return 1'), 1);
    await Promise.all([bomb.end(), neighbour.end()]);
  });

  test('CPU is bounded by its share', async () => {
    const guest = await Guest.start(isolation(), { cpuCoresMax: 0.2 });
    const begin = { at: performance.now(), cpu: guest.sandbox.usage().cpuMicros };
    await guest.run('const end = Date.now() + 800; while (Date.now() < end);');
    const share = (guest.sandbox.usage().cpuMicros - begin.cpu) / 1000 / (performance.now() - begin.at);
    assert.ok(share > 0.05 && share < 0.35, `it had ${share.toFixed(2)} of a core`);
    await guest.end();
  });
}

function innermost(guest: Guest): number {
  return guest.processes().at(-1) ?? 0;
}

function namespaceOf(pid: number, space: string): string {
  return readlinkSync(`/proc/${pid}/ns/${space}`);
}
