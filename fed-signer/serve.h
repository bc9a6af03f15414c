/* SPDX-License-Identifier: ISC */
/* The loop that answers fed-queued. */
#ifndef TORFED_FED_SIGNER_SERVE_H
#define TORFED_FED_SIGNER_SERVE_H

struct channel;
struct signer;

/* Does not return. */
void serve(struct signer *, struct channel *parent, int queued)
    __attribute__((noreturn));
/* Signals become readable bytes; before the sandbox. */
void serve_signals(void);

#endif
