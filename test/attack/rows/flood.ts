import type { Row } from '../row.ts';
import { descendants, eventually } from '../processes.ts';
import { rawRequest } from '../raw-http.ts';
import { makeTar } from '../tar.ts';

const FUNCTIONS = 24;
const REQUESTS_EACH = 20;
const CONNECTIONS = 60;
/** Under what one connection may have in flight. */
const PIPELINED = 30;
const BOOTS_MAX = 2;
/** Of a sandbox: the shell that becomes bubblewrap, its child, the runtime. */
const PROCESSES_A_SANDBOX = 4;
const RECOVERY_MS = 15_000;

function crowd(): Buffer {
  const names = Array.from({ length: FUNCTIONS }, (_, index) => `f${index}`);
  const functions = Object.fromEntries(
    names.map((name) => [
      name,
      { entry: 'main.js', routes: [{ path: `/crowd/${name}`, auth: 'public' }], limits: { instances: 1 } },
    ]),
  );
  const source = 'export default { fetch: () => new Response("served\\n") }';
  return makeTar([
    { name: 'cordon.jsonc', body: JSON.stringify({ name: 'crowd', functions }) },
    { name: 'main.js', body: source },
  ]);
}

const coldStartFlood: Row = {
  id: 'I5',
  title: 'a flood of cold starts and of waiting requests',
  event: null,
  async attack(stage, verdict) {
    const { status, text } = await stage.deployTar('crowd', crowd());
    if (status !== 201) throw new Error(`cannot deploy: ${status} ${text.slice(0, 200)}`);
    let booting = 0;
    let processes = 0;
    const flood = { running: true };
    const sampling = (async (): Promise<void> => {
      while (flood.running) {
        booting = Math.max(booting, (await stage.status()).pool.booting);
        processes = Math.max(processes, descendants(stage.server.pid).length);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    })();
    const outcomes: string[] = [];
    const cold = Array.from({ length: FUNCTIONS * REQUESTS_EACH }, async (_, index) => {
      outcomes.push(await stage.outcome(`/crowd/f${index % FUNCTIONS}`));
    });
    const one = 'GET /attacker/queue HTTP/1.1\r\nHost: a\r\n\r\n';
    const last = one.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n');
    const waiting = Array.from({ length: CONNECTIONS }, async () => {
      const { statuses } = await rawRequest(stage.gateway, one.repeat(PIPELINED - 1) + last, {
        waitMs: 16_000,
      });
      outcomes.push(...statuses.map(String));
    });
    await Promise.all([...cold, ...waiting]).finally(() => (flood.running = false));
    await sampling;
    const counts = Object.fromEntries(
      Map.groupBy(outcomes, (outcome) => outcome)
        .entries()
        .map(([outcome, list]) => [outcome, list.length]),
    );
    verdict.expect(
      outcomes.every((outcome) => outcome === '200' || outcome === '503' || outcome === '429'),
      `outcomes ${JSON.stringify(counts)}`,
    );
    verdict.expect((counts['503'] ?? 0) + (counts['429'] ?? 0) > 0, 'nothing was turned away');
    verdict.expect((counts['200'] ?? 0) > 0, 'nothing was served');
    verdict.unharmed(booting <= BOOTS_MAX, `${booting} sandboxes booted at the same time`);
    const { instances, pool } = await stage.status();
    const allowed = (instances.length + pool.size + BOOTS_MAX + 30) * PROCESSES_A_SANDBOX;
    verdict.unharmed(processes <= allowed, `${processes} processes`);
    const recovered = await eventually(async () => (await stage.status()).requestsWaiting === 0, RECOVERY_MS);
    verdict.unharmed(recovered, 'requests still wait');
    for (const path of ['/crowd/f0', '/attacker/queue'])
      verdict.unharmed((await stage.outcome(path)) === '200', `${path} does not recover`);
    verdict.note(`${JSON.stringify(counts)}; at most ${booting} boots and ${processes} processes at a time`);
  },
  async twin(stage) {
    const outcomes = await Promise.all(
      Array.from({ length: FUNCTIONS }, (_, index) => stage.outcome(`/crowd/f${index}`)),
    );
    const bad = outcomes.filter((outcome) => outcome !== '200');
    if (bad.length > 0) throw new Error(`${bad.length} of ${FUNCTIONS} calls fail: ${bad.join()}`);
  },
};

export const FLOOD_ROWS: readonly Row[] = [coldStartFlood];
