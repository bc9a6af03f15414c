/* SPDX-License-Identifier: ISC */
/* What waits for each server, and what could not be delivered. */
#ifndef TORFED_CONTROL_SHOW_QUEUE_H
#define TORFED_CONTROL_SHOW_QUEUE_H

#include "control/control.h"

control_run show_queue;
/* Arguments: how many or "", address or "". */
control_run show_queue_dead;

#endif
