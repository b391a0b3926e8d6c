import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { Home, ServerProcess } from '../../tools/server-process.ts';
import { Platform, writeText } from './platform.ts';

/** What an app writes; each name is the place that it is written to. */
const PLACES = ['var', 'log', 'secret', 'kv', 'metadata', 'queue', 'object', 'large', 'source'] as const;
type Canaries = Readonly<Record<(typeof PLACES)[number], string>>;

function newCanaries(): Canaries {
  // Letters and digits alone: so JSON, URLs and logs show them as they are.
  const entries = PLACES.map((place) => [place, `canary${randomBytes(18).toString('hex')}`]);
  return Object.fromEntries(entries) as Canaries;
}

function sourceOf({ log, kv, metadata, queue, object, large, source }: Canaries): string {
  return `
interface Store {
  put(key: string, value: string, options?: { metadata?: unknown }): Promise<unknown>;
  get(key: string): Promise<unknown>;
}
interface Env {
  CANARY: string;
  KEY: string;
  NOTES: Store;
  FILES: Store;
  JOBS: { send(message: unknown): Promise<unknown> };
}
const CONSTANT = '${source}';
export default {
  async fetch(_request: Request, env: Env): Promise<Response> {
    console.log('${log}');
    await env.NOTES.put('note', '${kv}', { metadata: { canary: '${metadata}' } });
    await env.NOTES.put('large', '${large}'.repeat(4000));
    await env.FILES.put('file', '${object}');
    await env.FILES.put('large', '${large}'.repeat(4000));
    await env.JOBS.send({ canary: '${queue}' });
    return Response.json({ var: env.CANARY, secret: env.KEY, source: CONSTANT, kv: await env.NOTES.get('note') });
  },
};
`;
}

function manifestOf(canaries: Canaries): unknown {
  return {
    name: 'vessel',
    functions: {
      main: {
        entry: 'src/main.ts',
        routes: [{ path: '/vessel', auth: 'public' }],
        vars: { CANARY: canaries.var },
        grants: {
          kv: { NOTES: { store: 'notes', can: ['get', 'put'] } },
          bucket: { FILES: { bucket: 'files', can: ['put'] } },
          queue: { JOBS: { queue: 'jobs', can: ['send'] } },
          secret: { KEY: { secret: 'KEY', reveal: true, because: 'The test looks for it on the disk.' } },
        },
      },
    },
  };
}

/** Spellings of a text in which a file could hold it, whatever comes before it. */
function spellingsOf(text: string): readonly Buffer[] {
  const bytes = Buffer.from(text);
  const inner = [0, 1, 2].flatMap((offset) => {
    // What stands before and after it decides over the characters at the edges alone.
    const shifted = Buffer.concat([Buffer.alloc(offset), bytes.subarray(0, bytes.length - 3)]);
    return [shifted.toString('base64').slice(4, -4), shifted.toString('base64url').slice(4, -4)];
  });
  const hex = bytes.toString('hex');
  const wide = Buffer.from(text, 'utf16le');
  const reversed = Buffer.from(bytes).reverse();
  return [
    bytes,
    wide,
    reversed,
    ...[hex, hex.toUpperCase(), ...inner].map((spelling) => Buffer.from(spelling)),
  ];
}

interface Found {
  readonly place: string;
  readonly file: string;
}

/** Where the files of a folder, and their names, hold a canary. */
async function search(folder: string, canaries: Readonly<Record<string, string>>): Promise<Found[]> {
  const found: Found[] = [];
  const spellings = Object.entries(canaries).map(([place, text]) => ({ place, all: spellingsOf(text) }));
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name);
    const name = Buffer.from(file);
    const bytes = entry.isFile() ? await readFile(file) : name;
    for (const { place, all } of spellings) {
      if (all.some((spelling) => bytes.includes(spelling) || name.includes(spelling)))
        found.push({ place, file });
    }
  }
  return found;
}

/** Writes the app and lets it write everything. */
async function fill(platform: Platform, canaries: Canaries): Promise<void> {
  const { home } = platform;
  const folder = join(home.folder, 'apps/vessel');
  await writeText(join(folder, 'cordon.jsonc'), JSON.stringify(manifestOf(canaries)));
  await writeText(join(folder, 'src/main.ts'), sourceOf(canaries));
  const secret = join(home.folder, 'secret.txt');
  await writeText(secret, canaries.secret);
  await home.json('secret', 'set', 'KEY', '--from-file', secret);
  await platform.deploy(folder);
  assert.deepEqual(JSON.parse(await platform.text('/vessel')), {
    var: canaries.var,
    secret: canaries.secret,
    source: canaries.source,
    kv: canaries.kv,
  });
  await platform.logs('vessel', ({ message }) => message.includes(canaries.log));
}

test('nothing that users wrote is in the clear in the data folder, running or stopped', async () => {
  const home = await Home.create();
  const canaries = newCanaries();
  let platform: Platform | null = null;
  try {
    platform = new Platform(home, await ServerProcess.start(home));
    await fill(platform, canaries);
    assert.deepEqual(await search(home.dataDirectory, canaries), []);
    await platform.server.stop();
    assert.deepEqual(await search(home.dataDirectory, canaries), []);

    // It is there all the same, for who has the key.
    platform.server = await ServerProcess.start(home, { after: platform.server });
    assert.match(await platform.text('/vessel'), new RegExp(canaries.var));
    await platform.logs('vessel', ({ message }) => message.includes(canaries.log));
    await platform.server.stop();
    // What keeps a search from finding nothing anywhere: the app's own folder has what the user wrote there.
    const { var: value, source } = canaries;
    const places = (await search(join(home.folder, 'apps'), { value, source })).map(({ place }) => place);
    assert.deepEqual(places.toSorted(), ['source', 'value']);
  } finally {
    await platform?.server.kill();
    await home.remove();
  }
});

test('the search finds a text in each spelling that it looks for', () => {
  const [text = ''] = Object.values(newCanaries());
  for (const encoding of ['utf8', 'hex', 'base64', 'base64url'] as const) {
    for (const before of ['', 'x', 'xy', 'xyz']) {
      const spelled = Buffer.from(Buffer.from(`${before}${text}after`).toString(encoding));
      const isFound = spellingsOf(text).some((spelling) => spelled.includes(spelling));
      assert.ok(isFound, `${encoding} after ${before.length} characters`);
    }
  }
  assert.ok(!spellingsOf(text).some((spelling) => Buffer.from('another text').includes(spelling)));
});
