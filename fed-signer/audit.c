/* SPDX-License-Identifier: ISC */
/* fed-signer audit: whether files of the log of signatures follow. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "audit.h"
#include "fail.h"
#include "hand.h"
#include "siglog.h"

struct audit {
	struct siglog_head head;
	uint64_t first; /* counter of the first line */
	uint64_t lines;
	uint64_t partial; /* files whose last line is not whole */
};

static int
line_audit(struct audit *audit, const char line[SIGLOG_LINE], const char *path)
{
	const char *problem;

	if (siglog_head_next(&audit->head, line, &problem) == -1)
		return fail(EX_DATAERR, "%s: line %" PRIu64 ": %s", path,
		    audit->lines + 1, problem);
	if (audit->lines++ == 0)
		audit->first = audit->head.counter;
	return 0;
}

static int
file_audit(struct audit *audit, const char *path)
{
	char line[SIGLOG_LINE];
	FILE *file = fopen(path, "re");
	size_t length;
	int status = 0;

	if (file == NULL)
		return fail(EX_NOINPUT, "%s: %s", path, strerror(errno));
	while ((length = fread(line, 1, sizeof(line), file)) == sizeof(line) &&
	       status == 0)
		status = line_audit(audit, line, path);
	if (ferror(file))
		status = fail(EX_IOERR, "%s: cannot be read", path);
	if (status == 0 && length > 0)
		audit->partial++; /* a full disk; the next file goes on */
	fclose(file);
	return status;
}

int
audit_run(const struct options *options)
{
	struct audit audit = {.lines = 0};
	int status = 0, i;

	siglog_head_init(&audit.head);
	for (i = 0; i < options->file_count && status == 0; i++)
		status = file_audit(&audit, options->files[i]);
	if (status != 0)
		return status;
	printf("lines=%" PRIu64 "\nfirst=%" PRIu64 "\nlast=%" PRIu64
	       "\npartial=%" PRIu64 "\nmark=%" PRId64 "\nchain=%s\n",
	    audit.lines, audit.first, audit.head.counter, audit.partial,
	    audit.head.mark, audit.head.chain);
	return 0;
}
