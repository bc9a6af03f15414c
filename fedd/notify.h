/* SPDX-License-Identifier: ISC */
/* The service manager, when there is one. */
#ifndef TORFED_FEDD_NOTIFY_H
#define TORFED_FEDD_NOTIFY_H

void notify_connect(void);
void notify_send(const char *state); /* "READY=1" */

#endif
