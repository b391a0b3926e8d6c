import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stagingFolderFor } from '../../../src/deploy/index.ts';
import type { Row } from '../row.ts';
import { errorOf } from '../stage.ts';
import { makeTar, plainApp, type TarEntry } from '../tar.ts';

const SOURCE = 'export default { fetch: () => new Response("served\\n") }';
const PLANTED = 'planted-by-an-archive';

/** Entries that must not be unpacked, each next to an app that would be fine without them. */
function hostileEntries(secret: string): Record<string, readonly TarEntry[]> {
  const planted = { body: PLANTED };
  return {
    'symlink to a host file': [{ name: 'link', type: '2', link: secret }],
    'symlink to /': [{ name: 'root', type: '2', link: '/' }],
    'relative symlink': [{ name: 'up', type: '2', link: '../../../..' }],
    'file through a symlink': [
      { name: 'dir', type: '2', link: '/tmp' },
      { name: `dir/${PLANTED}`, ...planted },
    ],
    'hard link to a host file': [{ name: 'hard', type: '1', link: secret }],
    'hard link inside': [{ name: 'hard.js', type: '1', link: 'main.js' }],
    'climbing path': [{ name: `../${PLANTED}`, ...planted }],
    'climbing path far': [{ name: `../../../../../../tmp/${PLANTED}`, ...planted }],
    'climbing in the middle': [{ name: `a/../../${PLANTED}`, ...planted }],
    'absolute path': [{ name: `/tmp/${PLANTED}`, ...planted }],
    backslashes: [{ name: `..\\..\\tmp\\${PLANTED}`, ...planted }],
    'empty segment': [{ name: `a//${PLANTED}`, ...planted }],
    'dot segment': [{ name: `./a/./${PLANTED}`, ...planted }],
    'control character': [{ name: `a\n${PLANTED}`, ...planted }],
    'character device': [{ name: 'null', type: '3' }],
    'block device': [{ name: 'disk', type: '4' }],
    fifo: [{ name: 'pipe', type: '6' }],
    'contiguous file': [{ name: 'contiguous', type: '7', ...planted }],
    'unknown type': [{ name: 'odd', type: 'Z', ...planted }],
    'same name twice': [{ name: 'main.js', ...planted }],
    'name that differs in case': [{ name: 'MAIN.js', ...planted }],
    'file that is a folder': [{ name: 'main.js/inner', ...planted }],
    'long name that climbs': [
      { name: '././@LongLink', type: 'L', body: `${'a/'.repeat(60)}../../${PLANTED}\0` },
      { name: 'short', ...planted },
    ],
    'pax path that climbs': [
      { name: 'pax', type: 'x', body: paxRecord('path', `../../${PLANTED}`) },
      { name: 'short', ...planted },
    ],
    'pax link': [
      { name: 'pax', type: 'x', body: paxRecord('linkpath', secret) },
      { name: 'link', type: '2' },
    ],
    'size beyond the archive': [{ name: 'large', size: '77777777777' }],
    'size that is no number': [{ name: 'odd', size: 'not-a-size!' }],
    'cut off': [{ name: 'cut', size: '00000010000', ...planted }],
    'reserved folder': [{ name: '.cordon/inner', ...planted }],
    'links of the format, climbing': [
      {
        name: '.cordon/archive.json',
        body: JSON.stringify({ version: 1, app: '', links: { 'node_modules/a': '../../../etc' } }),
      },
    ],
    'links of the format, to a host folder': [
      {
        name: '.cordon/archive.json',
        body: JSON.stringify({ version: 1, app: '', links: { 'node_modules/a': '/etc' } }),
      },
    ],
    'links of the format, prototype': [
      {
        name: '.cordon/archive.json',
        body: '{"version":1,"app":"","links":{"__proto__":{"node_modules/a":"/etc"}}}',
      },
    ],
    'app folder of the format, climbing': [
      { name: '.cordon/archive.json', body: JSON.stringify({ version: 1, app: '../..', links: {} }) },
    ],
    'set-user-id bits': [{ name: 'suid', mode: '0006777', ...planted }],
  };
}

/** Entries that may be unpacked, because nothing is left of what makes them look dangerous. */
const HARMLESS = new Set(['set-user-id bits', 'links of the format, prototype']);

function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  const length = rest.length + String(rest.length + 2).length;
  return `${length}${rest}`;
}

/** Sources that reach for host files at build time. */
const REACHING: Readonly<Record<string, string>> = {
  'import of /etc/passwd':
    'import text from "/etc/passwd"; export default { fetch: () => new Response(String(text)) }',
  'import that climbs':
    'import text from "../../../../../../etc/passwd"; export default { fetch: () => new Response(String(text)) }',
  'file URL':
    'import text from "file:///etc/passwd"; export default { fetch: () => new Response(String(text)) }',
  'text of /etc/passwd':
    'import text from "/etc/passwd" with { type: "text" }; export default { fetch: () => new Response(text) }',
  'require of a host file':
    'const text = require("/etc/hostname"); export default { fetch: () => new Response(String(text)) }',
  'remote module':
    'import x from "https://example.com/x.js"; export default { fetch: () => new Response(x) }',
};

function outside(dataDirectory: string): string[] {
  const names = [
    ...readdirSync('/tmp'),
    ...readdirSync('/'),
    ...readdirSync(stagingFolderFor(dataDirectory), { recursive: true }).map(String),
    ...readdirSync(dataDirectory, { recursive: true }).map(String),
  ];
  return names.filter((name) => name.includes(PLANTED));
}

const hostileArchives: Row = {
  id: 'F10',
  title: 'source archives with links, devices and paths to the host',
  event: null,
  async attack(stage, verdict) {
    const secret = join(stage.home.folder, 'secret.js');
    writeFileSync(secret, `export default ${JSON.stringify(stage.canary)}`);
    const before = readFileSync(secret, 'utf8');
    const cases = hostileEntries(secret);
    for (const [name, entries] of Object.entries(cases)) {
      const { status, text } = await stage.deployTar(
        'smuggler',
        makeTar([...plainApp('smuggler', SOURCE), ...entries]),
      );
      const refused = status >= 400 && status < 500;
      if (!HARMLESS.has(name))
        verdict.expect(refused && errorOf(text).code !== '', `${name}: ${status} ${errorOf(text).code}`);
      verdict.unharmed(!text.includes(stage.canary), `${name} told the content of a host file`);
      verdict.unharmed(
        outside(stage.home.dataDirectory).length === 0,
        `${name} left ${outside(stage.home.dataDirectory).join(' ')}`,
      );
    }
    for (const [name, source] of Object.entries(REACHING)) {
      const { status, text } = await stage.deployTar('reacher', makeTar(plainApp('reacher', source)));
      verdict.expect(status === 400, `${name}: ${status} ${text.slice(0, 120)}`);
      verdict.unharmed(!text.includes('root:x:'), `${name} told the content of a host file`);
    }
    verdict.unharmed(readFileSync(secret, 'utf8') === before, 'a host file changed');
    const staged = readdirSync(join(stagingFolderFor(stage.home.dataDirectory), 'unpacked'));
    verdict.unharmed(staged.length === 0, `left in staging: ${staged.join(' ')}`);
    for (const app of ['reacher'])
      verdict.unharmed((await stage.call(`/${app}`)).status === 404, `${app} is served`);
    verdict.note(`${Object.keys(cases).length} archives, ${Object.keys(REACHING).length} sources`);
  },
  async twin(stage) {
    const entries = [
      ...plainApp(
        'packer',
        'import { word } from "./lib/deep/word.js"; export default { fetch: () => new Response(word) }',
      ),
      { name: 'lib/', type: '5' },
      { name: 'lib/deep/word.js', body: 'export const word = "packed"' },
    ];
    const { status, text } = await stage.deployTar('packer', makeTar(entries));
    if (status !== 201) throw new Error(`plain files are refused: ${status} ${text}`);
    const answer = await stage.call('/packer');
    if (answer.text !== 'packed') throw new Error(`the app answers ${answer.status} ${answer.text}`);
  },
};

export const ARCHIVE_ROWS: readonly Row[] = [hostileArchives];
