import { patchBuiltin } from '../capability/guest.ts';

/** The user that a sandbox runs as, in its own namespace (`nobody`). */
const USER_ID = 65_534;
const HOME = '/';

/**
 * Answers what code asks about the machine, in the same way in every sandbox. The runtime would refuse it, and
 * packages that ask without need, such as for a user agent, would fail with that; nothing of it is the host's.
 */
export function installSystem(): void {
  const identity = (): number => USER_ID;
  Object.assign(process, { getuid: identity, geteuid: identity, getgid: identity, getegid: identity });
  patchBuiltin('os', (module) => {
    Object.assign(module, {
      release: () => '0.0.0',
      version: () => '',
      homedir: () => HOME,
      userInfo: () => ({ uid: USER_ID, gid: USER_ID, username: 'nobody', homedir: HOME, shell: null }),
      networkInterfaces: () => ({}),
      cpus: () => [],
      loadavg: () => [0, 0, 0],
    });
  });
}
