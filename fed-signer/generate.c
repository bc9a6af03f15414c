/* SPDX-License-Identifier: ISC */
/*
 * fed-signer generate: identity key, signing key and the first certificate,
 * all or none.
 */
#include <stdio.h>
#include <sysexits.h>

#include "base/clock.h"
#include "certificate.h"
#include "directory.h"
#include "fail.h"
#include "file.h"
#include "generate.h"
#include "hand.h"
#include "keys.h"
#include "proto/onion.h"

static const char *const names[] = {
    IDENTITY_FILE, SIGNING_FILE, CERTIFICATE_FILE};
#define NAMES (sizeof(names) / sizeof(names[0]))

static int
nothing_there(const struct directory *directory)
{
	size_t i;

	for (i = 0; i < NAMES; i++)
		if (file_exists(directory, names[i]) == 0)
			return fail(EX_CANTCREAT,
			    "%s/%s: exists and is not overwritten",
			    directory->path, names[i]);
	return 0;
}

static int
first_certificate(const struct keys *keys, struct cert *cert)
{
	int64_t now = clock_now();

	*cert = (struct cert){.serial = (uint64_t)now,
	    .min_serial = (uint64_t)now,
	    .not_before = now,
	    .not_after = now + CERT_DAYS_MAX * INT64_C(86400)};
	return keys_certify(keys, cert, now);
}

/* Leaves nothing behind when it fails. */
static int
write_files(const struct keys *keys, const struct cert *cert,
    const struct directory *directory)
{
	size_t done = 0;
	int status;

	status = file_create(
	    directory, IDENTITY_FILE, 0600, keys->identity_seed, SEED_SIZE);
	if (status == 0) {
		done = 1;
		status = file_create(directory, SIGNING_FILE, 0600,
		    keys->signing_seed, SEED_SIZE);
	}
	if (status == 0) {
		done = 2;
		status = certificate_write(cert, directory, false);
	}
	if (status == 0) {
		done = 3;
		status = directory_sync(directory);
	}
	while (status != 0 && done-- > 0)
		file_remove(directory, names[done]);
	return status;
}

int
generate_run(const struct options *options)
{
	char address[ONION_SIZE];
	struct directory directory;
	struct keys *keys;
	struct cert cert;
	int status;

	if ((status = directory_open(
		 &directory, options->keys, DIRECTORY_MAKE)) != 0)
		return status;
	status = nothing_there(&directory);
	if (status == 0) {
		if ((keys = keys_new()) == NULL)
			return EX_OSERR;
		keys_make_identity(keys);
		keys_make_signing(keys);
		status = first_certificate(keys, &cert);
		if (status == 0)
			status = write_files(keys, &cert, &directory);
		keys_free(keys);
	}
	directory_close(&directory);
	if (status == 0) {
		onion_format(address, cert.server);
		printf("address=%s\n", address);
	}
	return status;
}
