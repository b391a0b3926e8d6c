import assert from 'node:assert/strict';
import { release } from 'node:os';
import { after, before, test } from 'node:test';
import { deployCode, openCapable } from './capabilities.fixture.ts';
import type { Capable } from './capabilities.fixture.ts';
import { callIn } from './pool.fixture.ts';

let capable: Capable;
before(async () => {
  capable = await openCapable();
});
after(() => capable.close());

async function run(code: string): Promise<unknown> {
  const answer = await callIn(capable.pool, deployCode({ f: { code } }).of('f'), '/', { id: 'req_system' });
  if (answer.error !== null) throw answer.error;
  return JSON.parse(answer.body);
}

test('what packages ask about the machine is answered alike in every sandbox, and says nothing of the host', async () => {
  const told = await run(`
    const os = process.getBuiltinModule('node:os');
    return Response.json({
      release: os.release(), home: os.homedir(), user: os.userInfo().username,
      interfaces: os.networkInterfaces(), cpus: os.cpus(), load: os.loadavg(),
      ids: [process.getuid(), process.geteuid(), process.getgid(), process.getegid()],
    });
  `);
  assert.deepEqual(told, {
    release: '0.0.0',
    home: '/',
    user: 'nobody',
    interfaces: {},
    cpus: [],
    load: [0, 0, 0],
    ids: [65_534, 65_534, 65_534, 65_534],
  });
  assert.ok(!JSON.stringify(told).includes(release()));
});

test('what nobody needs is refused by the runtime', async () => {
  const refused = await run(`
    const attempt = (work) => { try { work(); return 'told'; } catch (e) { return e.name; } };
    return Response.json([
      attempt(() => Deno.osRelease()), attempt(() => Deno.systemMemoryInfo()), attempt(() => Deno.networkInterfaces()),
      attempt(() => Deno.loadavg()), attempt(() => Deno.uid()),
    ]);
  `);
  assert.deepEqual(
    refused,
    Array.from({ length: 5 }, () => 'NotCapable'),
  );
});
