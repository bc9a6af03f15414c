/* SPDX-License-Identifier: ISC */
/* Certificates: what parses is byte for byte what would be written. */
#include <stdlib.h>
#include <string.h>

#include "proto/cert.h"
#include "proto/ed.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char again[CERT_MAX];
	struct cert cert;
	uint8_t key_id[32];

	if (ed_init() == -1)
		abort();
	if (cert_parse(&cert, data, size) != CODE_OK)
		return 0;
	if (size > CERT_MAX || cert_format(again, &cert) != size ||
	    memcmp(again, data, size) != 0)
		abort();
	cert_key_id(key_id, &cert);
	/* No verdict is wrong here; the walk through the checks is. */
	if (cert_verify(&cert, cert.not_before) == CODE_OK &&
	    cert_verify_time(&cert, cert.not_before) != CODE_OK)
		abort();
	return 0;
}
