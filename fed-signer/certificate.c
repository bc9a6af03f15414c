/* SPDX-License-Identifier: ISC */
/* The certificate in its file, for the verbs. */
#include <sys/stat.h>
#include <sysexits.h>

#include "certificate.h"
#include "directory.h"
#include "fail.h"
#include "file.h"
#include "hand.h"

#define CERT_FORBIDDEN (S_IWGRP | S_IWOTH)

int
certificate_read(struct cert *cert, const struct directory *directory)
{
	uint8_t text[CERT_MAX];
	enum code code;
	size_t length;
	int status;

	status = file_read(directory, CERTIFICATE_FILE, CERT_FORBIDDEN, text,
	    sizeof(text), &length);
	if (status != 0)
		return status;
	if ((code = cert_parse(cert, text, length)) != CODE_OK)
		return fail(EX_DATAERR, "%s/" CERTIFICATE_FILE ": %s: %s",
		    directory->path, code_name(code), code_text(code));
	return 0;
}

int
certificate_write(
    const struct cert *cert, const struct directory *directory, bool replace)
{
	char text[CERT_MAX];
	size_t length;

	length = cert_format(text, cert);
	return (replace ? file_replace : file_create)(
	    directory, CERTIFICATE_FILE, 0644, text, length);
}
