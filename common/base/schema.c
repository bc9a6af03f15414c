/* SPDX-License-Identifier: ISC */
/*
 * The schema that this program was built for, and whether a database has it.
 */
#include <stdio.h>
#include <string.h>

#include "base/schema.h"
#include "schema_files.h" /* base, versions */

size_t
schema_file_count(void)
{
	return sizeof(base) / sizeof(base[0]);
}

const struct schema_file *
schema_file(size_t index)
{
	return &base[index];
}

int
schema_newest(void)
{
	return (int)(sizeof(versions) / sizeof(versions[0]));
}

const struct schema_file *
schema_version(int version)
{
	return &versions[version - 1];
}

static void
other_note(struct schema_found *found, int version, const char *checksum)
{
	if (found->other != 0)
		return;
	found->other = version;
	snprintf(found->checksum, sizeof(found->checksum), "%s", checksum);
}

/* A version that we do not know may have any checksum. */
void
schema_found_row(struct schema_found *found, int version, const char *checksum)
{
	if (checksum == NULL)
		found->former = true;
	else if (version != found->version + 1)
		other_note(found, found->version + 1, "");
	else if (version <= schema_newest() &&
		 strcmp(checksum, schema_version(version)->checksum) != 0)
		other_note(found, version, checksum);
	found->version = version;
}

void
schema_found_none(struct schema_found *found)
{
	other_note(found, 1, "");
}

bool
schema_refused(const struct schema_found *found, char *text, size_t size)
{
	if (found->former)
		snprintf(text, size,
		    "the schema is version %d of the numbering before the "
		    "first release: make a new database",
		    found->version);
	else if (found->other != 0 && found->checksum[0] == '\0')
		snprintf(text, size,
		    "the row of version %d is missing from "
		    "federation.schema_version",
		    found->other);
	else if (found->other != 0)
		snprintf(text, size,
		    "schema version %d was made of other files than this "
		    "program's: checksum %.12s..., not %.12s...",
		    found->other, found->checksum,
		    schema_version(found->other)->checksum);
	return found->former || found->other != 0;
}
