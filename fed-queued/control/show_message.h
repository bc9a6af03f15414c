/* SPDX-License-Identifier: ISC */
/* One message on its way out: how it stands, and what happened to it. */
#ifndef TORFED_CONTROL_SHOW_MESSAGE_H
#define TORFED_CONTROL_SHOW_MESSAGE_H

#include "control/control.h"
#include "db/db.h"

/* Arguments of both: message id, address or "". */
control_run show_message_state;
control_run show_message_history;
/* A row of SQL_QUEUE_SHOW's result. */
void show_message_row(struct control_client *, PGresult *, int row);

#endif
