/* SPDX-License-Identifier: ISC */
/* How the suite stands, in one row. */
#ifndef TORFED_CONTROL_SHOW_STATUS_H
#define TORFED_CONTROL_SHOW_STATUS_H

#include "control/control.h"

control_run show_status;

#endif
