/* SPDX-License-Identifier: ISC */
/* The SQL of server_sync, with what sql/rooms/sync.sql takes and returns. */
#include "statements_sync.h"

#define S "federation."

const char sql_sync_rooms[] = "SELECT room FROM " S "sync_rooms($1::uuid)";
const char sql_sync_servers[] =
    "SELECT server FROM " S "sync_servers($1::integer)";
const char sql_sync_due[] =
    "SELECT server, room FROM " S "sync_due($1::integer)";
const char sql_sync_heads[] =
    "SELECT * FROM " S "sync_heads($1::uuid, $2::text[])";
const char sql_sync_streams[] =
    "SELECT * FROM " S "sync_streams($1::uuid, $2::text[], $3::integer)";
const char sql_sync_compare[] =
    "SELECT * FROM " S "sync_compare($1::text[], $2::bigint[])";
const char sql_sync_compare_streams[] =
    "SELECT * FROM " S "sync_compare_streams($1::text[], $2::text[],"
    " $3::bigint[], $4::integer[], $5::bigint[], $6::bigint[])";
const char sql_sync_heard[] =
    "SELECT " S "sync_heard($1::uuid, $2::text[], $3::bigint)";
const char sql_sync_behind[] =
    "SELECT " S "sync_behind($1::boolean, $2::bigint, $3::bigint,"
    " $4::bigint)";
const char sql_self_mark[] =
    "SELECT mark, epoch, CASE WHEN epoch_seen <= $1::bigint"
    " THEN epoch_seen ELSE 0 END FROM " S "self";
const char sql_sync_epoch[] = "SELECT * FROM " S "sync_epoch($1::bigint)";
const char sql_sync_events[] =
    "SELECT * FROM " S "sync_events($1::uuid, $2::text, $3::bigint,"
    " $4::bigint)";
const char sql_sync_items[] =
    "SELECT * FROM " S "sync_items($1::uuid, $2::text, $3::text,"
    " $4::bigint, $5::integer, $6::bigint, $7::bigint)";
const char sql_sync_resend[] =
    "SELECT " S "sync_resend($1::uuid, $2::bigint[])";
const char sql_sync_declared[] =
    "SELECT * FROM " S "sync_declared($1::uuid, $2::text, $3::text,"
    " $4::bigint, $5::integer, $6::bigint, $7::bigint)";
const char sql_sync_evidence[] =
    "SELECT * FROM " S "sync_evidence($1::uuid, $2::text, $3::text,"
    " $4::bigint, $5::integer, $6::bigint)";
const char sql_sync_mark[] = "SELECT " S "sync_mark($1::integer)";
const char sql_sync_void_facts[] =
    "SELECT * FROM " S "sync_void_facts($1::text, $2::text,"
    " $3::bigint, $4::integer, $5::bigint, $6::bigint)";
const char sql_sync_void[] =
    "SELECT " S "sync_void($1::text, $2::bigint, $3::text,"
    " $4::bigint, $5::integer, $6::bigint, $7::bigint, $8::bytea,"
    " $9::bytea, $10::bigint, $11::bigint, $12::bigint, $13::bytea,"
    " $14::bytea, $15::bytea, $16::bytea, $17::bytea)";
const char sql_sync_conflict[] =
    "SELECT " S "sync_conflict($1::text, $2::text, $3::text,"
    " $4::bigint, $5::integer, $6::bigint, $7::bytea, $8::bytea,"
    " $9::bigint, $10::bigint)";
