/* SPDX-License-Identifier: ISC */
/* For the table in statements.c: the SQL of invitations shown and of ids. */
#ifndef TORFED_STATEMENTS_INVITES_H
#define TORFED_STATEMENTS_INVITES_H

extern const char sql_room_present[];
extern const char sql_room_item_received[];
extern const char sql_room_shown_facts[];
extern const char sql_room_shown_write[];

#endif
