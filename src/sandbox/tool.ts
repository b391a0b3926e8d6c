import { findControlGroups, openControlGroups, readWhereabouts, whyNotUsable } from './cgroups/find.ts';
import { newId } from '../contract/index.ts';
import { CONFINE, insideGroups } from './bubblewrap/command.ts';
import { requireProgram } from './programs.ts';
import { dropPrivileges, isRoot, toolUserId } from './user-ids.ts';

/** Threads of a tool; esbuild uses about two a core. */
const TOOL_PIDS_MAX = 256;
/** A tool may use the whole machine for a moment; it is the memory that has to be bounded. */
const TOOL_CPU_CORES_MAX = 64;

export interface ConfinedToolOptions {
  /** Host path of a static binary. It appears as `/tool`. */
  readonly binary: string;
  /** Host folders that the tool may read, with the path at which it sees them. */
  readonly readOnly: readonly { readonly host: string; readonly guest: string }[];
  /** Bytes of memory of all runs of this command line together. Unlimited when absent or without control groups. */
  readonly memoryBytesMax?: number;
}

/**
 * The command line that runs a static program in a sandbox: all namespaces unshared, no network, no
 * environment, no capability, an own user id where the host is root, and no file but those named. Standard
 * input, output and error are inherited. The binary and the folders must be readable by `toolUserId()`, and
 * so must be the way to them. Errors: bubblewrap or setpriv is missing.
 */
export function confinedTool(options: ConfinedToolOptions): string[] {
  const binds = options.readOnly.flatMap(({ host, guest }) => ['--ro-bind', host, guest]);
  const entrances = options.memoryBytesMax === undefined ? [] : makeGroup(options.memoryBytesMax);
  return insideGroups(requireProgram('sh'), entrances, [
    ...dropPrivileges(isRoot() ? requireProgram('setpriv') : '', toolUserId()),
    requireProgram('bwrap'),
    ...CONFINE,
    ...[
      '--hostname',
      'tool',
      '--ro-bind',
      options.binary,
      '/tool',
      ...binds,
      '--remount-ro',
      '/',
      '--chdir',
      '/',
    ],
    '--',
    '/tool',
  ]);
}

/** The group lasts as long as this process; where that ends without notice, the next server removes it. */
function makeGroup(memoryBytesMax: number): readonly string[] {
  const found = findControlGroups(readWhereabouts());
  if (whyNotUsable(found) !== null) return [];
  const groups = openControlGroups(found);
  const limits = { memoryBytesMax, pidsMax: TOOL_PIDS_MAX, cpuCoresMax: TOOL_CPU_CORES_MAX };
  const group = groups.create(newId('sbx'), limits);
  process.once('exit', () => {
    group.remove();
    groups.close();
  });
  return group.entrances;
}
