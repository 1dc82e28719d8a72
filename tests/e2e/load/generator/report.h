/* What was asked, what failed, who answered: counted as it happens, printed as one line of JSON. */
#ifndef REPORT_H
#define REPORT_H

#include <stdbool.h>
#include <stdint.h>

enum kind { KEEP_ALIVE, NEW, SLOW, UPLOAD, WEBSOCKET, KINDS };

extern const char *const kind_names[KINDS];

uint64_t now_us(void);    /* of a clock that only goes forward */
double unix_time(void);   /* seconds, to compare with other people's logs */

void report_start(void);
void report_success(enum kind kind, uint64_t took_us);
void report_failure(enum kind kind, const char *front, const char *reason);
void report_release(const char *front, const char *release);

void report_websocket_opened(void);
void report_websocket_echo(uint64_t took_us);
void report_websocket_dropped(const char *front, const char *reason, uint64_t lived_us, bool is_our_doing);

uint64_t report_requests(void);  /* answered or failed */
bool report_has_begun(void);       /* a request or an echo was */
void report_print(bool is_final);

#endif
