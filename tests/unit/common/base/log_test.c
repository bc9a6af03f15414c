/* SPDX-License-Identifier: ISC */
/*
 * Log lines: their three forms, one write each, nothing but printable ASCII,
 * cut at their length, dropped by level and when nobody takes them.
 */
#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"

#define DATA_MAX 8192

/* Descriptor 2 is one end of a packet socket: what is read is one write. */
struct capture {
	int usual;
	int end;
	char data[DATA_MAX];
};

static void
capture_begin(struct capture *capture, int type)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, type, 0, ends), 0);
	capture->usual = dup(2);
	capture->end = ends[0];
	assert_int_equal(dup2(ends[1], 2), 2);
	close(ends[1]);
}

/* The next write; NULL when there was none. */
static const char *
capture_next(struct capture *capture)
{
	ssize_t length =
	    recv(capture->end, capture->data, DATA_MAX - 1, MSG_DONTWAIT);

	if (length == -1)
		return NULL;
	capture->data[length] = '\0';
	return capture->data;
}

static void
capture_end(struct capture *capture)
{
	dup2(capture->usual, 2);
	close(capture->usual);
	close(capture->end);
}

static void
expect_match(const char *text, const char *pattern)
{
	regex_t regex;

	assert_non_null(text);
	assert_int_equal(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
	if (regexec(&regex, text, 0, NULL, 0) != 0)
		fail_msg("\"%s\" does not match %s", text, pattern);
	regfree(&regex);
}

static void
test_forms(void **state)
{
	struct capture capture;

	(void)state;
	capture_begin(&capture, SOCK_SEQPACKET);
	log_init("fed-x", LOG_FORM_PLAIN, LOG_LEVEL_DEBUG);
	log_error("event key=%d", 1);
	expect_match(capture_next(&capture),
	    "^fed-x\\[[1-9][0-9]*\\]: error: event key=1\n$");
	log_warning("w");
	expect_match(capture_next(&capture), "\\]: warning: w\n$");
	log_info("i");
	expect_match(capture_next(&capture), "\\]: info: i\n$");
	log_debug("d");
	expect_match(capture_next(&capture), "\\]: debug: d\n$");
	log_init("fed-x", LOG_FORM_PREFIX, LOG_LEVEL_DEBUG);
	log_error("e");
	expect_match(capture_next(&capture), "^<3>fed-x\\[[0-9]+\\]: e\n$");
	log_warning("w");
	expect_match(capture_next(&capture), "^<4>fed-x\\[[0-9]+\\]: w\n$");
	log_info("i");
	expect_match(capture_next(&capture), "^<6>fed-x\\[[0-9]+\\]: i\n$");
	log_debug("d");
	expect_match(capture_next(&capture), "^<7>fed-x\\[[0-9]+\\]: d\n$");
	capture_end(&capture);
}

static void
test_syslog(void **state)
{
	struct capture capture;

	(void)state;
	capture_begin(&capture, SOCK_DGRAM);
	log_init("fed-x", LOG_FORM_SYSLOG, LOG_LEVEL_DEBUG);
	log_error("e");
	expect_match(capture_next(&capture),
	    "^<27>(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) "
	    "[ 123][0-9] [0-2][0-9]:[0-5][0-9]:[0-6][0-9] "
	    "fed-x\\[[0-9]+\\]: e$");
	log_info("i");
	expect_match(capture_next(&capture), "^<30>");
	capture_end(&capture);
}

static void
test_levels(void **state)
{
	struct capture capture;

	(void)state;
	capture_begin(&capture, SOCK_SEQPACKET);
	log_init("fed-x", LOG_FORM_PLAIN, LOG_LEVEL_ERROR);
	log_warning("dropped");
	assert_null(capture_next(&capture));
	log_error("kept");
	assert_non_null(capture_next(&capture));
	log_level_set(LOG_LEVEL_INFO);
	assert_int_equal(log_level_get(), LOG_LEVEL_INFO);
	log_info("kept");
	assert_non_null(capture_next(&capture));
	log_debug("dropped");
	assert_null(capture_next(&capture));
	capture_end(&capture);
}

static void
test_names(void **state)
{
	enum log_form form = LOG_FORM_PLAIN;

	(void)state;
	assert_int_equal(log_form_parse("syslog", &form), 0);
	assert_int_equal(form, LOG_FORM_SYSLOG);
	assert_int_equal(log_form_parse("prefix", &form), 0);
	assert_string_equal(log_form_name(form), "prefix");
	assert_int_equal(log_form_parse("plain", &form), 0);
	assert_string_equal(log_form_name(form), "plain");
	assert_int_equal(log_form_parse("", &form), -1);
	assert_int_equal(log_form_parse("plainer", &form), -1);
	assert_string_equal(log_form_name(77), "unknown");
	log_init("fed-x", LOG_FORM_PREFIX, LOG_LEVEL_ERROR);
	assert_int_equal(log_form_get(), LOG_FORM_PREFIX);
}

/* Every byte but NUL: one line of printable ASCII. */
static void
test_bytes(void **state)
{
	struct capture capture;
	const char *line;
	char text[256];
	size_t i;

	(void)state;
	for (i = 0; i < 255; i++)
		text[i] = (char)(i + 1);
	text[255] = '\0';
	capture_begin(&capture, SOCK_SEQPACKET);
	log_init("fed-x", LOG_FORM_PLAIN, LOG_LEVEL_INFO);
	log_info("%s", text);
	line = capture_next(&capture);
	assert_non_null(line);
	assert_non_null(strstr(line, "\\011\\012\\013"));
	assert_non_null(strstr(line, "\\033"));
	assert_non_null(strstr(line, " !\"#$"));
	assert_non_null(strstr(line, "}~\\177\\200"));
	assert_non_null(strstr(line, "\\376\\377\n"));
	for (i = 0; line[i] != '\n'; i++)
		assert_in_range((unsigned char)line[i], 0x20, 0x7e);
	assert_int_equal(line[i + 1], '\0');
	capture_end(&capture);
}

/* The event's part of a line that was written with length characters. */
static size_t
line_length(struct capture *capture, size_t length, char character)
{
	char *text = malloc(length + 1);
	const char *line;

	assert_non_null(text);
	memset(text, character, length);
	text[length] = '\0';
	log_info("%s", text);
	free(text);
	line = capture_next(capture);
	assert_non_null(line);
	line = strstr(line, "]: info: ");
	assert_non_null(line);
	return strcspn(line + strlen("]: info: "), "\n");
}

static void
test_length(void **state)
{
	struct capture capture;

	(void)state;
	capture_begin(&capture, SOCK_SEQPACKET);
	log_init("fed-x", LOG_FORM_PLAIN, LOG_LEVEL_INFO);
	assert_int_equal(
	    line_length(&capture, LOG_LINE_MAX - 1, 'a'), LOG_LINE_MAX - 1);
	assert_int_equal(
	    line_length(&capture, LOG_LINE_MAX, 'a'), LOG_LINE_MAX);
	assert_int_equal(
	    line_length(&capture, LOG_LINE_MAX + 1, 'a'), LOG_LINE_MAX);
	assert_int_equal(line_length(&capture, 100000, 'a'), LOG_LINE_MAX);
	/* An escape is never cut: 256 of four characters fit. */
	assert_int_equal(line_length(&capture, 100000, '\n'), LOG_LINE_MAX);
	assert_int_equal(line_length(&capture, 255, '\n'), 1020);
	capture_end(&capture);
}

static void
test_quote(void **state)
{
	char buf[16];

	(void)state;
	assert_string_equal(log_quote(buf, sizeof(buf), "ab c", 4), "\"ab c\"");
	assert_string_equal(log_quote(buf, sizeof(buf), "", 0), "\"\"");
	assert_string_equal(
	    log_quote(buf, sizeof(buf), "a\0b", 3), "\"a\\000b\"");
	assert_string_equal(
	    log_quote(buf, sizeof(buf), "\"\\", 2), "\"\\042\\134\"");
	assert_string_equal(
	    log_quote(buf, sizeof(buf), "\xff\n", 2), "\"\\377\\012\"");
	/* 13 characters fit beside the quotes and the terminator. */
	assert_string_equal(log_quote(buf, sizeof(buf), "0123456789abc", 13),
	    "\"0123456789abc\"");
	assert_string_equal(log_quote(buf, sizeof(buf), "0123456789abcd", 14),
	    "\"0123456789abc\"");
	assert_string_equal(
	    log_quote(buf, sizeof(buf), "0123456789\nx", 12), "\"0123456789\"");
	assert_string_equal(log_quote(buf, 3, "abc", 3), "\"\"");
	assert_string_equal(log_quote(buf, 2, "abc", 3), "");
	assert_string_equal(log_quote(buf, 1, "abc", 3), "");
	buf[0] = 'x';
	assert_ptr_equal(log_quote(buf, 0, "abc", 3), buf);
	assert_int_equal(buf[0], 'x');
}

/* A log that nobody reads or that is gone holds nobody up. */
static void
test_lost(void **state)
{
	struct capture capture;
	int i;

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	capture_begin(&capture, SOCK_DGRAM);
	log_init("fed-x", LOG_FORM_SYSLOG, LOG_LEVEL_INFO);
	alarm(20);
	for (i = 0; i < 100000; i++)
		log_info("line=%d", i);
	shutdown(capture.end, SHUT_RDWR);
	errno = 1234;
	log_info("nobody");
	assert_int_equal(errno, 1234);
	log_init("fed-x", LOG_FORM_PLAIN, LOG_LEVEL_INFO);
	capture_end(&capture);
	alarm(0);
}

static void
test_fatal(void **state)
{
	struct capture capture;
	int status;
	pid_t pid;

	(void)state;
	capture_begin(&capture, SOCK_SEQPACKET);
	pid = fork();
	if (pid == 0) {
		log_init("fed-x", LOG_FORM_PLAIN, LOG_LEVEL_ERROR);
		fatal("event reason=%s", "x");
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1);
	expect_match(capture_next(&capture), "\\]: error: event reason=x\n$");
	capture_end(&capture);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_forms),
	    cmocka_unit_test(test_syslog),
	    cmocka_unit_test(test_levels),
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_bytes),
	    cmocka_unit_test(test_length),
	    cmocka_unit_test(test_quote),
	    cmocka_unit_test(test_lost),
	    cmocka_unit_test(test_fatal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
