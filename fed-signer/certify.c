/* SPDX-License-Identifier: ISC */
/*
 * fed-signer certify: the next certificate. Its serial is above the last one's
 * whatever the clock says. The ones before it are retired and not revoked:
 * minSerial stays what it was, so that what they signed holds for ever, unless
 * their revocation is asked for.
 *
 * With a new signing key two files change, the key first. Cut short between
 * them, the key is one that the certificate does not name: the daemon refuses
 * to start, and running this again, without -r, mends it.
 */
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "certificate.h"
#include "certify.h"
#include "directory.h"
#include "fail.h"
#include "file.h"
#include "hand.h"
#include "keys.h"
#include "proto/ed.h"

/*
 * The last certificate, which must be genuine: its serial is believed. Where
 * there is none the new one stands alone: what a lost one allowed is not known.
 */
static int
previous_read(struct cert *previous, const struct keys *keys,
    const struct directory *directory)
{
	char text[CERT_MAX];
	size_t length;
	int status;

	memset(previous, 0, sizeof(*previous));
	if (file_exists(directory, CERTIFICATE_FILE) == -1)
		return 0;
	if ((status = certificate_read(previous, directory)) != 0)
		return status;
	if (memcmp(previous->server, keys->identity, 32) != 0)
		return fail(EX_DATAERR,
		    "%s/" CERTIFICATE_FILE ": is for another " IDENTITY_FILE,
		    directory->path);
	length = cert_text(text, previous);
	if (!ed_verify(previous->signature, text, length, keys->identity))
		return fail(EX_DATAERR, "%s/" CERTIFICATE_FILE ": %s: %s",
		    directory->path, code_name(CODE_SIGNATURE),
		    code_text(CODE_SIGNATURE));
	return 0;
}

static int
next_certificate(struct cert *cert, const struct cert *previous,
    const struct options *options, const struct keys *keys)
{
	int64_t now = clock_now();

	*cert = *previous; /* the second door and its key stay */
	cert->serial = (uint64_t)now;
	if (cert->serial <= previous->serial)
		cert->serial = previous->serial + 1;
	if (cert->serial > (uint64_t)CERT_NUMBER_MAX)
		return fail(EX_DATAERR, "no serial is left");
	/* Nothing is known of those before one that was lost: all end. */
	if (options->revoke || previous->serial == 0)
		cert->min_serial = cert->serial;
	cert->not_before = now;
	cert->not_after = now + options->days * INT64_C(86400);
	return keys_certify(keys, cert, now);
}

static int
write_files(const struct keys *keys, const struct cert *cert,
    const struct directory *directory, bool renew)
{
	int status = 0;

	if (renew)
		status = file_replace(directory, SIGNING_FILE, 0600,
		    keys->signing_seed, SEED_SIZE);
	if (status == 0)
		status = certificate_write(cert, directory, true);
	if (status == 0)
		status = directory_sync(directory);
	return status;
}

static int
certify(const struct options *options, struct keys *keys,
    const struct directory *directory)
{
	struct cert cert, previous;
	int status;

	if ((status = keys_read_identity(keys, directory)) != 0)
		return status;
	if (options->renew)
		keys_make_signing(keys);
	else if ((status = keys_read_signing(keys, directory)) != 0)
		return status;
	if ((status = previous_read(&previous, keys, directory)) != 0)
		return status;
	status = next_certificate(&cert, &previous, options, keys);
	if (status != 0)
		return status;
	return write_files(keys, &cert, directory, options->renew);
}

int
certify_run(const struct options *options)
{
	struct directory directory;
	struct keys *keys;
	int status;

	if ((status = directory_open(&directory, options->keys, 0)) != 0)
		return status;
	if ((keys = keys_new()) == NULL)
		return EX_OSERR;
	status = certify(options, keys, &directory);
	keys_free(keys);
	directory_close(&directory);
	return status;
}
