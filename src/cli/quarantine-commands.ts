import { count } from './option-values.ts';
import type { Branch } from './program.ts';

/** The commands about objects that inspection did not let into their bucket. */
export function addQuarantine({ group }: Branch): void {
  const quarantine = group('quarantine', 'Look at uploads that were rejected, and remove them.', [
    'cordon quarantine list',
    'cordon quarantine show 0198f3a1b2c3d4e5f60718293a4b5c6d',
  ]);
  const load = async () => import('./commands/quarantine.ts');
  quarantine
    .add('list', 'List rejected uploads, newest first.', async () => (await load()).listRejected, [
      'cordon quarantine list',
      'cordon quarantine list --limit 10 --json',
    ])
    .option('--after <id>', 'go on after this one')
    .option('-n, --limit <count>', 'how many, at most 1000', count, 100);
  quarantine
    .add('show', 'Show what was found in a rejected upload.', async () => (await load()).showRejected, [
      'cordon quarantine show 0198f3a1b2c3d4e5f60718293a4b5c6d',
    ])
    .argument('<id>', 'id of the rejected upload');
  quarantine
    .add('save', 'Write a rejected upload into a new file.', async () => (await load()).saveRejected, [
      'cordon quarantine save 0198f3a1b2c3d4e5f60718293a4b5c6d ./sample.bin',
    ])
    .argument('<id>', 'id of the rejected upload')
    .argument('<file>', 'file that is not there yet; only its owner can read it');
  quarantine
    .add('drop', 'Remove a rejected upload for good.', async () => (await load()).dropRejected, [
      'cordon quarantine drop 0198f3a1b2c3d4e5f60718293a4b5c6d',
    ])
    .argument('<id>', 'id of the rejected upload');
}
