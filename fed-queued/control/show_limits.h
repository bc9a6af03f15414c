/* SPDX-License-Identifier: ISC */
/* The limiters of fed-listener and of this process: in use, and refused. */
#ifndef TORFED_CONTROL_SHOW_LIMITS_H
#define TORFED_CONTROL_SHOW_LIMITS_H

#include "control/control.h"

control_run show_limits;

#endif
