/* SPDX-License-Identifier: ISC */
/*
 * server_sync: what servers that share rooms tell, ask and give each other
 * (federation(7), "server_sync"). The request's payload and the answer in its
 * acknowledgement have one form; members that hold nothing may be missing:
 *
 *	{"ask":[ASK...],		of a request alone
 *	 "documents":[DOCUMENT...],
 *	 "evidence":[[DOCUMENT,DOCUMENT]...],
 *	 "heads":[HEAD...],
 *	 "voids":[VOID...]}		of an answer alone
 *
 *	ASK		{"from":1,"globalRoomId":"...","to":9,"want":"items"},
 *			and of a stream "epoch", "lane" and "origin"; want:
 *			items, proof (one number, whatever it is to the asker)
 *			or evidence (one number)
 *	DOCUMENT	{"certificate":"<base64>","payloads":["<base64>"...],
 *			"signature":"<base64>","text":"<base64>"}
 *	HEAD		{"globalRoomId":"...","state":{"disputed":0,
 *			"hash":"<base64>","number":9} or null,"streams":[
 *			{"digest":"<base64>","epoch":1,"forked":0,"highest":9,
 *			"lane":2,"origin":"...","sequence":9,
 *			"tip":"<base64>"}...]}
 *	VOID		{"digest":"<base64>","epoch":1,"first":3,
 *			"globalRoomId":"...","kind":"void" or "gone","lane":2,
 *			"last":4,"previous":"<base64>"}, of a stream of the
 *			answerer's
 *
 * A document is what somebody signed: the signing text, the signature, the
 * signer's certificate, and payloads that the text names: one of an event, an
 * envelope or an answer, those that are wanted of a batch. Payloads are in
 * base64, so that they nest as deep as they like.
 */
#ifndef TORFED_SYNC_PAYLOAD_H
#define TORFED_SYNC_PAYLOAD_H

#include "room/room_heads.h"

#define SYNC_TYPE	       "server_sync"
#define SYNC_PAYLOAD_ASKS      64  /* of each of these at most in a message */
#define SYNC_PAYLOAD_DOCUMENTS 128 /* those of evidence included */
#define SYNC_PAYLOAD_PAYLOADS  256 /* of all documents */
#define SYNC_PAYLOAD_ROOMS     32
#define SYNC_PAYLOAD_STREAMS   128 /* of all rooms */
#define SYNC_PAYLOAD_VOIDS     64
/* Bytes after which no document is added: heads fit behind them. */
#define SYNC_PAYLOAD_FULL      (180U * 1024)

enum sync_want { SYNC_ITEMS, SYNC_PROOF, SYNC_EVIDENCE, SYNC_WANTS };

struct sync_ask {
	struct room_id room;
	enum sync_want want;
	bool stream; /* else of the room's state */
	uint8_t origin[ONION_KEY];
	int64_t epoch;
	int lane;
	int64_t from; /* to ... at most ROOM_EVENTS_MAX or ROOM_RANGE_MAX */
	int64_t to;   /* numbers; one alone unless items are wanted */
	/* Not on the wire, false there: it has shown us one side of the
	 * evidence. */
	bool shown;
};

struct sync_bytes {
	const char *bytes;
	size_t length;
};

/* Pointers into what it was made of. */
struct sync_document {
	struct sync_bytes certificate; /* as cert_format() writes it */
	struct sync_bytes text;	       /* at most SIGNTEXT_BATCH_MAX */
	uint8_t signature[64];
	const struct sync_bytes *payloads; /* 1 to 64 */
	uint32_t payload_count;
};

struct sync_stream {
	uint8_t origin[ONION_KEY];
	struct room_stream_head head;
};

struct sync_head {
	struct room_id room;
	bool has_state;
	struct room_head state;
	const struct sync_stream *streams;
	uint32_t stream_count;
};

struct sync_void {
	struct room_id room;
	int64_t epoch;
	int lane;
	struct room_void range;
};

struct sync_message {
	uint32_t ask_count;
	struct sync_ask asks[SYNC_PAYLOAD_ASKS];
	uint32_t document_count;
	struct sync_document documents[SYNC_PAYLOAD_DOCUMENTS];
	uint32_t pair_count; /* of evidence: two of pairs each */
	struct sync_document pairs[SYNC_PAYLOAD_DOCUMENTS];
	uint32_t room_count;
	struct sync_head rooms[SYNC_PAYLOAD_ROOMS];
	uint32_t void_count;
	struct sync_void voids[SYNC_PAYLOAD_VOIDS];
	/* what those point into */
	uint32_t stream_count;
	struct sync_stream streams[SYNC_PAYLOAD_STREAMS];
	uint32_t payload_count;
	struct sync_bytes payloads[SYNC_PAYLOAD_PAYLOADS];
	char *storage; /* owned */
};

/*
 * From a canonical payload whose signature was verified: a request's, or an
 * acknowledgement's with the member "answer". CODE_OK or PAYLOAD_MALFORMED;
 * then nothing needs freeing.
 */
enum code sync_payload_parse(
    struct sync_message *, bool answer, const char *payload, size_t length);
void sync_payload_free(struct sync_message *);

/* A message while it is written; one list for each member. */
struct sync_writer {
	struct {
		char *text; /* owned */
		size_t length;
		uint32_t count;
	} lists[5];
	size_t length; /* of all */
	uint32_t documents;
	uint32_t payloads;
	uint32_t streams;
};

/*
 * Each returns false, and adds nothing, when the message is full.
 */
void sync_payload_begin(struct sync_writer *);
bool sync_payload_ask(struct sync_writer *, const struct sync_ask *);
bool sync_payload_document(struct sync_writer *, const struct sync_document *);
bool sync_payload_evidence(struct sync_writer *, const struct sync_document *,
    const struct sync_document *);
bool sync_payload_head(struct sync_writer *, const struct sync_head *);
bool sync_payload_void(struct sync_writer *, const struct sync_void *);
/* How many declarations that numbers are void. */
uint32_t sync_payload_declares(const struct sync_writer *);
/*
 * The canonical text, which the caller frees; *length bytes, not terminated.
 * One that declares numbers void holds nothing else, since it is kept and shown
 * to others as it is.
 */
char *sync_payload_end(struct sync_writer *, size_t *length);

#endif
