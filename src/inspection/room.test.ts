import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CordonError, LIMITS } from '../contract/index.ts';
import { directRoom, uploadOf, zip } from './inspection.fixture.ts';
import { Inspector } from './index.ts';
import type { InspectionRoom } from './index.ts';

test('what the code in the sandbox is bounded by are the limits', async () => {
  let sent: unknown = null;
  const room: InspectionRoom = {
    run(bundle, task) {
      const bounds = new URL(`http://inspection${task.target}`).searchParams.get('bounds');
      if (bounds !== null) sent = [JSON.parse(bounds), task.alone, task.timeMs, task.memoryBytes];
      return directRoom.run(bundle, task);
    },
  };
  const bytes = zip([{ name: 'a', data: 'x' }]);
  await (await Inspector.open({ room })).inspect(uploadOf('a.zip', bytes), []);
  const bounds = {
    entries: LIMITS.uploadEntriesMax.value,
    unpackedBytes: LIMITS.uploadUnpackedBytesMax.value,
    ratio: LIMITS.uploadUnpackedRatioMax.value,
    freeBytes: LIMITS.uploadUnpackedBytesFree.value,
    nestedBytes: LIMITS.uploadNestedBytesMax.value,
    depth: LIMITS.uploadArchiveDepthMax.value,
    nameBytes: LIMITS.uploadEntryNameBytesMax.value,
    allowEncrypted: false,
  };
  const memoryBytes = LIMITS.uploadInspectMemoryBytes.value + bytes.length;
  assert.deepEqual(sent, [bounds, true, LIMITS.uploadInspectTimeMs.value, memoryBytes]);
});

test('an archive that is too large to be looked into is refused before it is read', async () => {
  const bytes = zip([{ name: 'a', data: 'x' }]);
  const edge = async (size: number): Promise<readonly string[]> => {
    const targets: string[] = [];
    const room: InspectionRoom = {
      run: (_bundle, { target }) => {
        targets.push(target.split('?')[0] ?? '');
        return Promise.resolve({
          type: 'application/zip',
          needs: target.startsWith('/sniff') ? 'archive' : 'nothing',
          problem: null,
        });
      },
    };
    const upload = { ...uploadOf('a.zip', bytes), size };
    const verdict = await (await Inspector.open({ room })).inspect(upload, []);
    return [...targets, verdict.kind === 'pass' ? verdict.type : verdict.reason];
  };
  const most = LIMITS.uploadArchiveBytesMax.value;
  assert.deepEqual(await edge(most), ['/sniff', '/archive', 'application/zip']);
  assert.deepEqual(await edge(most + 1), ['/sniff', 'archive-too-large']);
});

test('uploads of up to the limit are sniffed in one piece, and larger ones by their ends', async () => {
  const sent = async (size: number): Promise<unknown> => {
    let query: unknown = null;
    const room: InspectionRoom = {
      run(bundle, task) {
        const url = new URL(`http://inspection${task.target}`);
        if (url.pathname === '/sniff') query = Object.fromEntries(url.searchParams);
        return directRoom.run(bundle, task);
      },
    };
    await (await Inspector.open({ room })).inspect(uploadOf('a', Buffer.alloc(size, 97)), []);
    return query;
  };
  const [most, edge] = [LIMITS.uploadSniffBytesMax.value, LIMITS.uploadHeadBytesMax.value];
  assert.deepEqual(await sent(most), { bytes: `${most}`, head: `${most}`, whole: 'true' });
  assert.deepEqual(await sent(most + 1), { bytes: `${2 * edge}`, head: `${edge}`, whole: 'false' });
});

test('an answer that the code never gives, and a room that cannot be had, let nothing pass', async () => {
  const withRoom = async (run: InspectionRoom['run']) =>
    (await Inspector.open({ room: { run } })).inspect(uploadOf('a', Buffer.from('x')), []);
  const answers: unknown[] = [
    ...[null, 'x', {}, { type: 'text/plain' }, { type: 'a\nb', needs: 'nothing', problem: null }],
    { type: 'text/plain', needs: 'nothing', problem: { code: 'fine', detail: '' } },
    { type: 'text/plain', needs: 'nothing' },
  ];
  for (const answer of answers) {
    const verdict = await withRoom(() => Promise.resolve(answer));
    assert.equal(verdict.kind === 'reject' && verdict.reason, 'unreadable', JSON.stringify(answer));
  }
  await assert.rejects(
    withRoom(() => Promise.reject(new Error('no room'))),
    { code: 'CORDON_UPLOAD_UNCHECKED' },
  );
  const codes = ['CORDON_FUNCTION_TIMEOUT', 'CORDON_FUNCTION_MEMORY', 'CORDON_FUNCTION_CRASHED'] as const;
  for (const code of codes) {
    const alone: boolean[] = [];
    const verdict = await withRoom((_bundle, task) => {
      alone.push(task.alone);
      return Promise.reject(new CordonError(code));
    });
    // The second time nobody else can be to blame.
    assert.deepEqual([alone, verdict.kind], [[false, true], 'reject'], code);
  }
});
