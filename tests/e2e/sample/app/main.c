/* The sample app: a small program that does what apps do, well or badly, as it is told.
 *
 *   app [web]                      HTTP on $PORT; GET / answers "release=v1 instance=web-1"
 *   app worker                     a tick in the log every APP_TICK_MS, until SIGTERM
 *   app migrate [--fail | --hang]  a release command
 *   app check                      exit 0 if the web process on $PORT says it is healthy
 *   app show                       {"argv": […], "env": {…}}
 *
 * Told by the environment: APP_RELEASE, PORT (8080), PVDIFY_INSTANCE, APP_START_MS, APP_GRACE_MS (10000),
 * APP_TICK_MS (1000), APP_HEALTH=bad, APP_IGNORE_TERM=1, APP_EXIT_AT_START=CODE, APP_CRASH_AFTER_MS,
 * APP_NEEDS_RAW=1 (a raw socket, for which a container has no capability), APP_FILL_MB (memory that it fills before it listens).
 *
 * Told by requests: /health /break /slow?ms= /upload /stream?n=&ms= /ws /exit?code= /crash /env /argv /mem?mb=
 * /read?path= /write?path=&data= /log?line=&err=1 /status?code= /redirect?to=
 *
 * At SIGTERM it takes no new connection, ends idle ones, finishes what is being asked, and leaves with 0;
 * a websocket may stay until APP_GRACE_MS is over and is then closed with 1001.
 */
#include "json.h"
#include "web.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const char *text_setting(const char *name, const char *otherwise)
{
  const char *value = getenv(name);
  return value && *value ? value : otherwise;
}

static long setting(const char *name, long otherwise)
{
  const char *value = getenv(name);
  return value && *value ? atol(value) : otherwise;
}

static int worker(const struct settings *settings)
{
  long tick_ms = setting("APP_TICK_MS", 1000);
  printf("%s: working\n", settings->release);
  for (long tick = 1; !wait_for_term(settings, tick_ms); tick++)
    printf("%s: tick %ld\n", settings->release, tick);
  printf("%s: leaving\n", settings->release);
  return 0;
}

static int migrate(const struct settings *settings, const char *how)
{
  printf("%s: migrating\n", settings->release);
  if (how && !strcmp(how, "--fail")) {
    fprintf(stderr, "%s: cannot migrate: told to fail\n", settings->release);
    return 1;
  }
  if (how && !strcmp(how, "--hang"))
    while (!wait_for_term(settings, -1))
      ;
  printf("%s: migrated\n", settings->release);
  return 0;
}

static int check(const struct settings *settings)
{
  static const char request[] = "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
  char answer[64] = "";
  int socket_ = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)settings->port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(socket_, (struct sockaddr *)&address, sizeof address) < 0 ||
      write(socket_, request, sizeof request - 1) < 0 || read(socket_, answer, sizeof answer - 1) <= 0) {
    fprintf(stderr, "cannot ask port %d: %s\n", settings->port, strerror(errno));
    return 1;
  }
  return strncmp(answer, "HTTP/1.1 2", 10) ? 1 : 0;
}

static int show(const struct settings *settings)
{
  printf("{\"argv\": ");
  json_arguments(stdout, settings->argv);
  printf(", \"env\": ");
  json_environment(stdout, settings->envp);
  printf("}\n");
  return 0;
}

static void *crash_later(void *after_ms)
{
  long ms = (long)after_ms;
  nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
  fprintf(stderr, "crashing as told\n");
  abort();
}

/* What a bad app does before it does anything else. */
static void misbehave(const struct settings *settings)
{
  if (getenv("APP_NEEDS_RAW") && socket(AF_INET, SOCK_RAW, IPPROTO_ICMP) < 0) {
    fprintf(stderr, "cannot open a raw socket: %s\n", strerror(errno));
    exit(1);
  }
  if (getenv("APP_EXIT_AT_START")) {
    int code = (int)setting("APP_EXIT_AT_START", 0);
    printf("%s: leaving at start with %d\n", settings->release, code);
    exit(code);
  }
  size_t filled = (size_t)setting("APP_FILL_MB", 0) << 20;
  if (filled) {
    char *memory = malloc(filled);
    for (size_t at = 0; memory && at < filled; at += 4096)
      *(volatile char *)(memory + at) = 1;
    printf("%s: filled %zu bytes at %p\n", settings->release, filled, (void *)memory);
  }
  if (getenv("APP_CRASH_AFTER_MS")) {
    pthread_t thread;
    pthread_create(&thread, NULL, crash_later, (void *)setting("APP_CRASH_AFTER_MS", 0));
  }
}

int main(int argc, char **argv, char **envp)
{
  char host[256] = "";
  sigset_t handled;
  sigemptyset(&handled);
  sigaddset(&handled, SIGTERM);
  sigaddset(&handled, SIGINT);
  sigprocmask(SIG_BLOCK, &handled, NULL); /* wait_for_term takes them */
  setvbuf(stdout, NULL, _IOLBF, 0);
  gethostname(host, sizeof host - 1);

  struct settings settings = {
    .release = text_setting("APP_RELEASE", "unknown"),
    .instance = text_setting("PVDIFY_INSTANCE", host),
    .port = (int)setting("PORT", 8080),
    .start_ms = setting("APP_START_MS", 0),
    .grace_ms = setting("APP_GRACE_MS", 10000),
    .is_unhealthy = !strcmp(text_setting("APP_HEALTH", ""), "bad"),
    .ignores_term = setting("APP_IGNORE_TERM", 0) != 0,
    .argv = argv,
    .envp = envp,
  };
  const char *what = argc > 1 ? argv[1] : "web";
  if (!strcmp(what, "show"))
    return show(&settings);
  if (!strcmp(what, "check"))
    return check(&settings);
  misbehave(&settings);
  if (!strcmp(what, "worker"))
    return worker(&settings);
  if (!strcmp(what, "migrate"))
    return migrate(&settings, argv[2]);
  return web(&settings);
}
