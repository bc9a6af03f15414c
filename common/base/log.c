/* SPDX-License-Identifier: ISC */
/*
 * Logging to descriptor 2, one write a line, with no memory but the stack's.
 * What cannot be written is lost: a daemon does not stop because nobody reads
 * its log. The one thing that can hold it up is a blocking pipe that its
 * starter chose and does not empty.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

#define PREFIX_MAX 128 /* bytes in front of a line */
#define FACILITY   3   /* daemon: RFC 3164 §4.1.1 */

static const char *program_name = "torfed";
static enum log_form current_form = LOG_FORM_PLAIN;
static enum log_level current_level = LOG_LEVEL_INFO;
static pid_t program_pid; /* asking each time may be a forbidden call */

static const char *const form_names[] = {
    [LOG_FORM_PLAIN] = "plain",
    [LOG_FORM_PREFIX] = "prefix",
    [LOG_FORM_SYSLOG] = "syslog",
};
#define FORM_COUNT (sizeof(form_names) / sizeof(form_names[0]))

static const struct {
	const char *name;
	int severity; /* RFC 3164 §4.1.1 */
} levels[] = {
    [LOG_LEVEL_ERROR] = {"error", 3},
    [LOG_LEVEL_WARNING] = {"warning", 4},
    [LOG_LEVEL_INFO] = {"info", 6},
    [LOG_LEVEL_DEBUG] = {"debug", 7},
};

void
log_init(const char *program, enum log_form form, enum log_level level)
{
	program_name = program;
	current_form = form;
	current_level = level;
	program_pid = getpid();
	tzset(); /* reads a file, which a sandbox may hide later */
}

void
log_level_set(enum log_level level)
{
	current_level = level;
}

enum log_form
log_form_get(void)
{
	return current_form;
}

enum log_level
log_level_get(void)
{
	return current_level;
}

const char *
log_form_name(enum log_form form)
{
	if ((size_t)form >= FORM_COUNT)
		return "unknown";
	return form_names[form];
}

int
log_form_parse(const char *name, enum log_form *form)
{
	size_t i;

	for (i = 0; i < FORM_COUNT; i++)
		if (strcmp(name, form_names[i]) == 0) {
			*form = (enum log_form)i;
			return 0;
		}
	return -1;
}

/*
 * One byte as it may leave the process, into out; how many bytes that took.
 * quoted: what would end or change a quoted value is written as \ooo, too.
 */
static size_t
log_escape(char out[4], uint8_t byte, bool quoted)
{
	bool plain = byte >= 0x20 && byte <= 0x7e;

	if (quoted && (byte == '"' || byte == '\\'))
		plain = false;
	if (plain) {
		out[0] = (char)byte;
		return 1;
	}
	out[0] = '\\';
	out[1] = (char)('0' + (byte >> 6));
	out[2] = (char)('0' + ((byte >> 3) & 7));
	out[3] = (char)('0' + (byte & 7));
	return 4;
}

/* Escapes text into out, up to size bytes; the bytes written. */
static size_t
log_escape_text(
    char *out, size_t size, const void *text, size_t length, bool quoted)
{
	const uint8_t *bytes = text;
	size_t i, part, total = 0;
	char one[4];

	for (i = 0; i < length; i++) {
		part = log_escape(one, bytes[i], quoted);
		if (part > size - total)
			break;
		memcpy(out + total, one, part);
		total += part;
	}
	return total;
}

const char *
log_quote(char *buf, size_t size, const void *text, size_t length)
{
	size_t used;

	if (size == 0)
		return buf;
	if (size < sizeof("\"\"")) {
		buf[0] = '\0';
		return buf;
	}
	buf[0] = '"';
	used = 1 + log_escape_text(
		       buf + 1, size - sizeof("\"\""), text, length, true);
	buf[used++] = '"';
	buf[used] = '\0';
	return buf;
}

/* RFC 3164 §4.1.2, whatever the locale. */
static void
log_date(char *buf, size_t size)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct timespec now;
	struct tm local = {0};

	/* Not time(2), which the strictest sandbox does not know. */
	if (clock_gettime(CLOCK_REALTIME, &now) == 0)
		(void)localtime_r(&now.tv_sec, &local);
	snprintf(buf, size, "%.3s %2d %02d:%02d:%02d",
	    months + 3 * (local.tm_mon % 12), local.tm_mday, local.tm_hour,
	    local.tm_min, local.tm_sec);
}

static size_t
log_prefix(char *buf, size_t size, enum log_level level)
{
	int pid = (int)program_pid, length;
	char date[32];

	if (current_form == LOG_FORM_PREFIX) {
		length = snprintf(buf, size,
		    "<%d>%s[%d]: ", levels[level].severity, program_name, pid);
	} else if (current_form == LOG_FORM_SYSLOG) {
		log_date(date, sizeof(date));
		length = snprintf(buf, size,
		    "<%d>%s %s[%d]: ", FACILITY * 8 + levels[level].severity,
		    date, program_name, pid);
	} else {
		length = snprintf(buf, size, "%s[%d]: %s: ", program_name, pid,
		    levels[level].name);
	}
	if (length < 0)
		return 0;
	return (size_t)length < size ? (size_t)length : size - 1;
}

/* Lost when the receiver does not take it. */
static void
log_emit(char *line, size_t length)
{
	struct iovec vector = {.iov_len = length};
	struct msghdr header = {.msg_iov = &vector, .msg_iovlen = 1};

	ssize_t written;

	if (current_form == LOG_FORM_SYSLOG) {
		vector.iov_base = line;
		written = sendmsg(
		    STDERR_FILENO, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
	} else {
		written = write(STDERR_FILENO, line, length);
	}
	(void)written;
}

static void log_write(enum log_level, const char *, va_list)
    __attribute__((format(printf, 2, 0)));

static void
log_write(enum log_level level, const char *fmt, va_list args)
{
	char text[LOG_LINE_MAX + 1], line[PREFIX_MAX + LOG_LINE_MAX + 1];
	size_t length, used;
	int saved = errno, formatted;

	if (level > current_level)
		return;
	formatted = vsnprintf(text, sizeof(text), fmt, args);
	if (formatted < 0)
		formatted = snprintf(text, sizeof(text), "log_unformatted");
	length = (size_t)formatted;
	if (length > LOG_LINE_MAX)
		length = LOG_LINE_MAX;
	used = log_prefix(line, PREFIX_MAX, level);
	used += log_escape_text(line + used, LOG_LINE_MAX, text, length, false);
	if (current_form != LOG_FORM_SYSLOG)
		line[used++] = '\n';
	log_emit(line, used);
	errno = saved;
}

void
log_error(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	log_write(LOG_LEVEL_ERROR, fmt, args);
	va_end(args);
}

void
log_warning(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	log_write(LOG_LEVEL_WARNING, fmt, args);
	va_end(args);
}

void
log_info(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	log_write(LOG_LEVEL_INFO, fmt, args);
	va_end(args);
}

void
log_debug(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	log_write(LOG_LEVEL_DEBUG, fmt, args);
	va_end(args);
}

void
fatal(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	log_write(LOG_LEVEL_ERROR, fmt, args);
	va_end(args);
	exit(1);
}
