/* SPDX-License-Identifier: ISC */
/*
 * What an administrator should look at: our certificate when it is about to
 * expire, and in rooms what only people can mend.
 */
#ifndef TORFED_CONTROL_SHOW_PROBLEMS_H
#define TORFED_CONTROL_SHOW_PROBLEMS_H

#include "control/control.h"

control_run show_problems;

#endif
