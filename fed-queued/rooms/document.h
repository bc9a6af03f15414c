/* SPDX-License-Identifier: ISC */
/*
 * Documents of server_sync: what somebody signed, from any hand, to what it
 * proves; and those that the database keeps as evidence.
 */
#ifndef TORFED_ROOM_DOCUMENT_H
#define TORFED_ROOM_DOCUMENT_H

#include "json/event_payload.h"
#include "json/sync_payload.h"
#include "proto/cert.h"
#include "proto/signtext_parse.h"
#include "rooms/messages/look.h"

enum document_kind {
	DOCUMENT_NOTHING, /* malformed, or not what it says it is */
	DOCUMENT_EVENT,
	DOCUMENT_ITEMS, /* messages */
	DOCUMENT_VOIDS	/* an answer that declares numbers void */
};

/* Large. Pointers are into the document, but for event.payload. */
struct document {
	enum document_kind kind;
	struct cert cert;
	struct signed_event event;		 /* DOCUMENT_EVENT */
	struct signtext text;			 /* the others */
	struct room_proof proof;		 /* the same */
	uint32_t count;				 /* DOCUMENT_ITEMS */
	struct signed_message said[BATCH_ITEMS]; /* all of one room */
	struct room_id room;			 /* that room */
	struct room_message first;		 /* of the first of them */
	const struct sync_bytes *answer; /* DOCUMENT_VOIDS: the payload */
};

/*
 * Reads and verifies: the certificate, valid when the signer says that he
 * signed, the signature, and that the text names the payloads. The kind.
 */
enum document_kind document_read(
    struct document *, const struct sync_document *);
void document_free(struct document *);

/*
 * A document that the database keeps (room_event_document(), room_document())
 * as one to be given. 0; -1: it does not have its form, or nobody's certificate
 * for it is known. stored: owns what document points into.
 */
struct stored_document {
	char certificate[CERT_MAX];
	char text[SIGNTEXT_BATCH_MAX];
	struct sync_bytes payload;
};
int document_restore(struct sync_document *, struct stored_document *stored,
    const char *json, size_t length);
/* The opposite, newly allocated, *length bytes; one payload. */
char *document_store(
    const struct document *, const struct sync_document *, size_t *length);

#endif
