/* SPDX-License-Identifier: ISC */
/* Probes of our own onion service. */
#ifndef TORFED_FED_SENDER_PROBE_H
#define TORFED_FED_SENDER_PROBE_H

struct job;
struct message;
struct sender;
struct wire_send_result;

/* MSG_PROBE. Fatal when it makes no sense. */
void probe_begin(struct sender *, const struct message *);
/* The one answer to it; frees the job. */
void probe_finish(
    struct sender *, struct job *, const struct wire_send_result *);

#endif
