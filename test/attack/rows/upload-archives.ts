import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { gz, zip, type ZipItem } from '../../../src/inspection/inspection.fixture.ts';
import { Depot, type Uploaded } from '../depot.ts';
import type { Row, Verdict } from '../row.ts';
import type { Stage } from '../stage.ts';
import { makeTar, type TarEntry } from '../tar.ts';
import { refuseUploads, takeUploads, type Upload } from './uploads.ts';

const MIB = 2 ** 20;
const MARK = `unpacked-${crypto.randomUUID()}`;
const SYMLINK_MODE = 0o120777;
const SAMPLE_PAUSE_MS = 20;
/** What the server may grow by while bombs are uploaded: a small part of what any of them unpacks to. */
const GROWTH_BYTES_MAX = 96 * MIB;

const isRefused = ({ status, code }: Uploaded): boolean =>
  status === 422 && code === 'CORDON_UPLOAD_ARCHIVE_REFUSED';

/** Names that lead out of the folder that an archive is unpacked in. */
const ESCAPES: Readonly<Record<string, string>> = {
  climbing: `../${MARK}`,
  'climbing far': `${'../'.repeat(12)}tmp/${MARK}`,
  'climbing in the middle': `a/../../${MARK}`,
  absolute: `/tmp/${MARK}`,
  backslashes: `..\\..\\${MARK}`,
  'backslashes in the middle': `a\\..\\..\\${MARK}`,
  'a drive': `C:/${MARK}`,
};

/** Archives that reach for what is outside of them. */
function reaching(secret: string): Record<string, Upload> {
  const made: Record<string, Upload> = {};
  const add = (name: string, items: readonly ZipItem[], entries: readonly TarEntry[]): void => {
    const file = name.replaceAll(' ', '-');
    if (items.length > 0) made[`${name}, ZIP`] = [`${file}.zip`, zip(items)];
    if (entries.length === 0) return;
    made[`${name}, tar`] = [`${file}.tar`, makeTar(entries)];
    made[`${name}, tgz`] = [`${file}.tgz`, gz(makeTar(entries))];
  };
  for (const [name, path] of Object.entries(ESCAPES))
    add(name, [{ name: path, data: 'x' }], [{ name: path, body: 'x' }]);
  const link = (to: string): ZipItem => ({ name: 'link', data: to, mode: SYMLINK_MODE });
  const tarLink = (to: string, type = '2'): TarEntry => ({ name: 'link', type, link: to });
  add('symlink to a host file', [link(secret)], [tarLink(secret)]);
  add('symlink that climbs', [link('../../x')], [tarLink('../../x')]);
  add(
    'file through a symlink',
    [link('/tmp'), { name: `link/${MARK}`, data: 'x' }],
    [tarLink('/tmp'), { name: `link/${MARK}`, body: 'x' }],
  );
  add('hard link to a host file', [], [tarLink(secret, '1')]);
  add('hard link that climbs', [], [tarLink('../x', '1')]);
  add('device', [{ name: 'f', data: '', mode: 0o020644 }], [{ name: 'null', type: '3' }]);
  add('fifo', [{ name: 'f', data: '', mode: 0o010644 }], [{ name: 'pipe', type: '6' }]);
  add(
    'one name twice',
    ['a', 'a'].map((name) => ({ name, data: name })),
    [],
  );
  add('another name in its own header', [{ name: 'a', localName: `../${MARK}`, data: 'x' }], []);
  add('in an archive', [{ name: 'a.zip', data: zip([{ name: `../${MARK}`, data: 'x' }]) }], []);
  return made;
}

async function nothingOutside(stage: Stage, verdict: Verdict): Promise<void> {
  for (const folder of [tmpdir(), '/', stage.home.folder, process.cwd()])
    verdict.unharmed(
      !(await readdir(folder)).some((name) => name.includes(MARK)),
      `an entry of an archive became a file in ${folder}`,
    );
  const inside = await readdir(stage.home.dataDirectory, { recursive: true });
  verdict.unharmed(
    !inside.some((name) => name.includes(MARK)),
    'an entry of an archive is in the data folder',
  );
}

const slips: Row = {
  id: 'D3',
  title: 'archives as uploads whose entries lead outside: by name, link, device, in ZIP, tar and tgz',
  event: ['upload.rejected'],
  async attack(stage, verdict) {
    const depot = await Depot.of(stage);
    const archives = reaching(join(stage.home.folder, 'canary.txt'));
    await refuseUploads(depot, verdict, 'depot-archives', archives, isRefused);
    await nothingOutside(stage, verdict);
    verdict.note(`${Object.keys(archives).length} archives`);
  },
  async twin(stage) {
    const depot = await Depot.of(stage);
    const tar = makeTar([
      { name: 'a', body: 'x' },
      { name: 'dir/', type: '5' },
      { name: 'dir/link', type: '2', link: '../a' },
    ]);
    await takeUploads(depot, 'depot-archives', {
      'a ZIP': ['plain.zip', zip([{ name: 'a/b.txt', data: 'hello' }])],
      'a ZIP with a link inside': [
        'link.zip',
        zip([
          { name: 'l', data: 'a', mode: SYMLINK_MODE },
          { name: 'a', data: 'x' },
        ]),
      ],
      'a tar': ['plain.tar', tar],
      'a tgz': ['plain.tgz', gz(tar)],
    });
  },
};

/** Archives that are small, and are not when they are unpacked. */
function bombs(): Record<string, Upload> {
  const zeros = Buffer.alloc(30 * MIB);
  const flat = zip([{ name: 'zeros', data: zeros }]);
  const many = (data: Uint8Array, count: number): Buffer =>
    zip(Array.from({ length: count }, (_, index) => ({ name: `${index}.zip`, data })));
  return {
    'a flat ZIP': ['flat.zip', flat],
    'a flat gzip': ['flat.gz', gzipSync(Buffer.alloc(300 * MIB))],
    'a tgz': ['flat.tgz', gz(makeTar([{ name: 'zeros', body: zeros }]))],
    'nested once': ['nested.zip', many(flat, 40)],
    'nested twice': ['twice.zip', many(many(flat, 10), 10)],
    'nested four times': ['deep.zip', many(many(many(many(Buffer.from('x'), 1), 1), 1), 1)],
    'very many entries': [
      'entries.zip',
      zip(Array.from({ length: 10_001 }, (_, index) => ({ name: String(index), data: '' }))),
    ],
    'a size that is a lie': [
      'lie.zip',
      zip([{ name: 'z', data: gzipSync(zeros).subarray(10), claimed: 10 }]),
    ],
    'gzip in gzip': ['again.tgz', gzipSync(gzipSync(gzipSync(Buffer.alloc(100 * MIB))))],
  };
}

/** The most memory that the server has while something runs, beyond what it has before. */
async function growthDuring(stage: Stage, action: () => Promise<void>): Promise<number> {
  const before = stage.serverMemoryBytes();
  let highest = before;
  const timer = setInterval(() => (highest = Math.max(highest, stage.serverMemoryBytes())), SAMPLE_PAUSE_MS);
  await action().finally(() => clearInterval(timer));
  return highest - before;
}

const archiveBombs: Row = {
  id: 'D4',
  title: 'archives that unpack to far more than they are: flat, nested, with a lie, alone and at once',
  event: ['upload.rejected'],
  async attack(stage, verdict) {
    const depot = await Depot.of(stage);
    const made = bombs();
    // What every upload costs is not what the bombs cost.
    await depot.put('depot-archives', 'first.zip', zip([{ name: 'a', data: 'x' }]));
    await depot.rest();
    const growth = await growthDuring(stage, async () => {
      await refuseUploads(depot, verdict, 'depot-archives', made, isRefused);
      const watch = await stage.watch(async () => {
        const all = Object.values(made).map(([key, bytes]) =>
          depot.put('depot-archives', `again-${key}`, bytes),
        );
        for (const answer of await Promise.all(all))
          verdict.expect(
            isRefused(answer) || answer.status === 503,
            `at once: ${answer.status} ${answer.code}`,
          );
      });
      verdict.unharmed(watch.failed === 0, `${watch.failed} of ${watch.calls} calls of another failed`);
    });
    verdict.unharmed(growth < GROWTH_BYTES_MAX, `the server grew by ${Math.round(growth / MIB)} MiB`);
    verdict.note(`the server grew by ${Math.round(growth / MIB)} MiB`);
    const start = performance.now();
    const next = await depot.put('depot-archives', 'next.zip', zip([{ name: 'a', data: 'x' }]));
    const ms = Math.round(performance.now() - start);
    verdict.expect(next.status === 200, `the next upload: ${next.status} ${next.code}`);
    verdict.note(`the next upload took ${ms} ms`);
  },
  async twin(stage) {
    const depot = await Depot.of(stage);
    const inner = zip([{ name: 'text', data: 'x'.repeat(10_000) }]);
    await takeUploads(depot, 'depot-archives', {
      'a file of zeros': ['zeros.zip', zip([{ name: 'zeros', data: Buffer.alloc(9 * MIB) }])],
      'archives in an archive': ['inner.zip', zip(['a', 'b'].map((name) => ({ name, data: inner })))],
    });
  },
};

export const UPLOAD_ARCHIVE_ROWS: readonly Row[] = [slips, archiveBombs];
