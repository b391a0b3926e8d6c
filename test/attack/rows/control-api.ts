import { Keeper } from '../keeper.ts';
import { benign, judge, judgeFatal } from '../probes.ts';
import type { Row, Verdict } from '../row.ts';
import type { Stage } from '../stage.ts';
import { REFUSED, inBatches, spellings } from './egress.ts';

const NAMES = '127.0.0.1 localhost [::1] 0.0.0.0 127.0.0.2 [::ffff:127.0.0.1]';

/** Asks for the control API from a function whose grants name it, in each way and spelling, and by a redirect. */
async function withGrants(stage: Stage, verdict: Verdict): Promise<number> {
  const port = stage.controlPort;
  const outcomes = await stage.probe('control', { port, hosts: NAMES }, 'insider');
  judge(verdict, outcomes);
  const keeper = await Keeper.of(stage);
  await keeper.restart();
  const direct = spellings(Number(port)).map((url) => url.replace(/\/(?:secret|granted\/x)$/, '/v1/apps'));
  const redirects = [
    ...['127.0.0.1', 'localhost', '[::1]', '2130706433', '0x7f.1', '0', '[::]'].map(
      (host) => `http://${host}:${port}`,
    ),
  ].flatMap((origin) =>
    [301, 302, 303, 307, 308].map((status) => {
      const to = encodeURIComponent(`${origin}/v1/apps`);
      return `${keeper.allowed.url}/redirect?status=${status}&to=${to}`;
    }),
  );
  const urls = [...new Set([...direct, ...redirects])];
  await inBatches(urls, async (batch) => {
    const sent = await keeper.send(...batch.map((url) => ({ url, headers: { authorization: 'Bearer x' } })));
    for (const [index, { status, error }] of sent.outcomes.entries())
      verdict.expect(status === undefined && REFUSED.test(error), `${batch[index]}: ${status ?? error}`);
  });
  return Object.keys(outcomes).length + urls.length;
}

const controlFromInside: Row = {
  id: 'A3',
  title: 'the control API, reached from inside a function, with and without grants that name it',
  event: ['sandbox.escape_attempt'],
  async attack(stage, verdict) {
    const before = await stage.lastEvent();
    const outcomes = await stage.probe('control', { port: stage.controlPort, hosts: NAMES });
    judge(verdict, outcomes);
    judge(verdict, await stage.probe('unix'));
    await judgeFatal(stage, verdict, 'vsock');
    const withoutGrants = await stage.events(before);
    verdict.expect(
      withoutGrants.some(({ kind }) => kind === 'grant.denied'),
      'no event for a request that no grant allows',
    );
    const ways = Object.keys(outcomes).length + (await withGrants(stage, verdict));
    const events = await stage.events(before);
    verdict.expect(
      events.some(({ kind, reason }) => kind === 'grant.denied' && reason === 'address'),
      'no event for a grant that names the control API',
    );
    // Whatever arrived without a token would have been recorded as refused.
    const arrived = events.filter(({ kind }) => kind === 'control.refused');
    verdict.unharmed(arrived.length === 0, `${arrived.length} requests arrived at the control API`);
    verdict.note(`${ways} ways to connect`);
  },
  async twin(stage) {
    const { status } = await stage.control('GET', '/v1/apps');
    if (status !== 200) throw new Error(`the operator is answered with ${status}`);
    await benign(stage);
    // The same kind of grant, to a service of this machine that is not the platform.
    const keeper = await Keeper.of(stage);
    const { outcomes } = await keeper.send({ url: `${keeper.other.url}/x` });
    if (outcomes[0]?.status !== 200)
      throw new Error(`a granted service is not reached: ${outcomes[0]?.error}`);
  },
};

export const CONTROL_ROWS: readonly Row[] = [controlFromInside];
