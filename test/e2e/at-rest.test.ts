import assert from 'node:assert/strict';
import { join } from 'node:path';
import test from 'node:test';
import { Home, ServerProcess } from '../../tools/server-process.ts';
import { checkVessel, fillVessel, newCanaries, search, spellingsOf } from './canaries.ts';
import { Platform } from './platform.ts';

test('nothing that users wrote is in the clear in the data folder, running or stopped', async () => {
  const home = await Home.create();
  const canaries = newCanaries();
  const folder = join(home.folder, 'apps/vessel');
  let platform: Platform | null = null;
  try {
    platform = new Platform(home, await ServerProcess.start(home));
    await fillVessel(platform, folder, canaries);
    assert.deepEqual(await search(home.dataDirectory, canaries), []);
    await platform.server.stop();
    assert.deepEqual(await search(home.dataDirectory, canaries), []);

    // It is there all the same, for who has the key.
    platform.server = await ServerProcess.start(home, { after: platform.server });
    await checkVessel(platform, canaries);
    await platform.server.stop();
    // What keeps a search from finding nothing anywhere: the app's own folder has what the user wrote there.
    const { var: value, source, policy, schema } = canaries;
    const found = await search(folder, { value, source, policy, schema });
    assert.deepEqual(found.map(({ place }) => place).toSorted(), ['policy', 'schema', 'source', 'value']);
  } finally {
    await platform?.server.kill();
    await home.remove();
  }
});

test('the search finds a text in each spelling that it looks for', () => {
  const [text = ''] = Object.values(newCanaries());
  const finds = (spelled: Buffer): boolean =>
    spellingsOf(text).some((spelling) => spelled.includes(spelling));
  for (const encoding of ['utf8', 'hex', 'base64', 'base64url'] as const) {
    for (const before of ['', 'x', 'xy', 'xyz']) {
      const spelled = Buffer.from(Buffer.from(`${before}${text}after`).toString(encoding));
      assert.ok(finds(spelled), `${encoding} after ${before.length} characters`);
    }
  }
  assert.ok(finds(Buffer.from(`é${text}`, 'utf16le')));
  assert.ok(finds(Buffer.from(`é${text}`, 'utf16le').swap16()));
  assert.ok(finds(Buffer.from(Buffer.from(text).toString('hex').replaceAll(/../g, '%$&'))));
  assert.ok(finds(Buffer.from(text.slice(0, -3))), 'all but its end');
  assert.ok(!finds(Buffer.from('another text')));
});
