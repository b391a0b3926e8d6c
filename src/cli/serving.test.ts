import assert from 'node:assert/strict';
import { access, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { lineOf, startControl, type Harness } from '../control/control.fixture.ts';
import { CordonError } from '../contract/index.ts';
import { cordon, temporaryFolder, type Outcome, type RunInput } from './cli.fixture.ts';
import type { ServerOptions, StartServer } from './server-port.ts';

let control: Harness;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let started: ServerOptions[] = [];
let closed = 0;
let refreshed = 0;

before(async () => {
  control = await startControl();
  folder = await temporaryFolder();
});

afterEach(() => {
  started = [];
  closed = 0;
  refreshed = 0;
});

after(async () => {
  await control.close();
  await folder.remove();
});

/** A server that is the control harness. */
function fakeServer(firstToken: string | null, confines = true): StartServer {
  return async (options) => {
    started.push(options);
    return {
      gatewayUrl: 'http://127.0.0.1:8080',
      controlUrl: control.url,
      s3Url: 'http://127.0.0.1:8082',
      firstToken,
      firstTokenKept: () => undefined,
      isPlaintextExposed: options.transport?.unsafePlaintext === true,
      authorityFile: options.transport?.tls?.kind === 'development' ? '/data/tls/authority.pem' : null,
      refreshCertificates: async () => void (refreshed += 1),
      isolation: confines ? 'bubblewrap' : 'none',
      confines,
      close: async () => void (closed += 1),
    };
  };
}

function config(name: string): { env: Record<string, string>; file: string } {
  const base = join(folder.path, name);
  return {
    env: { XDG_CONFIG_HOME: base, CORDON_DATA: join(folder.path, 'data') },
    file: join(base, 'cordon/credentials.json'),
  };
}

/** Runs until stdout holds `text`, then stops it as SIGTERM would. */
async function runUntil(argv: readonly string[], text: string, input: RunInput): Promise<Outcome> {
  const stop = new AbortController();
  return cordon(argv, {
    cwd: folder.path,
    untilStopped: () => stop.signal,
    ...input,
    onOutput: (stdout) => {
      input.onOutput?.(stdout);
      if (stdout.includes(text)) stop.abort('SIGTERM');
    },
  });
}

test('up shows where everything is, saves the token for this user alone, and stops at the signal', async () => {
  const { env, file } = config('first');
  const outcome = await runUntil(['up', '--port', '0', '--pool', '2'], 'saved in', {
    env,
    startServer: fakeServer(control.token),
  });
  assert.equal(outcome.code, 0, outcome.stderr);
  assert.match(outcome.stdout, /^cordon is ready in \d+ ms\n/);
  assert.match(outcome.stdout, / {2}gateway {3}http:\/\/127\.0\.0\.1:8080\n/);
  assert.match(outcome.stdout, / {2}isolation bubblewrap\n/);
  assert.equal(outcome.stdout.split(control.token).length, 2);
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  assert.deepEqual(JSON.parse(await readFile(file, 'utf8')), { url: control.url, token: control.token });
  assert.equal(closed, 1);
  assert.deepEqual(started[0]?.gateway, { host: '127.0.0.1', port: 0 });
  assert.equal(started[0]?.poolSize, 2);
  assert.equal(started[0]?.dataDirectory, join(folder.path, 'data'));
  // What was saved is what the other commands use.
  assert.equal(
    (await cordon(['deploy', '--list'], { env: { XDG_CONFIG_HOME: env['XDG_CONFIG_HOME'] } })).code,
    0,
  );
});

test('up --json prints one event a line', async () => {
  const { env } = config('json');
  const { stdout, stderr } = await runUntil(['up', '--json'], '"ready"', {
    env,
    startServer: fakeServer(control.token),
  });
  const events = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { event: string; token?: string });
  assert.deepEqual(
    events.map(({ event }) => event),
    ['ready', 'stopping', 'stopped'],
  );
  assert.equal(events[0]?.token, control.token);
  assert.equal(stderr, '');
});

test('a later start moves the saved address along, and does not touch the token of another server', async () => {
  const moved = config('moved');
  await runUntil(['up'], 'saved in', { env: moved.env, startServer: fakeServer(control.token) });
  await writeFile(moved.file, JSON.stringify({ url: 'http://127.0.0.1:9', token: control.token }));
  await runUntil(['up'], 'saved in', { env: moved.env, startServer: fakeServer(null) });
  assert.deepEqual(JSON.parse(await readFile(moved.file, 'utf8')), {
    url: control.url,
    token: control.token,
  });
  const foreign = JSON.stringify({ url: 'http://127.0.0.1:9', token: 'of another server' });
  await writeFile(moved.file, foreign);
  const outcome = await runUntil(['up'], 'set CORDON_TOKEN', {
    env: moved.env,
    startServer: fakeServer(null),
  });
  assert.equal(outcome.code, 0);
  assert.equal(await readFile(moved.file, 'utf8'), foreign);
  // A first token replaces it, and what was there is kept, as it cannot be shown again.
  await runUntil(['up'], 'saved in', { env: moved.env, startServer: fakeServer(control.token) });
  assert.equal(await readFile(join(moved.file, '../credentials.previous.json'), 'utf8'), foreign);
});

test('--unsafe-no-sandbox warns, in the banner too; without it nothing does', async () => {
  const { env } = config('unsafe');
  const loud = await runUntil(['up', '--unsafe-no-sandbox'], 'isolation', {
    env,
    startServer: fakeServer(null, false),
  });
  assert.match(loud.stderr, /^WARNING: --unsafe-no-sandbox: functions are not confined/);
  assert.match(loud.stdout, /NOT CONFINED/);
  assert.equal(started[0]?.unsafeNoSandbox, true);
  const quiet = await runUntil(['up'], 'isolation', { env, startServer: fakeServer(null) });
  assert.equal(quiet.stderr, '');
  assert.equal(started[1]?.unsafeNoSandbox, false);
});

test('up --tls says where the authority is, and --tls-cert takes its keys in order', async () => {
  const { env } = config('tls');
  const made = await runUntil(['up', '--tls'], 'isolation', { env, startServer: fakeServer(null) });
  assert.match(made.stdout, / {2}authority \/data\/tls\/authority\.pem\n/);
  assert.deepEqual(started[0]?.transport?.tls, { kind: 'development' });
  const pairs = [
    '--tls-cert',
    '/a.pem',
    '--tls-key',
    '/a.key',
    '--tls-cert',
    '/b.pem',
    '--tls-key',
    '/b.key',
  ];
  await runUntil(['up', ...pairs], 'isolation', { env, startServer: fakeServer(null) });
  const files = [
    { certificate: '/a.pem', key: '/a.key' },
    { certificate: '/b.pem', key: '/b.key' },
  ];
  assert.deepEqual(started[1]?.transport?.tls, { kind: 'files', files });
  const odd = await cordon(['up', '--tls-cert', '/a.pem'], { env, startServer: fakeServer(null) });
  assert.equal(odd.code, 2);
  assert.match(odd.stderr, /CORDON_USAGE/);
});

test('up --acme needs a directory and that its terms are agreed to', async () => {
  const { env } = config('acme');
  const named = ['up', '--acme', 'shop.example.com', '--acme-directory', 'https://acme.example/dir'];
  const refused = await cordon(named, { env, startServer: fakeServer(null) });
  assert.equal(refused.code, 2);
  assert.equal(started.length, 0);
  await runUntil([...named, '--acme-agree-terms'], 'isolation', { env, startServer: fakeServer(null) });
  assert.deepEqual(started[0]?.transport?.tls, {
    kind: 'acme',
    names: ['shop.example.com'],
    directoryUrl: 'https://acme.example/dir',
    email: null,
    challenges: { host: '127.0.0.1', port: 80 },
  });
  const proved = [...named, '--acme-agree-terms', '--acme-tls-alpn'];
  await runUntil(proved, 'isolation', { env, startServer: fakeServer(null) });
  const { tls } = started[1]?.transport ?? { tls: null };
  assert.equal(tls?.kind === 'acme' && tls.challenges, null);
});

test('--unsafe-plaintext warns, in the banner too, and SIGHUP looks for other certificates', async () => {
  const { env } = config('plain');
  const argv = [
    'up',
    '--host',
    '0.0.0.0',
    '--unsafe-plaintext',
    '--trusted-proxy',
    '10.0.0.1',
    '--proxy-protocol',
  ];
  const outcome = await runUntil(argv, 'isolation', {
    env,
    startServer: fakeServer(null),
    onOutput: (stdout) => {
      if (stdout.includes('isolation') && refreshed === 0) process.emit('SIGHUP');
    },
  });
  assert.match(outcome.stderr, /^WARNING: --unsafe-plaintext: the gateway speaks plain HTTP/);
  assert.match(outcome.stdout, /PLAIN HTTP, NOT ENCRYPTED/);
  assert.equal(refreshed, 1);
  const transport = { tls: null, unsafePlaintext: true, trustedProxies: ['10.0.0.1'], proxyProtocol: true };
  assert.deepEqual(started[0]?.transport, transport);
});

test('a server that cannot start is an error with what to do', async () => {
  const startServer: StartServer = async () => {
    throw new CordonError('CORDON_PORT_TAKEN', 'Cannot listen on 127.0.0.1:8080: another program does.');
  };
  const { code, stderr } = await cordon(['up'], { ...config('taken'), startServer });
  assert.equal(code, 1);
  assert.match(stderr, /^error CORDON_PORT_TAKEN: .*\nnext: Stop that program/);
});

test('dev deploys at every change, keeps going after an error, and prints the logs', async () => {
  await cordon(['init', 'live'], { cwd: folder.path });
  const entry = join(folder.path, 'live/src/hello.ts');
  const before = control.archives.length;
  const stop = new AbortController();
  let step = 0;
  let logged = '';
  const outcome = await cordon(['dev', 'live', '--json'], {
    cwd: folder.path,
    env: { CORDON_URL: control.url, CORDON_TOKEN: control.token },
    untilStopped: () => stop.signal,
    onOutput: (stdout) => {
      logged = stdout;
      const reloads = stdout.split('"reloaded"').length - 1;
      if (reloads === 1 && step === 0) {
        step = 1;
        // Broken first, then mended: the watcher has to live through it.
        void writeFile(entry, 'export default {').then(() =>
          setTimeout(() => void writeFile(entry, 'export default { fetch: () => new Response("2") };'), 150),
        );
      }
      if (reloads === 2 && step === 1) {
        step = 2;
        // Followers are told of lines that come while they follow, so this one is repeated until it is seen.
        const again = setInterval(() => {
          if (logged.includes('from the function')) clearInterval(again);
          else control.evidence.log(lineOf('live', 'from the function'));
        }, 10);
      }
      if (stdout.includes('from the function')) stop.abort('SIGINT');
    },
  });
  assert.equal(outcome.code, 0, outcome.stderr);
  assert.equal(control.archives.length, before + 2);
  assert.match(outcome.stderr, /CORDON_BUNDLE_FAILED/);
});

test('dev starts a server of its own where none runs, and leaves nothing behind', async () => {
  await cordon(['init', 'alone'], { cwd: folder.path });
  const { env } = config('alone-config');
  const outcome = await runUntil(['dev', 'alone'], 'reloaded', {
    env,
    startServer: fakeServer(control.token),
  });
  assert.equal(outcome.code, 0, outcome.stderr);
  assert.match(outcome.stdout, /deployed alone [0-9a-f]{12}[\s\S]*reloaded [0-9a-f]{12} in \d+ ms/);
  assert.equal(closed, 1);
  await assert.rejects(access(started[0]?.dataDirectory ?? ''), { code: 'ENOENT' });
});

test('dev does not start a server in the place of one that was named', async () => {
  const env = { CORDON_URL: 'http://127.0.0.1:1', CORDON_TOKEN: 'x' };
  const { code, stderr } = await cordon(['dev'], { env, cwd: folder.path, startServer: fakeServer(null) });
  assert.equal(code, 1);
  assert.match(stderr, /CORDON_SERVER_UNREACHABLE/);
  assert.equal(started.length, 0);
});
