/* SPDX-License-Identifier: ISC */
/* The verbs of the control socket, for the table in verbs.c. */
#ifndef TORFED_CONTROL_VERBS_H
#define TORFED_CONTROL_VERBS_H

#include "control/control.h"

typedef void control_verb_function(
    struct control_client *, const struct msg_control *);

/* servers.c */
control_verb_function control_show_servers;
control_verb_function control_server_add;
control_verb_function control_server_trust;
control_verb_function control_server_block;
control_verb_function control_server_pause;
control_verb_function control_server_resume;
control_verb_function control_server_retry;
control_verb_function control_handshake;
/* queue.c: how things stand */
control_verb_function control_show_queue;
control_verb_function control_show_dead;
control_verb_function control_show_message;
control_verb_function control_queue_show;
/* rooms.c */
control_verb_function control_show_rooms;
control_verb_function control_check;
/* change.c: what is changed */
control_verb_function control_queue_hold;
control_verb_function control_queue_release;
control_verb_function control_queue_retry;
control_verb_function control_queue_cancel;
control_verb_function control_queue_requeue;
/* ping.c */
control_verb_function control_server_ping;
/* receipts.c */
control_verb_function control_receipt_export;

#endif
