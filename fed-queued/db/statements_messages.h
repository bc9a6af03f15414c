/* SPDX-License-Identifier: ISC */
/* For the table in statements.c: the SQL of messages in rooms. */
#ifndef TORFED_STATEMENTS_MESSAGES_H
#define TORFED_STATEMENTS_MESSAGES_H

extern const char sql_room_messages_facts[];
extern const char sql_room_messages_take[];
extern const char sql_room_messages_open[];
extern const char sql_room_messages_judge[];
extern const char sql_room_messages_new[];
extern const char sql_room_messages_number[];
extern const char sql_room_messages_work[];

#endif
