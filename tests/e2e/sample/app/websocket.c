#include "websocket.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10, LARGEST = 1 << 20 };

static uint32_t rotated(uint32_t word, int bits)
{
  return word << bits | word >> (32 - bits);
}

/* SHA-1 of a text of at most 119 bytes: two blocks. */
static void sha1(const char *text, uint8_t digest[20])
{
  uint8_t padded[128] = {0};
  size_t length = strlen(text), size = length < 56 ? 64 : 128;
  memcpy(padded, text, length);
  padded[length] = 0x80;
  for (int i = 0; i < 8; i++)
    padded[size - 1 - i] = (uint8_t)((uint64_t)length * 8 >> 8 * i);

  uint32_t state[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
  for (size_t block = 0; block < size; block += 64) {
    uint32_t word[80], a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
    for (int i = 0; i < 16; i++) {
      const uint8_t *at = padded + block + 4 * i;
      word[i] = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
    }
    for (int i = 16; i < 80; i++)
      word[i] = rotated(word[i - 3] ^ word[i - 8] ^ word[i - 14] ^ word[i - 16], 1);
    for (int i = 0; i < 80; i++) {
      uint32_t mixed, key;
      if (i < 20)
        mixed = (b & c) | (~b & d), key = 0x5a827999;
      else if (i < 40)
        mixed = b ^ c ^ d, key = 0x6ed9eba1;
      else if (i < 60)
        mixed = (b & c) | (b & d) | (c & d), key = 0x8f1bbcdc;
      else
        mixed = b ^ c ^ d, key = 0xca62c1d6;
      uint32_t next = rotated(a, 5) + mixed + e + key + word[i];
      e = d, d = c, c = rotated(b, 30), b = a, a = next;
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d, state[4] += e;
  }
  for (int i = 0; i < 20; i++)
    digest[i] = (uint8_t)(state[i / 4] >> (24 - 8 * (i % 4)));
}

static void base64(const uint8_t digest[20], char text[29])
{
  static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  char *at = text;
  for (int i = 0; i < 21; i += 3) {
    uint32_t three = (uint32_t)digest[i] << 16 | (uint32_t)digest[i + 1] << 8 | (i < 18 ? digest[i + 2] : 0u);
    for (int shift = 18; shift >= 0; shift -= 6)
      *at++ = letters[three >> shift & 63];
  }
  text[27] = '=';
  text[28] = '\0';
}

static bool send_frame(struct connection *connection, int first, const uint8_t *payload, size_t size)
{
  uint8_t head[10] = {(uint8_t)first};
  size_t used = 2;
  if (size < 126)
    head[1] = (uint8_t)size;
  else {
    int bytes = size < 65536 ? 2 : 8;
    head[1] = bytes == 2 ? 126 : 127;
    for (int i = bytes - 1; i >= 0; i--)
      head[used++] = (uint8_t)((uint64_t)size >> 8 * i);
  }
  return write_all(connection->socket, head, used) && write_all(connection->socket, payload, size);
}

static bool send_close(struct connection *connection, int code)
{
  uint8_t payload[2] = {(uint8_t)(code >> 8), (uint8_t)code};
  return send_frame(connection, 0x80 | CLOSE, payload, sizeof payload);
}

/* Read one frame and answer it; false when the conversation is over. */
static bool echo(struct connection *connection, uint8_t *payload)
{
  uint8_t head[2], more[8], mask[4];
  if (!read_exactly(connection, head, sizeof head))
    return false;
  uint64_t size = head[1] & 127;
  if (size >= 126) {
    size_t bytes = size == 126 ? 2 : 8;
    if (!read_exactly(connection, more, bytes))
      return false;
    size = 0;
    for (size_t i = 0; i < bytes; i++)
      size = size << 8 | more[i];
  }
  if (!(head[1] & 128) || size > LARGEST) {
    send_close(connection, head[1] & 128 ? 1009 : 1002);
    return false;
  }
  if (!read_exactly(connection, mask, sizeof mask) || !read_exactly(connection, payload, size))
    return false;
  for (uint64_t i = 0; i < size; i++)
    payload[i] ^= mask[i % 4];

  switch (head[0] & 15) {
  case CLOSE:
    send_frame(connection, head[0], payload, size);
    return false;
  case PING:
    return send_frame(connection, 0x80 | PONG, payload, size);
  case PONG:
    return true;
  default:
    return send_frame(connection, head[0], payload, size);
  }
}

void websocket(struct connection *connection, const struct request *request, int stop)
{
  char text[128], accept[29], head[256];
  uint8_t digest[21] = {0};
  snprintf(text, sizeof text, "%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", request->websocket_key);
  sha1(text, digest);
  base64(digest, accept);
  int length = snprintf(head, sizeof head,
                        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                        "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
                        accept);
  uint8_t *payload = malloc(LARGEST);
  if (!payload || !write_all(connection->socket, head, (size_t)length)) {
    free(payload);
    return;
  }
  for (bool is_open = true; is_open;) {
    struct pollfd events[] = {{connection->socket, POLLIN, 0}, {stop, POLLIN, 0}};
    if (connection->start == connection->end)
      poll(events, 2, -1);
    if (events[1].revents) {
      send_close(connection, 1001);
      break;
    }
    is_open = echo(connection, payload);
  }
  free(payload);
}
