/* SPDX-License-Identifier: ISC */
/*
 * The log of signatures: every signature is written down, durably, before it
 * leaves, and each line binds all before it, so that nothing can be taken out
 * or put in later. It names nobody: of what was signed it has the SHA-256.
 *
 * A line has SIGLOG_LINE bytes of ASCII, fields apart by one space, LF at the
 * end: counter and mark, 16 hexadecimal digits each; the kind, padded with
 * spaces to 8; two SHA-256 in hexadecimal, that of the signing text and the
 * chain, which is SHA-256 over
 *
 *	tor-chat-federation-v1/signatures LF chain before LF the line's first
 *	four fields
 *
 * and 64 zeros before the first. The mark is the highest of all requests so
 * far (federation(7), ROOMS). Kinds: envelope, batch, state; acks, once a
 * second for all acknowledgements since the last (the hash is chained, too:
 * SHA-256 over the one before, zeros at first, and that of the text); begin,
 * the first line of a file, whose hash is the chain before.
 */
#ifndef TORFED_FED_SIGNER_SIGLOG_H
#define TORFED_FED_SIGNER_SIGLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ipc/siglog_line.h"

#define SIGLOG_GROUP 64 /* requests written down at a time, at most */

/* Where the chain is. */
struct siglog_head {
	uint64_t counter;	    /* of the last line; 0 none */
	int64_t mark;		    /* 0 none */
	char chain[SIGLOG_HEX + 1]; /* zeros ('0') before the first */
};

void siglog_head_init(struct siglog_head *);
/*
 * A line that follows the head, which becomes that of the line: 0. -1 when it
 * does not have its form or does not follow; then *problem says why. A line
 * "begin" follows anything when the head is new.
 */
int siglog_head_next(
    struct siglog_head *, const char line[SIGLOG_LINE], const char **problem);

struct siglog {
	int fd; /* to append to */
	struct siglog_head head;
	/* lines that are not written yet: a group's, those of a file that
	 * begins and of acknowledgements */
	char lines[(SIGLOG_GROUP + 3) * SIGLOG_LINE];
	size_t length;
	size_t written;		   /* bytes of them, when that failed */
	struct siglog_head stored; /* as far as whole lines are written */
	uint8_t acks[32];	   /* chained since the last line of them */
	uint64_t acks_count;
	int64_t acks_ms; /* monotonic, of the first of them */
};

/*
 * Reads the end of the log from last: nothing, or one or two lines, and the
 * end of the file. A line that does not follow is fatal: a log that was
 * damaged is looked at by people. fd is where it goes on; an empty file gets
 * its first line with the next that is written. Before the sandbox.
 */
void siglog_open(struct siglog *, int last, int fd);
/*
 * Another file takes over; the last one is closed. Lines that it could not
 * take are forgotten: no signature of theirs was released.
 */
void siglog_turn(struct siglog *, int fd);
/*
 * Writes down a signature over text: kind of an envelope, batch or state. hash
 * is the text's SHA-256. Not more than SIGLOG_GROUP before a siglog_commit().
 */
void siglog_add(
    struct siglog *, const char *kind, int64_t mark, const uint8_t hash[32]);
/* An acknowledgement that names no higher mark than the head's. */
void siglog_ack(struct siglog *, const uint8_t hash[32], int64_t now_ms);
/*
 * Writes what waits, with a line for acknowledgements if it is due or there
 * are others. 0 when all is on the disk, else -1 with errno: what waits is
 * tried again with the next.
 */
int siglog_commit(struct siglog *, int64_t now_ms);
/* Whether a line of acknowledgements will be due within a second. */
bool siglog_pending(const struct siglog *);

#endif
