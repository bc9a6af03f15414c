/* SPDX-License-Identifier: ISC */
/*
 * What the three files of a channel (channel.c, channel_receive.c,
 * channel_send.c) share, and nobody else.
 */
#ifndef TORFED_CHANNEL_INTERNAL_H
#define TORFED_CHANNEL_INTERNAL_H

#include <bsd/sys/queue.h>

#include "ipc/channel.h"

#define CHANNEL_FLAG_DESCRIPTOR 0x1U /* this message carries one */

/*
 * A descriptor, and which bytes of the stream came with it: it belongs to a
 * message that begins among them. One that reads all messages before it reads
 * on has at most two: of a message that is not whole yet, and of the next.
 */
#define CHANNEL_PENDING_MAX	4
struct channel_pending {
	int descriptor;
	uint64_t begin; /* offset of the first byte */
	uint64_t end;	/* and of the byte behind the last */
};

#define CHANNEL_INPUT_SMALL (16U * 1024) /* bytes, at rest */
struct channel_input {
	uint8_t *data;
	size_t size;
	size_t head;	   /* first byte not consumed */
	size_t tail;	   /* behind the last byte received */
	size_t needed;	   /* bytes of the message at head, if its header
				    * was checked; else 0 */
	uint64_t position; /* of head in the stream */
	struct channel_pending pending[CHANNEL_PENDING_MAX];
	size_t pending_count;
	/* Why nothing more is received; CHANNEL_OK: all is well. */
	enum channel_error refused;
};

/* Messages to be written; the descriptor belongs to the first byte. */
struct channel_chunk {
	STAILQ_ENTRY(channel_chunk) entry;
	int descriptor; /* -1, or none any more */
	size_t size;	/* bytes of memory */
	size_t length;	/* bytes there */
	size_t written;
	uint8_t data[];
};
STAILQ_HEAD(channel_chunks, channel_chunk);

struct channel {
	int fd;
	enum role self;
	enum role peer;
	enum channel_error error; /* the latest */
	struct channel_input input;
	struct channel_chunks output;
	size_t queued; /* bytes in output not yet written */
};

/* Sets the error, and errno where it is ours; returns -1. */
int channel_fail(struct channel *, enum channel_error);
void channel_input_free(struct channel_input *);
void channel_output_free(struct channel *);

#endif
