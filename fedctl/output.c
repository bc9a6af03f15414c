/* SPDX-License-Identifier: ISC */
/*
 * Output: rows are collected as jansson's objects, which keep the order of
 * their members, and printed as a whole in one of the forms.
 */
#include <jansson.h>
#include <stdlib.h>

#include "base/encode.h"
#include "fail.h"
#include "ipc/message.h"
#include "output.h"
#include "output_form.h"
#include "printable.h"
#include "proto/onion.h"

struct output {
	const struct output_form *form;
	bool list;
	json_t *rows;
	size_t kept; /* bytes, roughly */
};

struct output *
output_new(bool json, bool list)
{
	struct output *output = calloc(1, sizeof(*output));

	if (output == NULL || (output->rows = json_array()) == NULL)
		fail(CODE_INTERNAL);
	output->form = json ? &output_form_json : &output_form_text;
	output->list = list;
	return output;
}

/* Takes over value; NULL is failure to make it. */
static void
field_add(json_t *row, const char *name, json_t *value)
{
	if (value == NULL || json_object_set_new(row, name, value) == -1)
		fail(CODE_INTERNAL);
}

/* Text that is not UTF-8 after all is shown byte by byte. */
static json_t *
string_value(const char *text, size_t length)
{
	char escaped[4 * CONTROL_VALUE_SIZE + 5];
	json_t *value = json_stringn(text, length);

	if (value != NULL)
		return value;
	return json_string(printable(escaped, sizeof(escaped), text, length));
}

static json_t *
field_value(const struct control_field *field)
{
	switch ((enum control_type)field->type) {
	case CONTROL_STRING:
		return string_value(field->string, field->string_length);
	case CONTROL_INTEGER:
		return json_integer(field->integer);
	case CONTROL_BOOLEAN:
		return json_boolean(field->integer);
	default:
		return json_null();
	}
}

void
output_row(struct output *output, const struct msg_control_row *row)
{
	const struct control_field *field;
	json_t *object = json_object();
	uint32_t i;

	if (object == NULL)
		fail(CODE_INTERNAL);
	for (i = 0; i < row->field_count; i++) {
		field = &row->fields[i];
		output->kept += sizeof(*field) + field->string_length;
		field_add(object, field->name, field_value(field));
	}
	if (output->kept > OUTPUT_MAX)
		fail(CODE_TOO_LARGE);
	if (json_array_append_new(output->rows, object) == -1)
		fail(CODE_INTERNAL);
}

static json_t *
only_row(struct output *output)
{
	if (json_array_size(output->rows) == 0 &&
	    json_array_append_new(output->rows, json_object()) == -1)
		fail(CODE_INTERNAL);
	return json_array_get(output->rows, 0);
}

void
output_string(struct output *output, const char *name, const char *value)
{
	field_add(only_row(output), name, json_string(value));
}

void
output_integer(struct output *output, const char *name, int64_t value)
{
	field_add(only_row(output), name, json_integer(value));
}

void
output_hex(struct output *output, const char *name, const uint8_t bytes[32])
{
	char hex[2 * 32 + 1];

	hex_encode(hex, bytes, 32);
	output_string(output, name, hex);
}

void
output_time(struct output *output, const char *name, int64_t seconds)
{
	char text[TIME_TEXT + 1];

	time_format(text, seconds);
	output_string(output, name, text);
}

void
output_address(struct output *output, const char *name, const uint8_t key[32])
{
	char address[ONION_SIZE];

	onion_format(address, key);
	output_string(output, name, address);
}

void
output_flush(void)
{
	if (fflush(stdout) == EOF || ferror(stdout))
		fail_text(EXIT_FAILURE, code_name(CODE_INTERNAL),
		    "standard output cannot be written");
}

size_t
output_end(struct output *output)
{
	size_t rows = json_array_size(output->rows);

	if (output->list)
		output->form->list(stdout, output->rows);
	else
		output->form->object(stdout, only_row(output));
	output_flush();
	json_decref(output->rows);
	free(output);
	return rows;
}

void
output_bytes(const char *bytes, size_t length)
{
	fwrite(bytes, 1, length, stdout);
	output_flush();
}
