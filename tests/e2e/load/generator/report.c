#include "report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { FINE = 64, BUCKETS = 40 * FINE, FIRST_FAILURES = 20, RELEASES = 1024, FIRST_DROPS = 50 };

const char *const kind_names[KINDS] = {"keep_alive", "new", "slow", "upload", "websocket"};

struct tally {
  uint64_t requests, failed, max_us;
  uint64_t buckets[BUCKETS]; /* of answers by time: 64 steps for each doubling */
};

struct failure {
  double at;
  enum kind kind;
  char front[64], reason[96];
};

struct release {
  char front[64], name[64];
  double first, last;
  uint64_t answers;
};

struct drop {
  double at;
  char front[64], reason[96];
  uint64_t lived_us;
};

static uint64_t started;
static double started_unix;
static struct tally tallies[KINDS];
static struct failure failures[FIRST_FAILURES];
static uint64_t failure_count;
static struct release releases[RELEASES];
static int release_count;
static struct drop drops[FIRST_DROPS];
static uint64_t websockets_opened, websockets_dropped, echoes, longest_us;

uint64_t now_us(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

double unix_time(void)
{
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void report_start(void)
{
  started = now_us();
  started_unix = unix_time();
}

static int bucket(uint64_t us)
{
  int doublings = 0;
  while (us >= 2 * FINE) {
    us >>= 1;
    doublings++;
  }
  int index = doublings * FINE + (int)us;
  return index < BUCKETS ? index : BUCKETS - 1;
}

/* The largest time that falls in the bucket, in ms. */
static double bucket_ms(int index)
{
  int doublings = index < 2 * FINE ? 0 : index / FINE - 1;
  return (double)((uint64_t)(index - doublings * FINE + 1) << doublings) / 1000.0;
}

static double percentile(const struct tally *tally, double part)
{
  uint64_t answers = tally->requests - tally->failed, seen = 0;
  if (answers == 0)
    return 0;
  for (int i = 0; i < BUCKETS; i++) {
    seen += tally->buckets[i];
    if ((double)seen >= part * (double)answers) {
      double most = (double)tally->max_us / 1000.0;
      return bucket_ms(i) < most ? bucket_ms(i) : most;
    }
  }
  return (double)tally->max_us / 1000.0;
}

void report_success(enum kind kind, uint64_t took_us)
{
  struct tally *tally = &tallies[kind];
  tally->requests++;
  tally->buckets[bucket(took_us)]++;
  if (took_us > tally->max_us)
    tally->max_us = took_us;
}

void report_failure(enum kind kind, const char *front, const char *reason)
{
  tallies[kind].requests++;
  tallies[kind].failed++;
  if (failure_count++ >= FIRST_FAILURES)
    return;
  struct failure *failure = &failures[failure_count - 1];
  failure->at = unix_time();
  failure->kind = kind;
  snprintf(failure->front, sizeof failure->front, "%s", front);
  snprintf(failure->reason, sizeof failure->reason, "%s", reason);
}

void report_release(const char *front, const char *name)
{
  static int recent; /* mostly the same one as before */
  int found = -1;
  for (int i = 0; i < release_count && found < 0; i++) {
    int index = (recent + i) % release_count;
    if (!strcmp(releases[index].name, name) && !strcmp(releases[index].front, front))
      found = index;
  }
  if (found < 0) {
    if (release_count == RELEASES)
      return;
    found = release_count++;
    snprintf(releases[found].name, sizeof releases[found].name, "%s", name);
    snprintf(releases[found].front, sizeof releases[found].front, "%s", front);
    releases[found].first = unix_time();
  }
  recent = found;
  releases[found].answers++;
  releases[found].last = unix_time();
}

void report_websocket_opened(void)
{
  websockets_opened++;
}

void report_websocket_echo(uint64_t took_us)
{
  echoes++;
  report_success(WEBSOCKET, took_us);
}

void report_websocket_dropped(const char *front, const char *reason, uint64_t lived_us, bool is_our_doing)
{
  if (lived_us > longest_us)
    longest_us = lived_us;
  if (is_our_doing || websockets_dropped++ >= FIRST_DROPS)
    return;
  struct drop *drop = &drops[websockets_dropped - 1];
  drop->at = unix_time();
  drop->lived_us = lived_us;
  snprintf(drop->front, sizeof drop->front, "%s", front);
  snprintf(drop->reason, sizeof drop->reason, "%s", reason);
}

uint64_t report_requests(void)
{
  uint64_t sum = 0;
  for (int kind = 0; kind < KINDS; kind++)
    sum += tallies[kind].requests;
  return sum - echoes;
}

bool report_has_begun(void)
{
  return report_requests() + echoes > 0;
}

/* Names and reasons are ours or a server's header: quote what JSON would stumble over. */
static void print_text(const char *name, const char *text)
{
  printf("\"%s\": \"", name);
  for (; *text; text++) {
    unsigned char byte = (unsigned char)*text;
    if (byte < 0x20 || byte > 0x7e || byte == '"' || byte == '\\')
      printf("\\u%04x", byte);
    else
      putchar(byte);
  }
  putchar('"');
}

static void print_kinds(void)
{
  printf("\"kinds\": {");
  for (int kind = 0, printed = 0; kind < KINDS; kind++) {
    const struct tally *tally = &tallies[kind];
    if (tally->requests == 0)
      continue;
    printf("%s\"%s\": {\"requests\": %llu, \"failed\": %llu, \"p50_ms\": %.3f, \"p99_ms\": %.3f, \"max_ms\": %.3f}",
           printed++ ? ", " : "", kind_names[kind], (unsigned long long)tally->requests,
           (unsigned long long)tally->failed, percentile(tally, 0.5), percentile(tally, 0.99),
           (double)tally->max_us / 1000.0);
  }
  printf("}");
}

void report_print(bool is_final)
{
  uint64_t failed = 0;
  for (int kind = 0; kind < KINDS; kind++)
    failed += tallies[kind].failed;
  printf("{\"final\": %s, \"started\": %.6f, \"seconds\": %.3f, \"requests\": %llu, \"failed\": %llu, ",
         is_final ? "true" : "false", started_unix, (double)(now_us() - started) / 1e6,
         (unsigned long long)report_requests(), (unsigned long long)failed);
  print_kinds();
  printf(", \"failures\": [");
  for (uint64_t i = 0; i < failure_count && i < FIRST_FAILURES; i++) {
    printf("%s{\"at\": %.6f, \"kind\": \"%s\", ", i ? ", " : "", failures[i].at, kind_names[failures[i].kind]);
    print_text("front", failures[i].front);
    printf(", ");
    print_text("reason", failures[i].reason);
    printf("}");
  }
  printf("], \"releases\": [");
  for (int i = 0; i < release_count; i++) {
    printf("%s{", i ? ", " : "");
    print_text("front", releases[i].front);
    printf(", ");
    print_text("release", releases[i].name);
    printf(", \"first\": %.6f, \"last\": %.6f, \"answers\": %llu}", releases[i].first, releases[i].last,
           (unsigned long long)releases[i].answers);
  }
  printf("], \"websocket\": {\"opened\": %llu, \"echoes\": %llu, \"drops\": %llu, \"longest_s\": %.3f, \"dropped\": [",
         (unsigned long long)websockets_opened, (unsigned long long)echoes,
         (unsigned long long)websockets_dropped, (double)longest_us / 1e6);
  for (uint64_t i = 0; i < websockets_dropped && i < FIRST_DROPS; i++) {
    printf("%s{\"at\": %.6f, \"lived_s\": %.3f, ", i ? ", " : "", drops[i].at, (double)drops[i].lived_us / 1e6);
    print_text("front", drops[i].front);
    printf(", ");
    print_text("reason", drops[i].reason);
    printf("}");
  }
  printf("]}}\n");
  fflush(stdout);
}
