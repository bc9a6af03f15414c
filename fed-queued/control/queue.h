/* SPDX-License-Identifier: ISC */
/* How one message stands, as a row of the control socket. */
#ifndef TORFED_CONTROL_QUEUE_H
#define TORFED_CONTROL_QUEUE_H

#include "control/control.h"
#include "db/db.h"

/* A row of SQL_QUEUE_SHOW's result. */
void control_message_row(struct control_client *, PGresult *, int row);

#endif
