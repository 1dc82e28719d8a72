/* JSON of arbitrary bytes: what is no UTF-8 becomes \udcXX, which Python's os.fsencode turns back. */
#ifndef JSON_H
#define JSON_H

#include <stdio.h>

void json_string(FILE *out, const char *text, size_t size);
void json_arguments(FILE *out, char **argv);   /* ["app", "web"] */
void json_environment(FILE *out, char **envp); /* {"PORT": "8080"} */

#endif
