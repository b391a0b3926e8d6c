import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LIMITS } from '../../../src/contract/index.ts';
import { Depot } from '../depot.ts';
import { Keeper, type Outcome } from '../keeper.ts';
import type { Row, Verdict } from '../row.ts';
import { uploadUnderKeys } from '../s3-keys.ts';
import type { Stage } from '../stage.ts';

const MARK = `planted-${crypto.randomUUID()}`;
const PLANTED = join(tmpdir(), MARK);
const REFUSED = /^CORDON_(?:KV|BUCKET)_KEY_INVALID$/;

/** Keys that mean something to a shell, a file system, a database, a URL, a terminal or a printf. */
function hostileKeys(bytesMax: number): string[] {
  const up = '../'.repeat(12);
  return [
    `${up}tmp/${MARK}`,
    `${up}..${PLANTED}`,
    PLANTED,
    `/${PLANTED}`,
    `..\\..\\${MARK}`,
    `file://${PLANTED}`,
    'C:\\Windows\\win.ini',
    '\\\\server\\share',
    '.',
    '..',
    './a',
    'a/./b',
    'a/../b',
    'a//b',
    '/',
    '//',
    'a/',
    '.hidden',
    '~',
    '~root/.ssh/authorized_keys',
    '-rf',
    '--help',
    'CON',
    'nul.txt',
    'cordon.db',
    '../cordon.db',
    '../master.key',
    '%2e%2e%2f',
    `%2e%2e/%2e%2e/tmp/${MARK}`,
    '..%c0%af',
    '%00',
    '%s%n%x',
    `$(touch ${PLANTED})`,
    `\`touch ${PLANTED}\``,
    `;touch ${PLANTED};`,
    `| touch ${PLANTED}`,
    `&& touch ${PLANTED} &`,
    `a\ntouch ${PLANTED}\n`,
    `> ${PLANTED}`,
    '$IFS$9',
    '${PATH}',
    '{{7*7}}',
    '*',
    '?',
    '[a-z]',
    '!!',
    "'; drop table kv; --",
    '" or ""="',
    '%',
    '_',
    'a%b_c',
    '\\',
    'tab\tand\rcarriage\nline',
    '\u001b[2J\u001b]0;title\u0007',
    '\u0001\u007f\u0085',
    'a\0b',
    '\0',
    '',
    ' ',
    ' leading and trailing ',
    'right-to-left \u202egnp.exe',
    '\u200e\u200f\u2066\u2069',
    '\ufeffbom',
    'zero\u200bwidth',
    '\u2028line\u2029paragraph',
    'e\u0301',
    '\u00e9',
    '\ud800',
    'a\udfffb',
    '😀',
    '\u{10ffff}',
    '<script>alert(1)</script>',
    '__proto__',
    'constructor',
    'toString',
    'k'.repeat(bytesMax),
    'k'.repeat(bytesMax + 1),
    `${'../'.repeat(Math.floor(bytesMax / 3))}`,
    'é'.repeat(Math.floor(bytesMax / 2)),
    'é'.repeat(Math.floor(bytesMax / 2) + 1),
    'x'.repeat(100_000),
  ];
}

/** What a key has to be to be taken: nothing that a text cannot be, and no more bytes than there may be. */
function isKey(key: string, bytesMax: number, isDotRefused: boolean): boolean {
  if (isDotRefused && (key === '.' || key === '..')) return false;
  return key !== '' && !key.includes('\0') && key.isWellFormed() && Buffer.byteLength(key) <= bytesMax;
}

interface Target {
  readonly binding: string;
  readonly bytesMax: number;
  readonly isDotRefused: boolean;
  /** Where in its answer a list has the names. */
  readonly names: (listed: unknown) => string[];
}

const TARGETS: readonly Target[] = [
  {
    binding: 'KEEPER_STORE',
    bytesMax: LIMITS.kvKeyBytesMax.value,
    isDotRefused: true,
    names: (listed) => (listed as { keys: { name: string }[] }).keys.map(({ name }) => name),
  },
  {
    binding: 'KEEPER_FILES',
    bytesMax: LIMITS.bucketKeyBytesMax.value,
    isDotRefused: false,
    names: (listed) => (listed as { objects: { key: string }[] }).objects.map(({ key }) => key),
  },
];

/** Names of files in the data folder, but for those that have random names or come and go. */
async function namesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.map(({ name }) => name);
}

async function list(keeper: Keeper, { binding, names }: Target): Promise<string[]> {
  const [listed] = await keeper.stores([binding, 'list']);
  return listed?.value === undefined ? [] : names(listed.value);
}

async function empty(keeper: Keeper, target: Target): Promise<void> {
  const keys = await list(keeper, target);
  await keeper.stores(...keys.map((key) => [target.binding, 'delete', key]));
}

/** Writes under each key, and looks at what became of it. */
async function write(
  keeper: Keeper,
  verdict: Verdict,
  target: Target,
  look: () => Promise<void>,
): Promise<number> {
  const { binding, bytesMax, isDotRefused } = target;
  const keys = hostileKeys(bytesMax);
  await empty(keeper, target);
  // Some of the values are files of their own: those are where a name could become a path.
  const value = (index: number): string => `${index}:`.padEnd(index % 2 === 0 ? 10 : 70 * 1024, '.');
  const put: Outcome[] = [];
  for (const [index, key] of keys.entries())
    put.push(...(await keeper.stores([binding, 'put', key, value(index)])));
  const taken: string[] = [];
  for (const [index, key] of keys.entries()) {
    const { error } = put[index] ?? {};
    const shown = JSON.stringify(key.slice(0, 40));
    if (isKey(key, bytesMax, isDotRefused)) {
      verdict.expect(error === undefined, `${binding} does not take ${shown}: ${error}`);
      taken.push(key);
      const [got] = await keeper.stores([binding, 'get', key]);
      verdict.unharmed(got?.value === value(index), `${binding} has another value under ${shown}`);
    } else verdict.expect(REFUSED.test(error ?? 'taken'), `${binding} with ${shown}: ${error ?? 'taken'}`);
  }
  const byCodePoint = (one: string, other: string): number =>
    Buffer.compare(Buffer.from(one), Buffer.from(other));
  verdict.unharmed(
    JSON.stringify(await list(keeper, target)) === JSON.stringify(taken.toSorted(byCodePoint)),
    `${binding} does not list the keys as they were written`,
  );
  await prefixes(keeper, verdict, target, taken);
  await look();
  await empty(keeper, target);
  verdict.unharmed((await list(keeper, target)).length === 0, `${binding} keeps keys that were deleted`);
  return keys.length;
}

/** A prefix is text: no pattern, no path. */
async function prefixes(
  keeper: Keeper,
  verdict: Verdict,
  target: Target,
  taken: readonly string[],
): Promise<void> {
  for (const prefix of ['%', '_', '*', '?', '../', '.', '/', '\\', "'", 'a/', '[', '\u202e']) {
    const [listed] = await keeper.stores([target.binding, 'list', { prefix }]);
    const names = listed?.value === undefined ? null : target.names(listed.value);
    const expected = taken.filter((key) => key.startsWith(prefix));
    verdict.expect(
      JSON.stringify(names?.toSorted()) === JSON.stringify(expected.toSorted()),
      `the prefix ${JSON.stringify(prefix)} of ${target.binding} lists ${JSON.stringify(names)?.slice(0, 120)}`,
    );
  }
}

async function lookAtHost(stage: Stage, verdict: Verdict, before: readonly string[]): Promise<void> {
  for (const folder of [tmpdir(), stage.home.folder, process.cwd(), '/'])
    verdict.unharmed(
      !(await readdir(folder)).some((name) => name.includes(MARK)),
      `a key became a file in ${folder}`,
    );
  const outside = (await readdir(stage.home.folder)).toSorted();
  verdict.unharmed(
    JSON.stringify(outside) === JSON.stringify(before),
    `beside the data folder there is now ${outside.join(' ')}`,
  );
  // Names that the platform makes itself, whatever the keys are.
  for (const name of await namesIn(stage.home.dataDirectory))
    verdict.unharmed(
      /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name),
      `the data folder holds ${JSON.stringify(name)}`,
    );
}

const metacharacters: Row = {
  id: 'D5',
  title: 'keys of kv, buckets and S3 with metacharacters of shells, paths, databases and terminals',
  event: null,
  async attack(stage, verdict) {
    const keeper = await Keeper.of(stage);
    // Each of them puts folders of its own beside the data folder.
    await Depot.of(stage);
    const before = (await readdir(stage.home.folder)).toSorted();
    let count = 0;
    for (const target of TARGETS)
      count += await write(keeper, verdict, target, () => lookAtHost(stage, verdict, before));
    await uploadUnderKeys(stage, verdict, hostileKeys(LIMITS.bucketKeyBytesMax.value));
    await lookAtHost(stage, verdict, before);
    verdict.note(`${count} keys`);
  },
  async twin(stage) {
    const keeper = await Keeper.of(stage);
    const key = 'photos/2026/été/ärger (1).jpg';
    const depot = await Depot.of(stage);
    const { status, code } = await depot.put('depot-keys', key, 'value');
    if (status !== 200 || !(await depot.list('depot-keys')).includes(key))
      throw new Error(`S3 does not take an ordinary key: ${status} ${code}`);
    for (const target of TARGETS) {
      const [put, got] = await keeper.stores(
        [target.binding, 'put', key, 'value'],
        [target.binding, 'get', key],
      );
      if (put?.error !== undefined || got?.value !== 'value')
        throw new Error(`an ordinary key is refused: ${JSON.stringify([put, got])}`);
      if (!(await list(keeper, target)).includes(key)) throw new Error('an ordinary key is not listed');
    }
  },
};

export const KEY_ROWS: readonly Row[] = [metacharacters];
