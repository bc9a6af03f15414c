/* SPDX-License-Identifier: ISC */
/*
 * fed-signer run by hand: verbs that make and show keys and certificates.
 * Functions return an exit status of sysexits(3), 0 on success; whoever fails
 * first says why on standard error.
 */
#ifndef TORFED_FED_SIGNER_HAND_H
#define TORFED_FED_SIGNER_HAND_H

#include <stdbool.h>

#define IDENTITY_FILE	 "identity.key"
#define SIGNING_FILE	 "signing.key"
#define CERTIFICATE_FILE "certificate"
#define SEED_SIZE	 32

struct options {
	const char *keys;   /* -k: directory of the key files */
	const char *hidden; /* -t: tor's HiddenServiceDir */
	int days;	    /* -d: of a certificate */
	bool renew;	    /* -r: a new signing key, too */
	bool revoke;	    /* -m: earlier certificates end now */
	char **files;	    /* audit: of the log, in order */
	int file_count;
};

#endif
