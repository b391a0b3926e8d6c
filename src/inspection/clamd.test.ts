import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { directRoom, png, uploadOf, zip } from './inspection.fixture.ts';
import { Inspector, clamdScanner } from './index.ts';
import type { Scanner, Verdict } from './index.ts';

const CLAMD = '/usr/sbin/clamd';
const STREAM_BYTES_MAX = 3_000_000;
// In two pieces, so that this file is not one that a scanner objects to.
const EICAR = ['X5O!P%@AP[4\\PZX54(P^)7CC)7}', '$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*'].join('');
const MARK = 'a text that only the test database knows';
const ANY = [{ types: null, bytesMax: null }];

let folder: string;
let config: string;
let daemon: ChildProcess;
let scanner: Scanner;

suite('the scanner of clamd', { skip: !existsSync(CLAMD) }, () => {
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cordon-clamd-'));
    await chmod(folder, 0o755);
    const hex = (text: string): string => Buffer.from(text).toString('hex');
    const signatures = [`Test.Eicar:0:*:${hex(EICAR)}`, `Test.Mark:0:*:${hex(MARK)}`];
    await writeFile(join(folder, 'test.ndb'), `${signatures.join('\n')}\n`);
    config = join(folder, 'clamd.conf');
    const lines = {
      LocalSocket: join(folder, 'clamd.sock'),
      DatabaseDirectory: folder,
      Foreground: 'yes',
      User: userInfo().username,
      StreamMaxLength: String(STREAM_BYTES_MAX),
      ...{ MaxFileSize: '10M', MaxScanSize: '10M', AlertExceedsMax: 'yes' },
    };
    await writeFile(
      config,
      Object.entries(lines)
        .map(([name, value]) => `${name} ${value}\n`)
        .join(''),
    );
    daemon = spawn(CLAMD, ['--config-file', config], { stdio: ['ignore', 'pipe', 'pipe'] });
    await listening(daemon);
    scanner = clamdScanner({ config });
  });
  after(async () => {
    if (daemon.exitCode === null && daemon.kill()) await once(daemon, 'exit');
    await rm(folder, { recursive: true });
  });

  const scan = (bytes: Uint8Array | string): Promise<string | null> => {
    const upload = uploadOf('a', Buffer.from(bytes));
    return scanner.scan(upload.stream(), upload.size);
  };
  const inspect = async (key: string, bytes: Uint8Array | string): Promise<Verdict> =>
    (await Inspector.open({ room: directRoom, scanner })).inspect(uploadOf(key, Buffer.from(bytes)), ANY);

  test('names what is found, in a file and in an archive, and passes what is clean', async () => {
    assert.match((await scan(EICAR)) ?? '', /Eicar/i);
    assert.match((await scan(zip([{ name: 'a.txt', data: MARK }]))) ?? '', /Test\.Mark/);
    assert.equal(await scan('a text that no database knows'), null);
    assert.equal(await scan(''), null);
    assert.equal(await scan(png(500)), null);
  });

  test('an upload with malware is rejected as such, and its clean twin passes', async () => {
    const rejected = await inspect('a.txt', `${EICAR}\n`);
    assert.ok(rejected.kind === 'reject');
    assert.deepEqual([rejected.code, rejected.reason], ['CORDON_UPLOAD_MALWARE', 'malware']);
    assert.match(rejected.detail, /Eicar/i);
    assert.deepEqual(await inspect('a.txt', EICAR.slice(1)), { kind: 'pass', type: 'text/plain' });
  });

  test('a file that clamd does not take whole is not taken for a clean one', async () => {
    assert.equal(await scan(Buffer.alloc(STREAM_BYTES_MAX, 97)), null);
    await assert.rejects(scan(Buffer.alloc(STREAM_BYTES_MAX + 1, 97)), {
      code: 'CORDON_UPLOAD_UNCHECKED',
    });
  });

  test('a scanner that is away refuses everything', async () => {
    const away = join(folder, 'away.conf');
    await writeFile(away, `LocalSocket ${join(folder, 'none.sock')}\n`);
    const upload = uploadOf('a', Buffer.alloc(500_000));
    const silent = join(folder, 'silent');
    await writeFile(silent, '#!/bin/sh\nexit 0\n', { mode: 0o755 });
    const options = [
      { config: away },
      { config: join(folder, 'none') },
      { config, program: join(folder, 'none') },
    ];
    for (const option of [...options, { config, program: silent }])
      await assert.rejects(clamdScanner(option).scan(upload.stream(), upload.size), {
        code: 'CORDON_UPLOAD_UNCHECKED',
      });
    const broken = uploadOf('a', Buffer.alloc(0));
    const failing = (async function* () {
      yield Buffer.alloc(10);
      throw new Error('the disk is gone');
    })();
    await assert.rejects(scanner.scan(failing, broken.size), { code: 'CORDON_UPLOAD_UNCHECKED' });
  });
});

/** Resolves when clamd says that its socket is there. */
async function listening(child: ChildProcess): Promise<void> {
  let said = '';
  for await (const chunk of child.stdout ?? []) {
    said += String(chunk);
    if (/Self checking|Listening daemon|Unix socket file/.test(said)) return;
  }
  throw new Error(`clamd did not start: ${said}`);
}
