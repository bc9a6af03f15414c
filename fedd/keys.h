/* SPDX-License-Identifier: ISC */
/* Descriptors of fed-signer's key files. */
#ifndef TORFED_FEDD_KEYS_H
#define TORFED_FEDD_KEYS_H

struct keys {
	int signing;
	int certificate;
};
/*
 * Opens the signing key and the certificate, read-only, without reading them.
 * -1 after saying why not; then nothing is open.
 */
int keys_open(struct keys *, const char *directory);

#endif
