/* oxlint-disable -- hostile code */
import { builtin } from './attempts.js';

const quietly = async (action) => {
  try {
    return (await action()) ?? null;
  } catch {
    return null;
  }
};

const PLACES = {
  global: [(mark) => (globalThis.__mark = mark), () => globalThis.__mark],
  prototype: [(mark) => (Object.prototype.__mark = mark), () => ({}).__mark],
  environment: [(mark) => Deno.env.set('MARK', mark), () => Deno.env.get('MARK')],
  'process.env': [(mark) => (process.env.MARK2 = mark), () => process.env.MARK2],
  'file in /tmp': [(mark) => Deno.writeTextFile('/tmp/mark', mark), () => Deno.readTextFile('/tmp/mark')],
  'file in /dev/shm': [
    (mark) => builtin('node:fs').writeFileSync('/dev/shm/mark', mark),
    () => builtin('node:fs').readFileSync('/dev/shm/mark', 'utf8'),
  ],
  'file in /': [
    (mark) => builtin('node:fs').writeFileSync('/mark', mark),
    () => builtin('node:fs').readFileSync('/mark', 'utf8'),
  ],
  harness: [
    (mark) => builtin('node:fs').appendFileSync('/harness.mjs', `// ${mark}`),
    () =>
      builtin('node:fs')
        .readFileSync('/harness.mjs', 'utf8')
        .match(/mark-\S+/)?.[0],
  ],
  cache: [
    async (mark) => (await caches.open('mark')).put('http://mark/', new Response(mark)),
    async () => (await (await caches.open('mark')).match('http://mark/'))?.text(),
  ],
  localStorage: [(mark) => localStorage.setItem('mark', mark), () => localStorage.getItem('mark')],
  sessionStorage: [(mark) => sessionStorage.setItem('mark', mark), () => sessionStorage.getItem('mark')],
  kv: [
    async (mark) => (await Deno.openKv()).set(['mark'], mark),
    async () => (await (await Deno.openKv()).get(['mark'])).value,
  ],
  'kv in a file': [
    async (mark) => (await Deno.openKv('/tmp/kv')).set(['mark'], mark),
    async () => (await (await Deno.openKv('/tmp/kv')).get(['mark'])).value,
  ],
  title: [(mark) => (process.title = mark), () => (process.title.startsWith('mark-') ? process.title : null)],
};

let channelHeard = null;
try {
  new BroadcastChannel('mark').onmessage = ({ data }) => (channelHeard = data);
} catch {}

export default {
  async fetch(request) {
    const url = new URL(request.url);
    const action = url.pathname.split('/').pop();
    const mark = url.searchParams.get('mark');
    if (action === 'write') {
      for (const [write] of Object.values(PLACES)) await quietly(() => write(mark));
      await quietly(() => new BroadcastChannel('mark').postMessage(mark));
      return new Response('written');
    }
    if (action === 'exit') Deno.exit(0);
    const found = { broadcast: channelHeard };
    for (const [name, [, read]] of Object.entries(PLACES)) found[name] = await quietly(read);
    return Response.json(found);
  },
};
