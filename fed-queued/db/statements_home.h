/* SPDX-License-Identifier: ISC */
/* For the table in statements.c: the SQL of rooms' state. */
#ifndef TORFED_STATEMENTS_HOME_H
#define TORFED_STATEMENTS_HOME_H

extern const char sql_room_event_facts[];
extern const char sql_room_event_write[];
extern const char sql_room_event_conflict[];
extern const char sql_room_home_work[];
extern const char sql_room_home_next[];
extern const char sql_room_event_decide[];
extern const char sql_room_event_drop[];
extern const char sql_room_wish_end[];

#endif
