/* An echo over RFC 6455. */
#ifndef WEBSOCKET_H
#define WEBSOCKET_H

#include "http.h"

/* Echo until the peer closes or leaves, or until `stop` becomes readable: then close with 1001, "going away". */
void websocket(struct connection *connection, const struct request *request, int stop);

#endif
