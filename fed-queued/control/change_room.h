/* SPDX-License-Identifier: ISC */
/* What an administrator does with a room. */
#ifndef TORFED_CONTROL_CHANGE_ROOM_H
#define TORFED_CONTROL_CHANGE_ROOM_H

#include "control/control.h"

control_run change_room_adopt;
/* The whole machine went back in time, with its log of signatures. */
control_run change_room_restored;

#endif
