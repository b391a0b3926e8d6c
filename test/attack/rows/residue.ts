import { readFileSync } from 'node:fs';
import { open, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { Keeper } from '../keeper.ts';
import type { Row, Verdict } from '../row.ts';
import { eventually, sandboxed } from '../processes.ts';
import { errorOf, type Stage } from '../stage.ts';
import { makeTar, plainApp } from '../tar.ts';

const foundSchema = z.record(z.string(), z.string().nullable());

async function found(stage: Stage, path: string): Promise<Record<string, string | null>> {
  const { status, text } = await stage.call(path);
  if (status !== 200) throw new Error(`${path}: ${status} ${errorOf(text).code}`);
  return foundSchema.parse(JSON.parse(text));
}

async function expectNothing(stage: Stage, verdict: Verdict, path: string, who: string): Promise<void> {
  for (const [place, value] of Object.entries(await found(stage, path)))
    verdict.unharmed(value === null, `${who} found ${value} in ${place}`);
}

function residueApp(mark: string): Buffer {
  const source = readFileSync(join(import.meta.dirname, '../apps/attacker/src/residue.js'), 'utf8');
  const attempts = readFileSync(join(import.meta.dirname, '../apps/attacker/src/attempts.js'), 'utf8');
  const entries = plainApp('leftover', `${source}\nexport const mark = ${JSON.stringify(mark)};`);
  const manifest = {
    name: 'leftover',
    functions: {
      main: {
        entry: 'main.js',
        routes: [{ path: '/leftover/:action', auth: 'public' }],
        limits: { instances: 1 },
      },
    },
  };
  return makeTar([
    { name: 'cordon.jsonc', body: JSON.stringify(manifest) },
    ...entries.slice(1),
    { name: 'attempts.js', body: attempts },
  ]);
}

const residue: Row = {
  id: 'I1',
  title: 'what one function leaves behind, looked for by others',
  event: null,
  async attack(stage, verdict) {
    const mark = `mark-${crypto.randomUUID()}`;
    // Another function that already runs, and one that starts after.
    await expectNothing(stage, verdict, '/attacker/residue-other/read', 'another function, before');
    await stage.call(`/attacker/residue/write?mark=${mark}`);
    await expectNothing(stage, verdict, '/attacker/residue-other/read', 'another function');
    // A new instance of the same function.
    await stage.outcome('/attacker/residue/exit');
    await expectNothing(stage, verdict, '/attacker/residue/read', 'a new instance');
    // A new deployment of the same function.
    for (const [version, action] of [
      ['one', 'write'],
      ['two', 'read'],
    ] as const) {
      const { status, text } = await stage.deployTar('leftover', residueApp(version));
      if (status !== 201) throw new Error(`cannot deploy: ${status} ${text}`);
      if (action === 'write') await stage.call(`/leftover/write?mark=${mark}`);
      else await expectNothing(stage, verdict, '/leftover/read', 'a new deployment');
    }
  },
  async twin(stage) {
    const mark = `mark-${crypto.randomUUID()}`;
    await stage.call(`/attacker/residue/write?mark=${mark}`);
    const seen = await found(stage, '/attacker/residue/read');
    if (seen['global'] !== mark)
      throw new Error('a function does not find its own global in its own instance');
    await stage.outcome('/attacker/residue/exit');
  },
};

/** True when the memory that a process wrote to holds one of the texts, in UTF-8 or UTF-16. */
async function memoryHolds(pid: number, texts: readonly string[]): Promise<string | null> {
  const needles = texts.flatMap((text) =>
    [Buffer.from(text, 'utf8'), Buffer.from(text, 'utf16le')].map((bytes) => ({ text, bytes })),
  );
  const memory = await open(`/proc/${pid}/mem`, 'r').catch(() => null);
  // It has ended.
  if (memory === null) return null;
  try {
    for (const line of readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n')) {
      const [, from, to] = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line) ?? [];
      if (from === undefined || to === undefined) continue;
      const start = Number.parseInt(from, 16);
      const size = Number.parseInt(to, 16) - start;
      if (size > 64 * 2 ** 20) continue;
      const bytes = Buffer.alloc(size);
      const read = await memory.read(bytes, 0, size, start).catch(() => null);
      if (read === null) continue;
      for (const needle of needles) if (bytes.includes(needle.bytes)) return needle.text;
    }
    return null;
  } finally {
    await memory.close();
  }
}

interface Runtimes {
  readonly all: readonly number[];
  /** In sandboxes that wait. */
  readonly warm: readonly number[];
  /** In the instances of a function. */
  readonly of: (app: string, name: string) => readonly number[];
}

/** Process ids of the runtimes in all sandboxes. */
async function runtimes(stage: Stage): Promise<Runtimes> {
  const { instances } = await stage.status();
  const inside = sandboxed(stage.server.pid);
  const parents = new Map(inside.map(({ pid, parent }) => [pid, parent]));
  const owners = new Map<number, string>();
  for (const { pid } of inside) {
    if (!(await readlink(`/proc/${pid}/exe`).catch(() => '')).endsWith('deno')) continue;
    const line: number[] = [];
    for (let current: number | undefined = pid; current !== undefined; current = parents.get(current))
      line.push(current);
    const owner = instances.find((instance) => line.includes(instance.pid));
    owners.set(pid, owner === undefined ? '' : `${owner.app}/${owner.function}`);
  }
  const of = (wanted: string): number[] =>
    [...owners].filter(([, owner]) => owner === wanted).map(([pid]) => pid);
  return { all: [...owners.keys()], warm: of(''), of: (app, name) => of(`${app}/${name}`) };
}

/** Runs functions with secrets and ends them, so that what they held would be in what comes after them. */
async function retireHolders(stage: Stage, verdict: Verdict): Promise<Keeper> {
  const keeper = await Keeper.of(stage);
  await keeper.stores(['KEEPER_STORE', 'put', 'held', 'by the keeper']);
  const status = await keeper.talk('held', false);
  verdict.expect(status === 200, `a function with a revealed secret ends with ${status}`);
  const [talker] = (await runtimes(stage)).of('keeper', 'talker');
  const held = talker === undefined ? null : await memoryHolds(talker, [keeper.spoken, keeper.plain]);
  verdict.expect(held !== null, 'the search does not find a revealed secret where it has to be');
  await keeper.silence('held');
  const isGone = await eventually(
    async () => (await runtimes(stage)).of('keeper', 'talker').length === 0,
    5000,
  );
  verdict.expect(isGone, 'the instance with the secret does not end');
  return keeper;
}

const anonymousPool: Row = {
  id: 'I3',
  title: 'grants, secrets and names in a sandbox that waits, and what ended functions leave to later ones',
  event: null,
  async attack(stage, verdict) {
    await stage.victimHits();
    const keeper = await retireHolders(stage, verdict);
    await keeper.send({ url: `${keeper.allowed.url}/reflect?how=plain` });
    await eventually(async () => (await stage.status()).pool.warm >= 2, 5000);
    const { warm, of, all } = await runtimes(stage);
    verdict.expect(warm.length > 0, 'no sandbox waits');
    const values = [keeper.key, keeper.spoken, keeper.plain];
    // Those that serve hold no value of a secret either: code got a handle, or it has ended.
    verdict.expect(of('keeper', 'egress').length > 0, 'no instance holds a handle');
    for (const pid of all) {
      const held = await memoryHolds(pid, values);
      verdict.unharmed(held === null, `the sandbox ${pid} holds the secret ${held}`);
    }
    const secrets = [
      ...values,
      stage.victimSecret,
      stage.token,
      stage.canary,
      'victim/main',
      'attacker/probe',
      'keeper/stores',
      'VICTIM_SECRET',
      'KEEPER_STORE',
      'keeper-store',
      'ATTACK_KEY',
      'cordon-secret:ATTACK',
      'by the keeper',
      stage.home.folder,
    ];
    for (const pid of warm) {
      const held = await memoryHolds(pid, secrets);
      verdict.unharmed(held === null, `a waiting sandbox holds ${held} in memory`);
      const environment = readFileSync(`/proc/${pid}/environ`, 'utf8')
        .split('\0')
        .filter((text) => text !== '');
      const names = environment
        .map((text) => text.slice(0, text.indexOf('=')))
        .sort()
        .join(' ');
      verdict.expect(
        /^(?:DENO_DIR|DENO_NO_UPDATE_CHECK|HOME|MALLOC_ARENA_MAX|NO_COLOR|PWD| )*$/.test(names),
        `its environment is ${environment.join(' ')}`,
      );
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      for (const text of [...secrets, 'victim', 'attacker', 'keeper'])
        verdict.unharmed(!command.includes(text), `its command line holds ${text}`);
      verdict.expect((await readlink(`/proc/${pid}/cwd`)) === '/', 'its folder is not /');
    }
    const seen = await stage.probe('surroundings');
    for (const [name, text] of Object.entries(seen))
      for (const secret of [stage.victimSecret, stage.token, stage.home.folder])
        verdict.unharmed(!text.includes(secret), `${name} of an instance holds ${secret}`);
    verdict.expect(seen['hostname'] === 'fn', `the host name is ${seen['hostname']}`);
    verdict.note(`${warm.length} waiting sandboxes, memory searched`);
  },
  async twin(stage) {
    // The search finds what is there: the victim's own variable in the victim's own instance.
    await stage.victimHits();
    const { of } = await runtimes(stage);
    const held = await Promise.all(of('victim', 'main').map((pid) => memoryHolds(pid, [stage.victimSecret])));
    if (!held.includes(stage.victimSecret))
      throw new Error("the victim's instance does not hold the victim's own variable");
  },
};

export const RESIDUE_ROWS: readonly Row[] = [residue, anonymousPool];
