#include "worker.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum { EVERY_US = 200000, PATIENCE_US = 10000000, TEXT = 0x81, CLOSE = 0x88 };

/* Of the key in the request, from RFC 6455, section 1.3. */
static const char accepted[] = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

static void drop(struct worker *worker, const char *reason, uint64_t now)
{
  report_websocket_dropped(worker->front->name, reason, now - worker->opened, is_stopping);
  worker_hang_up(worker);
  worker->due = now;
}

/* A short frame fits the socket's buffer: it is sent whole or the connection is lost. */
static bool send_frame(struct worker *worker, int first, const char *payload, size_t size)
{
  unsigned char frame[128] = {(unsigned char)first, (unsigned char)(0x80 | size), 1, 2, 3, 4};
  for (size_t i = 0; i < size; i++)
    frame[6 + i] = (unsigned char)payload[i] ^ frame[2 + i % 4];
  return send(worker->socket, frame, 6 + size, MSG_NOSIGNAL) == (ssize_t)(6 + size);
}

void websocket_act(struct worker *worker, uint64_t now)
{
  if (worker->echo_sent) {
    if (worker->deadline <= now)
      worker_fail(worker, "no echo in time", now);
    return;
  }
  if (is_stopping) {
    send_frame(worker, CLOSE, "\x03\xe8", 2);
    drop(worker, "end", now);
    return;
  }
  if (worker->echo_due > now)
    return;
  worker->asked++;
  int size = snprintf(worker->text, sizeof worker->text, "echo %llu", (unsigned long long)worker->asked);
  worker->echo_sent = now;
  worker->echo_due = now + EVERY_US;
  worker->deadline = now + PATIENCE_US;
  if (!send_frame(worker, TEXT, worker->text, (size_t)size))
    drop(worker, strerror(errno), now);
}

static void open_up(struct worker *worker, uint64_t now)
{
  char *end = memmem(worker->in, worker->in_size, "\r\n\r\n", 4);
  if (!end)
    return;
  if (strncmp(worker->in, "HTTP/1.1 101", 12) || !strstr(worker->in, accepted)) {
    char reason[96];
    snprintf(reason, sizeof reason, "no websocket: %.*s", (int)strcspn(worker->in, "\r"), worker->in);
    worker_fail(worker, reason, now);
    return;
  }
  report_websocket_opened();
  worker->state = OPEN;
  worker->opened = worker->echo_due = now;
  worker->echo_sent = 0;
  worker->in_size -= (size_t)(end + 4 - worker->in);
  memmove(worker->in, end + 4, worker->in_size);
}

/* Take one whole frame of those received; false if there is none or the connection is over. */
static bool take_frame(struct worker *worker, uint64_t now)
{
  const unsigned char *in = (const unsigned char *)worker->in;
  if (worker->state != OPEN || worker->in_size < 2 || worker->in_size < 2u + in[1])
    return false;
  size_t size = in[1]; /* ours are shorter than 126 bytes, and a server masks nothing */
  if (in[0] == CLOSE) {
    char reason[96];
    snprintf(reason, sizeof reason, "closed with %d", size >= 2 ? in[2] << 8 | in[3] : 1005);
    drop(worker, reason, now);
    return false;
  }
  if (in[0] != TEXT || !worker->echo_sent || size != strlen(worker->text) || memcmp(in + 2, worker->text, size)) {
    worker_fail(worker, "another echo than expected", now);
    return false;
  }
  report_websocket_echo(now - worker->echo_sent);
  worker->echo_sent = 0;
  worker->in_size -= 2 + size;
  memmove(worker->in, worker->in + 2 + size, worker->in_size);
  return true;
}

void websocket_event(struct worker *worker, uint32_t events, uint64_t now)
{
  (void)events;
  ssize_t got = recv(worker->socket, worker->in + worker->in_size, sizeof worker->in - 1 - worker->in_size, 0);
  if (got < 0 && errno == EAGAIN)
    return;
  if (got <= 0) {
    const char *reason = got ? strerror(errno) : "closed without a word";
    if (worker->state == OPEN)
      drop(worker, reason, now);
    else
      worker_fail(worker, reason, now);
    return;
  }
  worker->in_size += (size_t)got;
  worker->in[worker->in_size] = '\0';
  if (worker->state == RECEIVING)
    open_up(worker, now);
  while (take_frame(worker, now))
    ;
}
