/* SPDX-License-Identifier: ISC */
/* fedctl server ping. */
#ifndef TORFED_CONTROL_PING_H
#define TORFED_CONTROL_PING_H

#include "control/control.h"

/* Argument: the server's address. */
control_run ping_server;

#endif
