/**
 * Installs what Cordon needs from the system, with the system's package manager: bubblewrap, and nothing
 * else. Says what it does before it does it, and says nothing where there is nothing to do.
 */
import { spawnSync } from 'node:child_process';
import { pathToFileURL } from 'node:url';

interface PackageManager {
  readonly name: string;
  /** Commands in order; the first may only refresh the index, so its failure is not final. */
  readonly commands: readonly (readonly string[])[];
}

const PACKAGE_MANAGERS: readonly PackageManager[] = [
  {
    name: 'apt-get',
    commands: [
      ['apt-get', 'update', '-qq'],
      ['apt-get', 'install', '-y', '-qq', '--no-install-recommends', 'bubblewrap'],
    ],
  },
  { name: 'dnf', commands: [['dnf', 'install', '-y', '-q', 'bubblewrap']] },
  { name: 'pacman', commands: [['pacman', '-S', '--noconfirm', '--needed', 'bubblewrap']] },
  { name: 'apk', commands: [['apk', 'add', '--quiet', 'bubblewrap']] },
];

/** True when `command` runs at all. */
function runs(command: string): boolean {
  return spawnSync(command, ['--version'], { stdio: 'ignore' }).error === undefined;
}

/** Makes sure that bubblewrap is there. False, with the reason on stderr, when it cannot be brought. */
export function setup(): boolean {
  if (runs('bwrap')) return true;

  const manager = PACKAGE_MANAGERS.find(({ name }) => runs(name));
  if (!manager) {
    console.error(
      'Cordon needs bubblewrap (the program `bwrap`). Install it with the package manager of this system.',
    );
    return false;
  }

  const isRoot = process.getuid?.() === 0;
  for (const command of manager.commands) {
    const [program = '', ...args] = isRoot ? command : ['sudo', ...command];
    console.error(`Installing bubblewrap: ${[program, ...args].join(' ')}`);
    spawnSync(program, args, {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    });
  }
  if (runs('bwrap')) return true;
  console.error('bubblewrap could not be installed. Install it by hand and try again.');
  return false;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) process.exitCode = setup() ? 0 : 1;
