#include "web.h"

#include "http.h"
#include "json.h"
#include "websocket.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const struct settings *our;
static atomic_bool is_broken;                 /* by GET /break */
static int leaving, grace_over;               /* eventfds, readable from then on */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t one_left = PTHREAD_COND_INITIALIZER;
static int connections;

static bool is_readable(int descriptor)
{
  struct pollfd event = {descriptor, POLLIN, 0};
  return poll(&event, 1, 0) > 0;
}

static void sleep_ms(long ms)
{
  struct timespec left = {ms / 1000, ms % 1000 * 1000000};
  while (nanosleep(&left, &left) < 0 && errno == EINTR)
    ;
}

static bool respond_with(struct connection *connection, const struct request *request, int status,
                         const char *format, ...)
{
  char body[2 * sizeof request->query], headers[256];
  va_list arguments;
  va_start(arguments, format);
  int size = vsnprintf(body, sizeof body, format, arguments);
  va_end(arguments);
  if ((size_t)size >= sizeof body)
    size = sizeof body - 1;
  snprintf(headers, sizeof headers, "Content-Type: text/plain; charset=utf-8\r\nX-Release: %s\r\n", our->release);
  return respond(connection, request, status, headers, body, (size_t)size);
}

static bool respond_json(struct connection *connection, const struct request *request,
                         void (*write)(FILE *, char **), char **values)
{
  char *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);
  write(out, values);
  fclose(out);
  bool is_sent = respond(connection, request, 200, "Content-Type: application/json\r\n", text, size);
  free(text);
  return is_sent;
}

/* Take the body of any request, so that the next one can follow; return its Adler-32 in `sum`. */
static bool take_body(struct connection *connection, struct request *request, long long *bytes, uint32_t *sum)
{
  char part[16384];
  uint32_t low = 1, high = 0;
  *bytes = request->body;
  for (long got; (got = read_body(connection, request, part, sizeof part)) != 0;) {
    if (got < 0)
      return false;
    /* 5552 is how many bytes can be added before 32 bits overflow. */
    for (long from = 0; from < got; from += 5552) {
      long to = from + 5552 < got ? from + 5552 : got;
      for (long i = from; i < to; i++)
        high += low += (unsigned char)part[i];
      low %= 65521;
      high %= 65521;
    }
  }
  *sum = high << 16 | low;
  return true;
}

static bool stream(struct connection *connection, const struct request *request)
{
  long n = parameter_number(request, "n", 10), ms = parameter_number(request, "ms", 100);
  char text[512];
  int size = snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
                      "X-Release: %s\r\nTransfer-Encoding: chunked\r\n%s\r\n",
                      our->release, request->keep_alive ? "" : "Connection: close\r\n");
  if (!write_all(connection->socket, text, (size_t)size))
    return false;
  for (long i = 1; i <= n; i++) {
    char chunk[256];
    int length = snprintf(chunk, sizeof chunk, "chunk %ld release=%s\n", i, our->release);
    size = snprintf(text, sizeof text, "%x\r\n%s\r\n", (unsigned)length, chunk);
    if (!write_all(connection->socket, text, (size_t)size))
      return false;
    sleep_ms(ms);
  }
  return write_all(connection->socket, "0\r\n\r\n", 5);
}

static bool read_file(struct connection *connection, const struct request *request)
{
  char path[4096];
  static const size_t largest = 1 << 20;
  parameter(request, "path", path, sizeof path);
  FILE *file = fopen(path, "r");
  if (!file)
    return respond_with(connection, request, 404, "cannot read %s: %s\n", path, strerror(errno));
  char *text = malloc(largest);
  size_t size = fread(text, 1, largest, file);
  fclose(file);
  bool is_sent = respond(connection, request, 200, "Content-Type: application/octet-stream\r\n", text, size);
  free(text);
  return is_sent;
}

static bool write_file(struct connection *connection, const struct request *request)
{
  char path[4096], data[8192];
  parameter(request, "path", path, sizeof path);
  parameter(request, "data", data, sizeof data);
  FILE *file = fopen(path, "w");
  if (!file)
    return respond_with(connection, request, 503, "cannot write %s: %s\n", path, strerror(errno));
  fputs(data, file);
  if (fclose(file) != 0)
    return respond_with(connection, request, 503, "cannot write %s: %s\n", path, strerror(errno));
  return respond_with(connection, request, 200, "wrote %zu bytes\n", strlen(data));
}

static bool answer(struct connection *connection, struct request *request)
{
  char text[8192];
  const char *path = request->path;
  if (!strcmp(path, "/"))
    return respond_with(connection, request, 200, "release=%s instance=%s\n", our->release, our->instance);
  if (!strcmp(path, "/health")) {
    bool is_bad = our->is_unhealthy || is_broken;
    return respond_with(connection, request, is_bad ? 503 : 200, is_bad ? "unhealthy\n" : "ok\n");
  }
  if (!strcmp(path, "/break")) {
    is_broken = true;
    return respond_with(connection, request, 200, "unhealthy from now on\n");
  }
  if (!strcmp(path, "/slow")) {
    long ms = parameter_number(request, "ms", 2000);
    sleep_ms(ms);
    return respond_with(connection, request, 200, "release=%s slept=%ld\n", our->release, ms);
  }
  if (!strcmp(path, "/stream"))
    return stream(connection, request);
  if (!strcmp(path, "/status"))
    return respond_with(connection, request, (int)parameter_number(request, "code", 200), "as asked\n");
  if (!strcmp(path, "/redirect")) {
    char headers[512];
    parameter(request, "to", text, 256);
    snprintf(headers, sizeof headers, "Location: %.256s\r\n", text);
    return respond(connection, request, 302, headers, "", 0);
  }
  if (!strcmp(path, "/env"))
    return respond_json(connection, request, json_environment, our->envp);
  if (!strcmp(path, "/argv"))
    return respond_json(connection, request, json_arguments, our->argv);
  if (!strcmp(path, "/read"))
    return read_file(connection, request);
  if (!strcmp(path, "/write"))
    return write_file(connection, request);
  if (!strcmp(path, "/log")) {
    parameter(request, "line", text, sizeof text);
    fprintf(parameter_number(request, "err", 0) ? stderr : stdout, "%s\n", text);
    return respond_with(connection, request, 200, "logged\n");
  }
  if (!strcmp(path, "/mem")) {
    size_t size = (size_t)parameter_number(request, "mb", 1) << 20;
    char *memory = malloc(size);
    for (size_t at = 0; memory && at < size; at += 4096)
      *(volatile char *)(memory + at) = 1;
    return respond_with(connection, request, memory ? 200 : 503, "%zu bytes at %p\n", size, (void *)memory);
  }
  if (!strcmp(path, "/exit"))
    _exit((int)parameter_number(request, "code", 0));
  if (!strcmp(path, "/crash"))
    abort();
  return respond_with(connection, request, 404, "no such path: %s\n", path);
}

/* Answer one request; false when the connection is done. */
static bool serve(struct connection *connection, struct request *request)
{
  int status = read_request(connection, request);
  if (status == 0)
    return false;
  if (status != 200) {
    request->keep_alive = false;
    respond_with(connection, request, status, "cannot read the request\n");
    return false;
  }
  if (!strcmp(request->path, "/ws") && *request->websocket_key) {
    websocket(connection, request, grace_over);
    return false;
  }
  long long bytes;
  uint32_t sum;
  bool is_upload = !strcmp(request->path, "/upload");
  if (!take_body(connection, request, &bytes, &sum))
    return false;
  if (is_readable(leaving))
    request->keep_alive = false;
  bool is_sent = is_upload ? respond_with(connection, request, 200, "release=%s bytes=%lld adler32=%08x\n",
                                          our->release, bytes, sum)
                           : answer(connection, request);
  return is_sent && request->keep_alive;
}

/* Wait between two requests; false when the app is leaving and no request has come. */
static bool next_request(struct connection *connection)
{
  if (connection->start < connection->end)
    return true;
  struct pollfd events[] = {{connection->socket, POLLIN, 0}, {leaving, POLLIN, 0}};
  while (poll(events, 2, -1) < 0)
    ;
  return events[0].revents != 0;
}

static void *converse(void *argument)
{
  struct connection *connection = argument;
  struct request *request = malloc(sizeof *request);
  while (request && next_request(connection) && serve(connection, request))
    ;
  free(request);
  shutdown(connection->socket, SHUT_WR);
  close(connection->socket);
  free(connection);
  pthread_mutex_lock(&lock);
  connections--;
  pthread_cond_signal(&one_left);
  pthread_mutex_unlock(&lock);
  return NULL;
}

static void accept_one(int listener, const pthread_attr_t *attributes)
{
  int on = 1, socket = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
  if (socket < 0)
    return;
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  struct connection *connection = malloc(sizeof *connection);
  connection->socket = socket;
  connection->start = connection->end = 0;
  pthread_mutex_lock(&lock);
  connections++;
  pthread_mutex_unlock(&lock);
  pthread_t thread;
  if (pthread_create(&thread, attributes, converse, connection) != 0) {
    pthread_mutex_lock(&lock);
    connections--;
    pthread_mutex_unlock(&lock);
    close(socket);
    free(connection);
  }
}

static int listen_on(int port)
{
  int on = 1, off = 0, listener = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
  struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  bool has_six = listener >= 0;
  if (has_six)
    setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  else
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const struct sockaddr *address = has_six ? (struct sockaddr *)&six : (struct sockaddr *)&four;
  if (bind(listener, address, has_six ? sizeof six : sizeof four) < 0 || listen(listener, 1024) < 0) {
    fprintf(stderr, "cannot listen on port %d: %s\n", port, strerror(errno));
    exit(1);
  }
  return listener;
}

static int term_signals(void)
{
  static int signals = -1;
  if (signals < 0) {
    sigset_t both;
    sigemptyset(&both);
    sigaddset(&both, SIGTERM);
    sigaddset(&both, SIGINT);
    signals = signalfd(-1, &both, SFD_CLOEXEC);
  }
  return signals;
}

int wait_for_term(const struct settings *settings, long ms)
{
  struct pollfd event = {term_signals(), POLLIN, 0};
  struct signalfd_siginfo info;
  if (poll(&event, 1, (int)ms) <= 0 || read(event.fd, &info, sizeof info) != sizeof info)
    return 0;
  if (!settings->ignores_term)
    return (int)info.ssi_signo;
  printf("ignoring signal %u\n", info.ssi_signo);
  return 0;
}

/* Let the requests in flight end, then the websockets; true if all did in time. */
static void leave(void)
{
  uint64_t one = 1;
  struct timespec end;
  clock_gettime(CLOCK_REALTIME, &end);
  end.tv_sec += our->grace_ms / 1000;
  end.tv_nsec += our->grace_ms % 1000 * 1000000;
  if (end.tv_nsec >= 1000000000) {
    end.tv_sec++;
    end.tv_nsec -= 1000000000;
  }
  if (write(leaving, &one, sizeof one) < 0)
    abort();
  pthread_mutex_lock(&lock);
  while (connections > 0 && pthread_cond_timedwait(&one_left, &lock, &end) == 0)
    ;
  if (write(grace_over, &one, sizeof one) < 0)
    abort();
  end.tv_sec++;
  while (connections > 0 && pthread_cond_timedwait(&one_left, &lock, &end) == 0)
    ;
  printf("%s: leaving with %d connections open\n", our->release, connections);
  pthread_mutex_unlock(&lock);
}

int web(const struct settings *settings)
{
  our = settings;
  leaving = eventfd(0, EFD_CLOEXEC);
  grace_over = eventfd(0, EFD_CLOEXEC);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, 256 * 1024);

  if (settings->start_ms > 0 && wait_for_term(settings, settings->start_ms))
    return 0;
  int listener = listen_on(settings->port);
  printf("%s: listening on port %d\n", settings->release, settings->port);
  for (;;) {
    struct pollfd events[] = {{listener, POLLIN, 0}, {term_signals(), POLLIN, 0}};
    poll(events, 2, -1);
    if (events[0].revents)
      accept_one(listener, &attributes);
    if (events[1].revents && wait_for_term(settings, 0))
      break;
  }
  while (is_readable(listener)) /* whom the kernel has let in already is served */
    accept_one(listener, &attributes);
  close(listener);
  leave();
  return 0;
}
