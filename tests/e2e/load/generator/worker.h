/* One client: a connection and what is being asked on it. Nothing here waits, and nothing is ever asked twice. */
#ifndef WORKER_H
#define WORKER_H

#include "report.h"

#include <netinet/in.h>
#include <stddef.h>

struct front {
  char name[64]; /* "127.0.0.1:3000" */
  struct sockaddr_in address;
};

enum state { IDLE, CONNECTING, SENDING, RECEIVING, OPEN };

struct worker {
  enum kind kind;
  const struct front *front;
  enum state state;
  int socket; /* -1: none */
  uint32_t watched;
  uint64_t interval_us;              /* from the start of one request to the next */
  uint64_t due, started, deadline;   /* of the next request, of this one, of its answer */
  uint64_t asked;
  bool is_reused;                    /* an earlier request was answered on this connection */
  const char *out;
  size_t out_size, out_sent;
  size_t body_left;                  /* of an upload, after `out` */
  char text[512];                    /* what `out` points to, where it is made for one request */
  char in[8192];
  size_t in_size;
  /* the answer's head, once it is there */
  bool has_head, closes;
  int status;
  long long answer_left;
  size_t kept;                       /* bytes of the answer's body in `in` */
  /* a websocket's */
  uint64_t opened, echo_due, echo_sent;
};

extern int polling;      /* the epoll descriptor */
extern bool is_stopping; /* finish what is asked, ask nothing new */

void worker_setup(void);
void worker_act(struct worker *worker, uint64_t now);                     /* what is due by the clock */
void worker_event(struct worker *worker, uint32_t events, uint64_t now);  /* what epoll says */
uint64_t worker_wake(const struct worker *worker);                        /* when to call worker_act again */
bool worker_is_busy(const struct worker *worker);
void worker_give_up(struct worker *worker);                               /* at the very end */

/* Between http.c and websocket.c. */
void worker_watch(struct worker *worker, uint32_t events);
void worker_fail(struct worker *worker, const char *reason, uint64_t now);
void worker_hang_up(struct worker *worker);
void websocket_begin(struct worker *worker, uint64_t now);
void websocket_act(struct worker *worker, uint64_t now);
void websocket_event(struct worker *worker, uint32_t events, uint64_t now);

#endif
