/* SPDX-License-Identifier: ISC */
/* The SQL of invitations; the functions are in sql/rooms/invitations.sql. */
#include "statements_invites.h"

#define S "federation."

/* $1 room, $2 address */
const char sql_room_present[] = "SELECT " S "room_present($1::text, $2::text)";

/* $1 origin, $2 id, $3 digest, $4 payload */
const char sql_room_item_received[] =
    "SELECT " S "room_item_received($1::text, $2::uuid, $3::bytea,"
    " $4::bytea)";

/* $1 room, $2 origin, $3 nonce, $4 the event's hash and $5 number, $6 invitee,
 * $7 the item's id */
const char sql_room_shown_facts[] =
    "SELECT * FROM " S "room_shown_facts($1::text, $2::text, $3::bytea,"
    " $4::bytea, $5::bigint, $6::text, $7::uuid)";

/*
 * $1 room, $2 origin, $3 nonce, $4 the event's hash, $5 invitee, $6 inviter,
 * $7 room key, $8 metadata, $9 expiry in seconds, $10 showing, $11 the item's
 * id and $12 digest, and how many may wait: $13 of a server, $14 of an invitee
 */
const char sql_room_shown_write[] =
    "SELECT " S "room_shown_write($1::text, $2::text, $3::bytea, $4::bytea,"
    " $5::text, $6::text, $7::text, $8::text, $9::bigint, $10::text,"
    " $11::uuid, $12::bytea, $13::int, $14::int)";
