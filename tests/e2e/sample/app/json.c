#include "json.h"

#include <string.h>

/* Return how many bytes the UTF-8 character at `at` has, 0 if there is none. */
static size_t character(const unsigned char *at, size_t left)
{
  size_t size = *at < 0x80 ? 1 : *at >= 0xc2 && *at < 0xe0 ? 2 : *at >= 0xe0 && *at < 0xf0 ? 3 : 4;
  if ((*at >= 0x80 && *at < 0xc2) || *at > 0xf4 || size > left)
    return 0;
  for (size_t i = 1; i < size; i++)
    if ((at[i] & 0xc0) != 0x80)
      return 0;
  if ((*at == 0xe0 && at[1] < 0xa0) || (*at == 0xed && at[1] > 0x9f) || (*at == 0xf0 && at[1] < 0x90) ||
      (*at == 0xf4 && at[1] > 0x8f))
    return 0; /* too long a form, a surrogate, or beyond the last character */
  return size;
}

void json_string(FILE *out, const char *text, size_t size)
{
  fputc('"', out);
  for (const unsigned char *at = (const unsigned char *)text, *end = at + size; at < end;) {
    size_t bytes = character(at, (size_t)(end - at));
    if (bytes == 0)
      fprintf(out, "\\udc%02x", *at++);
    else if (*at < 0x20 || *at == '"' || *at == '\\' || *at == 0x7f)
      fprintf(out, "\\u%04x", *at++);
    else {
      fwrite(at, 1, bytes, out);
      at += bytes;
    }
  }
  fputc('"', out);
}

void json_arguments(FILE *out, char **argv)
{
  fputc('[', out);
  for (char **argument = argv; *argument; argument++) {
    fputs(argument == argv ? "" : ", ", out);
    json_string(out, *argument, strlen(*argument));
  }
  fputc(']', out);
}

void json_environment(FILE *out, char **envp)
{
  fputc('{', out);
  for (char **entry = envp; *entry; entry++) {
    const char *value = strchrnul(*entry, '=');
    fputs(entry == envp ? "" : ", ", out);
    json_string(out, *entry, (size_t)(value - *entry));
    fputs(": ", out);
    value += *value == '=';
    json_string(out, value, strlen(value));
  }
  fputc('}', out);
}
