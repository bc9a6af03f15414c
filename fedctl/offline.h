/* SPDX-License-Identifier: ISC */
/* The commands that need no daemon; each fails or returns. */
#ifndef TORFED_FEDCTL_OFFLINE_H
#define TORFED_FEDCTL_OFFLINE_H

struct parsed;

void offline_onion_check(const struct parsed *);
void offline_json_canonical(const struct parsed *);
void offline_certificate_verify(const struct parsed *);
void offline_envelope_verify(const struct parsed *);
void offline_signature_verify(const struct parsed *);

#endif
