/* SPDX-License-Identifier: ISC */
/* For the table in statements.c: the SQL of server_sync, functions of
 * sql/rooms/sync.sql. */
#ifndef TORFED_STATEMENTS_SYNC_H
#define TORFED_STATEMENTS_SYNC_H

extern const char sql_sync_rooms[];
extern const char sql_sync_servers[];
extern const char sql_sync_due[];
extern const char sql_sync_heads[];
extern const char sql_sync_streams[];
extern const char sql_sync_compare[];
extern const char sql_sync_compare_streams[];
extern const char sql_sync_heard[];
extern const char sql_sync_behind[];
extern const char sql_self_mark[];
extern const char sql_sync_epoch[];
extern const char sql_sync_events[];
extern const char sql_sync_items[];
extern const char sql_sync_resend[];
extern const char sql_sync_declared[];
extern const char sql_sync_evidence[];
extern const char sql_sync_mark[];
extern const char sql_sync_void_facts[];
extern const char sql_sync_void[];
extern const char sql_sync_conflict[];

#endif
