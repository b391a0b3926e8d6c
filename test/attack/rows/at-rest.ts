import { join } from 'node:path';
import { Home, ServerProcess } from '../../../tools/server-process.ts';
import { checkVessel, fillVessel, newCanaries, search, type Canaries } from '../../e2e/canaries.ts';
import { Platform } from '../../e2e/platform.ts';
import type { Row, Verdict } from '../row.ts';

/** Starts a server of its own, as it is to be stopped and killed. */
async function withPlatform(action: (platform: Platform) => Promise<void>): Promise<void> {
  const home = await Home.create();
  let platform: Platform | null = null;
  try {
    platform = new Platform(home, await ServerProcess.start(home));
    await action(platform);
  } finally {
    await platform?.server.kill();
    await home.remove();
  }
}

async function look(platform: Platform, verdict: Verdict, canaries: Canaries, when: string): Promise<void> {
  for (const { place, file } of await search(platform.home.dataDirectory, canaries))
    verdict.unharmed(false, `${place} is in the clear in ${file}, ${when}`);
}

const rawFolder: Row = {
  id: 'B3',
  title: 'the raw data folder, searched for what users wrote: running, killed and stopped',
  event: null,
  async attack(_, verdict) {
    const canaries = newCanaries();
    await withPlatform(async (platform) => {
      const folder = join(platform.home.folder, 'apps/vessel');
      await fillVessel(platform, folder, canaries);
      await look(platform, verdict, canaries, 'while the server runs');
      // What a crash leaves is another picture than what an orderly end leaves: logs of the store are not merged.
      await platform.server.kill();
      await look(platform, verdict, canaries, 'after a kill');
      platform.server = await ServerProcess.start(platform.home, { after: platform.server });
      await checkVessel(platform, canaries).catch((error: Error) => verdict.harmed(error.message));
      await platform.server.stop();
      await look(platform, verdict, canaries, 'after a stop');
      const { var: value, source, policy, schema } = canaries;
      const found = await search(folder, { value, source, policy, schema });
      verdict.expect(
        found.length === 4,
        'the search does not find what is in the clear in the folder of the app',
      );
    });
    verdict.note(`${Object.keys(canaries).length} canaries`);
  },
  async twin() {
    await withPlatform(async (platform) => {
      const canaries = newCanaries();
      await fillVessel(platform, join(platform.home.folder, 'apps/vessel'), canaries);
      await platform.server.stop();
      platform.server = await ServerProcess.start(platform.home, { after: platform.server });
      await checkVessel(platform, canaries);
    });
  },
};

export const AT_REST_ROWS: readonly Row[] = [rawFolder];
