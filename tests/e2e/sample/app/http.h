/* The little of HTTP/1.1 that the sample app speaks: one blocking connection per thread. */
#ifndef HTTP_H
#define HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct connection {
  int socket;
  size_t start, end; /* bytes that were received and not yet used */
  char buffer[65536];
};

struct request {
  char method[16];
  char path[4096];
  char query[8192];
  char websocket_key[64]; /* empty unless the client asks for an upgrade */
  long long body;         /* bytes of the body that were not read yet */
  bool expects_continue;
  bool keep_alive;
};

/* Read one request's head. 0: none came (the peer left); an HTTP status: refuse it with that; 200: it is good. */
int read_request(struct connection *connection, struct request *request);

/* Read some of the body into `into`; 0 at its end, -1 if the peer left before. */
long read_body(struct connection *connection, struct request *request, char *into, size_t size);

/* Read exactly `size` bytes; false if the peer left before. */
bool read_exactly(struct connection *connection, void *into, size_t size);

bool write_all(int socket, const void *data, size_t size);

/* Answer with a whole body; false if the peer left. */
bool respond(struct connection *connection, const struct request *request, int status, const char *headers,
             const char *body, size_t size);

/* Copy the decoded value of a query parameter, empty if it is not there; true if it is. */
bool parameter(const struct request *request, const char *name, char *into, size_t size);

long parameter_number(const struct request *request, const char *name, long otherwise);

#endif
