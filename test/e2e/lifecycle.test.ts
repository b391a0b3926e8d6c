import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import test from 'node:test';
import { ServerProcess } from '../../tools/server-process.ts';
import { usePlatform, writeText } from './platform.ts';

const SOURCE = `export default { fetch: (request, env) => new Response(env.VERSION) };`;
const CALLERS = 4;
const RETRY_PAUSE_MS = 50;
const RELOAD_WAIT_MS = 10_000;

const platform = usePlatform([]);

/** Deploys version `version` of the app `name`. */
async function deployVersion(name: string, version: string, ...options: string[]): Promise<string> {
  return platform().deploy(await platform().writeApp(name, SOURCE, { VERSION: version }), ...options);
}

/** What callers got, one entry a call. */
interface Load {
  readonly answers: string[];
  /** Calls that were not answered at once. */
  readonly failures: string[];
}

/** Makes calls from several callers at once until `work` is done. */
async function underLoad(call: (load: Load) => Promise<unknown>, work: () => Promise<void>): Promise<Load> {
  const load: Load = { answers: [], failures: [] };
  const stop = new AbortController();
  const callers = Array.from({ length: CALLERS }, async () => {
    while (!stop.signal.aborted) await call(load);
  });
  await work().finally(() => stop.abort());
  await Promise.all(callers);
  return load;
}

/** True when the call was answered with a success. */
async function callOnce(path: string, load: Load): Promise<boolean> {
  try {
    const response = await platform().fetch(path);
    const text = await response.text();
    if (response.ok) load.answers.push(text);
    else load.failures.push(`${response.status} ${text}`);
    return response.ok;
  } catch (error) {
    load.failures.push(String(error));
    return false;
  }
}

test('a deployment under load drops no request, and what follows it is new', async () => {
  await deployVersion('switch', 'v1');
  assert.equal(await platform().text('/switch'), 'v1');
  const { answers, failures } = await underLoad(
    (load) => callOnce('/switch', load),
    async () => {
      for (const version of ['v2', 'v3', 'v4']) {
        await deployVersion('switch', version);
        assert.equal(await platform().text('/switch'), version);
      }
    },
  );
  assert.deepEqual(failures, []);
  assert.deepEqual([...new Set(answers)].toSorted(), ['v1', 'v2', 'v3', 'v4']);
});

test('a rollback under load goes back to what was live before and drops no request', async () => {
  const first = await deployVersion('back', 'v1');
  await deployVersion('back', 'v2');
  const { failures } = await underLoad(
    (load) => callOnce('/back', load),
    async () => {
      await platform().home.json('rollback', 'back');
      assert.equal(await platform().text('/back'), 'v1');
    },
  );
  assert.deepEqual(failures, []);
  await platform().home.json('rollback', 'back');
  assert.equal(await platform().text('/back'), 'v2');
  await platform().home.json('rollback', 'back', '--to', first.slice(0, 12));
  assert.equal(await platform().text('/back'), 'v1');
});

test('a rollback to a deployment that does not exist is refused and changes nothing', async () => {
  await deployVersion('stay', 'v1');
  const { code, stderr } = await platform().home.run('rollback', 'stay', '--to', '0123456789ab', '--json');
  assert.equal(code, 1);
  assert.match(stderr, /CORDON_DEPLOYMENT_UNKNOWN/);
  assert.equal(await platform().text('/stay'), 'v1');
});

test('a canary gets its share of the requests, and all of them when it is promoted', async () => {
  await deployVersion('share', 'old');
  const folder = await platform().writeApp('share', SOURCE, { VERSION: 'new' });
  await platform().deploy(folder, '--canary', '30');
  let fresh = 0;
  for (let call = 0; call < 300; call += 1) if ((await platform().text('/share')) === 'new') fresh += 1;
  // 300 draws of 30 %: 90 ± 8; the bounds are more than five deviations away.
  assert.ok(fresh > 45 && fresh < 135, `${fresh} of 300`);
  await platform().home.json('deploy', folder, '--promote');
  for (let call = 0; call < 20; call += 1) assert.equal(await platform().text('/share'), 'new');
});

test('a canary that is cleared gets no request any more', async () => {
  await deployVersion('clear', 'old');
  const folder = await platform().writeApp('clear', SOURCE, { VERSION: 'new' });
  await platform().deploy(folder, '--canary', '100');
  assert.equal(await platform().text('/clear'), 'new');
  await platform().home.json('deploy', folder, '--clear-canary');
  for (let call = 0; call < 20; call += 1) assert.equal(await platform().text('/clear'), 'old');
});

test('a deployment that does not build changes nothing and says where the error is', async () => {
  await deployVersion('broken', 'v1');
  const folder = await platform().writeApp('broken', 'export default {\n  fetch( => 1,\n};\n');
  const { code, stderr } = await platform().home.run('deploy', folder, '--json');
  assert.equal(code, 1);
  assert.match(stderr, /src\/main\.ts/);
  assert.match(stderr, /"line":2/);
  assert.equal(await platform().text('/broken'), 'v1');
});

test('an app may not take the path of another', async () => {
  await deployVersion('taken', 'mine');
  const folder = await platform().writeApp('thief', SOURCE, { VERSION: 'theirs' });
  const manifest = await readFile(join(folder, 'cordon.jsonc'), 'utf8');
  await writeText(join(folder, 'cordon.jsonc'), manifest.replace('/thief', '/taken'));
  const { code, stderr } = await platform().home.run('deploy', folder, '--json');
  assert.equal(code, 1);
  assert.match(stderr, /CORDON_ROUTE_CONFLICT/);
  assert.equal(await platform().text('/taken'), 'mine');
});

test('a restart under load loses no call of a caller that tries again, and keeps what was deployed', async () => {
  await deployVersion('keep', 'v1');
  const callUntilAnswered = async (load: Load): Promise<void> => {
    while (!(await callOnce('/keep', load)))
      await new Promise((resolve) => setTimeout(resolve, RETRY_PAUSE_MS));
  };
  const { answers, failures } = await underLoad(callUntilAnswered, async () => {
    for (let round = 0; round < 2; round += 1) {
      const before = platform().server;
      await before.stop();
      platform().server = await ServerProcess.start(platform().home, { after: before });
      assert.equal(await platform().text('/keep'), 'v1');
    }
  });
  assert.ok(answers.length > 0);
  assert.deepEqual([...new Set(answers)], ['v1']);
  // What a stopping server does not take is refused or not connected; it is never cut off half way.
  const unexpected = failures.filter((failure) => !/^503 .*CORDON_DRAINING|fetch failed/.test(failure));
  assert.deepEqual(unexpected, []);
});

test('a server that was killed comes back with what was deployed', async () => {
  const id = await deployVersion('killed', 'v1');
  const before = platform().server;
  await before.kill();
  platform().server = await ServerProcess.start(platform().home, { after: before });
  assert.equal(await platform().text('/killed'), 'v1');
  assert.equal(await deployVersion('killed', 'v1'), id);
});

test('dev serves a change soon after the file is written', async (t) => {
  const folder = await platform().writeApp(
    'reload',
    `export default { fetch: () => new Response('before') };`,
  );
  const dev = platform().home.spawn(['dev', folder, '--json']);
  try {
    if (dev.stdout) createInterface({ input: dev.stdout }).on('line', () => {});
    dev.stderr?.resume();
    const answers = async (expected: string): Promise<void> => {
      const deadline = performance.now() + RELOAD_WAIT_MS;
      while ((await platform().text('/reload')) !== expected) {
        assert.ok(performance.now() < deadline, `/reload did not become ${expected}`);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    };
    await answers('before');
    for (const text of ['first', 'second', 'third']) {
      const start = performance.now();
      await writeText(
        join(folder, 'src/main.ts'),
        `export default { fetch: () => new Response('${text}') };`,
      );
      await answers(text);
      t.diagnostic(`reload ${Math.round(performance.now() - start)} ms`);
    }
  } finally {
    const ended = new Promise((resolve) => dev.once('close', resolve));
    dev.kill('SIGTERM');
    await ended;
  }
});
