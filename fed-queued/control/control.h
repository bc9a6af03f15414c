/* SPDX-License-Identifier: ISC */
/*
 * The control socket. A client is untrusted: its errors close that client and
 * nothing else. Who may be a client at all is decided from the credentials of
 * the socket, before a byte of it is read: root, the user who started fedd,
 * and the members of one configured group.
 */
#ifndef TORFED_CONTROL_CONTROL_H
#define TORFED_CONTROL_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "ipc/message.h"
#include "proto/code.h"

struct control_client;

/* What a verb does: it ends with control_end(), now or later. */
typedef void control_run(struct control_client *, const struct msg_control *);

struct control_action {
	uint16_t verb;	    /* enum control_verb */
	uint32_t arguments; /* exactly */
	control_run *run;
};

/* Takes over the listening descriptor; find() is the table of verbs. */
void control_init(
    int descriptor, const struct control_action *(*find)(uint16_t verb));

void control_row(struct control_client *, const struct msg_control_row *);
/* Ends the request: exit code 0 with CODE_OK, and the client may ask again. */
void control_end(struct control_client *, enum code, const char *text);
/* "uid 1000", for the audit. */
const char *control_actor(const struct control_client *);

/* Building rows; strings must live until control_row(). */
void control_row_init(struct msg_control_row *, const char *kind);
void control_add_string(struct msg_control_row *, const char *name,
    const char *value); /* NULL: null */
void control_add_integer(
    struct msg_control_row *, const char *name, int64_t value);
void control_add_boolean(
    struct msg_control_row *, const char *name, bool value);

#endif
