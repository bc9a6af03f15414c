/* SPDX-License-Identifier: ISC */
/* fed-signer show: what the certificate says.  No key is read. */
#include <inttypes.h>
#include <stdio.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/encode.h"
#include "certificate.h"
#include "directory.h"
#include "fail.h"
#include "hand.h"
#include "keys.h"
#include "proto/onion.h"
#include "show.h"

static void
print_time(const char *name, int64_t seconds)
{
	char text[TIME_TEXT + 1];

	time_format(text, seconds);
	printf("%s=%s\n", name, text);
}

static void
print_certificate(const struct cert *cert, enum code state)
{
	char address[ONION_SIZE], key_id[65], signing[BASE64_SHA256 + 1];
	uint8_t hash[32];

	onion_format(address, cert->server);
	base64_encode(signing, cert->signing_key, sizeof(cert->signing_key));
	cert_key_id(hash, cert);
	hex_encode(key_id, hash, sizeof(hash));
	printf("address=%s\n", address);
	printf("serial=%" PRIu64 "\n", cert->serial);
	printf("minSerial=%" PRIu64 "\n", cert->min_serial);
	print_time("notBefore", cert->not_before);
	print_time("notAfter", cert->not_after);
	printf("signingKey=%s\n", signing);
	printf("keyId=%s\n", key_id);
	printf("state=%s\n", code_name(state));
}

int
show_run(const struct options *options)
{
	struct directory directory;
	struct cert cert;
	enum code state;
	int status;

	if ((status = directory_open(&directory, options->keys, 0)) != 0)
		return status;
	status = certificate_read(&cert, &directory);
	directory_close(&directory);
	if (status != 0)
		return status;
	state = cert_verify(&cert, clock_now());
	/* One that is genuine but out of date is shown, and says so. */
	if (state != CODE_OK && state != CODE_CERTIFICATE_EXPIRED &&
	    state != CODE_CERTIFICATE_NOT_YET)
		return fail(EX_DATAERR, "%s/" CERTIFICATE_FILE ": %s: %s",
		    options->keys, code_name(state), code_text(state));
	print_certificate(&cert, state);
	return 0;
}
