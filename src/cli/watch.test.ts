import assert from 'node:assert/strict';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { temporaryFolder } from './cli.fixture.ts';
import { SourceWatcher } from './watch.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;

before(async () => {
  folder = await temporaryFolder();
  for (const name of ['app/src', 'app/node_modules/x', 'shared'])
    await mkdir(join(folder.path, name), { recursive: true });
});

after(() => folder.remove());

/** Watches, does something, and resolves when the watcher has told of it. */
async function told(action: () => Promise<void>, sources: readonly string[] = []): Promise<void> {
  const change = Promise.withResolvers<void>();
  const watcher = new SourceWatcher(join(folder.path, 'app'), change.resolve);
  watcher.update(sources);
  try {
    await action();
    await change.promise;
  } finally {
    watcher.close();
  }
}

test('it tells of a new file, one renamed into place, and one in a new folder', async () => {
  await told(() => writeFile(join(folder.path, 'app/src/a.ts'), '1'));
  await writeFile(join(folder.path, 'a.new'), '2');
  await told(() => rename(join(folder.path, 'a.new'), join(folder.path, 'app/src/a.ts')));
  await told(() => mkdir(join(folder.path, 'app/fresh')));
  await told(() => writeFile(join(folder.path, 'app/fresh/b.ts'), '1'));
});

test('it tells of a source outside of the app', async () => {
  const source = join(folder.path, 'shared/c.ts');
  await writeFile(source, '1');
  await told(() => writeFile(source, '2'), [source]);
});

test('it does not tell of packages, hidden files and what Cordon writes', async () => {
  let changes = 0;
  const watcher = new SourceWatcher(join(folder.path, 'app'), () => (changes += 1));
  for (const name of ['node_modules/x/index.js', '.hidden', 'cordon.d.ts']) {
    await writeFile(join(folder.path, 'app', name), '1');
  }
  // A change that counts comes after those that do not, so that all of them have been seen.
  const counted = Promise.withResolvers<void>();
  const second = new SourceWatcher(join(folder.path, 'app'), counted.resolve);
  await writeFile(join(folder.path, 'app/src/d.ts'), '1');
  await counted.promise;
  watcher.close();
  second.close();
  assert.ok(changes <= 1);
});

test('after close nothing is watched, even when an update comes late', async () => {
  const watcher = new SourceWatcher(join(folder.path, 'app'), () => assert.fail('told after close'));
  watcher.close();
  watcher.update([]);
  await writeFile(join(folder.path, 'app/src/e.ts'), '1');
  await told(() => writeFile(join(folder.path, 'app/src/f.ts'), '1'));
});
