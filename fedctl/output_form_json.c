/* SPDX-License-Identifier: ISC */
/*
 * Rows as JSON: ASCII only, one row a line.
 */
#include "fail.h"
#include "output_form.h"

#define FLAGS (JSON_ENSURE_ASCII | JSON_COMPACT)

static void
dump(FILE *file, const json_t *row)
{
	if (json_dumpf(row, file, FLAGS) == -1)
		fail(CODE_INTERNAL);
}

static void
json_list(FILE *file, json_t *rows)
{
	size_t i;

	fputc('[', file);
	for (i = 0; i < json_array_size(rows); i++) {
		fputs(i == 0 ? "\n" : ",\n", file);
		dump(file, json_array_get(rows, i));
	}
	fputs(i == 0 ? "]\n" : "\n]\n", file);
}

static void
json_object_form(FILE *file, json_t *row)
{
	dump(file, row);
	fputc('\n', file);
}

const struct output_form output_form_json = {json_list, json_object_form};
