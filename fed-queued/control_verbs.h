/* SPDX-License-Identifier: ISC */
/* The verbs of the control socket, for the table in control_verbs.c. */
#ifndef TORFED_CONTROL_VERBS_H
#define TORFED_CONTROL_VERBS_H

#include "control.h"

typedef void control_verb_function(
    struct control_client *, const struct msg_control *);

/* control_server.c */
control_verb_function control_show_servers;
control_verb_function control_server_add;
control_verb_function control_server_trust;
control_verb_function control_server_block;
control_verb_function control_handshake;
/* control_queue.c */
control_verb_function control_show_queue;
/* ping.c */
control_verb_function control_server_ping;
/* receipts.c */
control_verb_function control_receipt_export;

#endif
