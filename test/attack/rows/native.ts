import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import type { Row, Verdict } from '../row.ts';
import { sandboxed } from '../processes.ts';
import { createBubblewrapIsolation, type Isolation } from '../../../src/sandbox/index.ts';
import type { Stage } from '../stage.ts';

const SOURCE = join(import.meta.dirname, '../native/probe.c');
const LIMITS = { memoryBytesMax: 64 * 2 ** 20, cpuCoresMax: 1, pidsMax: 16 };

/** System calls that have to be refused or to end the sandbox. */
const CALLS = [
  'unshare user',
  'unshare net',
  'mount',
  'umount',
  'pivot_root',
  'chroot',
  'setns',
  'ptrace',
  'process_vm_readv',
  'bpf',
  'io_uring_setup',
  'keyctl',
  'add_key',
  'userfaultfd',
  'perf_event_open',
  'memfd_create',
  'open_by_handle_at',
  'clone user',
  'clone process',
  'clone3 user',
  'clone3 process',
  'fork',
  'execve',
  'socket inet',
  'socket unix',
  'socket netlink',
  'kill',
  'setuid',
  'personality',
  'ioctl TIOCSTI',
  'prctl dumpable',
  'mkdir',
  'x32 getpid',
];
/** Calls that every program needs. */
const NEEDED = ['getpid', 'getrandom'];

/** An isolation whose runtime is the probe, so that native code stands behind the same wall as a function. */
async function withProbe(action: (isolation: Isolation) => Promise<void>): Promise<boolean> {
  const folder = mkdtempSync('/var/tmp/cordon-probe-');
  try {
    const probe = join(folder, 'probe');
    const compiled = spawnSync('gcc', ['-O1', '-static', '-o', probe, SOURCE], { stdio: 'ignore' });
    if (compiled.status !== 0) return false;
    await chmod(folder, 0o755);
    const runtimeDirectory = join(folder, 'runtime');
    const isolation = createBubblewrapIsolation({ harness: '', runtimeDirectory });
    await isolation.prepare();
    try {
      const [root = ''] = readdirSync(runtimeDirectory);
      // A rename puts another file in the runtime's place; the runtime's own file may be linked from elsewhere.
      renameSync(probe, join(runtimeDirectory, root, 'bin/deno'));
      await action(isolation);
    } finally {
      await isolation.close();
    }
    return true;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Makes one call in a sandbox of its own. */
async function callInside(isolation: Isolation, name: string): Promise<string> {
  const sandbox = await isolation.start(LIMITS);
  let answer = '';
  sandbox.channel.on('data', (chunk: Buffer) => (answer += chunk.toString()));
  sandbox.channel.on('error', () => undefined);
  sandbox.channel.write(name);
  const { reason } = await sandbox.exited;
  return answer === '' ? reason : answer.trim();
}

async function each(
  names: readonly string[],
  look: (name: string, outcome: string) => void,
): Promise<boolean> {
  return withProbe(async (isolation) => {
    const left = [...names];
    const lane = async (): Promise<void> => {
      for (let name = left.shift(); name !== undefined; name = left.shift())
        look(name, await callInside(isolation, name));
    };
    await Promise.all([lane(), lane(), lane()]);
  });
}

/** What the kernel says about the processes of running sandboxes. */
function lookAtStatus(stage: Stage, verdict: Verdict): void {
  for (const { pid, name } of sandboxed(stage.server.pid)) {
    if (name === 'bwrap' || name === 'sh' || name === 'setpriv') continue;
    // The bundler: in namespaces and groups of its own, and it runs no code of an app. SECURITY.md says what it lacks.
    if (name === 'tool') continue;
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    verdict.expect(/^Seccomp:\s+2$/m.test(status), `process ${pid} has no filter`);
    verdict.expect(/^NoNewPrivs:\s+1$/m.test(status), `process ${pid} may gain privileges`);
    verdict.expect(
      /^CapBnd:\s+0+$/m.test(status) && /^CapEff:\s+0+$/m.test(status),
      `process ${pid} has capabilities`,
    );
    verdict.expect(!/^Uid:\s+0\s/m.test(status), `process ${pid} is root of the host`);
  }
}

const systemCalls: Row = {
  id: 'F8',
  title: 'unshare, mount, ptrace, bpf, io_uring, keyctl, userfaultfd, clone3',
  event: null,
  async attack(stage, verdict) {
    let killed = 0;
    const ran = await each(CALLS, (name, outcome) => {
      verdict.expect(outcome.startsWith('refused') || outcome === 'syscall', `${name}: ${outcome}`);
      if (outcome === 'syscall') killed += 1;
    });
    lookAtStatus(stage, verdict);
    if (ran)
      verdict.note(
        `${CALLS.length} calls of native code: ${killed} ended the sandbox, ${CALLS.length - killed} were refused`,
      );
    else
      verdict.note(
        'no C compiler here: only the state of running sandboxes was looked at; JavaScript reaches no raw system call (F7)',
      );
  },
  async twin() {
    await each(NEEDED, (name, outcome) => {
      if (!outcome.startsWith('REACHED')) throw new Error(`${name}: ${outcome}`);
    });
  },
};

export const NATIVE_ROWS: readonly Row[] = [systemCalls];
