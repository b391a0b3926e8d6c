import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

const ROUNDS = 120;
const WORK_MS_MAX = 60;
const EVENTS_PER_ROUND_MAX = 100_000;
const WRITER = join(import.meta.dirname, 'writer.ts');

/** What is known of one event: what was acknowledged, and what may have happened all the same. */
interface Known {
  readonly lane: string;
  accepted: boolean;
  /** Outcomes that were asked for and not acknowledged. */
  readonly perhaps: Set<string>;
  settled: 'done' | 'dead' | null;
  claims: number;
}

/** Follows what a writer says, and objects to what must not be. */
class Ledger {
  readonly events = new Map<string, Known>();
  readonly #held = new Map<string, string>();

  take(line: string): void {
    const [verb = '', id = '', word = ''] = line.split(' ');
    if (verb === 'offers')
      this.events.set(id, { lane: word, accepted: false, perhaps: new Set(), settled: null, claims: 0 });
    const event = this.events.get(id);
    if (verb === 'holds') {
      assert.ok(event !== undefined, `${id} was never offered`);
      this.#held.set(id, word);
      return;
    }
    if (event === undefined) return;
    switch (verb) {
      case 'accepted':
        event.accepted = true;
        break;
      case 'claims':
        assert.equal(event.settled, null, `${id} came again after it was ${event.settled ?? ''}`);
        assert.equal(word, event.lane, `${id} was given to the lane ${word}`);
        // It is there, so it was accepted, whatever was heard of it.
        event.accepted = true;
        event.claims += 1;
        break;
      case 'settles':
        if (word !== 'retry') event.perhaps.add(word);
        break;
      case 'settled':
        if (word === 'done' || word === 'dead') event.settled = word;
        break;
      default:
    }
  }

  /** Compares everything with what the log holds, as it was just told. */
  reconcile(): void {
    for (const [id, { accepted, perhaps, settled }] of this.events) {
      const held = this.#held.get(id);
      if (settled === 'done') assert.equal(held, undefined, `${id} is done and still ${held ?? ''}`);
      if (settled === 'dead') assert.equal(held, 'dead', `${id} is dead and ${held ?? 'nowhere'}`);
      if (settled !== null) continue;
      if (accepted && held === undefined) assert.ok(perhaps.has('done'), `${id} is missing`);
      if (held === 'dead') assert.ok(perhaps.has('dead'), `${id} is dead and nobody said so`);
      // What was cut off is decided now.
      const known = this.events.get(id);
      if (known === undefined) continue;
      if (held === undefined) known.settled = accepted ? 'done' : null;
      else if (held === 'dead') known.settled = 'dead';
      known.accepted ||= held !== undefined;
    }
    this.#held.clear();
  }

  count(select: (event: Known) => boolean): number {
    return [...this.events.values()].filter(select).length;
  }
}

/** Runs a writer until it is killed, or to its end where `killAfterMs` is null. */
async function run(folder: string, round: number, ledger: Ledger, killAfterMs: number | null): Promise<void> {
  const args = ['--no-warnings', WRITER, folder, String(round * EVENTS_PER_ROUND_MAX)];
  const child = spawn(process.execPath, killAfterMs === null ? [...args, 'drain'] : args, {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const closed = once(child, 'close');
  let rest = '';
  let errors = '';
  let problem: unknown = null;
  const take = (line: string): void => {
    if (line === 'opened' || line === 'drained') ledger.reconcile();
    else ledger.take(line);
    if (line === 'opened' && killAfterMs !== null) setTimeout(() => child.kill('SIGKILL'), killAfterMs);
  };
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  child.stdout.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk.toString()).split('\n');
    rest = lines.pop() ?? '';
    try {
      lines.forEach(take);
    } catch (thrown) {
      problem ??= thrown;
      child.kill('SIGKILL');
    }
  });
  await closed;
  if (problem instanceof Error) throw problem;
  if (killAfterMs === null) assert.equal(child.exitCode, 0, errors);
  else assert.equal(child.signalCode, 'SIGKILL', `it ended by itself: ${errors}`);
}

test(`${ROUNDS} kills of what writes the log lose no event and bring none back`, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'cordon-fault-'));
  try {
    const ledger = new Ledger();
    for (let round = 0; round < ROUNDS; round += 1) {
      await run(folder, round, ledger, Math.floor(Math.random() * WORK_MS_MAX));
    }
    await run(folder, ROUNDS, ledger, null);
    const accepted = ledger.count((event) => event.accepted);
    const done = ledger.count(({ settled }) => settled === 'done');
    const dead = ledger.count(({ settled }) => settled === 'dead');
    const claims = [...ledger.events.values()].reduce((sum, event) => sum + event.claims, 0);
    const missing = ledger.count((event) => event.accepted && event.settled === null);
    console.log(
      `writer: offered ${ledger.events.size}, accepted ${accepted}; done ${done}, dead ${dead}, ` +
        `attempts ${claims}; missing ${missing}`,
    );
    assert.equal(missing, 0);
    assert.ok(accepted > ROUNDS && done > ROUNDS / 2 && dead > 0, 'too little was going on');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
