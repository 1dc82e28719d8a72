#include "worker.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
  UPLOAD_BYTES = 10000000,
  UPLOAD_PART = 100000,
  UPLOAD_US = 1000000, /* an upload is spread over a second, so that most things happen in the middle of one */
  PATIENCE_US = 15000000,
  AFTER_FAILURE_US = 20000,
};

int polling;
bool is_stopping;

static char part[UPLOAD_PART];
static char upload_answer[64];

void worker_setup(void)
{
  uint32_t low = 1, high = 0;
  for (size_t i = 0; i < sizeof part; i++)
    part[i] = (char)('a' + i % 23);
  for (size_t i = 0; i < UPLOAD_BYTES; i++) {
    low = (low + (unsigned char)part[i % sizeof part]) % 65521;
    high = (high + low) % 65521;
  }
  snprintf(upload_answer, sizeof upload_answer, "bytes=%d adler32=%08x\n", UPLOAD_BYTES, high << 16 | low);
}

void worker_watch(struct worker *worker, uint32_t events)
{
  if (worker->watched == events)
    return;
  struct epoll_event event = {.events = events, .data.ptr = worker};
  epoll_ctl(polling, worker->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, worker->socket, &event);
  worker->watched = events;
}

void worker_hang_up(struct worker *worker)
{
  if (worker->socket >= 0)
    close(worker->socket);
  worker->socket = -1;
  worker->watched = 0;
  worker->is_reused = false;
  worker->state = IDLE;
}

void worker_fail(struct worker *worker, const char *reason, uint64_t now)
{
  report_failure(worker->kind, worker->front->name, reason);
  worker_hang_up(worker);
  if (worker->due < now + AFTER_FAILURE_US)
    worker->due = now + AFTER_FAILURE_US;
}

static void fail_errno(struct worker *worker, const char *doing, int error, uint64_t now)
{
  char reason[96];
  snprintf(reason, sizeof reason, "%s: %s%s", doing, strerror(error), worker->is_reused ? " (reused connection)" : "");
  worker_fail(worker, reason, now);
}

static void compose(struct worker *worker)
{
  static const char small[] = "0123456789abcdef0123456789abcdef";
  const char *host = worker->front->name, *path = "/";
  size_t size = 0;
  worker->body_left = 0;
  if (worker->kind == WEBSOCKET) {
    snprintf(worker->text, sizeof worker->text,
             "GET /ws HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
             "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", host);
  } else if (worker->kind == UPLOAD || (worker->kind != SLOW && worker->asked % 4 == 3)) {
    size = worker->kind == UPLOAD ? UPLOAD_BYTES : sizeof small - 1;
    worker->body_left = worker->kind == UPLOAD ? UPLOAD_BYTES : 0;
    snprintf(worker->text, sizeof worker->text, "POST /upload HTTP/1.1\r\nHost: %s\r\nContent-Length: %zu\r\n%s\r\n%s",
             host, size, worker->kind == NEW ? "Connection: close\r\n" : "", worker->body_left ? "" : small);
  } else {
    path = worker->kind == SLOW ? "/slow?ms=2000" : "/";
    snprintf(worker->text, sizeof worker->text, "GET %s HTTP/1.1\r\nHost: %s\r\n%s\r\n", path, host,
             worker->kind == NEW ? "Connection: close\r\n" : "");
  }
  worker->out = worker->text;
  worker->out_size = strlen(worker->text);
  worker->out_sent = 0;
  worker->asked++;
}

static void begin(struct worker *worker, uint64_t now)
{
  compose(worker);
  worker->started = now;
  worker->deadline = now + PATIENCE_US;
  worker->due = (worker->due + worker->interval_us > now) ? worker->due + worker->interval_us : now;
  worker->in_size = 0;
  worker->has_head = worker->closes = false;
  if (worker->socket >= 0) {
    worker->state = SENDING;
    worker_event(worker, EPOLLOUT, now);
    return;
  }
  int on = 1;
  worker->socket = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  setsockopt(worker->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const struct sockaddr *address = (const struct sockaddr *)&worker->front->address;
  if (connect(worker->socket, address, sizeof worker->front->address) < 0 && errno != EINPROGRESS) {
    fail_errno(worker, "connect", errno, now);
    return;
  }
  worker->state = CONNECTING;
  worker_watch(worker, EPOLLOUT);
}

/* Take the next part of an upload's body; false if there is none, or it is not time for it. */
static bool next_part(struct worker *worker, uint64_t now)
{
  uint64_t allowed = (now - worker->started) * UPLOAD_BYTES / UPLOAD_US + UPLOAD_PART;
  if (worker->body_left == 0 || UPLOAD_BYTES - worker->body_left >= allowed)
    return false;
  worker->out = part;
  worker->out_size = worker->body_left < UPLOAD_PART ? worker->body_left : UPLOAD_PART;
  worker->out_sent = 0;
  worker->body_left -= worker->out_size;
  worker->deadline = now + PATIENCE_US;
  return true;
}

static void go_on_sending(struct worker *worker, uint64_t now)
{
  while (worker->out_sent < worker->out_size || next_part(worker, now)) {
    ssize_t sent =
        send(worker->socket, worker->out + worker->out_sent, worker->out_size - worker->out_sent, MSG_NOSIGNAL);
    if (sent < 0 && errno == EAGAIN) {
      worker_watch(worker, EPOLLIN | EPOLLOUT);
      return;
    }
    if (sent < 0) {
      fail_errno(worker, "send", errno, now);
      return;
    }
    worker->out_sent += (size_t)sent;
  }
  if (worker->body_left == 0)
    worker->state = RECEIVING;
  worker_watch(worker, EPOLLIN); /* worker_act sends the next part when it is time */
}

/* Understand the answer's head, which ends at `end`; false if it is none. */
static bool understand(struct worker *worker, char *end)
{
  char *line = worker->in;
  *end = '\0';
  worker->has_head = true;
  worker->answer_left = -1;
  if (sscanf(line, "HTTP/1.%*d %d", &worker->status) != 1)
    return false;
  while ((line = strstr(line, "\r\n"))) {
    line += 2;
    if (!strncasecmp(line, "content-length:", 15))
      worker->answer_left = atoll(line + 15);
    else if (!strncasecmp(line, "connection: close", 17))
      worker->closes = true;
    else if (!strncasecmp(line, "x-release: ", 11)) {
      char release[64];
      snprintf(release, sizeof release, "%.*s", (int)strcspn(line + 11, "\r"), line + 11);
      report_release(worker->front->name, release);
    }
  }
  return worker->answer_left >= 0;
}

static void finish(struct worker *worker, uint64_t now)
{
  char reason[96];
  bool was_sent = worker->state == RECEIVING;
  if (worker->status != 200) {
    snprintf(reason, sizeof reason, "status %d", worker->status);
    worker_fail(worker, reason, now);
    return;
  }
  worker->in[worker->kept] = '\0';
  if (!was_sent || !strstr(worker->in, worker->kind == UPLOAD ? upload_answer : "release=")) {
    worker_fail(worker, was_sent ? "another answer than expected" : "answered before the request was sent", now);
    return;
  }
  report_success(worker->kind, now - worker->started);
  if (worker->closes || worker->kind == NEW || is_stopping)
    worker_hang_up(worker);
  else {
    worker->state = IDLE;
    worker->is_reused = true;
    worker_watch(worker, EPOLLIN); /* an end between two requests is one that nobody announced */
  }
}

static void receive(struct worker *worker, uint64_t now)
{
  size_t room = sizeof worker->in - 1 - worker->in_size;
  ssize_t got = recv(worker->socket, worker->in + worker->in_size, room, 0);
  if (got < 0 && errno == EAGAIN)
    return;
  if (got < 0) {
    fail_errno(worker, "receive", errno, now);
    return;
  }
  if (worker->state == IDLE) {
    worker_fail(worker, got ? "an answer that nobody asked for" : "closed while idle, unannounced", now);
    return;
  }
  if (got == 0) {
    worker_fail(worker, worker->in_size     ? "closed in the middle of the answer"
                        : worker->is_reused ? "closed before the answer (reused connection)"
                                            : "closed before the answer", now);
    return;
  }
  worker->in_size += (size_t)got;
  worker->in[worker->in_size] = '\0';
  if (!worker->has_head) {
    char *end = memmem(worker->in, worker->in_size, "\r\n\r\n", 4);
    if (!end) {
      if (worker->in_size == sizeof worker->in - 1)
        worker_fail(worker, "an answer without an end of its head", now);
      return;
    }
    if (!understand(worker, end)) {
      worker_fail(worker, "an answer that is no HTTP with a Content-Length", now);
      return;
    }
    worker->in_size -= (size_t)(end + 4 - worker->in);
    memmove(worker->in, end + 4, worker->in_size);
    got = (ssize_t)worker->in_size;
  }
  worker->answer_left -= got;
  worker->kept = worker->in_size;
  if (worker->in_size == sizeof worker->in - 1)
    worker->in_size = 1; /* a long body is counted, not kept */
  if (worker->answer_left < 0)
    worker_fail(worker, "more of an answer than it announced", now);
  else if (worker->answer_left == 0)
    finish(worker, now);
}

void worker_event(struct worker *worker, uint32_t events, uint64_t now)
{
  if (worker->kind == WEBSOCKET && worker->state >= RECEIVING) {
    websocket_event(worker, events, now);
    return;
  }
  if (worker->state == CONNECTING) {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(worker->socket, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error) {
      fail_errno(worker, "connect", error, now);
      return;
    }
    worker->state = SENDING;
  }
  if (events & (EPOLLIN | EPOLLHUP | EPOLLERR) && worker->watched & EPOLLIN) {
    receive(worker, now);
    if (worker->state != SENDING)
      return;
  }
  if (worker->state == SENDING)
    go_on_sending(worker, now);
}

void worker_act(struct worker *worker, uint64_t now)
{
  if (worker->state == IDLE) {
    if (is_stopping)
      worker_hang_up(worker);
    else if (worker->due <= now)
      begin(worker, now);
  } else if (worker->state == OPEN)
    websocket_act(worker, now);
  else if (worker->deadline <= now)
    worker_fail(worker, worker->state == CONNECTING ? "connect: no answer in time" : "no answer in time", now);
  else if (worker->state == SENDING && worker->body_left)
    go_on_sending(worker, now);
}

uint64_t worker_wake(const struct worker *worker)
{
  if (worker->state == IDLE)
    return is_stopping ? UINT64_MAX : worker->due;
  if (worker->state == OPEN)
    return worker->echo_sent ? worker->deadline : worker->echo_due;
  if (worker->state == SENDING && worker->body_left && worker->watched == EPOLLIN) {
    uint64_t sent = UPLOAD_BYTES - worker->body_left - UPLOAD_PART;
    return worker->started + sent * UPLOAD_US / UPLOAD_BYTES + 1000;
  }
  return worker->deadline;
}

bool worker_is_busy(const struct worker *worker)
{
  return worker->state != IDLE;
}

void worker_give_up(struct worker *worker)
{
  if (worker_is_busy(worker))
    worker_fail(worker, "no answer until the end", now_us());
}
