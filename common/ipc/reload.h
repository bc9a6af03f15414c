/* SPDX-License-Identifier: ISC */
/* What became of a reload of the key files: fedd says it, fedctl shows it. */
#ifndef TORFED_RELOAD_H
#define TORFED_RELOAD_H

enum reload {
	RELOAD_DONE,   /* another fed-signer, and a new generation */
	RELOAD_SAME,   /* it is the certificate that is in use */
	RELOAD_FILES,  /* one is missing, or others could have it */
	RELOAD_KEYS,   /* fed-signer cannot use them, or not together */
	RELOAD_SERVER, /* they are another server's */
	RELOAD_SERIAL, /* peers would refuse this certificate */
	RELOAD_TIME,   /* it is not valid now */
	RELOAD_COUNT
};

/* A sentence about it, a literal. */
const char *reload_text(enum reload);

#endif
