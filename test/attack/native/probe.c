/* Makes the one system call that the host names on descriptor 3, and writes back what came of it. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_clone3
#define SYS_clone3 435
#endif

static char page[4096];

static long make(const char *name) {
  if (!strcmp(name, "getpid")) return syscall(SYS_getpid);
  if (!strcmp(name, "getrandom")) return syscall(SYS_getrandom, page, 16, 0);
  if (!strcmp(name, "unshare user")) return syscall(SYS_unshare, CLONE_NEWUSER);
  if (!strcmp(name, "unshare net")) return syscall(SYS_unshare, CLONE_NEWNET);
  if (!strcmp(name, "mount")) return syscall(SYS_mount, "none", "/proc", "tmpfs", 0, 0);
  if (!strcmp(name, "umount")) return syscall(SYS_umount2, "/", 2);
  if (!strcmp(name, "pivot_root")) return syscall(SYS_pivot_root, "/", "/");
  if (!strcmp(name, "chroot")) return syscall(SYS_chroot, "/");
  if (!strcmp(name, "setns")) return syscall(SYS_setns, 0, 0);
  if (!strcmp(name, "ptrace")) return syscall(SYS_ptrace, 0, 0, 0, 0);
  if (!strcmp(name, "process_vm_readv")) return syscall(SYS_process_vm_readv, 1, 0, 0, 0, 0, 0);
  if (!strcmp(name, "bpf")) return syscall(SYS_bpf, 0, page, sizeof page);
  if (!strcmp(name, "io_uring_setup")) return syscall(425, 8, page);
  if (!strcmp(name, "keyctl")) return syscall(SYS_keyctl, 0, -3, 0, 0, 0);
  if (!strcmp(name, "add_key")) return syscall(SYS_add_key, "user", "a", "b", 1, -3);
  if (!strcmp(name, "userfaultfd")) return syscall(SYS_userfaultfd, 0);
  if (!strcmp(name, "perf_event_open")) return syscall(SYS_perf_event_open, page, 0, -1, -1, 0);
  if (!strcmp(name, "memfd_create")) return syscall(SYS_memfd_create, "a", 0);
  if (!strcmp(name, "open_by_handle_at")) return syscall(SYS_open_by_handle_at, 0, page, 0);
  if (!strcmp(name, "clone user")) return syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
  if (!strcmp(name, "clone process")) return syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
  if (!strcmp(name, "clone3 user")) {
    struct clone_args args = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
    return syscall(SYS_clone3, &args, sizeof args);
  }
  if (!strcmp(name, "clone3 process")) {
    struct clone_args args = {.exit_signal = SIGCHLD};
    return syscall(SYS_clone3, &args, sizeof args);
  }
  if (!strcmp(name, "fork")) return syscall(SYS_fork);
  if (!strcmp(name, "execve")) return syscall(SYS_execve, "/bin/deno", 0, 0);
  if (!strcmp(name, "socket inet")) return syscall(SYS_socket, 2, 1, 0);
  if (!strcmp(name, "socket unix")) return syscall(SYS_socket, 1, 1, 0);
  if (!strcmp(name, "socket netlink")) return syscall(SYS_socket, 16, 3, 0);
  if (!strcmp(name, "kill")) return syscall(SYS_kill, 1, 9);
  if (!strcmp(name, "setuid")) return syscall(SYS_setuid, 0);
  if (!strcmp(name, "personality")) return syscall(SYS_personality, 0x0040000);
  if (!strcmp(name, "ioctl TIOCSTI")) return syscall(SYS_ioctl, 0, 0x5412, "x");
  if (!strcmp(name, "prctl dumpable")) return syscall(SYS_prctl, 4, 1, 0, 0, 0);
  if (!strcmp(name, "mkdir")) return syscall(SYS_mkdir, "/made", 0777);
  if (!strcmp(name, "x32 getpid")) return syscall(0x40000000 + SYS_getpid);
  exit(3);
}

int main(void) {
  char name[64] = {0};
  char answer[64];
  long got = read(3, name, sizeof name - 1);
  if (got <= 0) return 2;
  long result = make(name);
  int error = errno;
  int length = snprintf(answer, sizeof answer, "%s %d\n", result < 0 ? "refused" : "REACHED", result < 0 ? error : 0);
  if (write(3, answer, length) < 0) return 4;
  return 0;
}
