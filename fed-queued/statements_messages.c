/* SPDX-License-Identifier: ISC */
/* The SQL of messages in rooms; the functions are in sql/rooms/messages.sql. */
#include "statements_messages.h"

#define S "federation."

/* $1 room, $2 origin; of each message $3 id, $4 sender, $5 lane, $6 epoch, $7
 * sequence, $8 state number */
const char sql_room_messages_facts[] =
    "SELECT * FROM " S "room_messages_facts($1::text, $2::text, $3::uuid[],"
    " $4::text[], $5::int[], $6::bigint[], $7::bigint[], $8::bigint[])";

/*
 * $1 room, $2 its version, $3 origin, $4 signing text, $5 signature, $6 key
 * id; of each message $7 id, $8 digest, $9 sender, $10 type, $11 status, $12
 * code or '', $13 flags, $14 lane, $15 epoch, $16 sequence, $17 state number,
 * $18 previous, $19 payload, $20 number in dispute or 0; of each stream $21
 * lane, $22 epoch, $23 contiguous, $24 highest, $25 gap since or 0, $26 forked
 * or 0, $27 seen
 */
const char sql_room_messages_take[] =
    "SELECT " S "room_messages_take($1::text, $2::bigint, $3::text,"
    " $4::bytea, $5::bytea, $6::bytea, $7::uuid[], $8::bytea[], $9::text[],"
    " $10::text[], $11::text[], $12::text[], $13::int[], $14::int[],"
    " $15::bigint[], $16::bigint[], $17::bigint[], $18::bytea[],"
    " $19::bytea[], $20::bigint[], $21::int[], $22::bigint[], $23::bigint[],"
    " $24::bigint[], $25::bigint[], $26::bigint[], $27::bytea[])";

/* $1 room, $2 id to begin behind, $3 most */
const char sql_room_messages_open[] =
    "SELECT * FROM " S "room_messages_open($1::text, $2::bigint, $3::int)";

/* $1 room, $2 its version; of each $3 id, $4 status, $5 code or '', $6 flags */
const char sql_room_messages_judge[] =
    "SELECT " S "room_messages_judge($1::text, $2::bigint, $3::bigint[],"
    " $4::text[], $5::text[], $6::int[])";

/* $1 room, $2 most */
const char sql_room_messages_new[] =
    "SELECT * FROM " S "room_messages_new($1::text, $2::int)";

/*
 * $1 room, $2 its version, $3 epoch, $4 state number; of each message $5 id, $6
 * code or '', $7 sequence, $8 digest, $9 previous, $10 payload; of each stream
 * $11 to $17, as above
 */
const char sql_room_messages_number[] =
    "SELECT " S "room_messages_number($1::text, $2::bigint, $3::bigint,"
    " $4::bigint, $5::bigint[], $6::text[], $7::bigint[], $8::bytea[],"
    " $9::bytea[], $10::bytea[], $11::int[], $12::bigint[], $13::bigint[],"
    " $14::bigint[], $15::bigint[], $16::bigint[], $17::bytea[])";

/* $1 seconds after which one that is held is judged again */
const char sql_room_messages_work[] =
    "SELECT * FROM " S "room_messages_work($1::bigint * interval '1 s')";
