/* The sample's web process: what each path answers, and how it leaves. */
#ifndef WEB_H
#define WEB_H

struct settings {
  const char *release;    /* APP_RELEASE */
  const char *instance;   /* PVDIFY_INSTANCE, else the host name */
  int port;               /* PORT */
  long start_ms;          /* APP_START_MS: how long before it listens */
  long grace_ms;          /* APP_GRACE_MS: how long requests and websockets may go on after SIGTERM */
  int is_unhealthy;       /* APP_HEALTH=bad */
  int ignores_term;       /* APP_IGNORE_TERM=1 */
  char **argv, **envp;
};

int web(const struct settings *settings);

/* Wait for SIGTERM or SIGINT, at most `ms` (-1: for ever); return the signal, or 0. */
int wait_for_term(const struct settings *settings, long ms);

#endif
