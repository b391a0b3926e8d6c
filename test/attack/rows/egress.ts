import { Keeper, REFLECTIONS, type Asked, type Hit } from '../keeper.ts';
import type { Row, Verdict } from '../row.ts';
import { rebindingNames } from './rebinding.ts';

/** Spellings of 127.0.0.1, of this machine and of the metadata address, and URLs that parsers read differently. */
export function spellings(port: number): string[] {
  const hosts = [
    '127.0.0.1',
    '2130706433',
    '017700000001',
    '0177.0.0.1',
    '0x7f000001',
    '0x7f.0.0.1',
    '0x7f.1',
    '127.1',
    '127.0.1',
    '0',
    '0.0.0.0',
    '127.0.0.1.',
    'localhost',
    'localhost.',
    'LOCALHOST',
    'foo.localhost',
    '[::1]',
    '[::]',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '[::127.0.0.1]',
    '[64:ff9b::127.0.0.1]',
    '[64:ff9b:1::7f00:1]',
    '[2002:7f00:1::]',
    '[2001:0:7f00:1::]',
    '[fe80::1%25lo]',
    '[::1%25lo]',
    '[fe80::1%lo]',
    '１２７.０.０.１',
    '①②⑦.⓪.⓪.①',
    'ⓛocalhost',
    '127。0。0。1',
    '127%2e0%2e0%2e1',
    '%31%32%37.0.0.1',
    'loc\u00adalhost',
    '127.0.0.1%00.example.com',
    '127.0.0.1\t',
    '256.0.0.1',
    '127.0.0.1@127.0.0.1',
    'user:pass@localhost',
    '127.0.0.1#@example.com',
    'example.com@127.0.0.1',
    '127.0.0.1\\@example.com',
    'runsc',
    'ip6-localhost',
  ];
  const metadata = [
    '169.254.169.254',
    '2852039166',
    '0xa9fea9fe',
    '[::ffff:169.254.169.254]',
    '[fd00:ec2::254]',
  ];
  return [
    ...hosts.flatMap((host) => [`http://${host}:${port}/secret`, `http://${host}:${port}/granted/x`]),
    ...metadata.map((host) => `http://${host}/granted/x`),
    `http://127.0.0.1:${port}/granted/../secret`,
    `http://127.0.0.1:${port}/granted/%2e%2e/secret`,
    `http:/127.0.0.1:${port}/secret`,
    `http:127.0.0.1:${port}/secret`,
    `HTTP://127.0.0.1:${port}/secret`,
    `https://127.0.0.1:${port}/granted/x`,
    `ftp://127.0.0.1:${port}/granted/x`,
    `gopher://127.0.0.1:${port}/_GET`,
    'file:///etc/passwd',
  ];
}

const BATCH = 20;
export const REFUSED = /^(?:CORDON_GRANT_MISSING|CORDON_EGRESS_DENIED|CORDON_EGRESS_FAILED|TypeError)$/;

/** Takes some of a list at a time, as instances have few requests open. */
export async function inBatches<T>(
  items: readonly T[],
  send: (batch: readonly T[]) => Promise<void>,
): Promise<void> {
  for (let start = 0; start < items.length; start += BATCH) await send(items.slice(start, start + BATCH));
}

const spelled: Row = {
  id: 'F3',
  title: 'SSRF by another spelling of an address, and by rebinding',
  event: ['grant.denied'],
  async attack(stage, verdict) {
    const keeper = await Keeper.of(stage);
    await keeper.restart();
    const before = await stage.lastEvent();
    const reached = keeper.trap.hits.length;
    const urls = spellings(keeper.trap.port);
    await inBatches(urls, async (batch) => {
      const { outcomes } = await keeper.send(...batch.map((url) => ({ url })));
      for (const [index, outcome] of outcomes.entries())
        verdict.expect(
          outcome.status === undefined && REFUSED.test(outcome.error),
          `${batch[index]}: ${outcome.status ?? outcome.error}`,
        );
    });
    verdict.unharmed(
      keeper.trap.hits.length === reached,
      `arrived: ${shown(keeper.trap.hits.slice(reached))}`,
    );
    const reasons = (await stage.events(before)).map(({ reason }) => reason);
    for (const reason of ['fetch.destination', 'address'])
      verdict.expect(reasons.includes(reason), `no event with the reason ${reason}`);
    const names = await rebindingNames(verdict);
    verdict.note(`${urls.length} spellings, ${names} names`);
  },
  twin: benign,
};

/** What a caller that means well does: a granted request, and one that a redirect within the service leads on. */
async function benign(stage: Parameters<Row['twin']>[0]): Promise<void> {
  const { allowed, key, send } = await bound(stage);
  const before = allowed.hits.length;
  const { outcomes } = await send(
    {
      url: `${allowed.url}/x?a=b`,
      method: 'POST',
      body: 'hello',
      headers: { authorization: 'Bearer $HANDLE' },
    },
    { url: `${allowed.url}/redirect?to=/landed` },
  );
  for (const { status, message } of outcomes)
    if (status !== 200) throw new Error(`a granted request fails: ${status} ${message}`);
  const hits = allowed.hits.slice(before);
  if (!hits.some(({ headers }) => headers.includes(`Bearer ${key}`)))
    throw new Error('the secret does not arrive where it is granted');
  if (!hits.some(({ url, headers }) => url === '/landed' && headers.includes(`Key ${key}`)))
    throw new Error('a redirect within the service loses its credentials');
}

async function bound(stage: Parameters<Row['twin']>[0]) {
  const keeper = await Keeper.of(stage);
  return { allowed: keeper.allowed, key: keeper.key, send: keeper.send.bind(keeper) };
}

function shown(hits: readonly Hit[]): string {
  return hits.map(({ method, url }) => `${method} ${url}`).join(', ');
}

const redirected: Row = {
  id: 'F4',
  title: 'redirects to private and ungranted places, and credentials across origins',
  event: ['grant.denied'],
  async attack(stage, verdict) {
    const keeper = await Keeper.of(stage);
    await keeper.restart();
    const { allowed, other, trap } = keeper;
    const before = { trap: trap.hits.length, other: other.hits.length };
    const targets = [
      ...spellings(trap.port),
      `//127.0.0.1:${trap.port}/secret`,
      `http://127.0.0.1:${new URL(stage.server.controlUrl).port}/v1/apps`,
      `${other.url}/redirect?to=${encodeURIComponent(`${trap.url}/secret`)}`,
      'data:text/plain,x',
      'javascript:1',
    ].filter((target) => /^[\x20-\x7e]*$/.test(target));
    const asked = targets.map((target, index) => ({
      url: `${allowed.url}/redirect?status=${[301, 302, 303, 307, 308][index % 5]}&to=${encodeURIComponent(target)}`,
    }));
    for (let start = 0; start < asked.length; start += 20) {
      const { outcomes } = await keeper.send(...asked.slice(start, start + 20));
      for (const [index, { status, error }] of outcomes.entries()) {
        // A redirect that is no URL of its own leads to a path of the same service.
        const target = targets[start + index] ?? '';
        const isOwn = URL.parse(target, allowed.url)?.origin === allowed.url;
        verdict.expect(
          isOwn || (status === undefined && REFUSED.test(error)),
          `to ${target}: ${status ?? error}`,
        );
      }
    }
    verdict.unharmed(trap.hits.length === before.trap, `arrived: ${shown(trap.hits.slice(before.trap))}`);
    const credentials = {
      authorization: 'Bearer $HANDLE',
      cookie: 'session=$HANDLE',
      'x-api-key': 'plain-key-of-code',
      'x-custom': '$HANDLE',
    };
    const crossing = await keeper.send(
      ...[301, 302, 307, 308].map((status): Asked => ({
        url: `${allowed.url}/redirect?status=${status}&to=${encodeURIComponent(`${other.url}/landed`)}`,
        headers: credentials,
        ...(status > 302 ? { method: 'POST', body: 'body' } : {}),
      })),
    );
    verdict.expect(
      crossing.outcomes.every(({ status }) => status === 200),
      `granted redirects end with ${crossing.outcomes.map(({ status, error }) => status ?? error).join()}`,
    );
    secretless(verdict, other.hits.slice(before.other), keeper.key, 'the other origin');
    for (const { headers } of other.hits.slice(before.other))
      verdict.unharmed(
        !/authorization|cookie|x-api-key|plain-key/i.test(headers),
        'credentials went to another origin',
      );
    // The service that may know the secret hands it on in the address of a redirect.
    const leaking = await keeper.send({
      url: `${allowed.url}/redirect?to=${encodeURIComponent(`${other.url}/echo?k=`)}{own}`,
    });
    verdict.expect(
      leaking.outcomes[0]?.status === 200,
      `a redirect with a value: ${leaking.outcomes[0]?.error}`,
    );
    for (const { url, text, headers } of leaking.outcomes)
      for (const form of formsOf(keeper.key))
        verdict.unharmed(
          ![url, text, headers].some((part) => part.includes(form)),
          'code got the secret by a redirect that carries it to a granted service',
        );
    verdict.note(`${targets.length} targets`);
  },
  twin: benign,
};

export function formsOf(value: string): string[] {
  const bytes = Buffer.from(value);
  return [
    value,
    bytes.toString('latin1'),
    bytes.toString('base64').replaceAll('=', ''),
    bytes.toString('hex'),
    encodeURIComponent(value),
    JSON.stringify(value).slice(1, -1),
  ];
}

function secretless(verdict: Verdict, hits: readonly Hit[], value: string, where: string): void {
  for (const { url, headers } of hits)
    for (const form of formsOf(value))
      verdict.unharmed(!url.includes(form) && !headers.includes(form), `the secret went to ${where}`);
}

const handled: Row = {
  id: 'F6',
  title: 'a secret that is read, sent elsewhere, and told back',
  event: ['grant.denied'],
  async attack(stage, verdict) {
    const keeper = await Keeper.of(stage);
    await keeper.restart();
    const { allowed, other, key } = keeper;
    const before = { other: other.hits.length, event: await stage.lastEvent() };
    const basic = { authorization: `Basic ${Buffer.from('u:$HANDLE').toString('base64')}` };
    const { handle, outcomes } = await keeper.send(
      { url: `${other.url}/x`, headers: { authorization: 'Bearer $HANDLE', 'x-a': '$HANDLE' } },
      { url: `${other.url}/x?key=$HANDLE` },
      { url: `${other.url}/x`, method: 'POST', body: '$HANDLE' },
      { url: `${other.url}/x`, headers: basic },
    );
    verdict.unharmed(
      !formsOf(key).some((form) => handle.includes(form)),
      'code reads the value of its secret',
    );
    verdict.expect(/^cordon-secret:ATTACK_KEY:[\w-]{22}$/.test(handle), `code reads ${handle}`);
    verdict.expect(
      outcomes.every(({ status }) => status === 200),
      'requests with a handle do not arrive as they are',
    );
    secretless(verdict, other.hits.slice(before.other), key, 'a host that is not granted it');
    const stray = (await stage.events(before.event)).filter(({ reason }) => reason === 'secret.destination');
    verdict.expect(stray.length > 0, 'no event for a handle that went elsewhere');
    const forged = await keeper.send(
      ...[
        'cordon-secret:ATTACK_SPOKEN:AAAAAAAAAAAAAAAAAAAAAA',
        handle.replace('ATTACK_KEY', 'ATTACK_SPOKEN'),
        '{secret:ATTACK_SPOKEN}',
        '{secret:ATTACK_KEY}',
      ].map((text): Asked => ({ url: `${allowed.url}/x`, headers: { 'x-forged': text } })),
    );
    for (const { text } of forged.outcomes)
      verdict.unharmed(!text.includes(keeper.spoken), 'a forged handle became a value');
    const hits = allowed.hits.slice(-4);
    verdict.unharmed(
      !hits.some(({ headers }) => headers.includes(keeper.spoken)),
      'a forged handle was replaced',
    );
    const told = await keeper.send(
      ...REFLECTIONS.map((how) => ({ url: `${allowed.url}/reflect?how=${how}` })),
    );
    for (const [index, { status, text, headers }] of told.outcomes.entries()) {
      const how = REFLECTIONS[index];
      verdict.expect(status === 200, `reflected as ${how}: ${status}`);
      const seen = `${text}\n${headers}`;
      const decoded = [...seen.matchAll(/[A-Za-z0-9+/=]{16,}/g)].map(([part]) =>
        Buffer.from(part, 'base64').toString(),
      );
      for (const form of [...formsOf(key), key.slice(0, -3)])
        verdict.unharmed(
          ![seen, ...decoded].some((part) => part.includes(form)),
          `reflected as ${how}: ${text}`,
        );
      verdict.expect(seen.includes('[redacted]'), `reflected as ${how}, nothing is redacted: ${text}`);
    }
    verdict.note(`${REFLECTIONS.length} reflections`);
  },
  twin: benign,
};

export const EGRESS_ROWS: readonly Row[] = [spelled, redirected, handled];
