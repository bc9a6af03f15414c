/* SPDX-License-Identifier: ISC */
/*
 * Nothing is done before it is known who we are, that the database was not
 * restored from a backup, and before it knows this start: identity, comparison
 * with the log of signatures, registration. Again after each loss of the
 * database.
 */
#ifndef TORFED_FED_QUEUED_BEGIN_H
#define TORFED_FED_QUEUED_BEGIN_H

#include "ipc/channel.h"

/* control: the control socket, whose path tells workers on one host apart;
 * ready(): all is there, each time. */
void begin_init(int control, void (*ready)(void));
/* MSG_IDENTITY: who we are; again, with a new certificate, but never another
 * server. Fatal when malformed. */
void begin_identity(const struct message *);
/* Goes on, if something is still to be done and can be. */
void begin_try(void);

#endif
