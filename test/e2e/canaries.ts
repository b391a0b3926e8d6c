import { randomBytes } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { writeText, type Platform } from './platform.ts';

/** What an app and its author write; each name is the place that it is written to. */
const PLACES = [
  'var',
  'log',
  'secret',
  'kv',
  'kvLarge',
  'kvMetadata',
  'object',
  'objectLarge',
  'objectMetadata',
  'objectType',
  'queue',
  'policy',
  'schema',
  'source',
] as const;

/** A text that stands nowhere else, for each place. */
export type Canaries = Readonly<Record<(typeof PLACES)[number], string>>;

const LARGE_REPEATS = 4000;

export function newCanaries(): Canaries {
  // Letters and digits alone: so JSON, URLs and logs show them as they are.
  const entries = PLACES.map((place) => [place, `canary${randomBytes(18).toString('hex')}`]);
  return Object.fromEntries(entries) as Canaries;
}

function sourceOf(canaries: Canaries): string {
  return `
interface Store {
  put(key: string, value: string, options?: { metadata?: unknown }): Promise<unknown>;
  get(key: string): Promise<string>;
  getWithMetadata(key: string): Promise<{ value: string; metadata: { canary: string } }>;
}
interface StoredObject {
  readonly customMetadata: Record<string, string>;
  readonly httpMetadata: Record<string, string>;
  text(): Promise<string>;
}
interface Bucket {
  put(key: string, value: string, options?: unknown): Promise<unknown>;
  get(key: string): Promise<StoredObject>;
}
interface Env {
  CANARY: string;
  KEY: string;
  NOTES: Store;
  FILES: Bucket;
  JOBS: { send(message: unknown): Promise<unknown> };
}
const CONSTANT = '${canaries.source}';

async function fill(env: Env): Promise<void> {
  console.log('${canaries.log}');
  await env.NOTES.put('note', '${canaries.kv}', { metadata: { canary: '${canaries.kvMetadata}' } });
  await env.NOTES.put('large', '${canaries.kvLarge}'.repeat(${LARGE_REPEATS}));
  await env.FILES.put('file', '${canaries.object}', {
    customMetadata: { canary: '${canaries.objectMetadata}' },
    httpMetadata: { contentDisposition: 'attachment; filename=${canaries.objectType}' },
  });
  await env.FILES.put('large', '${canaries.objectLarge}'.repeat(${LARGE_REPEATS}));
  await env.JOBS.send({ canary: '${canaries.queue}' });
}

async function read(env: Env): Promise<unknown> {
  const note = await env.NOTES.getWithMetadata('note');
  const file = await env.FILES.get('file');
  return {
    var: env.CANARY,
    secret: env.KEY,
    source: CONSTANT,
    kv: note.value,
    kvMetadata: note.metadata.canary,
    kvLarge: await env.NOTES.get('large'),
    object: await file.text(),
    objectMetadata: file.customMetadata['canary'],
    objectType: file.httpMetadata['contentDisposition']?.split('=')[1],
    objectLarge: await (await env.FILES.get('large')).text(),
  };
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    if (request.method === 'POST') await fill(env);
    return Response.json(await read(env));
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
        routes: [
          { path: '/vessel', methods: ['GET', 'POST'], auth: 'public' },
          {
            path: '/vessel/guarded',
            methods: ['POST'],
            auth: 'control',
            allow: 'policies/vessel.cedar',
            body: 'schemas/vessel.json',
          },
        ],
        vars: { CANARY: canaries.var },
        grants: {
          kv: { NOTES: { store: 'notes', can: ['get', 'put'] } },
          bucket: { FILES: { bucket: 'files', can: ['get', 'put'] } },
          queue: { JOBS: { queue: 'jobs', can: ['send'] } },
          secret: { KEY: { secret: 'VESSEL_KEY', reveal: true, because: 'It is looked for on the disk.' } },
        },
      },
    },
  };
}

/** Writes the app `vessel`, which carries all canaries but the secret. */
async function writeVessel(folder: string, canaries: Canaries): Promise<void> {
  const schema = { type: 'object', description: canaries.schema };
  await writeText(join(folder, 'cordon.jsonc'), JSON.stringify(manifestOf(canaries)));
  await writeText(join(folder, 'src/main.ts'), sourceOf(canaries));
  await writeText(join(folder, 'schemas/vessel.json'), JSON.stringify(schema));
  await writeText(
    join(folder, 'policies/vessel.cedar'),
    `// ${canaries.policy}\npermit (principal, action, resource);\n`,
  );
}

/** Deploys the app `vessel` from a folder and lets it write all canaries. Throws when one of them is not read back. */
export async function fillVessel(platform: Platform, folder: string, canaries: Canaries): Promise<void> {
  await writeVessel(folder, canaries);
  const secret = join(platform.home.folder, 'secret.txt');
  await writeText(secret, canaries.secret);
  await platform.home.json('secret', 'set', 'VESSEL_KEY', '--from-file', secret);
  await platform.deploy(folder);
  const { status } = await platform.fetch('/vessel', { method: 'POST' });
  if (status !== 200) throw new Error(`the app that writes the canaries answers ${status}`);
  await checkVessel(platform, canaries);
}

/** Throws when something that `vessel` wrote, or logged, is not read back whole. */
export async function checkVessel(platform: Platform, canaries: Canaries): Promise<void> {
  const read: unknown = await (await platform.fetch('/vessel')).json();
  if (!isDeepStrictEqual(read, filled(canaries))) throw new Error('not all that was written is read back');
  await platform.logs('vessel', ({ message }) => message.includes(canaries.log));
}

/** What `vessel` answers with when all that it wrote is there. */
function filled(canaries: Canaries): unknown {
  const { log: _log, queue: _queue, policy: _policy, schema: _schema, ...read } = canaries;
  return {
    ...read,
    kvLarge: canaries.kvLarge.repeat(LARGE_REPEATS),
    objectLarge: canaries.objectLarge.repeat(LARGE_REPEATS),
  };
}

/** Spellings of a text in which a file could hold it, whatever comes before it. Halves too: a page may end within it. */
export function spellingsOf(text: string): readonly Buffer[] {
  const bytes = Buffer.from(text);
  const inner = [0, 1, 2].flatMap((offset) => {
    // What stands before and after it decides over the characters at the edges alone.
    const shifted = Buffer.concat([Buffer.alloc(offset), bytes.subarray(0, bytes.length - 3)]);
    return [shifted.toString('base64').slice(4, -4), shifted.toString('base64url').slice(4, -4)];
  });
  const hex = bytes.toString('hex');
  const escaped = hex.replaceAll(/../g, '%$&');
  const half = text.length >> 1;
  const wide = Buffer.from(text, 'utf16le');
  return [
    bytes,
    wide,
    Buffer.from(wide).swap16(),
    Buffer.from(bytes).reverse(),
    ...[
      text.slice(0, half),
      text.slice(half),
      hex,
      hex.toUpperCase(),
      escaped,
      escaped.toUpperCase(),
      ...inner,
    ].map((spelling) => Buffer.from(spelling)),
  ];
}

export interface Found {
  readonly place: string;
  readonly file: string;
}

/** Where the files of a folder, and their names, hold a canary. */
export async function search(folder: string, canaries: Readonly<Record<string, string>>): Promise<Found[]> {
  const found: Found[] = [];
  const spellings = Object.entries(canaries).map(([place, text]) => ({ place, all: spellingsOf(text) }));
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name);
    const name = Buffer.from(file);
    const bytes = entry.isFile() ? await contentOf(file) : name;
    for (const { place, all } of spellings) {
      if (all.some((spelling) => bytes.includes(spelling) || name.includes(spelling)))
        found.push({ place, file });
    }
  }
  return found;
}

/** A running server may take a file away at any time. */
async function contentOf(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return Buffer.alloc(0);
    throw thrown;
  }
}
