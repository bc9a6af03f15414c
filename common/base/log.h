/* SPDX-License-Identifier: ISC */
/*
 * Logging.  One line an event, "event key=value ...", at one of four levels.
 * Whatever ends up in a line, only printable ASCII leaves the process: other
 * bytes are written as \ooo, and a line is cut at LOG_LINE_MAX bytes.
 *
 * A process writes to the descriptor it inherited (always 2) and to nothing
 * else, so a child's text never passes through the parent.
 */
#ifndef TORFED_LOG_H
#define TORFED_LOG_H

#include <stddef.h>

#define LOG_LINE_MAX 1024 /* bytes of one event, without prefix */

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG
};

/* How a line is framed on descriptor 2. */
enum log_form {
	LOG_FORM_PLAIN,	 /* "program[pid]: level: line", foreground */
	LOG_FORM_PREFIX, /* "<N>program[pid]: line", for systemd */
	LOG_FORM_SYSLOG	 /* RFC 3164 datagram on a connected socket */
};

/*
 * program must outlive the process (a literal). Levels above are dropped. To
 * be called before a sandbox, and again after a fork.
 */
void log_init(const char *program, enum log_form form, enum log_level level);
void log_level_set(enum log_level level);
enum log_form log_form_get(void);
enum log_level log_level_get(void);
/* "plain", "prefix", "syslog" and back; -1 when the name is none of them. */
const char *log_form_name(enum log_form form);
int log_form_parse(const char *name, enum log_form *form);

void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Logs at error level and exits with status 1. */
void fatal(const char *fmt, ...)
    __attribute__((format(printf, 1, 2), noreturn));

/*
 * Text from outside as the value of a key: quoted, other bytes than printable
 * ASCII (and the quote and the backslash) as \ooo, cut to fit. Returns buf.
 */
const char *log_quote(char *buf, size_t size, const void *text, size_t length);

#endif
