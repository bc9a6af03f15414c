/* SPDX-License-Identifier: ISC */
/* For the table in statements.c: the SQL of what fedctl asks for. */
#ifndef TORFED_STATEMENTS_ADMIN_H
#define TORFED_STATEMENTS_ADMIN_H

extern const char sql_counts[];
extern const char sql_server_add[];
extern const char sql_server_trust[];
extern const char sql_show_servers[];
extern const char sql_server_change[];
extern const char sql_show_queue[];
extern const char sql_show_dead[];
extern const char sql_room_list[];
extern const char sql_room_problems[];
extern const char sql_queue_show[];
extern const char sql_show_message[];
extern const char sql_queue_change[];
extern const char sql_queue_change_many[];

#endif
