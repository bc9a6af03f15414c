/* SPDX-License-Identifier: ISC */
/* Key pairs and certificates, for the verbs. */
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>

#include "directory.h"
#include "fail.h"
#include "file.h"
#include "hand.h"
#include "keys.h"
#include "proto/ed.h"

#define SEED_FORBIDDEN \
	(S_ISUID | S_ISGID | S_IXUSR | S_IRWXG | S_IRWXO) /* mode 0600 */

struct keys *
keys_new(void)
{
	struct keys *keys;

	if ((keys = sodium_malloc(sizeof(*keys))) == NULL) {
		fail(EX_OSERR, "no memory for keys");
		return NULL;
	}
	sodium_memzero(keys, sizeof(*keys));
	return keys;
}

void
keys_free(struct keys *keys)
{
	sodium_free(keys);
}

static int
seed_read(uint8_t seed[SEED_SIZE + 1], const struct directory *directory,
    const char *name)
{
	size_t length;
	int status;

	status = file_read(
	    directory, name, SEED_FORBIDDEN, seed, SEED_SIZE + 1, &length);
	if (status == 0 && length != SEED_SIZE)
		status = fail(EX_DATAERR, "%s/%s: is not 32 bytes",
		    directory->path, name);
	return status;
}

static void
identity_set(struct keys *keys)
{
	crypto_sign_seed_keypair(
	    keys->identity, keys->secret, keys->identity_seed);
}

static void
signing_set(struct keys *keys)
{
	uint8_t secret[64];

	crypto_sign_seed_keypair(keys->signing, secret, keys->signing_seed);
	sodium_memzero(secret, sizeof(secret));
}

int
keys_read_identity(struct keys *keys, const struct directory *directory)
{
	int status;

	status = seed_read(keys->identity_seed, directory, IDENTITY_FILE);
	if (status == 0)
		identity_set(keys);
	return status;
}

int
keys_read_signing(struct keys *keys, const struct directory *directory)
{
	int status;

	status = seed_read(keys->signing_seed, directory, SIGNING_FILE);
	if (status == 0)
		signing_set(keys);
	return status;
}

void
keys_make_identity(struct keys *keys)
{
	randombytes_buf(keys->identity_seed, SEED_SIZE);
	identity_set(keys);
}

void
keys_make_signing(struct keys *keys)
{
	randombytes_buf(keys->signing_seed, SEED_SIZE);
	signing_set(keys);
}

int
keys_certify(const struct keys *keys, struct cert *cert, int64_t now)
{
	char text[CERT_MAX];
	enum code code;
	size_t length;

	memcpy(cert->server, keys->identity, sizeof(cert->server));
	memcpy(cert->signing_key, keys->signing, sizeof(cert->signing_key));
	length = cert_text(text, cert);
	crypto_sign_detached(cert->signature, NULL, (const unsigned char *)text,
	    length, keys->secret);
	/* What others would refuse never leaves. */
	if ((code = cert_verify(cert, now)) != CODE_OK)
		return fail(EX_DATAERR, "certificate not issued: %s: %s",
		    code_name(code), code_text(code));
	return 0;
}
