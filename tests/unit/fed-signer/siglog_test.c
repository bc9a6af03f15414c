/* SPDX-License-Identifier: ISC */
/*
 * The log of signatures: its lines and their chain, how it goes on after a
 * start, another file and a full disk.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/encode.h"
#include "fed-signer/siglog.h"
#include "ipc/message.h"

#define ZEROS8 "00000000"
#define ZEROS  ZEROS8 ZEROS8 ZEROS8 ZEROS8 ZEROS8 ZEROS8 ZEROS8 ZEROS8
#define SECOND 1000

static char directory[] = "/tmp/torfed-siglog.XXXXXX";
static char path[64];
static struct siglog signed_log;
static uint8_t hash[32];

static int
file_open(const char *name, int flags)
{
	int fd;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	fd = open(path, flags | O_CLOEXEC, 0600);
	assert_int_not_equal(fd, -1);
	return fd;
}

/* As fedd opens them; last: a file, or NULL. */
static void
begin(const char *last, const char *name)
{
	int from = last == NULL ? open("/dev/null", O_RDONLY)
				: file_open(last, O_RDONLY);
	struct stat st;
	off_t lines;

	assert_int_equal(fstat(from, &st), 0);
	lines = st.st_size / SIGLOG_LINE;
	if (lines > 2)
		lseek(from, (lines - 2) * SIGLOG_LINE, SEEK_SET);
	siglog_open(
	    &signed_log, from, file_open(name, O_WRONLY | O_CREAT | O_APPEND));
	close(from);
}

static size_t
content(const char *name, char *to, size_t size)
{
	int fd = file_open(name, O_RDONLY);
	ssize_t length = read(fd, to, size);

	close(fd);
	assert_true(length >= 0 && (size_t)length < size);
	to[length] = '\0';
	return (size_t)length;
}

/* That all lines of the file follow, from the head; how many there are. */
static int
follow(struct siglog_head *head, const char *name)
{
	static char text[200 * SIGLOG_LINE];
	size_t length = content(name, text, sizeof(text)), at;
	const char *problem = NULL;

	for (at = 0; at + SIGLOG_LINE <= length; at += SIGLOG_LINE)
		if (siglog_head_next(head, text + at, &problem) == -1)
			fail_msg("%s: %s", name, problem);
	return (int)(length / SIGLOG_LINE);
}

static int
setup(void **state)
{
	(void)state;
	memcpy(directory + strlen(directory) - 6, "XXXXXX", 6);
	memset(hash, 0xab, sizeof(hash));
	return mkdtemp(directory) == NULL;
}

static int
teardown(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", directory);
	return system(command);
}

/* The chain, computed here from the text alone. */
static void
chain_of(char to[65], const char *before, const char *line)
{
	char text[256];
	uint8_t sum[32];

	snprintf(text, sizeof(text),
	    "tor-chat-federation-v1/signatures\n%.64s\n%.107s", before, line);
	crypto_hash_sha256(sum, (const uint8_t *)text, strlen(text));
	hex_encode(to, sum, 32);
}

static void
lines(void **state)
{
	char text[4 * SIGLOG_LINE], chain[65], want[2 * SIGLOG_LINE];

	(void)state;
	begin(NULL, "1");
	assert_int_equal(
	    signed_log.head.counter, 1); /* begin, not written yet */
	siglog_add(&signed_log, "envelope", 0, hash);
	siglog_add(&signed_log, "batch", 0x1f, hash);
	assert_int_equal(content("1", text, sizeof(text)), 0);
	assert_int_equal(siglog_commit(&signed_log, 0), 0);
	assert_int_equal(content("1", text, sizeof(text)), 3 * SIGLOG_LINE);
	snprintf(want, sizeof(want),
	    "0000000000000001 0000000000000000 begin    " ZEROS " ");
	assert_memory_equal(text, want, 108);
	chain_of(chain, ZEROS, text);
	assert_memory_equal(text + 108, chain, 64);
	assert_int_equal(text[SIGLOG_LINE - 1], '\n');
	snprintf(want, sizeof(want),
	    "0000000000000002 0000000000000000 envelope abababab");
	assert_memory_equal(text + SIGLOG_LINE, want, strlen(want));
	chain_of(chain, chain, text + SIGLOG_LINE);
	assert_memory_equal(text + SIGLOG_LINE + 108, chain, 64);
	snprintf(want, sizeof(want),
	    "0000000000000003 000000000000001f batch    abababab");
	assert_memory_equal(text + 2 * SIGLOG_LINE, want, strlen(want));
	chain_of(chain, chain, text + 2 * SIGLOG_LINE);
	assert_memory_equal(text + 2 * SIGLOG_LINE + 108, chain, 64);
	/* a lower mark does not take it down */
	siglog_add(&signed_log, "state", 3, hash);
	assert_int_equal(signed_log.head.mark, 0x1f);
}

static void
acks(void **state)
{
	struct siglog_head head;
	char text[5 * SIGLOG_LINE];
	uint8_t both[64] = {0}, sum[32];
	char hex[65];

	(void)state;
	begin(NULL, "1");
	assert_int_equal(siglog_commit(&signed_log, 0), 0);
	assert_false(siglog_pending(&signed_log));
	siglog_ack(&signed_log, hash, 5);
	siglog_ack(&signed_log, hash, 6);
	assert_true(siglog_pending(&signed_log));
	assert_int_equal(
	    siglog_commit(&signed_log, SECOND + 4), 0); /* not due */
	assert_int_equal(content("1", text, sizeof(text)), SIGLOG_LINE);
	assert_int_equal(siglog_commit(&signed_log, SECOND + 5), 0);
	assert_false(siglog_pending(&signed_log));
	assert_int_equal(content("1", text, sizeof(text)), 2 * SIGLOG_LINE);
	memcpy(both + 32, hash, 32);
	crypto_hash_sha256(sum, both, 64);
	memcpy(both, sum, 32);
	crypto_hash_sha256(sum, both, 64);
	hex_encode(hex, sum, 32);
	assert_memory_equal(text + SIGLOG_LINE + 34, "acks     ", 9);
	assert_memory_equal(text + SIGLOG_LINE + 43, hex, 64);
	/* with others it is due at once, and it begins anew */
	siglog_ack(&signed_log, hash, 7);
	siglog_add(&signed_log, "state", 0, hash);
	assert_int_equal(siglog_commit(&signed_log, 8), 0);
	siglog_head_init(&head);
	assert_int_equal(follow(&head, "1"), 4);
	memset(both, 0, 32);
	crypto_hash_sha256(sum, both, 64);
	hex_encode(hex, sum, 32);
	content("1", text, sizeof(text));
	assert_memory_equal(text + 3 * SIGLOG_LINE + 43, hex, 64);
}

static void
starts(void **state)
{
	struct siglog_head head, last;
	int i;

	(void)state;
	/* nothing, one line, two, more */
	begin(NULL, "1");
	assert_int_equal(siglog_commit(&signed_log, 0), 0);
	for (i = 0; i < 3; i++) {
		last = signed_log.head;
		close(signed_log.fd);
		begin("1", "1");
		assert_int_equal(signed_log.head.counter, last.counter);
		assert_int_equal(signed_log.head.mark, last.mark);
		assert_string_equal(signed_log.head.chain, last.chain);
		siglog_add(&signed_log, "state", 7 + i, hash);
		assert_int_equal(siglog_commit(&signed_log, 0), 0);
	}
	close(signed_log.fd);
	/* a new file after the last one */
	begin("1", "2");
	siglog_add(&signed_log, "state", 0, hash);
	assert_int_equal(siglog_commit(&signed_log, 0), 0);
	assert_int_equal(signed_log.head.mark, 9);
	close(signed_log.fd);
	siglog_head_init(&head);
	assert_int_equal(follow(&head, "1"), 4);
	assert_int_equal(follow(&head, "2"), 2);
	assert_string_equal(head.chain, signed_log.head.chain);
	/* the second alone, when the first was removed */
	siglog_head_init(&head);
	assert_int_equal(follow(&head, "2"), 2);
	assert_int_equal(head.counter, 6);
}

static void
another(void **state)
{
	struct siglog_head head;

	(void)state;
	begin(NULL, "1");
	siglog_add(&signed_log, "state", 4, hash);
	assert_int_equal(siglog_commit(&signed_log, 0), 0);
	siglog_turn(&signed_log, file_open("2", O_WRONLY | O_CREAT | O_APPEND));
	siglog_add(&signed_log, "state", 5, hash);
	assert_int_equal(siglog_commit(&signed_log, 0), 0);
	siglog_head_init(&head);
	assert_int_equal(follow(&head, "1"), 2);
	assert_int_equal(follow(&head, "2"), 2);
	assert_int_equal(head.mark, 5);
}

/* The file may be so long. */
static void
length_allow(rlim_t length)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = length;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* In the middle of the second of three lines the disk is full. */
static void
full(void **state)
{
	struct siglog_head head;
	char text[8 * SIGLOG_LINE];

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	begin(NULL, "1");
	assert_int_equal(siglog_commit(&signed_log, 0), 0);
	siglog_add(&signed_log, "state", 2, hash);
	siglog_add(&signed_log, "state", 3, hash);
	siglog_add(&signed_log, "state", 4, hash);
	length_allow(2 * SIGLOG_LINE + 50);
	assert_int_equal(siglog_commit(&signed_log, 0), -1);
	assert_int_equal(errno, EFBIG);
	assert_int_equal(siglog_commit(&signed_log, 0), -1);
	assert_int_equal(
	    content("1", text, sizeof(text)), 2 * SIGLOG_LINE + 50);
	length_allow(RLIM_INFINITY);
	assert_int_equal(siglog_commit(&signed_log, 0), 0); /* goes on there */
	siglog_head_init(&head);
	assert_int_equal(follow(&head, "1"), 4);
	assert_int_equal(head.mark, 4);
	/* and again, until another file comes: nothing was released */
	siglog_add(&signed_log, "state", 5, hash);
	siglog_add(&signed_log, "state", 6, hash);
	length_allow(5 * SIGLOG_LINE + 1);
	assert_int_equal(siglog_commit(&signed_log, 0), -1);
	length_allow(RLIM_INFINITY);
	siglog_turn(&signed_log, file_open("2", O_WRONLY | O_CREAT | O_APPEND));
	siglog_add(&signed_log, "state", 7, hash);
	assert_int_equal(siglog_commit(&signed_log, 0), 0);
	siglog_head_init(&head);
	assert_int_equal(follow(&head, "1"), 5);
	assert_int_equal(head.mark, 5);
	assert_int_equal(follow(&head, "2"), 2);
	/* a start on what is not whole: the last whole line counts */
	close(signed_log.fd);
	begin("1", "3");
	assert_int_equal(signed_log.head.mark, 5);
}

/* Each byte of a line that is not what it was. */
static void
changed(void **state)
{
	char text[4 * SIGLOG_LINE];
	struct siglog_head head, before;
	const char *problem;
	size_t i;

	(void)state;
	begin(NULL, "1");
	siglog_add(&signed_log, "envelope", 5, hash);
	siglog_add(&signed_log, "state", 6, hash);
	assert_int_equal(siglog_commit(&signed_log, 0), 0);
	content("1", text, sizeof(text));
	siglog_head_init(&before);
	assert_int_equal(siglog_head_next(&before, text, &problem), 0);
	for (i = 0; i < SIGLOG_LINE; i++) {
		head = before;
		text[SIGLOG_LINE + i] ^= 1;
		assert_int_equal(
		    siglog_head_next(&head, text + SIGLOG_LINE, &problem), -1);
		assert_memory_equal(&head, &before, sizeof(head));
		text[SIGLOG_LINE + i] ^= 1;
	}
	/* left out, twice, in another order */
	head = before;
	assert_int_equal(
	    siglog_head_next(&head, text + 2 * SIGLOG_LINE, &problem), -1);
	assert_int_equal(
	    siglog_head_next(&head, text + SIGLOG_LINE, &problem), 0);
	assert_int_equal(
	    siglog_head_next(&head, text + SIGLOG_LINE, &problem), -1);
	assert_int_equal(siglog_head_next(&head, text, &problem), -1);
	assert_int_equal(
	    siglog_head_next(&head, text + 2 * SIGLOG_LINE, &problem), 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(lines),
	    TEST(acks),
	    TEST(starts),
	    TEST(another),
	    TEST(full),
	    TEST(changed),
	};

	if (sodium_init() == -1)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
