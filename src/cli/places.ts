import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Surroundings } from './terminal.ts';

/** Folder of the server's state: `--data`, CORDON_DATA, XDG_DATA_HOME, `/var/lib/cordon` for root, `~/.local/share`. */
export function dataDirectory(option: string | undefined, { env, cwd }: Surroundings): string {
  const named = option ?? env['CORDON_DATA'];
  if (named !== undefined && named !== '') return resolve(cwd, named);
  const base = env['XDG_DATA_HOME'];
  if (base !== undefined && base !== '') return join(base, 'cordon');
  if (process.getuid?.() === 0) return '/var/lib/cordon';
  return join(home(env), '.local/share/cordon');
}

/** File with the URL and token of the server. */
export function credentialsFile({ env }: Surroundings): string {
  const base = env['XDG_CONFIG_HOME'];
  return join(
    base !== undefined && base !== '' ? base : join(home(env), '.config'),
    'cordon',
    'credentials.json',
  );
}

function home(env: Surroundings['env']): string {
  return env['HOME'] ?? homedir();
}
