/* SPDX-License-Identifier: ISC */
/*
 * fed-signer while it runs as a child of fedd: the keys that it holds, what it
 * may sign with them, and the loop that answers fed-queued.
 */
#ifndef TORFED_SIGNER_H
#define TORFED_SIGNER_H

#include <stddef.h>
#include <stdint.h>

#include "base/bucket.h"
#include "ipc/message.h"
#include "proto/cert.h"
#include "proto/code.h"
#include "proto/signtext.h"
#include "siglog.h"

/*
 * secret.c: the signing key in guarded memory: locked, left out of core dumps,
 * with an inaccessible page on either side.
 */
struct secret {
	uint8_t key[64];  /* seed and public key, as libsodium signs with */
	uint8_t seed[33]; /* while it is read; a file may be too long */
};
/*
 * The key in the file behind descriptor (32 bytes, a regular file that is
 * nobody else's; owner is whose it may be beside root's and ours). Fatal
 * when it is anything else. Wiped at exit.
 */
struct secret *secret_load(int descriptor, uid_t owner);

/* identity.c: who we are, read once from the certificate's descriptor. */
struct identity {
	struct cert cert;
	struct msg_identity message; /* as fed-queued gets it */
};
/* Fatal unless it is genuine and its signing key is the secret's. One that
 * has expired or is not valid yet gets a warning: nothing is signed then. */
void identity_load(
    struct identity *, int descriptor, const struct secret *, int64_t now_s);

/* request.c: from a request to a signature, or to a refusal. */
struct signer {
	const struct secret *secret;
	const struct identity *identity;
	int64_t window_s;
	struct bucket_rate rate; /* one second's worth at once */
	struct bucket bucket;
	struct siglog log;
	bool log_failed;    /* it could not be written, last */
	uint64_t envelopes; /* signed since the start */
	uint64_t batches;
	uint64_t states; /* state events */
	uint64_t refused;
	uint8_t last_refusal; /* enum sign_refusal */
};
struct moment {
	int64_t utc_s;
	int64_t monotonic_ms;
};
struct answer {
	uint16_t type; /* MSG_SIGNATURE or MSG_SIGN_REFUSED */
	uint16_t request;
	uint32_t id; /* of the request, as is */
	uint32_t peer;
	size_t length;
	uint8_t bytes[64];
};
/*
 * Answers requests, which next() gives one by one and NULL when there is no
 * more, and writes their signatures down together. Returns how many there are,
 * at most SIGLOG_GROUP, or -1: one was malformed, which the sender answers for.
 */
int request_answers(struct signer *, const struct moment *,
    const struct message *(*next)(void *argument), void *argument,
    struct answer answers[SIGLOG_GROUP]);
/* Writes down what is due. */
void request_log(struct signer *, const struct moment *);

/* state.c: state events. 0, or why one is not signed, a enum sign_refusal; the
 * rate comes last. */
uint8_t state_refusal(
    struct signer *, const struct moment *, const struct msg_sign_state *);
/* text: SIGNTEXT_STATE_MAX bytes. Returns the length; not terminated. */
size_t state_text(
    char *text, const struct signer *, const struct msg_sign_state *);

/* serve.c: the loop. Does not return. */
struct channel;
void serve(struct signer *, struct channel *parent, int queued)
    __attribute__((noreturn));
/* Signals become readable bytes; before the sandbox. */
void serve_signals(void);

/* daemon.c */
int daemon_main(int argc, char *argv[]);

#endif
