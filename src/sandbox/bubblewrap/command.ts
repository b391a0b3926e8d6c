import { DENO_ENVIRONMENT, denoArguments } from '../deno.ts';
import { dropPrivileges } from '../user-ids.ts';
import { GUEST_PATHS } from './runtime-root.ts';

/** User and group inside of the sandbox; nobody on every system. */
const GUEST_ID = '65534';

/** Absolute paths of the programs that a start goes through. */
export interface Programs {
  readonly shell: string;
  readonly setpriv: string;
  readonly bubblewrap: string;
}

/**
 * Enters control groups and becomes a command: `sh -c SCRIPT sh COUNT ENTRANCE… COMMAND…`. All of it are
 * arguments, so that nothing is parsed. `0` is the process that writes. Descriptors that the server may have
 * inherited are closed as far as every shell can name them.
 */
const ENTER = `n=$1; shift
while [ "$n" -gt 0 ]; do echo 0 > "$1" || exit 125; shift; n=$((n-1)); done
exec "$@" 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-`;

/** The command line that runs `command` inside of control groups. */
export function insideGroups(
  shell: string,
  entrances: readonly string[],
  command: readonly string[],
): string[] {
  return [shell, '-c', ENTER, 'sh', String(entrances.length), ...entrances, ...command];
}

/** Flags of bubblewrap that every sandbox has, before the mounts. */
export const CONFINE: readonly string[] = [
  ...['--unshare-all', '--die-with-parent', '--new-session', '--as-pid-1', '--clearenv', '--cap-drop', 'ALL'],
  ...['--uid', GUEST_ID, '--gid', GUEST_ID],
];

/** The whole chain: shell (control groups) → setpriv (user) → bubblewrap (namespaces) → launcher (filter) → runtime. */
export function sandboxCommand(options: {
  readonly programs: Programs;
  readonly entrances: readonly string[];
  readonly uid: number;
  readonly root: string;
  readonly memoryBytesMax: number;
}): string[] {
  const { programs, entrances, uid, root, memoryBytesMax } = options;
  const environment = Object.entries(DENO_ENVIRONMENT).flatMap(([name, value]) => ['--setenv', name, value]);
  return insideGroups(programs.shell, entrances, [
    ...dropPrivileges(programs.setpriv, uid),
    programs.bubblewrap,
    ...CONFINE,
    ...['--hostname', 'fn'],
    // No tmpfs: it would be memory with inodes to exhaust, and nothing may write anyway.
    ...['--ro-bind', root, '/', '--remount-ro', '/', '--chdir', '/'],
    ...environment,
    '--',
    GUEST_PATHS.launcher,
    'deno',
    ...denoArguments(GUEST_PATHS.harness, memoryBytesMax),
  ]);
}
