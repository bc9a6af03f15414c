/* SPDX-License-Identifier: ISC */
/*
 * What an administrator does with messages on their way out. Arguments: a
 * message id and an address or "" (every server that it goes to), or an
 * address and "" (all messages to that server; not for cancel).
 */
#ifndef TORFED_CONTROL_CHANGE_QUEUE_H
#define TORFED_CONTROL_CHANGE_QUEUE_H

#include "control/control.h"

control_run change_queue_hold;
control_run change_queue_release;
control_run change_queue_retry;
control_run change_queue_cancel;
control_run change_queue_requeue;

#endif
