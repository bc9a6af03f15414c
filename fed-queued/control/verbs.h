/* SPDX-License-Identifier: ISC */
/* What fedctl can ask: the table of verbs, for control_init(). */
#ifndef TORFED_CONTROL_VERBS_H
#define TORFED_CONTROL_VERBS_H

#include "control/control.h"

/* NULL when there is no such verb. */
const struct control_action *verbs_find(uint16_t verb);

#endif
