/* SPDX-License-Identifier: ISC */
/* What the files of the mirror share. */
#ifndef TORFED_SIMULATE_MIRROR_INTERNAL_H
#define TORFED_SIMULATE_MIRROR_INTERNAL_H

#include "db/db.h"
#include "exchange/proof.h"
#include "json/sync_payload.h"
#include "proto/signtext.h"
#include "sql/mirror.h"

/* mirror_db.c: one connection as the daemon and one as an admin a node. */
void mirror_db_open(const char *host, const char *prefix);
/* Those of the node from here on, for production, too. */
void mirror_db_enter(int node);
/* Whether production has changed anything since it was last asked. */
bool mirror_db_written(int node);
/* As an admin; the first column of the first row, "" when there is none. NULL:
 * refused, and sqlstate tells why. */
const char *mirror_sql(const char *sql, int count, const char *const *values);
const char *mirror_sqlstate(void);

/* mirror.c */
/* Whether there is something to be done on a node: enters it. */
bool mirror_enter(int node);
/* Production has done it: all that was noted must be used up. */
void mirror_leave_node(void);
void mirror_fail(const char *what, const char *sql, const char *model);
void mirror_verdict(const char *what, const struct room_verdict *got,
    const struct room_verdict *wanted);
/* Its rooms may have lower versions from here on. */
void mirror_versions_forget(int node);
/* Of lines, in any order, the first that only one of the two has. */
void mirror_texts(const char *what, char *sql, char *model);
/* For production's callbacks: argument is a struct mirror_outcome. */
struct mirror_outcome {
	bool done;
	bool ok;
	struct room_verdict verdict;
};
void mirror_done(const struct room_verdict *verdict, bool ok, void *argument);
void mirror_outcome(const char *what, const struct mirror_outcome *,
    const struct room_verdict *wanted);
void mirror_server(uint8_t uuid[UUID_SIZE], int identity);
/* The certificate that we sign under is the database's. */
void mirror_certify(int node);

/* mirror_proof.c: an item, or an answer that declares numbers void, and what
 * its origin signed with it. */
struct mirror_proof {
	struct signed_text signed_text;
	char text[SIGNTEXT_ENVELOPE_MAX];
	char *payload; /* newly allocated, or the caller's */
	size_t payload_length;
};
/* serial: of the certificate that it is signed under. */
void mirror_proof_item(struct mirror_proof *, int item, uint64_t serial);
void mirror_proof_answer(struct mirror_proof *, int origin, uint64_t serial,
    char *payload, size_t length);

/* mirror_facts.c: what decisions are called with. */
enum mirror_facts {
	MIRROR_FACTS_OFF,
	MIRROR_FACTS_NOTE,   /* by the model */
	MIRROR_FACTS_COMPARE /* by production */
};
/* What production is told, the world's unless a server decides by its own. */
extern int64_t mirror_clock;
void mirror_facts_mode(enum mirror_facts);
void mirror_facts_clear(void);
size_t mirror_facts_left(const char **first);
/* How many were the same so far. */
unsigned long mirror_facts_compared(void);

/* mirror_stubs.c: what the signer's log says from here on. */
void mirror_marked(int64_t mark);
/* What a node knows of the others. */
void mirror_peers(int node);
/* Whether our keys that are revoked are looked for. */
void mirror_rekey(bool due);

/* mirror_give.c: nothing was given so far. */
void mirror_given_clear(void);
/* mirror_sync.c */
char *mirror_answer(size_t *length, const struct sync_void *);

/* mirror_text.c: the model's store, as sim.dump() tells the database's. */
char *mirror_text(int node, int room);

#endif
