/* SPDX-License-Identifier: ISC */
/* fedctl's reload of the key files, which fedd does. */
#ifndef TORFED_CONTROL_RELOAD_H
#define TORFED_CONTROL_RELOAD_H

#include "control/control.h"
#include "ipc/message.h"

void reload_keys(struct control_client *, const struct msg_control *);
/*
 * MSG_RELOADED: all who asked are told. After RELOAD_DONE, which also comes
 * when nobody has asked here, this process ends.
 */
void reload_answer(const struct message *);

#endif
