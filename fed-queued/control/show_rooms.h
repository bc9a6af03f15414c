/* SPDX-License-Identifier: ISC */
/* Rooms, and whether their homes are heard. */
#ifndef TORFED_CONTROL_SHOW_ROOMS_H
#define TORFED_CONTROL_SHOW_ROOMS_H

#include "control/control.h"

/* Argument: how many or "". */
control_run show_rooms;

#endif
