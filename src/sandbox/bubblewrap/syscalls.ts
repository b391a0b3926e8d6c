import { LAUNCHER_END } from './launcher.ts';
import type { ExecAddresses } from './launcher.ts';
import type { Clause, Comparison, Rule, Verdict } from './filter.ts';

/** A row of the table of system calls (x86-64): `docs/SYSCALLS.md` and the filter are both made from it. */
export interface SyscallRow {
  readonly name: string;
  readonly number: number;
  /** Why it is allowed, or what it would be good for in an attack. */
  readonly reason: string;
  /** What has to hold of its arguments to be allowed, in words. */
  readonly condition: string | null;
  rule(exec: ExecAddresses): Rule;
}

function row(verdict: Verdict, number: number, name: string, reason: string): SyscallRow {
  return { name, number, reason, condition: null, rule: () => ({ number, clauses: [], otherwise: verdict }) };
}

function allow(number: number, name: string, reason: string): SyscallRow {
  return row('allow', number, name, reason);
}

interface Conditional {
  readonly condition: string;
  readonly clauses: readonly Clause[] | ((exec: ExecAddresses) => readonly Clause[]);
  readonly otherwise: Verdict;
}

function allowIf(number: number, name: string, reason: string, conditional: Conditional): SyscallRow {
  const { condition, clauses, otherwise } = conditional;
  const made = typeof clauses === 'function' ? clauses : () => clauses;
  return { name, number, reason, condition, rule: (exec) => ({ number, clauses: made(exec), otherwise }) };
}

function low(field: number, is: Comparison['is'], value: number, mask?: number): Comparison {
  return { field, half: 'low', is, value, ...(mask === undefined ? {} : { mask }) };
}

function zeroHigh(field: number): Comparison {
  return { field, half: 'high', is: 'equal', value: 0 };
}

/** Allows when the low half of an argument is one of the values. */
function oneOf(field: number, values: readonly number[]): Clause[] {
  return values.map((value) => ({ when: [low(field, 'equal', value)], verdict: 'allow' }));
}

/** All but MSG_DONTWAIT and MSG_NOSIGNAL, on unsigned 32 bits. */
const MSG_FLAGS_REFUSED = ~(0x40 | 0x4000) >>> 0;
/** The flags with which glibc makes a thread, and nothing else: no process, no namespace, no tracing. */
const THREAD_FLAGS = 0x3d0f00;
/** Every CLONE_NEW… flag of clone(2). */
const NAMESPACE_FLAGS = 0x7e020000;
/** MAP_FIXED and MAP_FIXED_NOREPLACE. */
const MAP_FIXED_FLAGS = 0x100010;
const MAP_GROWSDOWN = 0x100;
const MREMAP_MAYMOVE = 1;
/** The access mode, O_CREAT, O_TRUNC and the bit of O_TMPFILE. */
const OPEN_WRITE_FLAGS = 0x3 | 0x40 | 0x200 | 0x400000;
const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SIGABRT = 6;
const ARCH_SET_FS = 0x1002;

const CHANNEL = 'the channel to the host';
const LOOP = 'the event loop';
const THREADS = 'the threads of V8 and of the runtime';
const MEMORY = 'memory of V8, of WebAssembly and of the allocator';
const LOADER = 'the loader of shared libraries at the start';
const SIGNALS = 'handlers that V8 and the runtime install, and crashes that end properly';
const CLOCKS = 'timers, performance.now and Date';
const SELF = 'a fact about its own process, which its namespaces make meaningless';

const ALLOWED: readonly SyscallRow[] = [
  allow(0, 'read', CHANNEL),
  allow(1, 'write', `${CHANNEL}; standard error, of which the host keeps the end`),
  allow(3, 'close', 'descriptors it opened'),
  allow(4, 'stat', 'resolving the harness in the read-only root'),
  allow(5, 'fstat', 'the kind of an inherited descriptor'),
  allow(6, 'lstat', 'resolving the harness in the read-only root'),
  allow(7, 'poll', 'checks that descriptors 0 to 2 are open'),
  allow(10, 'mprotect', MEMORY),
  allow(11, 'munmap', MEMORY),
  allow(12, 'brk', MEMORY),
  allow(13, 'rt_sigaction', SIGNALS),
  allow(14, 'rt_sigprocmask', SIGNALS),
  allow(15, 'rt_sigreturn', SIGNALS),
  allow(17, 'pread64', LOADER),
  allow(20, 'writev', CHANNEL),
  allow(21, 'access', LOADER),
  allow(24, 'sched_yield', THREADS),
  allow(28, 'madvise', MEMORY),
  allow(39, 'getpid', SELF),
  allow(48, 'shutdown', 'ends its side of the channel'),
  allow(51, 'getsockname', 'the kind of the channel'),
  allow(52, 'getpeername', 'the kind of the channel'),
  allow(55, 'getsockopt', 'the kind of the channel'),
  allow(60, 'exit', THREADS),
  allow(63, 'uname', 'Deno.osRelease at the start; its host name is a constant'),
  allow(79, 'getcwd', 'resolving the harness'),
  allow(89, 'readlink', 'finds its own binary through a plain link in the root'),
  allow(96, 'gettimeofday', CLOCKS),
  allow(98, 'getrusage', 'process.cpuUsage'),
  allow(99, 'sysinfo', 'sizes of caches at the start'),
  allow(102, 'getuid', SELF),
  allow(104, 'getgid', SELF),
  allow(107, 'geteuid', SELF),
  allow(108, 'getegid', SELF),
  allow(110, 'getppid', SELF),
  allow(131, 'sigaltstack', SIGNALS),
  allow(143, 'sched_getparam', THREADS),
  allow(145, 'sched_getscheduler', THREADS),
  allow(186, 'gettid', THREADS),
  allow(202, 'futex', THREADS),
  allow(204, 'sched_getaffinity', 'the number of worker threads'),
  allow(218, 'set_tid_address', THREADS),
  allow(219, 'restart_syscall', 'the kernel resumes a sleep after a signal'),
  allow(228, 'clock_gettime', CLOCKS),
  allow(229, 'clock_getres', CLOCKS),
  allow(230, 'clock_nanosleep', CLOCKS),
  allow(231, 'exit_group', 'the end'),
  allow(232, 'epoll_wait', LOOP),
  allow(233, 'epoll_ctl', LOOP),
  allow(262, 'newfstatat', LOADER),
  allow(273, 'set_robust_list', THREADS),
  allow(290, 'eventfd2', LOOP),
  allow(291, 'epoll_create1', LOOP),
  allow(318, 'getrandom', 'crypto, and the seeds of hash tables'),
  allow(324, 'membarrier', THREADS),
  allow(329, 'pkey_mprotect', 'V8 write-protects its code'),
  allow(330, 'pkey_alloc', 'V8 write-protects its code'),
  allow(331, 'pkey_free', 'V8 write-protects its code'),
  allow(332, 'statx', 'resolving the harness in the read-only root'),
  allow(334, 'rseq', THREADS),
];

const CONDITIONAL: readonly SyscallRow[] = [
  allowIf(9, 'mmap', MEMORY, {
    condition: 'not below the end of the launcher, no MAP_GROWSDOWN',
    clauses: [
      { when: [zeroHigh(0), low(0, 'different', 0), low(0, 'below', LAUNCHER_END)], verdict: 'deny' },
      {
        when: [zeroHigh(0), low(0, 'equal', 0), low(3, 'different', 0, MAP_FIXED_FLAGS)],
        verdict: 'deny',
      },
      { when: [low(3, 'different', 0, MAP_GROWSDOWN)], verdict: 'deny' },
    ],
    otherwise: 'allow',
  }),
  allowIf(
    16,
    'ioctl',
    'marks descriptors as non-blocking and close-on-exec; asks whether one is a terminal',
    {
      condition: 'FIONBIO, FIOCLEX or TCGETS',
      clauses: oneOf(1, [0x5421, 0x5451, 0x5401]),
      otherwise: 'deny',
    },
  ),
  allowIf(25, 'mremap', 'growing large allocations', {
    condition: 'no flag but MREMAP_MAYMOVE',
    clauses: [{ when: [zeroHigh(3), low(3, 'equal', 0, ~MREMAP_MAYMOVE >>> 0)], verdict: 'allow' }],
    otherwise: 'deny',
  }),
  allowIf(45, 'recvfrom', CHANNEL, {
    condition: 'no flag but MSG_DONTWAIT and MSG_NOSIGNAL; out-of-band data of unix sockets had holes',
    clauses: [{ when: [low(3, 'equal', 0, MSG_FLAGS_REFUSED)], verdict: 'allow' }],
    otherwise: 'deny',
  }),
  allowIf(53, 'socketpair', 'wakes the event loop after a signal; leads nowhere', {
    condition: 'AF_UNIX, SOCK_STREAM',
    clauses: [{ when: [low(0, 'equal', AF_UNIX), low(1, 'equal', SOCK_STREAM, 0xf)], verdict: 'allow' }],
    otherwise: 'deny',
  }),
  allowIf(56, 'clone', THREADS, {
    condition: 'exactly the flags of a thread; a flag of a namespace kills',
    clauses: [
      { when: [zeroHigh(0), low(0, 'equal', THREAD_FLAGS)], verdict: 'allow' },
      { when: [low(0, 'different', 0, NAMESPACE_FLAGS)], verdict: 'kill' },
    ],
    otherwise: 'deny',
  }),
  allowIf(59, 'execve', 'the launcher becomes the runtime, once', {
    condition: 'the path is at the address of the launcher, and the call comes from its code',
    clauses: ({ path, instruction }) => [
      {
        when: [
          zeroHigh(0),
          low(0, 'equal', path),
          { field: 'instruction', half: 'high', is: 'equal', value: 0 },
          { field: 'instruction', half: 'low', is: 'equal', value: instruction },
        ],
        verdict: 'allow',
      },
    ],
    otherwise: 'deny',
  }),
  allowIf(72, 'fcntl', 'flags and duplicates of its own descriptors', {
    condition: 'F_GETFD, F_SETFD, F_GETFL, F_SETFL or F_DUPFD_CLOEXEC',
    clauses: oneOf(1, [1, 2, 3, 4, 1030]),
    otherwise: 'deny',
  }),
  allowIf(157, 'prctl', 'names of threads', {
    condition: 'PR_SET_NAME or PR_GET_NAME',
    clauses: oneOf(0, [15, 16]),
    otherwise: 'deny',
  }),
  allowIf(158, 'arch_prctl', 'thread-local storage of the first thread', {
    condition: 'ARCH_SET_FS',
    clauses: oneOf(0, [ARCH_SET_FS]),
    otherwise: 'deny',
  }),
  allowIf(234, 'tgkill', 'abort() in a crash', {
    condition: 'SIGABRT',
    clauses: oneOf(2, [SIGABRT]),
    otherwise: 'deny',
  }),
  allowIf(257, 'openat', 'shared libraries and the harness in the read-only root', {
    condition: 'only to read',
    clauses: [{ when: [low(2, 'equal', 0, OPEN_WRITE_FLAGS)], verdict: 'allow' }],
    otherwise: 'deny',
  }),
  allowIf(302, 'prlimit64', 'reads the size of the stack', {
    condition: 'only to read',
    clauses: [{ when: [zeroHigh(2), low(2, 'equal', 0)], verdict: 'allow' }],
    otherwise: 'deny',
  }),
  {
    ...row('absent', 435, 'clone3', 'its flags are in memory, where a filter cannot see them'),
    condition: 'answered with ENOSYS, so that threads are made with clone',
  },
];

/** What no guest has a reason to try. The process is killed and a security event is recorded. */
const KILLED: readonly (readonly [reason: string, calls: Readonly<Record<string, number>>])[] = [
  [
    'looks into or steers another process',
    {
      ptrace: 101,
      process_vm_readv: 310,
      process_vm_writev: 311,
      kcmp: 312,
      pidfd_send_signal: 424,
      pidfd_open: 434,
      pidfd_getfd: 438,
      process_madvise: 440,
      process_mrelease: 448,
    },
  ],
  ['starts a process', { fork: 57, vfork: 58, execveat: 322 }],
  ['changes or leaves namespaces', { unshare: 272, setns: 308 }],
  [
    'changes the file tree it lives in',
    {
      pivot_root: 155,
      chroot: 161,
      mount: 165,
      umount2: 166,
      open_tree: 428,
      move_mount: 429,
      fsopen: 430,
      fsconfig: 431,
      fsmount: 432,
      fspick: 433,
      mount_setattr: 442,
    },
  ],
  ['reaches files past the file tree', { name_to_handle_at: 303, open_by_handle_at: 304 }],
  [
    'has a long record of holes in the kernel',
    {
      bpf: 321,
      userfaultfd: 323,
      perf_event_open: 298,
      io_uring_setup: 425,
      io_uring_enter: 426,
      io_uring_register: 427,
      vmsplice: 278,
      modify_ldt: 154,
      add_key: 248,
      request_key: 249,
      keyctl: 250,
    },
  ],
  ['makes memory that is a file, to execute from it', { memfd_create: 319, memfd_secret: 447 }],
  [
    'changes who it is or the rules it lives under',
    {
      setuid: 105,
      setgid: 106,
      setreuid: 113,
      setregid: 114,
      setgroups: 116,
      setresuid: 117,
      setresgid: 119,
      setfsuid: 122,
      setfsgid: 123,
      capset: 126,
      personality: 135,
      seccomp: 317,
      landlock_create_ruleset: 444,
      landlock_add_rule: 445,
      landlock_restrict_self: 446,
    },
  ],
  [
    'administers the machine',
    {
      uselib: 134,
      acct: 163,
      settimeofday: 164,
      swapon: 167,
      swapoff: 168,
      reboot: 169,
      sethostname: 170,
      setdomainname: 171,
      iopl: 172,
      ioperm: 173,
      create_module: 174,
      init_module: 175,
      delete_module: 176,
      quotactl: 179,
      lookup_dcookie: 212,
      kexec_load: 246,
      clock_settime: 227,
      fanotify_init: 300,
      fanotify_mark: 301,
      clock_adjtime: 305,
      finit_module: 313,
      kexec_file_load: 320,
      syslog: 103,
      vhangup: 153,
      adjtimex: 159,
      quotactl_fd: 443,
    },
  ],
];

const REFUSED: readonly SyscallRow[] = KILLED.flatMap(([reason, calls]) =>
  Object.entries(calls).map(([name, number]) => row('kill', number, name, reason)),
);

/** The rules of the filter for a launcher that calls `execve` with these addresses. */
export function syscallRules(exec: ExecAddresses): Rule[] {
  return [...ALLOWED, ...CONDITIONAL, ...REFUSED].map((row) => row.rule(exec));
}

/** The table as a document. */
export function syscallTableMarkdown(): string {
  const byNumber = (rows: readonly SyscallRow[]): SyscallRow[] =>
    rows.toSorted((a, b) => a.number - b.number);
  const lines = [
    '# System calls of a sandbox',
    '',
    'Made from the table in `src/sandbox/bubblewrap/syscalls.ts`, from which the seccomp filter is made too. It is',
    'for x86-64; x32 and every other architecture are killed. A call that is not listed is refused with EPERM, or',
    'with ENOSYS when it is newer than the table.',
    '',
    '## Allowed',
    '',
    '| call | number | why |',
    '| --- | --- | --- |',
    ...byNumber(ALLOWED).map(({ name, number, reason }) => `| \`${name}\` | ${number} | ${reason} |`),
    '',
    '## Allowed by their arguments',
    '',
    '| call | number | why | allowed when |',
    '| --- | --- | --- | --- |',
    ...byNumber(CONDITIONAL).map(
      ({ name, number, reason, condition }) => `| \`${name}\` | ${number} | ${reason} | ${condition ?? ''} |`,
    ),
    '',
    '## Killed',
    '',
    'The whole sandbox ends, and a security event is recorded.',
    '',
    '| call | number | what it would do |',
    '| --- | --- | --- |',
    ...byNumber(REFUSED).map(({ name, number, reason }) => `| \`${name}\` | ${number} | ${reason} |`),
    '',
  ];
  return lines.join('\n');
}
