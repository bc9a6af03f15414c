/* SPDX-License-Identifier: ISC */
/*
 * Channels: framed messages on a stream socket between two processes.
 *
 * A message is a header of CHANNEL_HEADER bytes (type u16, flags u16,
 * length u32 of what follows, id u32, peer u32, little-endian) and its data.
 * At most one descriptor travels with a message, and only where the
 * permission table (permission.c) allows one for that type. Who may send which
 * type to whom, and how long it may be, is that table and is checked on every
 * message sent or received.
 *
 * No libevent here: fed-signer uses this with poll(2).
 */
#ifndef TORFED_CHANNEL_H
#define TORFED_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHANNEL_HEADER 16 /* bytes */

/* The two ends of a channel. */
enum role {
	ROLE_FEDD,
	ROLE_LISTENER,
	ROLE_SIGNER,
	ROLE_SENDER,
	ROLE_QUEUED,
	ROLE_CONTROL, /* fedctl or any other control client */
	ROLE_COUNT
};
const char *role_name(enum role); /* "fedd", "fed-listener", ... */

struct message {
	uint16_t type;	     /* enum message_type */
	uint32_t id;	     /* request and reply share it */
	uint32_t peer;	     /* free for the two ends */
	int descriptor;	     /* -1, or owned by the receiver */
	const uint8_t *data; /* valid until the next channel_read */
	size_t length;	     /* bytes of data */
};

enum channel_error {
	CHANNEL_OK,
	CHANNEL_ERROR_SYSTEM,	  /* errno */
	CHANNEL_ERROR_TYPE,	  /* not permitted from that sender */
	CHANNEL_ERROR_LENGTH,	  /* outside the table's bounds */
	CHANNEL_ERROR_FLAGS,	  /* unknown flag bits */
	CHANNEL_ERROR_DESCRIPTOR, /* missing, surplus or not allowed */
	CHANNEL_ERROR_TRUNCATED,  /* end of file inside a message */
	CHANNEL_ERROR_FULL	  /* more queued than the channel's cap */
};
const char *channel_strerror(enum channel_error);

struct channel;

/*
 * Takes over fd, a unix stream socket; its mode is left alone, and nothing
 * but the two helpers below ever blocks. Memory for input grows with need, up
 * to the longest message that the table lets peer send to self and 4 KiB.
 * NULL: out of memory (errno); fd is still the caller's.
 */
struct channel *channel_new(int fd, enum role self, enum role peer);
/* Closes the descriptor, and every descriptor queued or received unread. */
void channel_free(struct channel *);
int channel_descriptor(const struct channel *);
enum role channel_peer(const struct channel *);

/*
 * Reads once: 1 something came, 0 end of file, -1 error. With nothing there -1
 * and errno EAGAIN, and channel_error() is CHANNEL_OK. End of file in the
 * middle of a message is CHANNEL_ERROR_TRUNCATED. Nothing is read, and the
 * answer is 1, while channel_next() still has a message: call that until it
 * returns 0.
 */
int channel_read(struct channel *);
/*
 * Next whole message: 1 there is one, 0 not yet, -1 malformed (see error).
 * After an error nothing more is ever received.
 */
int channel_next(struct channel *, struct message *);
enum channel_error channel_error(const struct channel *); /* the latest */
/* Bytes of memory for input; and gives back, when it is empty, what only long
 * messages need. */
size_t channel_memory(const struct channel *);
void channel_shrink(struct channel *);

/*
 * Queues a message (data is copied; descriptor, or -1, is taken over, and
 * closed once sent or on failure). -1 when the table does not allow it, or the
 * queue would hold more than CHANNEL_QUEUE_MAX bytes, or without memory; the
 * channel stays usable.
 */
#define CHANNEL_QUEUE_MAX     (64U * 1024 * 1024)
#define CHANNEL_QUEUE_CONTROL (16U * 1024 * 1024) /* to a control client */
int channel_send(struct channel *, uint16_t type, uint32_t id, uint32_t peer,
    int descriptor, const void *data, size_t length);
/* Writes what the socket takes: 0 all or would block, -1 error (errno). */
int channel_flush(struct channel *);
size_t channel_queued(const struct channel *); /* bytes not yet written */

/*
 * Blocking helpers for start-up and for fedctl. timeout_ms < 0: for ever.
 * channel_wait: 1 a message, 0 end of file, -1 error or time-out (ETIMEDOUT).
 */
int channel_wait(struct channel *, struct message *, int timeout_ms);
int channel_flush_wait(struct channel *, int timeout_ms);

#endif
