/* SPDX-License-Identifier: ISC */
/*
 * Limiters: each has a name that the log uses and a counter of what it
 * refused. What is refused is logged at most once a second for each, so that a
 * flood fills no disk.
 */
#ifndef TORFED_LIMIT_H
#define TORFED_LIMIT_H

#include <stdint.h>

enum limit {
	LIMIT_CONNECTIONS,	       /* at once, in all */
	LIMIT_CONNECTIONS_PER_CIRCUIT, /* at once */
	LIMIT_REQUESTS_PER_CIRCUIT,    /* a minute */
	LIMIT_REQUESTS_PENDING,	       /* at fed-queued */
	LIMIT_BODY_MEMORY,	       /* slow large bodies while others wait */
	LIMIT_DESCRIPTORS,	       /* EMFILE, ENFILE */
	LIMIT_HEAD_TIME,
	LIMIT_BODY_TIME,   /* too slow, too */
	LIMIT_ANSWER_TIME, /* fed-queued did not answer */
	LIMIT_WRITE_TIME,  /* answer is not read */
	LIMIT_MALFORMED,   /* no limit, but counted and logged as one */
	LIMIT_COUNT
};

struct limits {
	struct {
		uint64_t refused;  /* since the start */
		uint64_t logged;   /* of these, already in the log */
		int64_t logged_ms; /* when; 0 never */
	} of[LIMIT_COUNT];
};

const char *limit_name(enum limit);
/* Counts one refusal and logs it, now or by a later limit_report(). */
void limit_hit(struct limits *, enum limit, int64_t now_ms);
/* Logs what was held back; to be called about once a second. */
void limit_report(struct limits *, int64_t now_ms);
/* How many refusals to log now; 0 when there are none or it is too early. */
uint64_t limit_due(struct limits *, enum limit, int64_t now_ms);

/*
 * A bucket of tokens: per_minute fit in, and so many drip in each minute.
 * Takes one: 0, or the seconds (1 to 60) until there is one. A rate of 0 is no
 * limit. A bucket starts full: bucket_init().
 */
struct bucket {
	int64_t level;	    /* 60000 are a token */
	int64_t updated_ms; /* when level was right */
};
void bucket_init(struct bucket *, int64_t per_minute, int64_t now_ms);
uint32_t bucket_take(struct bucket *, int64_t per_minute, int64_t now_ms);

#endif
