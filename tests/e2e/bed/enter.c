/* enter: run a command inside the namespaces of a running bed.
 *
 *   enter [--tty] PID CGROUP_PROCS COMMAND [ARGUMENT...]
 *
 * PID is the bed's systemd as the host sees it. nsenter(1) does not do: it leaves the command in the caller's
 * control group, outside what the bed can see, and a signal sent to it never reaches the command. Here signals
 * are passed on, the command dies when this process does, and its exit status or signal becomes ours.
 * With --tty the standard input, a terminal of the bed, becomes the command's controlling terminal.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const int NAMESPACES =
  CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWCGROUP;
static const int PASSED_ON[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGCONT, SIGWINCH};
static const size_t PASSED_ON_COUNT = sizeof PASSED_ON / sizeof *PASSED_ON;

static volatile pid_t command = -1;

static void fail(const char *what)
{
  fprintf(stderr, "enter: cannot %s: %s\n", what, strerror(errno));
  _exit(125);
}

static void pass_on(int signal)
{
  if (command > 0)
    kill(command, signal);
}

/* A parent outside of the pid namespace is seen as 0; one that died already was replaced by the bed's systemd. */
static void become(char **argv, int cgroup, int tty, const sigset_t *mask)
{
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
    fail("ask to die with the parent");
  if (getppid() != 0)
    _exit(125);
  if (write(cgroup, "0", 1) != 1)
    fail("move into the bed's control group");
  close(cgroup);
  if (tty) {
    if (setsid() < 0 || ioctl(STDIN_FILENO, TIOCSCTTY, 0) < 0)
      fail("take the terminal");
  }
  /* Whoever runs the tests in the background ignores some signals, and a command would inherit that. */
  for (size_t i = 0; i < PASSED_ON_COUNT; i++)
    signal(PASSED_ON[i], SIG_DFL);
  sigprocmask(SIG_SETMASK, mask, NULL);
  execvp(argv[0], argv);
  fprintf(stderr, "enter: cannot run %s: %s\n", argv[0], strerror(errno));
  _exit(errno == ENOENT ? 127 : 126);
}

int main(int argc, char **argv)
{
  int tty = argc > 1 && !strcmp(argv[1], "--tty");
  if (tty) {
    argv++;
    argc--;
  }
  if (argc < 4) {
    fprintf(stderr, "usage: enter [--tty] PID CGROUP_PROCS COMMAND [ARGUMENT...]\n");
    return 2;
  }

  int cgroup = open(argv[2], O_WRONLY | O_CLOEXEC);
  if (cgroup < 0)
    fail("open the bed's control group");
  int bed = syscall(SYS_pidfd_open, atoi(argv[1]), 0);
  if (bed < 0)
    fail("find the bed's systemd");
  if (setns(bed, NAMESPACES) < 0)
    fail("enter the bed's namespaces");
  close(bed);
  if (chdir("/") < 0)
    fail("change to the root directory");

  sigset_t passed_on, before;
  sigemptyset(&passed_on);
  for (size_t i = 0; i < PASSED_ON_COUNT; i++)
    sigaddset(&passed_on, PASSED_ON[i]);
  sigprocmask(SIG_BLOCK, &passed_on, &before);

  pid_t child = fork();
  if (child < 0)
    fail("fork");
  if (child == 0)
    become(argv + 3, cgroup, tty, &before);
  close(cgroup);
  /* Our copies would keep a pipe of the command's open after the command closed its own. */
  close(STDIN_FILENO);
  close(STDOUT_FILENO);

  command = child;
  struct sigaction action = {.sa_handler = pass_on, .sa_flags = SA_RESTART};
  for (size_t i = 0; i < PASSED_ON_COUNT; i++)
    sigaction(PASSED_ON[i], &action, NULL);
  sigprocmask(SIG_SETMASK, &before, NULL);

  int status;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR)
      fail("wait for the command");
  if (WIFSIGNALED(status)) {
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    signal(WTERMSIG(status), SIG_DFL);
    kill(getpid(), WTERMSIG(status));
  }
  return WEXITSTATUS(status);
}
