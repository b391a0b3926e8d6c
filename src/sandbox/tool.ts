import { spawnSync } from 'node:child_process';

/** User id, unknown to the machine, under which tools run when the host is root. */
const TOOL_UID = 64_999;

export interface ConfinedToolOptions {
  /** Host path of a static binary. It appears as `/tool`. */
  readonly binary: string;
  /** Host folders that the tool may read, with the path at which it sees them. */
  readonly readOnly: readonly { readonly host: string; readonly guest: string }[];
}

/**
 * The command line that runs a static program in a sandbox: all namespaces unshared, no network, no
 * environment, no capability, an own user id where the host is root, and no file but those named. Standard
 * input, output and error are inherited. The folders must be readable by `toolUserId()`.
 */
export function confinedTool(options: ConfinedToolOptions): string[] {
  const binds = options.readOnly.flatMap(({ host, guest }) => ['--ro-bind', host, guest]);
  return [
    ...dropPrivileges(TOOL_UID),
    'bwrap',
    ...['--unshare-all', '--die-with-parent', '--new-session', '--clearenv', '--cap-drop', 'ALL'],
    ...['--uid', '65534', '--gid', '65534', '--hostname', 'tool'],
    ...['--ro-bind', options.binary, '/tool', ...binds, '--remount-ro', '/', '--chdir', '/'],
    '/tool',
  ];
}

/** The user that a confined tool reads files as. */
export function toolUserId(): number {
  return process.getuid?.() === 0 ? TOOL_UID : (process.getuid?.() ?? 0);
}

/** The start of a command line that becomes another user without any privilege; empty when the host is not root. */
export function dropPrivileges(uid: number): string[] {
  if (process.getuid?.() !== 0) return [];
  const identity = [`--reuid=${uid}`, `--regid=${uid}`, '--clear-groups'];
  return ['setpriv', ...identity, '--no-new-privs', '--inh-caps=-all', '--bounding-set=-all', '--'];
}

/** True when a namespace sandbox can be made here at all: it makes one. */
export function canSandbox(): boolean {
  const [file, ...rest] = [
    ...dropPrivileges(TOOL_UID),
    'bwrap',
    '--unshare-all',
    '--ro-bind',
    '/',
    '/',
    'true',
  ];
  return file !== undefined && spawnSync(file, rest, { stdio: 'ignore', timeout: 5000 }).status === 0;
}
