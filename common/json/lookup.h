/* SPDX-License-Identifier: ISC */
/*
 * Looking users up: the request's payload and the answer to it.
 *
 *	{"handle":"alice"}
 *
 *	{"avatar":"<base64>",		optional, 1 to 16384 bytes
 *	 "displayName":"...",		optional, 1 to 128 bytes
 *	 "handle":"alice",
 *	 "keyEpoch":20418,
 *	 "publicKey":"<base64>"}	1 to 2048 bytes
 *
 * or {} where there is no such user, they are hidden, or the asker may not look
 * them up: the three cannot be told apart.
 */
#ifndef TORFED_LOOKUP_H
#define TORFED_LOOKUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/code.h"

#define LOOKUP_TYPE	  "user_lookup"
#define LOOKUP_HANDLE_MAX 64 /* bytes */
#define LOOKUP_KEY_MAX	  2048
#define LOOKUP_NAME_MAX	  128
#define LOOKUP_AVATAR_MAX 16384
/* Bytes of each body that holds an answer: the size that all answers fit. */
#define LOOKUP_BODY	  (32U * 1024)

struct lookup_user {
	char handle[LOOKUP_HANDLE_MAX + 1];
	int64_t key_epoch; /* 1 to 2^53-1 */
	size_t key_length;
	size_t avatar_length;		/* 0 none */
	char name[LOOKUP_NAME_MAX + 1]; /* "" none */
	uint8_t key[LOOKUP_KEY_MAX];
	uint8_t avatar[LOOKUP_AVATAR_MAX];
};

/*
 * 1 to 64 of a-z, 0-9, '.', '_' and '-', a letter or digit first. Nothing else
 * is a handle, so that no script, direction or invisible character hides a
 * difference.
 */
bool lookup_handle_valid(const char *handle, size_t length);
/*
 * 1 to 128 bytes of text without control characters, line and paragraph
 * separators and characters that turn the direction of writing.
 */
bool lookup_name_valid(const char *name, size_t length);

/* The canonical payload, newly allocated (free()); NULL: out of memory. */
char *lookup_request_format(const char *handle, size_t *length);
/* CODE_OK or PAYLOAD_MALFORMED. The payload is canonical. */
enum code lookup_request_parse(
    char handle[LOOKUP_HANDLE_MAX + 1], const char *payload, size_t length);
/*
 * The canonical answer, newly allocated (free()); user NULL: there is none to
 * show. NULL: out of memory, or a user without the form above.
 */
char *lookup_answer_format(const struct lookup_user *user, size_t *length);
/*
 * From an acknowledgement's payload, whose signature has been verified. *found
 * tells whether it shows a user, who is the one asked for. CODE_OK or
 * PAYLOAD_MALFORMED.
 */
enum code lookup_answer_parse(struct lookup_user *user, bool *found,
    const char *handle, const char *payload, size_t length);

#endif
