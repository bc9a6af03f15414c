/* SPDX-License-Identifier: ISC */
/* A question of a client's that the database answers, and its answer. */
#ifndef TORFED_CONTROL_QUERY_H
#define TORFED_CONTROL_QUERY_H

#include "control/control.h"
#include "db/row.h"
#include "db/statements.h"
#include "env.h"
#include "proto/onion.h"
#include "room/room_id.h"

struct query {
	struct control_client *client;
	char address[ONION_SIZE]; /* of the server that it is about, or "" */
	uint8_t key[32];
	/* change_server.c's */
	int level;
	const char *action;
	/* change_room.c's */
	char room_text[ROOM_ID_SIZE];
};

struct query *query_new(struct control_client *);
/* One about a server; NULL when the address is bad (and the client told). */
struct query *query_server(struct control_client *, const char *address);
/* Answers with the code, and frees it. */
void query_end(struct query *, enum code, const char *text);
/* A statement without parameters. */
void query_ask(struct query *, enum statement, db_callback done);
/* The same with these, which are freed. */
void query_ask_with(
    struct query *, enum statement, struct db_parameters *, db_callback done);

/*
 * How many rows are asked for: limit, or 100 where it is empty. NULL when it
 * is not a number from 1 to 1000.
 */
const char *query_limit(const char *limit);
/* A column with a code by its name; INTERNAL when it is none of ours. */
enum code query_code(PGresult *, int row, int column);
/* A column with a lane's number: "high", "normal", "low"; NULL. */
const char *query_lane(PGresult *, int row, int column);

#endif
