/* SPDX-License-Identifier: ISC */
/* Our certificate: read, judged, and put into the form that others get. */
#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "identity.h"
#include "secret.h"

/* The file whole, at most CERT_MAX bytes. */
static size_t
identity_read(uint8_t text[CERT_MAX], int descriptor)
{
	struct stat st;
	ssize_t got;

	if (fstat(descriptor, &st) == -1)
		fatal("signer file=certificate error=\"%s\"", strerror(errno));
	if (!S_ISREG(st.st_mode))
		fatal("signer file=certificate error=\"not a regular file\"");
	if (st.st_size < 1 || st.st_size > CERT_MAX)
		fatal("signer file=certificate code=%s",
		    code_name(CODE_CERTIFICATE_MALFORMED));
	got = pread(descriptor, text, CERT_MAX, 0);
	if (got == -1)
		fatal("signer file=certificate error=\"%s\"", strerror(errno));
	return (size_t)got;
}

void
identity_load(struct identity *identity, int descriptor,
    const struct secret *secret, int64_t now_s)
{
	struct msg_identity *message = &identity->message;
	enum code code;

	memset(identity, 0, sizeof(*identity));
	message->certificate_length =
	    identity_read(message->certificate, descriptor);
	code = cert_parse(
	    &identity->cert, message->certificate, message->certificate_length);
	if (code == CODE_OK)
		code = cert_verify(&identity->cert, now_s);
	if (code == CODE_CERTIFICATE_EXPIRED ||
	    code == CODE_CERTIFICATE_NOT_YET)
		log_warning("signer file=certificate code=%s", code_name(code));
	else if (code != CODE_OK)
		fatal("signer file=certificate code=%s", code_name(code));
	/* The second half of the secret key is the public one. */
	if (sodium_memcmp(identity->cert.signing_key, secret->key + 32, 32) !=
	    0)
		fatal("signer file=certificate error=\"is for another "
		      "signing.key\"");
	memcpy(message->server, identity->cert.server, 32);
	cert_key_id(message->key_id, &identity->cert);
}
