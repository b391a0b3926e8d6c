import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import type { Command } from 'commander';
import { cordon, temporaryFolder } from './cli.fixture.ts';
import { createProgram } from './program.ts';

const CORDON = new URL('../../bin/cordon', import.meta.url).pathname;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;

before(async () => {
  folder = await temporaryFolder();
});

after(() => folder.remove());

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the real command in a process of its own. */
async function spawnCordon(...argv: readonly string[]): Promise<Ended> {
  const env = { PATH: process.env['PATH'], HOME: folder.path };
  try {
    return { code: 0, ...(await promisify(execFile)(CORDON, argv, { env, cwd: folder.path })) };
  } catch (error) {
    return error as Ended;
  }
}

test('the process exits with 0 for help, 2 for usage and 1 without a server', async () => {
  const [help, version, unknown, refused] = await Promise.all([
    spawnCordon('deploy', '--help'),
    spawnCordon('--version'),
    spawnCordon('deplyo'),
    spawnCordon('deploy', '--list', '--json'),
  ]);
  assert.equal(help.code, 0);
  assert.match(help.stdout, /Examples:\n {2}\$ cordon deploy/);
  assert.match(version.stdout, /^\d+\.\d+\.\d+\n$/);
  assert.equal(unknown.code, 2);
  assert.equal(
    unknown.stderr,
    "error CORDON_USAGE: unknown command 'deplyo' (Did you mean deploy?)\nnext: See `cordon --help`.\n",
  );
  assert.equal(refused.code, 1);
  assert.equal(refused.stdout, '');
  assert.equal(
    (JSON.parse(refused.stderr) as { error: { code: string } }).error.code,
    'CORDON_TOKEN_MISSING',
  );
});

/** Every command that can be run, by its words. */
function leaves(parent: Command, before: readonly string[] = []): { words: string[]; options: unknown[] }[] {
  return parent.commands.flatMap((child) => {
    const words = [...before, child.name()];
    return child.commands.length > 0
      ? leaves(child, words)
      : [{ words, options: child.options.map(({ long }) => long) }];
  });
}

test('every command has help with examples and --json', async () => {
  const commands = leaves(createProgram('0', async () => undefined));
  assert.ok(commands.some(({ words }) => words.join(' ') === 'secret set'));
  for (const { words, options } of commands) {
    const name = words.join(' ');
    assert.ok(options.includes('--json'), name);
    const { code, stdout } = await cordon([...words, '--help']);
    assert.equal(code, 0);
    assert.match(
      stdout,
      new RegExp(`Usage: cordon ${name}[\\s\\S]*Examples:\\n {2}\\$ (?:.* \\| )?cordon ${name}`),
    );
  }
});

test('a group without a command, and a wrong one, say what there is', async () => {
  const bare = await cordon(['secret']);
  assert.deepEqual([bare.code, bare.stdout], [2, '']);
  assert.match(bare.stderr, /needs a command: set, list, delete\nnext: See `cordon secret --help`/);
  const wrong = await cordon(['secret', 'sett']);
  assert.match(wrong.stderr, /unknown command 'sett' \(Did you mean set\?\)/);
  const help = await cordon(['secret', '--help']);
  assert.equal(help.code, 0);
  assert.match(help.stdout, /set \[options\] <name>/);
});

test('a value on the command line is refused and not repeated', async () => {
  for (const more of [[], ['--verbose'], ['--json']]) {
    const { code, stdout, stderr } = await cordon(['secret', 'set', 'KEY', 'sk_live_1', ...more]);
    assert.equal(code, 2);
    assert.doesNotMatch(stdout + stderr, /sk_live/);
    assert.match(stderr, /Give the value on stdin or with --from-file/);
  }
});

test('a command line that cannot be read exits with 2 and says what was meant', async () => {
  const cases: [string[], RegExp][] = [
    [
      ['deploy', '--cnary', '3'],
      /unknown option '--cnary' \(Did you mean --canary\?\)\nnext: See `cordon deploy --help`/,
    ],
    [['deploy', '--canary', '101'], /Give whole percent, 0 to 100/],
    [['deploy', '--canary', '1', '--list'], /cannot be used with/],
    [['deploy', 'a', 'b'], /too many arguments/],
    [['invoke'], /missing required argument 'target'/],
    [['invoke', 'nothing'], /neither APP\/FUNCTION nor a path/],
    [['invoke', 'a/b', '-H', 'nocolon'], /A header is written as/],
    [['up', '--port', '65536'], /A port is a number from 0 to 65535/],
    [['logs', '--limit', '1001'], /Give a number from 1 to 1000/],
    [['completion', 'fish'], /There is no completion for "fish"/],
    [['init', '--name', 'Shop'], /Cannot name an app "Shop"/],
  ];
  const env = { CORDON_URL: 'http://127.0.0.1:1', CORDON_TOKEN: 'x' };
  for (const [argv, message] of cases) {
    const { code, stderr, stdout } = await cordon(argv, { env, cwd: folder.path });
    assert.equal(code, 2, `${argv.join(' ')}: ${stderr}`);
    assert.match(stderr, message);
    assert.equal(stdout, '');
    const json = await cordon([...argv, '--json'], { env, cwd: folder.path });
    assert.equal((JSON.parse(json.stderr) as { error: { code: string } }).error.code, 'CORDON_USAGE');
  }
  assert.equal((await cordon(['up', '--port', '65535', '--help'])).code, 0);
});

test('no arguments print the help', async () => {
  const { code, stdout } = await cordon([]);
  assert.equal(code, 0);
  assert.match(stdout, /Usage: cordon/);
});

test('colours are for people who want them', async () => {
  const plain = await cordon(['deplyo'], { tty: false });
  const coloured = await cordon(['deplyo'], { tty: true });
  const refused = await cordon(['deplyo'], { tty: true, env: { NO_COLOR: '1' } });
  assert.equal(coloured.stderr.includes('\u001b['), true);
  assert.equal(plain.stderr.includes('\u001b['), false);
  assert.equal(refused.stderr.includes('\u001b['), false);
});

test('init writes an app whose manifest and types are valid, and changes nothing that exists', async () => {
  const first = await cordon(['init', 'My App', '--json'], { cwd: folder.path });
  assert.equal(first.code, 0, first.stderr);
  const { app, files } = JSON.parse(first.stdout) as { app: string; files: string[] };
  assert.equal(app, 'my-app');
  assert.ok(files.includes('cordon.jsonc'));
  const check = await cordon(['types', 'My App', '--check'], { cwd: folder.path });
  assert.equal(check.code, 0, check.stderr);
  const entry = join(folder.path, 'My App/src/hello.ts');
  await writeFile(entry, 'mine');
  const second = await cordon(['init', 'My App'], { cwd: folder.path });
  assert.equal(second.code, 1);
  assert.match(second.stderr, /CORDON_FILE_EXISTS.*cordon\.jsonc/);
  assert.equal(await readFile(entry, 'utf8'), 'mine');
});

test('init writes into a folder that has other files', async () => {
  await mkdir(join(folder.path, 'other'));
  await writeFile(join(folder.path, 'other/README.md'), 'mine');
  assert.equal((await cordon(['init', '.'], { cwd: join(folder.path, 'other') })).code, 0);
  assert.equal(await readFile(join(folder.path, 'other/README.md'), 'utf8'), 'mine');
});

test('types follows the manifest, and --check fails while it does not', async () => {
  await cordon(['init', 'typed'], { cwd: folder.path });
  const manifest = join(folder.path, 'typed/cordon.jsonc');
  await writeFile(manifest, (await readFile(manifest, 'utf8')).replace('GREETING', 'SALUTE'));
  const check = await cordon(['types', 'typed', '--check'], { cwd: folder.path });
  assert.equal(check.code, 1);
  assert.match(check.stdout, /out of date/);
  assert.equal((await cordon(['types', 'typed'], { cwd: folder.path })).code, 0);
  assert.match(await readFile(join(folder.path, 'typed/cordon.d.ts'), 'utf8'), /readonly SALUTE: string/);
  assert.match((await cordon(['types', 'typed'], { cwd: folder.path })).stdout, /up to date/);
  const schema = await readFile(join(folder.path, 'typed/.cordon/cordon.schema.json'), 'utf8');
  assert.ok('properties' in (JSON.parse(schema) as object));
});

test('doctor says what is missing with the command that brings it, and exits with 1', async () => {
  const argv = [
    'doctor',
    '--data',
    join(folder.path, 'data'),
    '--port',
    '0',
    '--control-port',
    '0',
    '--s3-port',
    '0',
  ];
  const fine = { name: 'bubblewrap', ok: true, detail: '0.8.0', fix: null };
  const well = await cordon(argv, { requirements: async () => [fine] });
  assert.equal(well.code, 0, well.stdout);
  assert.match(well.stdout, /ok {7}bubblewrap: 0\.8\.0/);
  assert.match(well.stdout, /ok {7}Deno: \d/);
  const lacking = { name: 'bubblewrap', ok: false, detail: 'not found', fix: 'apt-get install bubblewrap' };
  const ill = await cordon(argv, { requirements: async () => [lacking] });
  assert.equal(ill.code, 1);
  assert.match(ill.stdout, /missing {2}bubblewrap: not found\n {9}run: apt-get install bubblewrap/);
  const json = JSON.parse(
    (await cordon([...argv, '--json'], { requirements: async () => [lacking] })).stdout,
  ) as { ok: boolean };
  assert.equal(json.ok, false);
});

test('doctor sees a data folder that cannot be one', async () => {
  await writeFile(join(folder.path, 'a-file'), '');
  const { code, stdout } = await cordon(['doctor', '--data', join(folder.path, 'a-file/data')], {
    requirements: async () => [],
  });
  assert.equal(code, 1);
  assert.match(stdout, /missing {2}data folder: .*a-file cannot be written/);
});

test('the completion scripts are valid and know every command', async () => {
  const bash = await cordon(['completion', 'bash']);
  const script = `${bash.stdout}
complete_words() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _cordon; printf '%s\\n' "\${COMPREPLY[@]}"; }
complete_words cordon de; echo --; complete_words cordon deploy --can; echo --; complete_words cordon completion z
echo --; complete_words cordon secret l; echo --; complete_words cordon secret set --from`;
  const { stdout } = await promisify(execFile)('bash', ['-uc', script]);
  assert.equal(stdout, 'dev\ndeploy\n--\n--canary\n--\nzsh\n--\nlist\n--\n--from-file\n');
  const zsh = await cordon(['completion', 'zsh']);
  assert.match(zsh.stdout, /^#compdef cordon/);
  for (const { words } of leaves(createProgram('0', async () => undefined))) {
    assert.ok(zsh.stdout.includes(`        ${words.at(-1)}) _arguments`), words.join(' '));
  }
});

test('a credentials file that others can read is refused, and one of this user alone is used', async () => {
  const config = join(folder.path, 'config');
  const file = join(config, 'cordon/credentials.json');
  await mkdir(join(config, 'cordon'), { recursive: true });
  await writeFile(file, JSON.stringify({ url: 'http://127.0.0.1:1', token: 'x' }), { mode: 0o644 });
  const env = { XDG_CONFIG_HOME: config };
  assert.match((await cordon(['deploy', '--list'], { env })).stderr, /CORDON_CREDENTIALS_INVALID.*chmod 600/);
  await chmod(file, 0o600);
  assert.match((await cordon(['deploy', '--list'], { env })).stderr, /CORDON_SERVER_UNREACHABLE/);
  assert.match(
    (await cordon(['deploy', '--list'], { env: { ...env, CORDON_URL: 'http://127.0.0.1:2' } })).stderr,
    /CORDON_TOKEN_MISSING: No token is known for http:\/\/127\.0\.0\.1:2/,
  );
  assert.equal((await stat(file)).mode & 0o777, 0o600);
});
