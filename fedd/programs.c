/* SPDX-License-Identifier: ISC */
/*
 * Where the children's programs are: DIRECTORY/fed-signer as installed, or
 * DIRECTORY/fed-signer/fed-signer in a source tree.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fedd.h"
#include "programs.h"

static int
path_find(char path[PATH_MAX], const char *directory, const char *name)
{
	struct stat st;
	int length;

	length = snprintf(path, PATH_MAX, "%s/%s", directory, name);
	if (length > 0 && length < PATH_MAX && stat(path, &st) == 0 &&
	    S_ISDIR(st.st_mode))
		length =
		    snprintf(path, PATH_MAX, "%s/%s/%s", directory, name, name);
	if (length < 0 || length >= PATH_MAX) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if (stat(path, &st) == -1)
		return -1;
	if (!S_ISREG(st.st_mode)) {
		errno = EACCES;
		return -1;
	}
	return access(path, X_OK);
}

int
programs_find(struct parent *parent, const char *directory)
{
	static const enum role roles[] = {
	    ROLE_LISTENER, ROLE_SIGNER, ROLE_SENDER, ROLE_QUEUED};
	char quoted[PATH_MAX];
	int result = 0;

	/* Absolute, since fedd leaves its working directory. */
	if (realpath(directory, parent->directory) == NULL) {
		log_error("programs directory=%s error=\"%s\"",
		    log_quote(
			quoted, sizeof(quoted), directory, strlen(directory)),
		    strerror(errno));
		return -1;
	}
	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
		if (path_find(parent->programs[roles[i]], parent->directory,
			role_name(roles[i])) == 0)
			continue;
		log_error("programs directory=%s process=%s error=\"%s\"",
		    log_quote(quoted, sizeof(quoted), parent->directory,
			strlen(parent->directory)),
		    role_name(roles[i]), strerror(errno));
		result = -1;
	}
	return result;
}
