/* SPDX-License-Identifier: ISC */
/*
 * fed-signer tor: makes the identity key the key of a tor onion service. tor
 * insists on a directory that is its own user's, mode 0700; run as root, the
 * files get the directory's owner.
 */
#include <sodium.h>
#include <stdio.h>
#include <sysexits.h>

#include "directory.h"
#include "expand.h"
#include "fail.h"
#include "file.h"
#include "hand.h"
#include "keys.h"
#include "proto/onion.h"
#include "tor.h"

static const char *const names[] = {
    "hs_ed25519_secret_key", "hs_ed25519_public_key", "hostname"};
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

/* secret: EXPAND_SECRET_SIZE bytes of guarded memory. */
static int
write_files(
    const struct keys *keys, uint8_t *secret, const struct directory *directory)
{
	uint8_t public[EXPAND_PUBLIC_SIZE];
	char address[ONION_SIZE + 1];
	struct {
		const void *bytes;
		size_t length;
	} contents[NAMES] = {{secret, EXPAND_SECRET_SIZE},
	    {public, sizeof(public)}, {address, ONION_LENGTH + 1}};
	int status = 0;
	size_t i;

	expand_secret(secret, keys->identity_seed);
	expand_public(public, keys->identity);
	onion_format(address, keys->identity);
	address[ONION_LENGTH] = '\n';
	for (i = 0; i < NAMES && status == 0; i++)
		status = file_create(directory, names[i], 0600,
		    contents[i].bytes, contents[i].length);
	if (status == 0)
		return directory_sync(directory);
	for (i--; i-- > 0;) /* the one that failed is gone already */
		file_remove(directory, names[i]);
	return status;
}

static int
write_hidden(const struct options *options, const struct keys *keys)
{
	struct directory hidden;
	uint8_t *secret;
	int status;

	if ((status = directory_open(&hidden, options->hidden,
		 DIRECTORY_MAKE | DIRECTORY_OTHERS)) != 0)
		return status;
	if ((secret = sodium_malloc(EXPAND_SECRET_SIZE)) == NULL)
		return fail(EX_OSERR, "no memory for keys");
	status = nothing_there(&hidden);
	if (status == 0)
		status = write_files(keys, secret, &hidden);
	sodium_free(secret);
	directory_close(&hidden);
	return status;
}

int
tor_run(const struct options *options)
{
	struct directory directory;
	struct keys *keys;
	int status;

	if ((status = directory_open(&directory, options->keys, 0)) != 0)
		return status;
	if ((keys = keys_new()) == NULL)
		return EX_OSERR;
	status = keys_read_identity(keys, &directory);
	if (status == 0)
		status = write_hidden(options, keys);
	keys_free(keys);
	directory_close(&directory);
	return status;
}
