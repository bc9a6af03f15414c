/* SPDX-License-Identifier: ISC */
/* What the verbs of the control socket share: a request and its answer. */
#ifndef TORFED_CONTROL_REQUEST_H
#define TORFED_CONTROL_REQUEST_H

#include "control/control.h"
#include "db/statements.h"
#include "env.h"
#include "proto/onion.h"

struct request {
	struct control_client *client;
	char address[ONION_SIZE];
	uint8_t key[32];
	int level;
	const char *action; /* of server_change() */
};

struct request *request_new(struct control_client *);
/* A request about a server; NULL when the address is bad (and ended). */
struct request *request_server(struct control_client *, const char *address);
/* Answers with the code, and frees it. */
void request_end(struct request *, enum code, const char *text);
/* A statement without parameters. */
void request_call(struct request *, enum statement, db_callback done);
/* The same with these, which are freed. */
void request_call_with(
    struct request *, enum statement, struct db_parameters *, db_callback done);

/* Results in text: NULL where the database says null. */
const char *result_text(PGresult *, int row, int column);
int64_t result_integer(PGresult *, int row, int column);
bool result_true(PGresult *, int row, int column);
/* A code by its name, INTERNAL when it is none of ours. */
enum code result_code(PGresult *, int row, int column);
/*
 * How many rows are asked for: limit, or 100 where it is empty. NULL when it
 * is not a number from 1 to 1000.
 */
const char *control_limit(const char *limit);
/* "high", "normal", "low"; NULL */
const char *result_lane(PGresult *, int row, int column);

#endif
