import { execFile } from 'node:child_process';
import { accessSync, constants, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { promisify } from 'node:util';
import { findControlGroups, readWhereabouts, whyNotUsable } from '../cgroups/find.ts';
import { findDeno } from '../deno.ts';
import type { DenoBinary } from '../deno.ts';
import type { Requirement } from '../port.ts';
import { findProgram } from '../programs.ts';
import { dropPrivileges, isRoot, toolUserId } from '../user-ids.ts';
import { CONFINE } from './command.ts';

/** First kernel with close_range(2); the filter would need 4.14. */
const KERNEL_MIN = [5, 9] as const;
/** First version with `--clearenv`. */
const BUBBLEWRAP_MIN = [0, 5] as const;
const TIMEOUT_MS = 5000;
const DELEGATE = 'systemd-run --user --scope -p Delegate=yes cordon up';
const run = promisify(execFile);

/** What the machine has of what a sandbox needs. Each is tried where it can be, not guessed from a version. */
export async function bubblewrapRequirements(): Promise<Requirement[]> {
  return [
    checkArchitecture(),
    checkKernel(),
    checkSeccomp(),
    await checkBubblewrap(),
    ...(isRoot() ? [checkSetpriv()] : []),
    await checkNamespaces(),
    checkControlGroups(),
  ];
}

function requirement(name: string, ok: boolean, detail: string, fix: string | null = null): Requirement {
  return { name, ok, detail, fix: ok ? null : fix };
}

function checkArchitecture(): Requirement {
  const detail = `${process.platform} on ${process.arch}`;
  return requirement('Linux on x86-64', process.platform === 'linux' && process.arch === 'x64', detail);
}

function checkKernel(): Requirement {
  return requirement(`kernel ${KERNEL_MIN.join('.')} or later`, isAtLeast(release(), KERNEL_MIN), release());
}

function checkSeccomp(): Requirement {
  const actions = readOr('/proc/sys/kernel/seccomp/actions_avail', '').trim();
  const ok = actions.split(' ').includes('kill_process');
  return requirement('system-call filter', ok, ok ? 'seccomp' : 'the kernel has no seccomp filters');
}

async function checkBubblewrap(): Promise<Requirement> {
  const name = `bubblewrap ${BUBBLEWRAP_MIN.join('.')} or later`;
  const path = findProgram('bwrap');
  if (path === null)
    return requirement(name, false, 'the program bwrap is missing', installCommand('bubblewrap'));
  try {
    const { stdout } = await run(path, ['--version'], { timeout: TIMEOUT_MS });
    const version = stdout.trim().split(' ').at(-1) ?? '';
    return requirement(
      name,
      isAtLeast(version, BUBBLEWRAP_MIN),
      `${version} at ${path}`,
      installCommand('bubblewrap'),
    );
  } catch (thrown) {
    return requirement(name, false, firstLine(thrown), installCommand('bubblewrap'));
  }
}

function checkSetpriv(): Requirement {
  const path = findProgram('setpriv');
  return requirement(
    'setpriv',
    path !== null,
    path ?? 'the program is missing',
    installCommand('util-linux'),
  );
}

/** Makes all the namespaces once, as the kind of user that sandboxes are. */
async function checkNamespaces(): Promise<Requirement> {
  const name = 'user namespaces';
  const bubblewrap = findProgram('bwrap');
  const setpriv = findProgram('setpriv');
  if (bubblewrap === null || (isRoot() && setpriv === null)) {
    return requirement(name, false, 'cannot be tried without the programs above');
  }
  const confine = CONFINE.filter((flag) => flag !== '--as-pid-1');
  const command = [...dropPrivileges(setpriv ?? '', toolUserId()), bubblewrap, ...confine];
  const [file, ...rest] = [...command, '--ro-bind', '/', '/', '--', '/bin/sh', '-c', 'exit 0'];
  try {
    await run(file, rest, { timeout: TIMEOUT_MS, cwd: '/' });
    return requirement(name, true, 'a sandbox was made');
  } catch (thrown) {
    return requirement(name, false, firstLine(thrown), namespacesFix());
  }
}

function namespacesFix(): string | null {
  const setting = (path: string): string => readOr(`/proc/sys/${path}`, '').trim();
  if (setting('kernel/unprivileged_userns_clone') === '0')
    return 'sysctl -w kernel.unprivileged_userns_clone=1';
  if (setting('user/max_user_namespaces') === '0') return 'sysctl -w user.max_user_namespaces=28633';
  if (setting('kernel/apparmor_restrict_unprivileged_userns') === '1') {
    return 'sysctl -w kernel.apparmor_restrict_unprivileged_userns=0';
  }
  return null;
}

function checkControlGroups(): Requirement {
  const name = 'control groups (memory, pids, cpu)';
  try {
    const found = findControlGroups(readWhereabouts());
    const why = whyNotUsable(found);
    return requirement(name, why === null, why ?? `version ${found.version}`, isRoot() ? null : DELEGATE);
  } catch (thrown) {
    return requirement(name, false, firstLine(thrown));
  }
}

/** The runtime that is installed with Cordon, or another one. */
export function checkRuntime(runtime: DenoBinary | undefined): Requirement {
  try {
    const { path, version } = runtime ?? findDeno();
    accessSync(path, constants.R_OK | constants.X_OK);
    return requirement('Deno', true, version);
  } catch (thrown) {
    return requirement('Deno', false, firstLine(thrown), 'npm ci');
  }
}

/** With the package manager that this machine has; null when it is none of the usual ones. */
function installCommand(name: string): string | null {
  if (findProgram('apt-get') !== null) return `apt-get install -y ${name}`;
  if (findProgram('dnf') !== null) return `dnf install -y ${name}`;
  if (findProgram('pacman') !== null) return `pacman -S --noconfirm ${name}`;
  if (findProgram('apk') !== null) return `apk add ${name}`;
  return null;
}

function isAtLeast(version: string, [major, minor]: readonly [number, number]): boolean {
  const [haveMajor = 0, haveMinor = 0] = version.split(/[.-]/).map(Number);
  return haveMajor > major || (haveMajor === major && haveMinor >= minor);
}

function readOr(path: string, otherwise: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return otherwise;
  }
}

function firstLine(thrown: unknown): string {
  const said = thrown instanceof Error && 'stderr' in thrown ? String(thrown.stderr) : '';
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return (said.trim() || message).split('\n')[0] ?? '';
}
