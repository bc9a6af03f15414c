/* SPDX-License-Identifier: ISC */
/*
 * The schema that this program was built for: the files under sql/ and their
 * checksums (SHA-256, hexadecimal), which sql/checksums compiles in. Version 1
 * is all the files that sql/order names, each migration is one version more.
 */
#ifndef TORFED_SCHEMA_H
#define TORFED_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>

struct schema_file {
	const char *name; /* below sql/, or below its migrations/ */
	const char *checksum;
};

/* The files of version 1, in the order in which they are applied. */
size_t schema_file_count(void);
const struct schema_file *schema_file(size_t index);

int schema_newest(void);
/*
 * version: 1 to schema_newest(). A migration; of version 1 the name is "base",
 * and the checksum that of its files' list as sha256sum(1) prints it.
 */
const struct schema_file *schema_version(int version);

/* What a database says of itself; begins as zeroes. */
struct schema_found {
	int version; /* the highest, 0 there is none */
	int other;   /* the lowest that is another than ours, 0 there is none */
	char checksum[65]; /* and its checksum, "" it is missing */
	bool former;	   /* of the numbering before the first release */
};
/* A row of federation.schema_version, by version; checksum may be NULL. */
void schema_found_row(struct schema_found *, int version, const char *checksum);
/* The table is there and has no row. */
void schema_found_none(struct schema_found *);
/*
 * Whether the database is another than one that this program, or an older or
 * newer one, made; text then has why, in a sentence.
 */
bool schema_refused(const struct schema_found *, char *text, size_t size);

#endif
