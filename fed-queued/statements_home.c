/* SPDX-License-Identifier: ISC */
/* The SQL of rooms' state; the functions are in sql/rooms/state.sql. */
#include "statements_home.h"

#define S "federation."

/* $1 room, $2 the event's number, $3 whom it is about, $4 inviter, $5 nonce,
 * $6 who asked and $7 with which item */
const char sql_room_event_facts[] =
    "SELECT * FROM " S "room_event_facts($1::text, $2::bigint, $3::text,"
    " $4::text, $5::bytea, $6::text, $7::uuid)";

/*
 * $1 room, $2 its version; the state after it: $3 number, $4 closed, $5
 * disputed, $6 invitation required, $7 federated, $8 restricted; the event:
 * $9 kind, $10 text, $11 payload, $12 signature, $13 key id, $14 certificate;
 * what it changes: $15 members, $16 an invitation is new, $17 or used, $18
 * the list of servers
 */
const char sql_room_event_write[] =
    "SELECT " S "room_event_write($1::text, $2::bigint, $3::bigint,"
    " $4::bigint, $5::bigint, $6::boolean, $7::boolean, $8::boolean,"
    " $9::text, $10::bytea, $11::bytea, $12::bytea, $13::bytea, $14::bytea,"
    " $15::text, $16::boolean, $17::boolean, $18::boolean)";

/* $1 room, $2 its version, $3 kind, $4 number in dispute, $5 of our event that
 * stands against it; the event: $6 text, $7 payload, $8 signature, $9
 * certificate */
const char sql_room_event_conflict[] =
    "SELECT " S "room_event_conflict($1::text, $2::bigint, $3::text,"
    " $4::bigint, $5::bigint, $6::bytea, $7::bytea, $8::bytea, $9::bytea)";

const char sql_room_home_work[] = "SELECT * FROM " S "room_home_work()";

/* $1 room */
const char sql_room_home_next[] = "SELECT * FROM " S "room_home_next($1::text)";

/* $1 room, $2 its version; the event: $3 number, $4 kind, $5 key id, $6 text,
 * $7 payload; who asked: $8 origin or null, $9 item or wish, $10 its digest */
const char sql_room_event_decide[] =
    "SELECT " S "room_event_decide($1::text, $2::bigint, $3::bigint,"
    " $4::text, $5::bytea, $6::bytea, $7::bytea, $8::text, $9::uuid,"
    " $10::bytea)";

/* $1 room, $2 its version */
const char sql_room_event_drop[] =
    "SELECT " S "room_event_drop($1::text, $2::bigint)";

/* $1 wish, $2 code or null */
const char sql_room_wish_end[] =
    "SELECT " S "room_wish_end($1::uuid, $2::text)";
