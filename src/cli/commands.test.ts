import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { hello, idOf, lineOf, startControl, type Harness } from '../control/control.fixture.ts';
import { CordonError } from '../contract/index.ts';
import { newToken } from '../control/index.ts';
import { cordon, temporaryFolder, type Outcome, type RunInput } from './cli.fixture.ts';

let control: Harness;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;

before(async () => {
  control = await startControl();
  folder = await temporaryFolder();
  await cordon(['init', 'fresh'], { cwd: folder.path });
});

afterEach(() => {
  control.answer = hello;
  control.deployError = null;
});

after(async () => {
  await control.close();
  await folder.remove();
});

/** Runs a command with the credentials of the server. */
function run(argv: readonly string[], input: RunInput = {}): Promise<Outcome> {
  const env = { CORDON_URL: control.url, CORDON_TOKEN: control.token, ...input.env };
  return cordon(argv, { cwd: folder.path, ...input, env });
}

test('deploy prints the id, the steps and the routes with who may call them', async () => {
  const { code, stdout, stderr } = await run(['deploy', 'fresh']);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /bundle {2}12 ms/);
  assert.match(stdout, /deployed fresh cccccccc1000\n/);
  assert.match(stdout, /main {2}GET {2}http:\/\/127\.0\.0\.1:8080\/orders\/:id {2}auth: public/);
  assert.ok((control.archives.at(-1)?.byteLength ?? 0) > 0);
});

test('deploy --json prints one JSON document and nothing else', async () => {
  const { code, stdout, stderr } = await run(['deploy', 'fresh', '--json']);
  assert.equal(code, 0);
  assert.equal(stderr, '');
  const result = JSON.parse(stdout) as { deployment: { app: string; role: string } };
  assert.equal(result.deployment.app, 'fresh');
  assert.equal(result.deployment.role, 'live');
});

test('deploy --canary, --promote and --clear-canary move the canary', async () => {
  assert.match((await run(['deploy', 'fresh', '--canary', '10'])).stdout, /as canary for 10%/);
  assert.match((await run(['deploy', '--list'])).stdout, /fresh [0-9a-f]{12}, canary [0-9a-f]{12} for 10%/);
  assert.match((await run(['deploy', 'fresh', '--promote'])).stdout, /^fresh serves [0-9a-f]{12}\n$/);
  const again = await run(['deploy', 'fresh', '--promote']);
  assert.equal(again.code, 1);
  assert.match(again.stderr, /^error CORDON_CANARY_INVALID: /);
  assert.equal((await run(['deploy', 'fresh', '--clear-canary'])).code, 0);
});

test('an error of the server is shown with its place, the guest’s stack and what to do next', async () => {
  control.deployError = new CordonError('CORDON_IMPORT_THREW', 'The module of main threw: no', {
    details: { file: 'src/main.ts', line: 3, column: 7, stack: 'Error: no\n    at src/main.ts:3:7\u001b[2J' },
  });
  const { code, stderr } = await run(['deploy', 'fresh']);
  assert.equal(code, 1);
  assert.match(
    stderr,
    /^error CORDON_IMPORT_THREW: The module of main threw: no\n {2}at src\/main\.ts:3:7\n/,
  );
  assert.match(stderr, /next: Fix the error at the place shown\./);
  assert.equal(stderr.includes('\u001b'), false);
});

test('an internal error of the server exits with 3 and shows the id that finds it', async () => {
  control.deployError = new Error('broken');
  const { code, stderr } = await run(['deploy', 'fresh']);
  assert.equal(code, 3);
  assert.match(stderr, /error CORDON_INTERNAL: Cordon failed\./);
  assert.match(stderr, /id: {3}evt_/);
});

test('a folder without a manifest, and one with a wrong one, are refused before anything is sent', async () => {
  const sent = control.archives.length;
  await mkdir(join(folder.path, 'empty'));
  assert.match(
    (await run(['deploy', 'empty'])).stderr,
    /CORDON_MANIFEST_MISSING[\s\S]*next: Run `cordon init`/,
  );
  await writeFile(join(folder.path, 'empty/cordon.jsonc'), '{ "name": "empty", "functions": {}, "nme": 1 }');
  const wrong = await run(['deploy', 'empty']);
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /CORDON_MANIFEST_INVALID[\s\S]*cordon\.jsonc:1:\d+/);
  assert.equal(control.archives.length, sent);
});

test('invoke prints the body, with -i the head too', async () => {
  assert.equal((await run(['invoke', 'shop/main'])).stdout, 'GET http://localhost/ ');
  const headed = await run(['invoke', 'shop/main', '-i', '--path', '/a?b']);
  assert.match(
    headed.stdout,
    /^200 req_\w+ [\d.]+ ms\ncontent-type: text\/plain\n\nGET http:\/\/localhost\/a\?b $/,
  );
});

test('invoke finds the function of a path and sends method, headers and a body', async () => {
  const argv = ['invoke', '/orders/1?x=2', '-X', 'put', '-H', 'x-a: 1', '-H', 'x-b:2', '--data', '@-'];
  const { stdout, code } = await run(argv, { stdin: 'from stdin' });
  assert.equal(code, 0);
  assert.equal(stdout, 'PUT http://localhost/orders/1?x=2 from stdin');
  assert.deepEqual(control.seen.at(-1)?.request.headers.slice(0, 4), ['x-a', '1', 'x-b', '2']);
  const unknown = await run(['invoke', '/nowhere']);
  assert.match(unknown.stderr, /CORDON_ROUTE_UNKNOWN/);
  assert.equal(unknown.code, 1);
});

test('a response cannot steer the terminal, and its bytes are left alone for a program', async () => {
  control.answer = (_, sink) => sink.head(200, [], Buffer.from('a\u001b[2Jb'), true);
  assert.equal((await run(['invoke', 'shop/main'])).stdout, 'a\u001b[2Jb');
  assert.equal((await run(['invoke', 'shop/main'], { tty: true })).stdout, 'a\\u001b[2Jb\n');
});

test('invoke fails when the function does, but not by the status of its response', async () => {
  control.answer = (_, sink) => sink.head(404, [], null, true);
  assert.equal((await run(['invoke', 'shop/main'])).code, 0);
  control.answer = (_, sink) => sink.failed(new CordonError('CORDON_FUNCTION_ERROR', 'main threw Error: no'));
  const failed = await run(['invoke', 'shop/main']);
  assert.equal(failed.code, 1);
  assert.match(failed.stderr, /error CORDON_FUNCTION_ERROR: main threw Error: no/);
});

test('logs prints lines, filters them, and prints JSON lines', async () => {
  control.evidence.log(lineOf('shop', 'one\u001b[31m'));
  control.evidence.log(lineOf('other', 'two'));
  const { stdout } = await run(['logs', '--app', 'shop']);
  assert.match(stdout, /^2023-11-14 22:13:20\.000 info {2}shop\/main req_1 one\\u001b\[31m\n$/);
  const lines = (await run(['logs', '--json'])).stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { message: string });
  assert.deepEqual(
    lines.map(({ message }) => message),
    ['one\u001b[31m', 'two'],
  );
});

test('logs --follow prints what comes until it is stopped', async () => {
  const stop = new AbortController();
  const outcome = await run(['logs', '--follow', '--app', 'shop'], {
    untilStopped: () => {
      // Follows from here on: what is logged now is not among the lines that were listed.
      control.evidence.log(lineOf('shop', 'later'));
      return stop.signal;
    },
    onOutput: (text) => {
      if (text.includes('later')) stop.abort('SIGINT');
    },
  });
  assert.equal(outcome.code, 0, outcome.stderr);
  assert.match(outcome.stdout, /later\n$/);
});

test('logs --security prints refusals with their reason', async () => {
  await run(['rollback', 'nobody']);
  const { stdout } = await run(['logs', '--security']);
  assert.match(stdout, /info {3}control\.refused CORDON_APP_UNKNOWN \{/);
});

test('rollback goes back, to a named deployment, and lists them', async () => {
  assert.match((await run(['rollback', 'shop'])).stdout, /^shop serves aaaaaaaaaaaa \(was bbbbbbbbbbbb\)\n$/);
  assert.match((await run(['rollback', 'shop', '--to', 'bbbbbbbb'])).stdout, /^shop serves bbbbbbbbbbbb /);
  const listed = await run(['rollback', 'shop', '--list']);
  assert.match(
    listed.stdout,
    /^bbbbbbbbbbbb {2}2023-11-14 22:13:20 {2}live {6}main\naaaaaaaaaaaa .* previous {2}main\n$/,
  );
  const result = JSON.parse((await run(['rollback', 'shop', '--json'])).stdout) as { live: string };
  assert.equal(result.live, idOf('aaaaaaaaaaaa'));
  assert.match(
    (await run(['rollback', 'shop', '--to', 'nothex'])).stderr,
    /CORDON_INPUT_INVALID[\s\S]*body\.to/,
  );
});

test('a wrong token, no token and no server are told apart, each with what to do', async () => {
  const wrong = await run(['deploy', '--list'], { env: { CORDON_TOKEN: newToken() } });
  assert.match(wrong.stderr, /error CORDON_TOKEN_REFUSED: .*\nnext: /);
  const none = await cordon(['deploy', '--list'], { env: { XDG_CONFIG_HOME: folder.path } });
  assert.match(none.stderr, /error CORDON_TOKEN_MISSING: .*\nnext: .*cordon up/);
  const nobody = await run(['deploy', '--list'], { env: { CORDON_URL: 'http://127.0.0.1:1' } });
  assert.match(
    nobody.stderr,
    /error CORDON_SERVER_UNREACHABLE: No Cordon server answers at http:\/\/127\.0\.0\.1:1\.\nnext: /,
  );
  assert.deepEqual([wrong.code, none.code, nobody.code], [1, 1, 1]);
});

test('a token does not leave the machine in the clear', async () => {
  const { code, stderr } = await run(['deploy', '--list'], {
    env: { CORDON_URL: 'http://cordon.example:8081' },
  });
  assert.equal(code, 1);
  assert.match(stderr, /CORDON_CREDENTIALS_INVALID/);
});
