import type { Row, Verdict } from '../row.ts';
import { descendants, eventually } from '../processes.ts';
import type { Stage } from '../stage.ts';

const P99_MS_MAX = 1000;
const SERVER_GROWTH_BYTES_MAX = 128 * 1024 * 1024;
const PROCESSES_MAX = 120;
/** Bombs that burn at the same time. */
const PARALLEL = 2;

const BOMBS = [
  'cpu loop',
  'microtask flood',
  'nextTick flood',
  'promise flood',
  'regular expression',
  'array buffers',
  'objects',
  'strings',
  'wasm memory',
  'shared buffers',
  'blobs',
  'workers',
  'threads',
  'processes',
  'disk',
  'descriptors',
  'log flood',
  'many log lines',
  'response headers',
  'endless answer',
  'huge answer',
  'exit',
  'abort',
  'process.exit in a timer',
  'blocked thread',
  'broken built-ins',
] as const;

/** Lets one bomb off; it has to cost its own request. */
async function burn(stage: Stage, verdict: Verdict, bomb: string): Promise<void> {
  const outcome = await stage.outcome(`/attacker/bomb/${encodeURIComponent(bomb)}`);
  verdict.expect(/^50[0234]$|^cut off$/.test(outcome), `${bomb}: ${outcome}`);
  const after = await stage.outcome('/attacker/bomb/fine');
  verdict.unharmed(after === '200', `after ${bomb} the next call gets ${after}`);
}

const bombs: Row = {
  id: 'F9',
  title: 'fork, memory, disk, descriptor, CPU, log and header bombs',
  event: ['sandbox.memory', 'sandbox.timeout'],
  async attack(stage, verdict) {
    const memory = stage.serverMemoryBytes();
    const left = [...BOMBS];
    const watch = await stage.watch(async () => {
      const lane = async (): Promise<void> => {
        for (let bomb = left.shift(); bomb !== undefined; bomb = left.shift()) {
          await burn(stage, verdict, bomb);
          const count = descendants(stage.server.pid).length;
          verdict.unharmed(count <= PROCESSES_MAX, `${count} processes after ${bomb}`);
        }
      };
      await Promise.all(Array.from({ length: PARALLEL }, lane));
    });
    verdict.unharmed(
      watch.failed === 0,
      `${watch.failed} of ${watch.calls} calls of another function failed`,
    );
    verdict.unharmed(watch.p99Ms < P99_MS_MAX, `the p99 of another function was ${watch.p99Ms} ms`);
    const grown = stage.serverMemoryBytes() - memory;
    verdict.unharmed(
      grown < SERVER_GROWTH_BYTES_MAX,
      `the server grew by ${Math.round(grown / 2 ** 20)} MiB`,
    );
    const calm = await eventually(async () => {
      const { instances } = await stage.status();
      return instances
        .filter((instance) => instance.function === 'bomb')
        .every(({ requestsInFlight }) => requestsInFlight === 0);
    }, 3000);
    verdict.unharmed(calm, 'a bomb still burns');
    verdict.note(
      `${BOMBS.length} bombs; another function: p99 ${watch.p99Ms} ms, worst ${watch.worstMs} ms of ${watch.calls}; server +${Math.round(grown / 2 ** 20)} MiB`,
    );
  },
  async twin(stage) {
    for (let i = 0; i < 5; i += 1) {
      const outcome = await stage.outcome('/attacker/bomb/fine');
      if (outcome !== '200') throw new Error(`a harmless call gets ${outcome}`);
    }
  },
};

export const BOMB_ROWS: readonly Row[] = [bombs];
