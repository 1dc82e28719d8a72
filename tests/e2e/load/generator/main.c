/* load: ask HTTP fronts, and say honestly what failed.
 *
 *   load [--keep-alive N] [--new N] [--slow N] [--websockets N] [--uploads N] [--rate N] [--seconds N]
 *        [--requests N] ADDRESS:PORT...
 *
 * Each front gets N clients of each kind: on a connection that is kept, on a new one each time (both GET and POST,
 * --rate of them a second in all), a 2-second request at a time, a websocket that echoes every 200 ms, a 10 MB
 * upload that takes a second. No request is asked twice: an end of a kept connection that the server did not
 * announce with "Connection: close" is a failure, also between two requests. A websocket that is closed is no
 * failed request; it is counted as a drop, and another one is opened.
 *
 * Prints "ready" when the first request or echo was answered or failed, and one line of JSON at the end: after
 * --seconds (60) or --requests (1000000), at SIGTERM or SIGINT, or when a standard input that was a pipe is closed.
 * SIGUSR1: one line with what is known so far.
 */
#include "worker.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { FRONTS = 64, LAST_US = 20000000 };

static struct front fronts[FRONTS];
static int front_count;
static struct worker *workers;
static int worker_count;

struct wanted {
  long clients[KINDS], rate, seconds, requests;
};

static struct front parsed_front(const char *text)
{
  struct front front = {.address.sin_family = AF_INET};
  snprintf(front.name, sizeof front.name, "%s", text);
  char address[64];
  snprintf(address, sizeof address, "%s", text);
  char *port = strchr(address, ':');
  if (port)
    *port++ = '\0';
  if (!port || inet_pton(AF_INET, address, &front.address.sin_addr) != 1) {
    fprintf(stderr, "load: cannot ask %s: not ADDRESS:PORT\n", text);
    exit(2);
  }
  front.address.sin_port = htons((uint16_t)atoi(port));
  return front;
}

static struct wanted parsed(int argc, char **argv)
{
  static const struct option options[] = {
    {"keep-alive", required_argument, NULL, KEEP_ALIVE}, {"new", required_argument, NULL, NEW},
    {"slow", required_argument, NULL, SLOW},             {"uploads", required_argument, NULL, UPLOAD},
    {"websockets", required_argument, NULL, WEBSOCKET},  {"rate", required_argument, NULL, 'r'},
    {"seconds", required_argument, NULL, 's'},           {"requests", required_argument, NULL, 'n'},
    {NULL, 0, NULL, 0},
  };
  struct wanted wanted = {.rate = 500, .seconds = 60, .requests = 1000000};
  for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
    long value = optarg ? atol(optarg) : -1;
    if (option == '?' || value < 0)
      exit(2);
    if (option == 'r')
      wanted.rate = value > 0 ? value : 1;
    else if (option == 's')
      wanted.seconds = value;
    else if (option == 'n')
      wanted.requests = value;
    else
      wanted.clients[option] = value;
  }
  for (; optind < argc && front_count < FRONTS; optind++)
    fronts[front_count++] = parsed_front(argv[optind]);
  if (front_count == 0) {
    fprintf(stderr, "load: cannot ask: no ADDRESS:PORT given\n");
    exit(2);
  }
  return wanted;
}

static void make_workers(const struct wanted *wanted, uint64_t now)
{
  long each = 0, quick = (wanted->clients[KEEP_ALIVE] + wanted->clients[NEW]) * front_count;
  for (int kind = 0; kind < KINDS; kind++)
    each += wanted->clients[kind];
  workers = calloc((size_t)(each * front_count + 1), sizeof *workers);
  uint64_t interval = quick ? (uint64_t)quick * 1000000 / (uint64_t)wanted->rate : 0;
  for (int kind = 0, number = 0; kind < KINDS; kind++)
    for (long client = 0; client < wanted->clients[kind]; client++)
      for (int front = 0; front < front_count; front++) {
        struct worker *worker = &workers[worker_count++];
        *worker = (struct worker){.kind = (enum kind)kind, .front = &fronts[front], .socket = -1, .due = now};
        if (kind <= NEW) { /* evenly spread over the interval */
          worker->interval_us = interval;
          worker->due += interval * (uint64_t)number++ / (uint64_t)quick;
        }
      }
}

static void watch(int descriptor, void *mark)
{
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = mark};
  epoll_ctl(polling, EPOLL_CTL_ADD, descriptor, &event);
}

static int signals(void)
{
  sigset_t handled;
  sigemptyset(&handled);
  sigaddset(&handled, SIGTERM);
  sigaddset(&handled, SIGINT);
  sigaddset(&handled, SIGUSR1);
  sigprocmask(SIG_BLOCK, &handled, NULL);
  return signalfd(-1, &handled, SFD_CLOEXEC);
}

static void take_signal(int descriptor)
{
  struct signalfd_siginfo info;
  if (read(descriptor, &info, sizeof info) != sizeof info)
    return;
  if (info.ssi_signo == SIGUSR1)
    report_print(false);
  else
    is_stopping = true;
}

static void take_input(void)
{
  char ignored[256];
  if (read(STDIN_FILENO, ignored, sizeof ignored) <= 0) {
    epoll_ctl(polling, EPOLL_CTL_DEL, STDIN_FILENO, NULL);
    is_stopping = true;
  }
}

/* Let every worker do what is due; return until when there is nothing to do, 0 if all have finished. */
static uint64_t act(uint64_t now)
{
  uint64_t wake = UINT64_MAX;
  bool is_anyone_busy = false;
  for (int i = 0; i < worker_count; i++) {
    worker_act(&workers[i], now);
    uint64_t next = worker_wake(&workers[i]);
    wake = next < wake ? next : wake;
    is_anyone_busy |= worker_is_busy(&workers[i]);
  }
  return is_stopping && !is_anyone_busy ? 0 : wake;
}

static void run(const struct wanted *wanted, int signal)
{
  uint64_t now = now_us(), end = now + (uint64_t)wanted->seconds * 1000000;
  bool is_ready = false;
  for (;;) {
    if (now >= end || report_requests() >= (uint64_t)wanted->requests)
      is_stopping = true;
    if (is_stopping && end > now + LAST_US)
      end = now;
    uint64_t wake = act(now);
    if (wake == 0 || (is_stopping && now > end + LAST_US))
      return;
    if (!is_ready && report_has_begun()) {
      is_ready = true;
      printf("ready\n");
      fflush(stdout);
    }
    if (!is_stopping && wake > end)
      wake = end;
    uint64_t wait_ms = wake > now ? (wake - now + 999) / 1000 : 0;
    struct epoll_event events[64];
    int count = epoll_wait(polling, events, 64, wait_ms < 1000 ? (int)wait_ms : 1000);
    now = now_us();
    for (int i = 0; i < count; i++) {
      if (events[i].data.ptr == &polling)
        take_signal(signal);
      else if (events[i].data.ptr == &is_stopping)
        take_input();
      else
        worker_event(events[i].data.ptr, events[i].events, now);
    }
  }
}

int main(int argc, char **argv)
{
  struct wanted wanted = parsed(argc, argv);
  polling = epoll_create1(EPOLL_CLOEXEC);
  int signal = signals();
  watch(signal, &polling);
  watch(STDIN_FILENO, &is_stopping);
  worker_setup();
  report_start();
  make_workers(&wanted, now_us());
  run(&wanted, signal);
  for (int i = 0; i < worker_count; i++)
    worker_give_up(&workers[i]);
  report_print(true);
  return 0;
}
