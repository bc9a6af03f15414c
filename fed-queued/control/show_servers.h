/* SPDX-License-Identifier: ISC */
/* All servers that are known: trust, signs of life, certificates. */
#ifndef TORFED_CONTROL_SHOW_SERVERS_H
#define TORFED_CONTROL_SHOW_SERVERS_H

#include "control/control.h"

control_run show_servers;

#endif
