#include "http.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

static bool receive(struct connection *connection)
{
  if (connection->start == connection->end)
    connection->start = connection->end = 0;
  if (connection->end == sizeof connection->buffer) {
    memmove(connection->buffer, connection->buffer + connection->start, connection->end - connection->start);
    connection->end -= connection->start;
    connection->start = 0;
  }
  ssize_t got;
  do
    got = recv(connection->socket, connection->buffer + connection->end,
               sizeof connection->buffer - connection->end, 0);
  while (got < 0 && errno == EINTR);
  if (got <= 0)
    return false;
  connection->end += (size_t)got;
  return true;
}

/* Take one line, without its end, as a string; NULL if the peer left or the line is too long. */
static char *line(struct connection *connection)
{
  size_t seen = 0;
  for (;;) {
    char *from = connection->buffer + connection->start;
    size_t size = connection->end - connection->start;
    char *end = memchr(from + seen, '\n', size - seen);
    if (end) {
      connection->start += (size_t)(end + 1 - from);
      *end = '\0';
      if (end > from && end[-1] == '\r')
        end[-1] = '\0';
      return from;
    }
    seen = size;
    if (size == sizeof connection->buffer || !receive(connection))
      return NULL;
  }
}

static void header(struct request *request, const char *name, const char *value, bool *is_chunked)
{
  if (!strcasecmp(name, "content-length"))
    request->body = atoll(value);
  else if (!strcasecmp(name, "transfer-encoding"))
    *is_chunked = true;
  else if (!strcasecmp(name, "expect"))
    request->expects_continue = !strcasecmp(value, "100-continue");
  else if (!strcasecmp(name, "connection")) {
    if (!strcasecmp(value, "close"))
      request->keep_alive = false;
    else if (!strcasecmp(value, "keep-alive"))
      request->keep_alive = true;
  } else if (!strcasecmp(name, "sec-websocket-key"))
    snprintf(request->websocket_key, sizeof request->websocket_key, "%s", value);
}

int read_request(struct connection *connection, struct request *request)
{
  *request = (struct request){0};
  char *start = line(connection), target[sizeof request->path + sizeof request->query], version[16];
  if (!start)
    return 0;
  if (strlen(start) >= sizeof target)
    return 414;
  if (sscanf(start, "%15s %s %15s", request->method, target, version) != 3)
    return 400;
  request->keep_alive = !strcmp(version, "HTTP/1.1");

  char *query = strchr(target, '?');
  if (query)
    *query++ = '\0';
  if (strlen(target) >= sizeof request->path || (query && strlen(query) >= sizeof request->query))
    return 414;
  strcpy(request->path, target);
  strcpy(request->query, query ? query : "");

  bool is_chunked = false;
  for (char *next; (next = line(connection)) && *next;) {
    char *value = strchr(next, ':');
    if (!value)
      return 400;
    *value++ = '\0';
    value += strspn(value, " \t");
    header(request, next, value, &is_chunked);
  }
  if (is_chunked)
    return 411;
  return request->body < 0 ? 400 : 200;
}

long read_body(struct connection *connection, struct request *request, char *into, size_t size)
{
  if (request->body == 0)
    return 0;
  if (request->expects_continue) {
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    request->expects_continue = false;
    if (!write_all(connection->socket, go_on, sizeof go_on - 1))
      return -1;
  }
  if (connection->start == connection->end && !receive(connection))
    return -1;
  size_t ready = connection->end - connection->start;
  if (ready > size)
    ready = size;
  if ((long long)ready > request->body)
    ready = (size_t)request->body;
  memcpy(into, connection->buffer + connection->start, ready);
  connection->start += ready;
  request->body -= (long long)ready;
  return (long)ready;
}

bool read_exactly(struct connection *connection, void *into, size_t size)
{
  struct request whole = {.body = (long long)size};
  for (char *at = into; whole.body > 0;) {
    long got = read_body(connection, &whole, at, size);
    if (got < 0)
      return false;
    at += got;
  }
  return true;
}

bool write_all(int socket, const void *data, size_t size)
{
  for (const char *at = data; size > 0;) {
    ssize_t sent = send(socket, at, size, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR)
      continue;
    if (sent <= 0)
      return false;
    at += sent;
    size -= (size_t)sent;
  }
  return true;
}

static const char *reason(int status)
{
  switch (status) {
  case 200: return "OK";
  case 302: return "Found";
  case 400: return "Bad Request";
  case 404: return "Not Found";
  case 405: return "Method Not Allowed";
  case 411: return "Length Required";
  case 414: return "URI Too Long";
  case 503: return "Service Unavailable";
  default: return "Status";
  }
}

bool respond(struct connection *connection, const struct request *request, int status, const char *headers,
             const char *body, size_t size)
{
  char head[1024 + 2 * sizeof request->path];
  int length = snprintf(head, sizeof head,
                        "HTTP/1.1 %d %s\r\nContent-Length: %zu\r\n%s%s\r\n", status, reason(status), size, headers,
                        request->keep_alive ? "" : "Connection: close\r\n");
  if (!strcmp(request->method, "HEAD"))
    size = 0;
  /* One packet where it fits, so that a death of ours never leaves a head without its body. */
  struct iovec parts[] = {{head, (size_t)length}, {(void *)body, size}};
  struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
  ssize_t sent;
  do
    sent = sendmsg(connection->socket, &message, MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  if (sent < 0)
    return false;
  if (sent < length)
    return write_all(connection->socket, head + sent, (size_t)(length - sent)) &&
           write_all(connection->socket, body, size);
  return write_all(connection->socket, body + (sent - length), size - (size_t)(sent - length));
}

bool parameter(const struct request *request, const char *name, char *into, size_t size)
{
  size_t length = strlen(name);
  *into = '\0';
  for (const char *at = request->query; at && *at; at = strchr(at, '&') ? strchr(at, '&') + 1 : NULL) {
    if (strncmp(at, name, length) || at[length] != '=')
      continue;
    size_t used = 0;
    for (at += length + 1; *at && *at != '&' && used + 1 < size; at++) {
      char hex[3] = {at[1], at[1] ? at[2] : '\0', '\0'};
      if (*at == '%' && isxdigit((unsigned char)hex[0]) && isxdigit((unsigned char)hex[1])) {
        into[used++] = (char)strtol(hex, NULL, 16);
        at += 2;
      } else
        into[used++] = *at == '+' ? ' ' : *at;
    }
    into[used] = '\0';
    return true;
  }
  return false;
}

long parameter_number(const struct request *request, const char *name, long otherwise)
{
  char text[32];
  return parameter(request, name, text, sizeof text) ? atol(text) : otherwise;
}
