import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeCode } from './code.ts';
import { timeToFirstByte } from './connection.ts';
import { CordonServer } from './cordon-server.ts';
import { CORDON, type Measurement, type Result } from './measurement.ts';
import { fromSamples } from './statistics.ts';

export const READY = '`cordon up`: exec to ready';
export const FIRST_INVOCATION = '`cordon up`: exec to the first answer of a function';
export const RELOAD = '`cordon dev`: file saved to the new answer';

const POLL_MS = 2;
const RELOAD_TIMEOUT_MS = 20_000;

/** From the start of `cordon up`, with an app deployed, until it is ready and until a function has answered. */
export const serverStart: Measurement = {
  name: 'server-start',
  about: 'start of the server',
  async run(place) {
    const { tiny } = makeCode(place.folder);
    const first = await CordonServer.start(place);
    await first.deploy(place, 'start', { hello: tiny });
    await first.process.stop();
    const ready: number[] = [];
    const answered: number[] = [];
    for (let round = 0; round < place.pick(20, 3); round += 1) {
      const startedAt = performance.now();
      const server = await CordonServer.start(place, { home: first.home });
      ready.push(performance.now() - startedAt);
      await timeToFirstByte({ port: server.port, method: 'GET', path: '/start/hello', bodyBytes: 0 });
      answered.push(performance.now() - startedAt);
      await server.process.stop();
    }
    return [
      fromSamples({ name: READY, unit: 'ms', subject: CORDON }, ready),
      fromSamples({ name: FIRST_INVOCATION, unit: 'ms', subject: CORDON }, answered),
    ];
  },
};

/** From the write of a source file until a request gets the answer of the new code, under `cordon dev`. */
export const devReload: Measurement = {
  name: 'dev-reload',
  about: 'reload of `cordon dev`',
  async run(place): Promise<Result[]> {
    const server = await CordonServer.start(place);
    const folder = await place.newFolder('dev');
    await writeFile(
      join(folder, 'cordon.jsonc'),
      JSON.stringify({
        name: 'dev',
        functions: { hello: { entry: 'hello.ts', routes: [{ path: '/dev', auth: 'public' }] } },
      }),
    );
    await save(folder, 'start');
    const child = server.home.spawn(['dev', folder, '--json']);
    // Nobody reads on; a full pipe would stop it.
    child.stdout?.resume();
    child.stderr?.resume();
    const exit = once(child, 'exit');
    place.defer(async () => {
      child.kill('SIGTERM');
      await exit;
    });
    const url = `${server.process.gatewayUrl}/dev`;
    await untilAnswer(url, 'start');
    const samples: number[] = [];
    for (let round = 0; round < place.pick(30, 3); round += 1) {
      await server.warm();
      const startedAt = performance.now();
      await save(folder, `round ${round}`);
      await untilAnswer(url, `round ${round}`);
      samples.push(performance.now() - startedAt);
    }
    return [fromSamples({ name: RELOAD, unit: 'ms', subject: CORDON }, samples)];
  },
};

function save(folder: string, text: string): Promise<void> {
  const code = `export default { fetch: (): Response => new Response(${JSON.stringify(text)}) };\n`;
  return writeFile(join(folder, 'hello.ts'), code);
}

async function untilAnswer(url: string, text: string): Promise<void> {
  const deadline = performance.now() + RELOAD_TIMEOUT_MS;
  for (;;) {
    const answer = await (await fetch(url)).text();
    if (answer === text) return;
    if (performance.now() > deadline) throw new Error(`cordon dev does not serve "${text}" but "${answer}".`);
    await sleep(POLL_MS);
  }
}
