/* SPDX-License-Identifier: ISC */
/*
 * A receipt as a document that a stranger can check: what we signed, what the
 * peer signed in return, and its certificate (man page fedctl, "Receipts").
 * The payload itself is not in it, only its hash, and that only as long as we
 * have the payload.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/encode.h"
#include "base/log.h"
#include "control/receipt_export.h"
#include "db/row.h"
#include "db/statements.h"
#include "env.h"
#include "json/canon.h"
#include "json/envelope.h"
#include "proto/ed.h"
#include "proto/onion.h"
#include "proto/signtext.h"

#define RECEIPT_VERSION PROTOCOL_VERSION "/receipt"
#define PART_BYTES	1000 /* of a document, in one row */

/* Columns of SQL_RECEIPT. */
enum {
	COLUMN_REQUEST,
	COLUMN_ACK,
	COLUMN_SIGNATURE,
	COLUMN_ACK_PAYLOAD,
	COLUMN_CERTIFICATE,
	COLUMN_PAYLOAD
};

struct document {
	struct control_client *client;
	char id[UUID_TEXT + 1];
};

static void
add_text(json_t *root, const char *name, PGresult *result, int column)
{
	size_t length;
	const char *text = row_span(&length, result, 0, column);
	json_t *value = json_stringn(text, length);

	if (value == NULL || json_object_set_new(root, name, value) != 0)
		fatal("a receipt stored is not text");
}

static void
add_base64(json_t *root, const char *name, const uint8_t *bytes, size_t length)
{
	char *text = xmalloc(BASE64_LENGTH(length) + 1);

	base64_encode(text, bytes, length);
	if (json_object_set_new(root, name, json_string(text)) != 0)
		fatal("a receipt cannot be written");
	free(text);
}

static void
add_bytes(json_t *root, const char *name, PGresult *result, int column)
{
	size_t length;
	const char *bytes = row_span(&length, result, 0, column);

	add_base64(root, name, (const uint8_t *)bytes, length);
}

/*
 * The second line of the request's signing text, or, in a batch, what the
 * queue holds.
 */
static void
add_type(json_t *root, PGresult *result)
{
	const char *text = row_string(result, 0, COLUMN_REQUEST);
	const char *type = strchr(text, '\n');
	size_t length;

	type = type == NULL ? text : type + 1;
	length = strcspn(type, "\n");
	if (length == strlen("batch") && memcmp(type, "batch", length) == 0) {
		type = "message";
		length = strlen(type);
	}
	json_object_set_new(root, "type", json_stringn(type, length));
}

/* The last line of a single request, else of the payload if there is one. */
static void
add_payload_hash(json_t *root, PGresult *result)
{
	size_t length;
	const char *payload = row_span(&length, result, 0, COLUMN_PAYLOAD);
	const char *line = strrchr(row_string(result, 0, COLUMN_REQUEST), '\n');
	size_t canonical_length;
	char *canonical;
	uint8_t hash[32];

	if (line != NULL && strlen(line + 1) == BASE64_SHA256) {
		json_object_set_new(root, "payloadHash", json_string(line + 1));
		return;
	}
	if (length == 0 || canon_rewrite(&canonical, &canonical_length, payload,
			       length, CANON_DEPTH, false) != CODE_OK)
		return;
	sha256(hash, canonical, canonical_length);
	free(canonical);
	add_base64(root, "payloadHash", hash, sizeof(hash));
}

static char *
document_write(const struct document *export, PGresult *result, size_t *length)
{
	json_t *root = xpointer(json_object());
	char *text;

	json_object_set_new(root, "receipt", json_string(RECEIPT_VERSION));
	json_object_set_new(root, "id", json_string(export->id));
	add_type(root, result);
	add_payload_hash(root, result);
	add_text(root, "requestText", result, COLUMN_REQUEST);
	add_text(root, "ackText", result, COLUMN_ACK);
	add_bytes(root, "ackSignature", result, COLUMN_SIGNATURE);
	add_bytes(root, "ackPayload", result, COLUMN_ACK_PAYLOAD);
	add_bytes(root, "certificate", result, COLUMN_CERTIFICATE);
	text = canon_write(root, length);
	json_decref(root);
	return text;
}

/* In as many rows as it takes; the last one ends with a line feed. */
static void
document_send(struct control_client *client, const char *text, size_t length)
{
	char part[PART_BYTES + 1];
	struct msg_control_row row;
	size_t at, size;

	for (at = 0; at < length; at += size) {
		size = length - at < PART_BYTES ? length - at : PART_BYTES - 1;
		memcpy(part, text + at, size);
		if (at + size == length)
			part[size] = '\n';
		part[size + (at + size == length)] = '\0';
		control_row_init(&row, "receipt");
		control_add_string(&row, "part", part);
		control_row(client, &row);
	}
}

static void
export_done(PGresult *result, const char *sqlstate, void *argument)
{
	struct document *export = argument;
	enum code code = CODE_OK;
	size_t length;
	char *text;

	(void)sqlstate;
	if (result == NULL)
		code = CODE_DATABASE;
	else if (PQntuples(result) == 0)
		code = CODE_RECEIPT_NONE;
	else if (PQntuples(result) > 1)
		code = CODE_RECEIPT_SEVERAL;
	if (code == CODE_OK) {
		text = document_write(export, result, &length);
		if (text != NULL)
			document_send(export->client, text, length);
		else
			code = CODE_INTERNAL;
		free(text);
	}
	control_end(export->client, code, NULL);
	free(export);
}

void
receipt_export(struct control_client *client, const struct msg_control *message)
{
	const char *server = message->arguments[1];
	struct db_parameters parameters;
	uint8_t id[UUID_SIZE], key[ONION_KEY];
	struct document *export;
	enum code code = CODE_OK;

	if (uuid_parse(
		id, message->arguments[0], strlen(message->arguments[0])) != 0)
		code = CODE_ENVELOPE_ID;
	else if (server[0] != '\0')
		code = onion_parse(key, server, strlen(server));
	if (code != CODE_OK) {
		control_end(client, code, NULL);
		return;
	}
	export = xcalloc(1, sizeof(*export));
	export->client = client;
	uuid_format(export->id, id);
	db_parameters_init(&parameters);
	db_add_uuid(&parameters, id);
	db_add_text(&parameters, server);
	db_call(env.db, SQL_RECEIPT, &parameters, export_done, export);
	db_parameters_free(&parameters);
}
