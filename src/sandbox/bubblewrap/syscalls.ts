/**
 * The system calls of a guest, x86-64. What is not listed fails with EPERM. Each allowed call has its
 * reason; calls with arguments that matter have a rule in `filter.ts`, named here.
 */

export interface AllowedSyscall {
  readonly name: string;
  readonly number: number;
  readonly reason: string;
  /** Name of the argument rule; undefined when any arguments are allowed. */
  readonly rule?: RuleName;
}

export type RuleName =
  | 'threads-only'
  | 'not-launcher'
  | 'no-fixed'
  | 'terminal-flags'
  | 'thread-names'
  | 'descriptor-flags'
  | 'read-own-limits'
  | 'abort-only'
  | 'unix-pair'
  | 'launcher-only';

function allow(reason: string, calls: Record<string, number>, rule?: RuleName): AllowedSyscall[] {
  return Object.entries(calls).map(([name, number]) => ({
    name,
    number,
    reason,
    ...(rule === undefined ? {} : { rule }),
  }));
}

export const ALLOWED: readonly AllowedSyscall[] = [
  ...allow('read and write the channel and the runtime files', {
    read: 0,
    write: 1,
    readv: 19,
    writev: 20,
    pread64: 17,
    pwrite64: 18,
    recvfrom: 45,
    sendto: 44,
    recvmsg: 47,
    sendmsg: 46,
    close: 3,
    lseek: 8,
  }),
  ...allow('wait for the channel and timers', {
    epoll_wait: 232,
    epoll_pwait: 281,
    epoll_ctl: 233,
    epoll_create1: 291,
    poll: 7,
    ppoll: 271,
    eventfd2: 290,
  }),
  ...allow('threads of V8 and tokio: locks and scheduling', {
    futex: 202,
    sched_yield: 24,
    set_robust_list: 273,
    rseq: 334,
    gettid: 186,
    set_tid_address: 218,
    sched_getaffinity: 204,
    sched_getparam: 143,
    sched_getscheduler: 145,
    membarrier: 324,
  }),
  ...allow('clocks', {
    clock_gettime: 228,
    clock_getres: 229,
    clock_nanosleep: 230,
    nanosleep: 35,
    gettimeofday: 96,
  }),
  ...allow('memory of the heap and of compiled code', {
    munmap: 11,
    mprotect: 10,
    madvise: 28,
    brk: 12,
    pkey_alloc: 330,
    pkey_mprotect: 329,
    pkey_free: 331,
  }),
  ...allow('randomness', { getrandom: 318 }),
  ...allow('find and open the files of the read-only root', {
    fstat: 5,
    stat: 4,
    lstat: 6,
    newfstatat: 262,
    statx: 332,
    access: 21,
    openat: 257,
    readlink: 89,
    readlinkat: 267,
    getcwd: 79,
    getdents64: 217,
  }),
  ...allow('own signal handlers', {
    rt_sigaction: 13,
    rt_sigprocmask: 14,
    rt_sigreturn: 15,
    sigaltstack: 131,
  }),
  ...allow('end of a stream, options of the channel', {
    shutdown: 48,
    setsockopt: 54,
    getsockopt: 55,
    getsockname: 51,
    getpeername: 52,
  }),
  ...allow('who am I and what machine is this, as the sandbox shows it', {
    getpid: 39,
    getppid: 110,
    getuid: 102,
    geteuid: 107,
    getgid: 104,
    getegid: 108,
    getrusage: 98,
    uname: 63,
    sysinfo: 99,
  }),
  ...allow('thread-local storage at start', { arch_prctl: 158 }),
  ...allow('end', { exit: 60, exit_group: 231, restart_syscall: 219 }),
  ...allow('threads, never processes or namespaces', { clone: 56 }, 'threads-only'),
  ...allow(
    'map memory, but nothing at a chosen low address, where the launcher was',
    { mmap: 9 },
    'not-launcher',
  ),
  ...allow('grow a mapping, but not to a chosen address', { mremap: 25 }, 'no-fixed'),
  ...allow('non-blocking and close-on-exec flags, bytes waiting', { ioctl: 16 }, 'terminal-flags'),
  ...allow('names of threads', { prctl: 157 }, 'thread-names'),
  ...allow('descriptor flags and locks', { fcntl: 72 }, 'descriptor-flags'),
  ...allow('read own resource limits', { prlimit64: 302 }, 'read-own-limits'),
  ...allow('abort of the own process after an internal error', { tgkill: 234 }, 'abort-only'),
  ...allow('the wake-up pair of the signal driver', { socketpair: 53 }, 'unix-pair'),
  ...allow('one exec: the launcher starts the runtime', { execve: 59 }, 'launcher-only'),
];

/** Calls that no guest makes by accident. They kill the sandbox and are recorded as a security event. */
export const KILLED: Readonly<Record<string, number>> = {
  ptrace: 101,
  process_vm_readv: 310,
  process_vm_writev: 311,
  unshare: 272,
  setns: 308,
  mount: 165,
  umount2: 166,
  pivot_root: 155,
  chroot: 161,
  bpf: 321,
  userfaultfd: 323,
  keyctl: 250,
  add_key: 248,
  request_key: 249,
  io_uring_setup: 425,
  io_uring_enter: 426,
  io_uring_register: 427,
  perf_event_open: 298,
  kexec_load: 246,
  kexec_file_load: 320,
  init_module: 175,
  finit_module: 313,
  delete_module: 176,
  open_by_handle_at: 304,
  name_to_handle_at: 303,
  memfd_create: 319,
  memfd_secret: 447,
  execveat: 322,
  fork: 57,
  vfork: 58,
  seccomp: 317,
  mount_setattr: 442,
  move_mount: 429,
  fsopen: 430,
  fsconfig: 431,
  fsmount: 432,
  fspick: 433,
  open_tree: 428,
  pidfd_open: 434,
  pidfd_getfd: 438,
  pidfd_send_signal: 424,
  process_madvise: 440,
  process_mrelease: 448,
  kcmp: 312,
  personality: 135,
  modify_ldt: 154,
  iopl: 172,
  ioperm: 173,
  setuid: 105,
  setgid: 106,
  setreuid: 113,
  setregid: 114,
  setresuid: 117,
  setresgid: 119,
  setfsuid: 122,
  setfsgid: 123,
  setgroups: 116,
  capset: 126,
  vmsplice: 278,
  landlock_create_ruleset: 444,
  landlock_add_rule: 445,
  landlock_restrict_self: 446,
  quotactl: 179,
  acct: 163,
  swapon: 167,
  swapoff: 168,
  reboot: 169,
  sethostname: 170,
  setdomainname: 171,
  settimeofday: 164,
  clock_settime: 227,
  adjtimex: 159,
  clock_adjtime: 305,
  syslog: 103,
  lookup_dcookie: 212,
  move_pages: 279,
  migrate_pages: 256,
  mbind: 237,
  set_mempolicy: 238,
  nfsservctl: 180,
  uselib: 134,
  ustat: 136,
  _sysctl: 156,
  vhangup: 153,
  mknod: 133,
  mknodat: 259,
};

/** docs/SYSCALLS.md. */
export function syscallTableMarkdown(): string {
  const rows = ALLOWED.map(
    ({ name, reason, rule }) => `| \`${name}\` | ${reason} | ${rule === undefined ? '' : `\`${rule}\``} |`,
  );
  const killed = Object.keys(KILLED)
    .sort()
    .map((name) => `\`${name}\``)
    .join(', ');
  return [
    '# System calls of a guest',
    '',
    'Generated from `src/sandbox/bubblewrap/syscalls.ts`. x86-64; the 32-bit and x32 tables are refused as a whole. A call that is not listed fails with EPERM.',
    '',
    '| allowed | why | rule on arguments |',
    '|---|---|---|',
    ...rows,
    '',
    'These kill the sandbox and are recorded as a security event:',
    '',
    `${killed}.`,
    '',
  ].join('\n');
}
