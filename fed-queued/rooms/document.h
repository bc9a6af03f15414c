/* SPDX-License-Identifier: ISC */
/*
 * Documents of server_sync: what a server signed, whoever hands it on, read to
 * what it proves; and documents that the database keeps as evidence.
 */
#ifndef TORFED_ROOMS_DOCUMENT_H
#define TORFED_ROOMS_DOCUMENT_H

#include "json/event_payload.h"
#include "json/sync_payload.h"
#include "proto/cert.h"
#include "proto/signtext_parse.h"
#include "rooms/signed_message.h"

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
	struct signed_event event;		     /* DOCUMENT_EVENT */
	struct signtext text;			     /* the others */
	struct signed_text proof;		     /* the same */
	uint32_t count;				     /* DOCUMENT_ITEMS */
	struct signed_message messages[BATCH_ITEMS]; /* all of one room */
	struct room_id room;			     /* that room */
	struct room_message first;		     /* of the first of them */
	const struct sync_bytes *answer; /* DOCUMENT_VOIDS: the payload */
};

/*
 * Reads and verifies: the certificate, valid at the time of the signature that
 * the text gives, the signature, and that the text names the payloads. Returns
 * the kind.
 */
enum document_kind document_read(
    struct document *, const struct sync_document *);
void document_free(struct document *);

/*
 * A document as the database keeps it (room_event_document(),
 * room_document()) to one that can be given. 0; -1: it does not have its form,
 * or we know no certificate for it. stored: owns what document points into.
 */
struct stored_document {
	char certificate[CERT_MAX];
	char text[SIGNTEXT_BATCH_MAX];
	struct sync_bytes payload;
};
int document_restore(struct sync_document *, struct stored_document *stored,
    const char *json, size_t length);
/* The opposite, of a document with one payload: newly allocated, *length
 * bytes. */
char *document_store(
    const struct document *, const struct sync_document *, size_t *length);

#endif
