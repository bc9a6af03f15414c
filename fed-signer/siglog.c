/* SPDX-License-Identifier: ISC */
/* The log of signatures; see siglog.h. */
#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/encode.h"
#include "base/log.h"
#include "ipc/message.h"
#include "siglog.h"

#define DOMAIN	    "tor-chat-federation-v1/signatures\n"
#define ACKS_MS	    1000
#define FIELD_MARK  17
#define FIELD_KIND  34
#define FIELD_HASH  43
#define FIELD_CHAIN (SIGLOG_CHAINED + 1)

static const char *const kinds[] = {
    "begin   ", "envelope", "batch   ", "state   ", "acks    "};

void
siglog_head_init(struct siglog_head *head)
{
	memset(head, 0, sizeof(*head));
	memset(head->chain, '0', SIGLOG_HEX);
}

/* The chain that the line leads to. */
static void
chain_make(char to[SIGLOG_HEX + 1], const char before[SIGLOG_HEX],
    const char line[SIGLOG_LINE])
{
	crypto_hash_sha256_state state;
	uint8_t hash[32];

	crypto_hash_sha256_init(&state);
	crypto_hash_sha256_update(
	    &state, (const uint8_t *)DOMAIN, sizeof(DOMAIN) - 1);
	crypto_hash_sha256_update(&state, (const uint8_t *)before, SIGLOG_HEX);
	crypto_hash_sha256_update(&state, (const uint8_t *)"\n", 1);
	crypto_hash_sha256_update(
	    &state, (const uint8_t *)line, SIGLOG_CHAINED);
	crypto_hash_sha256_final(&state, hash);
	hex_encode(to, hash, sizeof(hash));
}

static bool
hex_valid(const char *text, size_t length)
{
	size_t i;

	for (i = 0; i < length; i++)
		if (!((text[i] >= '0' && text[i] <= '9') ||
			(text[i] >= 'a' && text[i] <= 'f')))
			return false;
	return true;
}

static uint64_t
hex_number(const char text[16])
{
	uint64_t number = 0;
	int i;

	for (i = 0; i < 16; i++)
		number = number << 4 |
			 (uint64_t)(text[i] <= '9' ? text[i] - '0'
						   : text[i] - 'a' + 10);
	return number;
}

static bool
kind_valid(const char *text)
{
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (memcmp(text, kinds[i], 8) == 0)
			return true;
	return false;
}

static bool
line_valid(const char line[SIGLOG_LINE])
{
	return hex_valid(line, 16) && line[16] == ' ' &&
	       hex_valid(line + FIELD_MARK, 16) && line[33] == ' ' &&
	       kind_valid(line + FIELD_KIND) && line[42] == ' ' &&
	       hex_valid(line + FIELD_HASH, SIGLOG_HEX) &&
	       line[SIGLOG_CHAINED] == ' ' &&
	       hex_valid(line + FIELD_CHAIN, SIGLOG_HEX) &&
	       line[SIGLOG_LINE - 1] == '\n';
}

int
siglog_head_next(struct siglog_head *head, const char line[SIGLOG_LINE],
    const char **problem)
{
	bool begin = memcmp(line + FIELD_KIND, kinds[0], 8) == 0;
	const char *before = head->chain;
	char chain[SIGLOG_HEX + 1];
	uint64_t counter, mark;

	*problem = "a line does not have its form";
	if (!line_valid(line))
		return -1;
	counter = hex_number(line);
	mark = hex_number(line + FIELD_MARK);
	if (mark > (uint64_t)SIGN_NUMBER_MAX)
		return -1;
	*problem = "a line does not follow the one before";
	if (begin && head->counter == 0)
		before = line + FIELD_HASH; /* those before were removed */
	else if (counter != head->counter + 1 || (int64_t)mark < head->mark ||
		 (begin && memcmp(line + FIELD_HASH, before, SIGLOG_HEX) != 0))
		return -1;
	chain_make(chain, before, line);
	if (memcmp(chain, line + FIELD_CHAIN, SIGLOG_HEX) != 0)
		return -1;
	head->counter = counter;
	head->mark = (int64_t)mark;
	memcpy(head->chain, chain, sizeof(chain));
	return 0;
}

/*
 * The head after a line whose predecessor is not known: its chain is believed.
 */
static int
head_believe(struct siglog_head *head, const char line[SIGLOG_LINE])
{
	if (!line_valid(line) ||
	    hex_number(line + FIELD_MARK) > (uint64_t)SIGN_NUMBER_MAX)
		return -1;
	head->counter = hex_number(line);
	head->mark = (int64_t)hex_number(line + FIELD_MARK);
	memcpy(head->chain, line + FIELD_CHAIN, SIGLOG_HEX);
	return 0;
}

static size_t
last_read(int fd, char *to, size_t size)
{
	size_t length = 0;
	ssize_t got;

	while (length < size &&
	       (got = read(fd, to + length, size - length)) != 0) {
		if (got == -1 && errno == EINTR)
			continue;
		if (got == -1)
			fatal("signatures error=\"%s\"", strerror(errno));
		length += (size_t)got;
	}
	return length;
}

/* The two lines at the end, or the only one there is. */
static void
head_load(struct siglog_head *head, int last)
{
	char lines[2 * SIGLOG_LINE];
	const char *problem = "a line does not have its form", *first = lines;
	size_t length = last_read(last, lines, sizeof(lines));

	if (length < SIGLOG_LINE)
		return;
	if (length == sizeof(lines)) {
		if (head_believe(head, lines) == -1)
			fatal("signatures error=\"%s\"", problem);
		first += SIGLOG_LINE;
	}
	if (siglog_head_next(head, first, &problem) == -1)
		fatal("signatures error=\"%s\"", problem);
}

static void
line_add(struct siglog *log, const char kind[8], int64_t mark,
    const char hash[SIGLOG_HEX])
{
	char *line = log->lines + log->length, chain[SIGLOG_HEX + 1];
	struct siglog_head *head = &log->head;

	if (sizeof(log->lines) - log->length < SIGLOG_LINE)
		fatal("signatures error=\"more lines than fit\"");
	if (mark > head->mark)
		head->mark = mark;
	snprintf(line, SIGLOG_LINE, "%016" PRIx64 " %016" PRIx64 " %.8s %.64s ",
	    ++head->counter, (uint64_t)head->mark, kind, hash);
	chain_make(chain, head->chain, line);
	memcpy(head->chain, chain, sizeof(chain));
	memcpy(line + FIELD_CHAIN, chain, SIGLOG_HEX);
	line[SIGLOG_LINE - 1] = '\n';
	log->length += SIGLOG_LINE;
}

static void
hash_add(struct siglog *log, const char kind[8], int64_t mark,
    const uint8_t hash[32])
{
	char hex[SIGLOG_HEX + 1];

	hex_encode(hex, hash, 32);
	line_add(log, kind, mark, hex);
}

static void
begin_add(struct siglog *log)
{
	char before[SIGLOG_HEX + 1];

	memcpy(before, log->head.chain, sizeof(before));
	line_add(log, kinds[0], 0, before);
}

void
siglog_open(struct siglog *log, int last, int fd)
{
	struct stat st;

	memset(log, 0, sizeof(*log));
	siglog_head_init(&log->head);
	head_load(&log->head, last);
	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode))
		fatal("signatures error=\"is not a file\"");
	log->fd = fd;
	log->stored = log->head;
	if (st.st_size == 0)
		begin_add(log);
}

void
siglog_turn(struct siglog *log, int fd)
{
	close(log->fd);
	log->fd = fd;
	log->head = log->stored;
	log->length = log->written = 0;
	begin_add(log);
}

void
siglog_add(
    struct siglog *log, const char *kind, int64_t mark, const uint8_t hash[32])
{
	char padded[9];

	snprintf(padded, sizeof(padded), "%-8s", kind);
	hash_add(log, padded, mark, hash);
}

void
siglog_ack(struct siglog *log, const uint8_t hash[32], int64_t now_ms)
{
	crypto_hash_sha256_state state;

	if (log->acks_count++ == 0) {
		log->acks_ms = now_ms;
		memset(log->acks, 0, sizeof(log->acks));
	}
	crypto_hash_sha256_init(&state);
	crypto_hash_sha256_update(&state, log->acks, sizeof(log->acks));
	crypto_hash_sha256_update(&state, hash, 32);
	crypto_hash_sha256_final(&state, log->acks);
}

bool
siglog_pending(const struct siglog *log)
{
	return log->acks_count > 0;
}

/* All of it, or what is left is for the next time. */
static int
lines_write(struct siglog *log)
{
	ssize_t written;
	size_t line;

	while (log->written < log->length) {
		written = write(log->fd, log->lines + log->written,
		    log->length - log->written);
		if (written == -1 && errno == EINTR)
			continue;
		if (written == -1)
			return -1;
		log->written += (size_t)written;
		line = log->written / SIGLOG_LINE;
		if (line > 0)
			(void)head_believe(&log->stored,
			    log->lines + (line - 1) * SIGLOG_LINE);
	}
	log->length = log->written = 0;
	return 0;
}

int
siglog_commit(struct siglog *log, int64_t now_ms)
{
	/*
	 * Lines that could not be written before come first, and fill their
	 * room.
	 */
	if (log->acks_count > 0 &&
	    (log->length > 0 || now_ms - log->acks_ms >= ACKS_MS) &&
	    sizeof(log->lines) - log->length >= SIGLOG_LINE) {
		hash_add(log, kinds[4], 0, log->acks);
		log->acks_count = 0;
	}
	return lines_write(log);
}
