import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { LIMITS } from '../contract/index.ts';
import { docx, gif, gz, jpeg, png, tar, uploadOf, zip } from '../inspection/inspection.fixture.ts';
import { Inspector } from '../inspection/index.ts';
import type { InspectionRoom, InspectionTask } from '../inspection/index.ts';
import { RecordingEvidence, openTestPool } from './pool.fixture.ts';

let opened: Awaited<ReturnType<typeof openTestPool>>;
let inspector: Inspector;
before(async () => {
  opened = await openTestPool(new RecordingEvidence());
  inspector = await Inspector.open({ room: opened.pool.inspection });
});
after(() => opened.close());

const ANY = { types: null, bytesMax: null };

/** The type that passes, or why it does not. */
async function look(key: string, bytes: Uint8Array | string): Promise<string> {
  const verdict = await inspector.inspect(uploadOf(key, Buffer.from(bytes)), [ANY]);
  return verdict.kind === 'pass' ? verdict.type : verdict.reason;
}

test('files of every kind are judged in a sandbox', async () => {
  const script = Buffer.from('<script>alert(1)</script>');
  assert.equal(await look('a.png', png()), 'image/png');
  assert.equal(await look('a.jpg', jpeg(3_000_000)), 'image/jpeg');
  assert.equal(await look('a.jpg', Buffer.concat([jpeg(3_000_000), script])), 'polyglot');
  assert.equal(await look('a.gif', Buffer.concat([gif(), script])), 'polyglot');
  assert.equal(await look('a.txt', 'x'.repeat(2_000_000)), 'text/plain');
  assert.equal(
    await look('a.bin', randomBytes(LIMITS.uploadSniffBytesMax.value)),
    'application/octet-stream',
  );
  assert.match(await look('a.docx', docx()), /wordprocessingml/);
  assert.equal(await look('a.tgz', gz(await tar([{ name: 'a', data: 'x' }]))), 'application/gzip');
  assert.equal(await look('a.tgz', gz(await tar([{ name: '../a', data: 'x' }]))), 'archive-path');
  assert.equal(
    await look('a.zip', zip([{ name: 'z', data: Buffer.alloc(20 * 1024 * 1024) }])),
    'archive-bomb',
  );
});

const bundleOf = (code: string): Uint8Array =>
  Buffer.from(`exports.default = { async fetch(request) { ${code} } }`);
const task = (more: Partial<InspectionTask> = {}): InspectionTask => ({
  target: '/',
  body: uploadOf('a', Buffer.alloc(200_000)).stream(),
  alone: true,
  memoryBytes: LIMITS.functionMemoryBytesDefault.value,
  timeMs: 500,
  ...more,
});

test('one that exhausts its sandbox ends only that', async () => {
  const { inspection } = opened.pool;
  const memory = bundleOf('const kept = []; for (;;) kept.push(new Uint8Array(8 << 20).fill(1));');
  await assert.rejects(inspection.run(memory, task({ timeMs: 10_000 })), {
    code: 'CORDON_FUNCTION_MEMORY',
  });
  await assert.rejects(inspection.run(bundleOf('for (;;);'), task()), { code: 'CORDON_FUNCTION_TIMEOUT' });
  await assert.rejects(inspection.run(bundleOf('return new Response("no JSON");'), task()), {
    code: 'CORDON_FUNCTION_RESPONSE',
  });
  const size = bundleOf('return Response.json((await request.arrayBuffer()).byteLength);');
  assert.equal(await inspection.run(size, task({ timeMs: 10_000 })), 200_000);
  assert.equal(await look('a.png', png()), 'image/png');
});

test('small files share a sandbox, and one that is broken is replaced', async () => {
  const counting = bundleOf(
    'if (request.url.endsWith("loop")) for (;;); return Response.json(globalThis.n = (globalThis.n ?? 0) + 1);',
  );
  const { inspection } = opened.pool;
  const run = (target: string) => inspection.run(counting, task({ alone: false, target }));
  assert.equal(await run('/'), 1);
  assert.equal(await run('/'), 2);
  await assert.rejects(run('/loop'), { code: 'CORDON_FUNCTION_TIMEOUT' });
  assert.equal(await run('/'), 1);
  assert.equal(await inspection.run(counting, task()), 1);
});

test('an answer that the code never gives, and a sandbox that cannot be had, let nothing pass', async () => {
  const withRoom = async (run: InspectionRoom['run']) =>
    (await Inspector.open({ room: { run } })).inspect(uploadOf('a', Buffer.from('x')), [ANY]);
  const answers: unknown[] = [
    null,
    'x',
    {},
    { type: 'text/plain' },
    { type: 'text/plain', needs: 'nothing', problem: { code: 'fine', detail: '' } },
  ];
  for (const answer of answers) {
    const verdict = await withRoom(() => Promise.resolve(answer));
    assert.equal(verdict.kind === 'reject' && verdict.reason, 'unreadable', JSON.stringify(answer));
  }
  await assert.rejects(
    withRoom(() => Promise.reject(new Error('no room'))),
    { code: 'CORDON_UPLOAD_UNCHECKED' },
  );
});
