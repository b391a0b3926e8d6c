import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { LIMITS } from '../contract/index.ts';
import { CertificateFiles } from './certificate-files.ts';
import type { Finding } from './port.ts';
import { makePair } from './transport.fixture.ts';
import type { MadePair } from './transport.fixture.ts';

const HOUR_MS = 3600 * 1000;
let folder: string;
let first: MadePair;
let second: MadePair;
let offsetMs = 0;
const clock = { now: () => Date.now() + offsetMs, monotonic: () => performance.now() };

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cordon-tls-'));
  first = await makePair(['first.example']);
  second = await makePair(['second.example']);
});

after(() => rm(folder, { recursive: true }));

let made = 0;

/** Writes a pair to files of its own. */
async function place(pair: {
  certificate: string;
  key: string;
}): Promise<{ certificate: string; key: string }> {
  const name = join(folder, String((made += 1)));
  const files = { certificate: `${name}.pem`, key: `${name}.key` };
  await write(files, pair);
  return files;
}

async function write(
  files: { certificate: string; key: string },
  pair: { certificate: string; key: string },
): Promise<void> {
  for (const part of ['certificate', 'key'] as const) {
    await writeFile(`${files[part]}.new`, pair[part]);
    await rename(`${files[part]}.new`, files[part]);
  }
}

async function open(files: {
  certificate: string;
  key: string;
}): Promise<{ opened: CertificateFiles; findings: Finding[]; subject: () => string }> {
  const findings: Finding[] = [];
  const opened = await CertificateFiles.open({
    files: [files],
    clock,
    onFinding: (finding) => findings.push(finding),
  });
  const subject = (): string => new X509Certificate(opened.certificates.pairs[0]?.certificate ?? '').subject;
  return { opened, findings, subject };
}

test('a good pair is shown, and a renewed one takes its place without being asked to', async () => {
  const files = await place(first);
  const { opened, findings, subject } = await open(files);
  try {
    assert.equal(subject(), 'CN=first.example');
    await write(files, second);
    await opened.check();
    assert.equal(subject(), 'CN=second.example');
    assert.deepEqual(findings, []);
  } finally {
    opened.close();
  }
});

const bad: Record<string, { code: string; pair: () => Promise<MadePair> | MadePair }> = {
  'a key of another certificate': { code: 'CORDON_TLS_INVALID', pair: () => ({ ...first, key: second.key }) },
  'half a certificate': {
    code: 'CORDON_TLS_INVALID',
    pair: () => ({ ...second, certificate: second.certificate.slice(0, 200) }),
  },
  'an empty key': { code: 'CORDON_TLS_INVALID', pair: () => ({ ...second, key: '' }) },
  'text that is no PEM': { code: 'CORDON_TLS_INVALID', pair: () => ({ certificate: 'x', key: 'y' }) },
  'an expired certificate': {
    code: 'CORDON_TLS_EXPIRED',
    pair: () => makePair(['late.example'], { from: Date.now() - 2 * HOUR_MS, to: Date.now() - HOUR_MS }),
  },
  'a certificate of the future': {
    code: 'CORDON_TLS_EXPIRED',
    pair: () => makePair(['early.example'], { from: Date.now() + HOUR_MS, to: Date.now() + 2 * HOUR_MS }),
  },
  'a file past its bytes': {
    code: 'CORDON_TLS_UNREADABLE',
    pair: () => ({
      ...second,
      certificate: second.certificate + ' '.repeat(LIMITS.certificateFileBytesMax.value),
    }),
  },
};

for (const [what, { code, pair }] of Object.entries(bad)) {
  test(`${what} refuses to start, and later leaves the last good one in place with one finding`, async () => {
    const wrong = await pair();
    await assert.rejects(open(await place(wrong)), { code });
    const files = await place(first);
    const { opened, findings, subject } = await open(files);
    try {
      await write(files, wrong);
      await opened.check();
      await opened.check();
      assert.equal(subject(), 'CN=first.example');
      assert.deepEqual(
        findings.map((finding) => finding.code),
        [code],
      );
      await write(files, second);
      await opened.check();
      assert.equal(subject(), 'CN=second.example');
    } finally {
      opened.close();
    }
  });
}

test('files that are missing refuse to start, and ones that go away leave what was there', async () => {
  await assert.rejects(open({ certificate: join(folder, 'no.pem'), key: join(folder, 'no.key') }), {
    code: 'CORDON_TLS_UNREADABLE',
  });
  const files = await place(first);
  const { opened, findings, subject } = await open(files);
  await rm(files.key);
  await opened.check();
  assert.equal(subject(), 'CN=first.example');
  assert.equal(findings[0]?.code, 'CORDON_TLS_UNREADABLE');
  opened.close();
});

test('a certificate that nobody renews is a finding once it has expired', async () => {
  const { opened, findings } = await open(await place(first));
  try {
    await opened.check();
    assert.equal(findings.length, 0);
    offsetMs = 48 * HOUR_MS;
    await opened.check();
    await opened.check();
    assert.deepEqual(
      findings.map((finding) => finding.code),
      ['CORDON_TLS_EXPIRED'],
    );
  } finally {
    offsetMs = 0;
    opened.close();
  }
});

test('the largest file is read', async () => {
  const padding = ' '.repeat(LIMITS.certificateFileBytesMax.value - first.certificate.length);
  const { opened } = await open(await place({ ...first, certificate: first.certificate + padding }));
  opened.close();
});
