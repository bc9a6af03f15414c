/* SPDX-License-Identifier: ISC */
/*
 * Rows for people: a table whose columns are as wide as what they hold, under
 * a line of names, or "name=value" lines. Labels come from strangers, so only
 * printable ASCII reaches the terminal.
 */
#include <string.h>

#include "ipc/message.h"
#include "output_form.h"
#include "printable.h"

#define CELL_SIZE (4 * CONTROL_VALUE_SIZE + 5)

static const char *
cell(char buf[CELL_SIZE], const json_t *value)
{
	if (json_is_string(value))
		printable(buf, CELL_SIZE, json_string_value(value),
		    json_string_length(value));
	else if (json_is_integer(value))
		snprintf(buf, CELL_SIZE, "%" JSON_INTEGER_FORMAT,
		    json_integer_value(value));
	else if (json_is_boolean(value))
		snprintf(
		    buf, CELL_SIZE, "%s", json_is_true(value) ? "yes" : "no");
	else
		snprintf(buf, CELL_SIZE, "-");
	if (buf[0] == '\0')
		snprintf(buf, CELL_SIZE, "-");
	return buf;
}

static int
width(const json_t *rows, const char *name)
{
	char buf[CELL_SIZE];
	size_t i, length, widest = strlen(name);

	for (i = 0; i < json_array_size(rows); i++) {
		length = strlen(
		    cell(buf, json_object_get(json_array_get(rows, i), name)));
		if (length > widest)
			widest = length;
	}
	return (int)widest;
}

/* The columns are the first row's. The last one is not padded. */
static void
text_line(FILE *file, const json_t *rows, const json_t *row,
    const int widths[CONTROL_FIELDS])
{
	json_t *first = json_array_get(rows, 0);
	void *at = json_object_iter(first), *next;
	char buf[CELL_SIZE], name[CONTROL_NAME_SIZE];
	const char *text;
	size_t i;

	for (i = 0; at != NULL && i < CONTROL_FIELDS; i++, at = next) {
		next = json_object_iter_next(first, at);
		text = json_object_iter_key(at);
		if (row != NULL)
			text = cell(buf, json_object_get(row, text));
		else
			text =
			    printable(name, sizeof(name), text, strlen(text));
		fprintf(file, "%-*s%s", next == NULL ? 0 : widths[i], text,
		    next == NULL ? "\n" : "  ");
	}
}

static void
text_list(FILE *file, json_t *rows)
{
	json_t *first = json_array_get(rows, 0);
	int widths[CONTROL_FIELDS];
	void *at;
	size_t i;

	if (first == NULL)
		return;
	for (i = 0, at = json_object_iter(first);
	     at != NULL && i < CONTROL_FIELDS;
	     i++, at = json_object_iter_next(first, at))
		widths[i] = width(rows, json_object_iter_key(at));
	text_line(file, rows, NULL, widths);
	for (i = 0; i < json_array_size(rows); i++)
		text_line(file, rows, json_array_get(rows, i), widths);
}

static void
text_object(FILE *file, json_t *row)
{
	char buf[CELL_SIZE], name[CONTROL_NAME_SIZE];
	const char *key;
	json_t *value;

	json_object_foreach(row, key, value)
	{
		fprintf(file, "%s=%s\n",
		    printable(name, sizeof(name), key, strlen(key)),
		    cell(buf, value));
	}
}

const struct output_form output_form_text = {text_list, text_object};
