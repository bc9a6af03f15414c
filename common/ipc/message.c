/* SPDX-License-Identifier: ISC */
/*
 * Codec pairs of the messages that carry no part of the protocol, encoder and
 * decoder side by side. A decoder demands that nothing is left over, and that
 * every string, boolean, enumerator and count is one that exists: whoever
 * holds a decoded structure need not ask again.
 */
#include <string.h>

#include "base/log.h"
#include "ipc/message.h"

#define TIME_MAX 253402300799 /* the last second of the year 9999 */

static bool
path_good(const char *path)
{
	return path[0] == '\0' || path[0] == '/';
}

/* Not empty, and of these characters alone. */
static bool
word_good(const char *word, const char *characters)
{
	return word[0] != '\0' && word[strspn(word, characters)] == '\0';
}

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGIT "0123456789"

void
msg_start_encode(struct pack *pack, const struct msg_start *start)
{
	pack_u32(pack, start->uid);
	pack_u32(pack, start->gid);
	pack_u32(pack, start->owner_uid);
	pack_u32(pack, start->flags);
	pack_string(pack, start->root);
	pack_string(pack, start->unveil);
}

int
msg_start_decode(const struct message *message, struct msg_start *start)
{
	struct unpack unpack;

	unpack_init(&unpack, message->data, message->length);
	start->uid = unpack_u32(&unpack);
	start->gid = unpack_u32(&unpack);
	start->owner_uid = unpack_u32(&unpack);
	start->flags = unpack_u32(&unpack);
	unpack_string(&unpack, start->root, sizeof(start->root));
	unpack_string(&unpack, start->unveil, sizeof(start->unveil));
	if (unpack_done(&unpack) == -1)
		return -1;
	if ((start->flags & ~(START_ROOT | START_INET)) != 0 ||
	    !path_good(start->root) || !path_good(start->unveil))
		return -1;
	return 0;
}

/* All fields are 64 bits wide; see settings.h. */
#define SETTINGS_COUNT (sizeof(struct settings) / sizeof(int64_t))
_Static_assert(sizeof(struct settings) == SETTINGS_COUNT * sizeof(int64_t),
    "settings are 64 bits wide, all of them");

void
msg_settings_encode(
    struct pack *pack, const struct settings *settings, const char *database)
{
	int64_t values[SETTINGS_COUNT];
	size_t i;

	memcpy(values, settings, sizeof(values));
	for (i = 0; i < SETTINGS_COUNT; i++)
		pack_i64(pack, values[i]);
	pack_string(pack, database);
}

static bool
settings_good(const struct settings *settings)
{
	int64_t values[SETTINGS_COUNT];
	struct settings copy = *settings;
	size_t i;

	if (settings->proxy_line > 1 || settings->answer_ping > 1 ||
	    settings->answer_info > 1 || settings->trust_automatic > 1 ||
	    settings->durability_check > 1 ||
	    settings->log_servers > LOG_SERVERS_OFF ||
	    settings->log_level > LOG_LEVEL_DEBUG)
		return false;
	if (settings->control_group < -1 ||
	    settings->control_group >= UINT32_MAX)
		return false;
	copy.control_group = 0;
	memcpy(values, &copy, sizeof(values));
	for (i = 0; i < SETTINGS_COUNT; i++)
		if (values[i] < 0)
			return false;
	return true;
}

int
msg_settings_decode(const struct message *message, struct settings *settings,
    char database[DATABASE_SIZE])
{
	int64_t values[SETTINGS_COUNT];
	struct unpack unpack;
	size_t i;

	unpack_init(&unpack, message->data, message->length);
	for (i = 0; i < SETTINGS_COUNT; i++)
		values[i] = unpack_i64(&unpack);
	unpack_string(&unpack, database, DATABASE_SIZE);
	if (unpack_done(&unpack) == -1)
		return -1;
	memcpy(settings, values, sizeof(values));
	return settings_good(settings) ? 0 : -1;
}

void
msg_go_encode(struct pack *pack, const struct msg_go *go)
{
	size_t i;

	pack_u32(pack, go->generation);
	pack_i64(pack, go->started);
	for (i = 0; i < ROLE_COUNT; i++)
		pack_u32(pack, (uint32_t)go->pids[i]);
}

int
msg_go_decode(const struct message *message, struct msg_go *go)
{
	struct unpack unpack;
	uint32_t pid;
	size_t i;

	unpack_init(&unpack, message->data, message->length);
	go->generation = unpack_u32(&unpack);
	go->started = unpack_i64(&unpack);
	for (i = 0; i < ROLE_COUNT; i++) {
		pid = unpack_u32(&unpack);
		if (pid > INT32_MAX)
			return -1;
		go->pids[i] = (int32_t)pid;
	}
	if (unpack_done(&unpack) == -1)
		return -1;
	if (go->generation == 0 || go->started < 0 || go->started > TIME_MAX)
		return -1;
	return 0;
}

void
msg_keys_encode(struct pack *pack, const struct msg_keys *keys)
{
	pack_bytes(pack, keys->server, sizeof(keys->server));
	pack_bytes(pack, keys->key_id, sizeof(keys->key_id));
	pack_i64(pack, keys->serial);
	pack_u8(pack, keys->valid);
}

int
msg_keys_decode(const struct message *message, struct msg_keys *keys)
{
	struct unpack unpack;

	unpack_init(&unpack, message->data, message->length);
	unpack_bytes(&unpack, keys->server, sizeof(keys->server));
	unpack_bytes(&unpack, keys->key_id, sizeof(keys->key_id));
	keys->serial = unpack_i64(&unpack);
	keys->valid = unpack_bool(&unpack);
	if (unpack_done(&unpack) == -1)
		return -1;
	return keys->serial < 0 || keys->serial > SIGN_NUMBER_MAX ? -1 : 0;
}

void
msg_identity_encode(struct pack *pack, const struct msg_identity *identity)
{
	pack_bytes(pack, identity->server, sizeof(identity->server));
	pack_bytes(pack, identity->key_id, sizeof(identity->key_id));
	pack_i64(pack, identity->logged);
	pack_blob(pack, identity->certificate, identity->certificate_length);
}

int
msg_identity_decode(
    const struct message *message, struct msg_identity *identity)
{
	struct unpack unpack;
	const uint8_t *certificate;
	size_t length;

	memset(identity, 0, sizeof(*identity));
	unpack_init(&unpack, message->data, message->length);
	unpack_bytes(&unpack, identity->server, sizeof(identity->server));
	unpack_bytes(&unpack, identity->key_id, sizeof(identity->key_id));
	identity->logged = unpack_i64(&unpack);
	certificate = unpack_blob(&unpack, &length, IDENTITY_CERTIFICATE_MAX);
	if (unpack_done(&unpack) == -1 || length == 0 || identity->logged < 0 ||
	    identity->logged > SIGN_NUMBER_MAX)
		return -1;
	memcpy(identity->certificate, certificate, length);
	identity->certificate_length = length;
	return 0;
}

void
msg_sign_encode(
    struct pack *pack, const struct msg_sign_envelope *sign, bool batch)
{
	uint32_t i;

	pack_string(pack, sign->type);
	pack_bytes(pack, sign->id, sizeof(sign->id));
	pack_bytes(pack, sign->origin, sizeof(sign->origin));
	pack_bytes(pack, sign->destination, sizeof(sign->destination));
	pack_i64(pack, sign->timestamp);
	pack_i64(pack, sign->mark);
	if (!batch) {
		pack_bytes(
		    pack, sign->payload_hash, sizeof(sign->payload_hash));
		return;
	}
	if (sign->item_count == 0 || sign->item_count > SIGN_ITEMS_MAX) {
		pack->failed = true;
		return;
	}
	pack_u32(pack, sign->item_count);
	for (i = 0; i < sign->item_count; i++) {
		pack_bytes(pack, sign->items[i].id, sizeof(sign->items[i].id));
		pack_bytes(
		    pack, sign->items[i].digest, sizeof(sign->items[i].digest));
	}
}

static void
sign_items_unpack(struct unpack *unpack, struct msg_sign_envelope *sign)
{
	uint32_t i, count = unpack_u32(unpack);

	if (count == 0 || count > SIGN_ITEMS_MAX) {
		unpack->failed = true;
		return;
	}
	sign->item_count = count;
	for (i = 0; i < count; i++) {
		unpack_bytes(
		    unpack, sign->items[i].id, sizeof(sign->items[i].id));
		unpack_bytes(unpack, sign->items[i].digest,
		    sizeof(sign->items[i].digest));
	}
}

int
msg_sign_decode(
    const struct message *message, struct msg_sign_envelope *sign, bool batch)
{
	struct unpack unpack;

	memset(sign, 0, sizeof(*sign));
	unpack_init(&unpack, message->data, message->length);
	unpack_string(&unpack, sign->type, sizeof(sign->type));
	unpack_bytes(&unpack, sign->id, sizeof(sign->id));
	unpack_bytes(&unpack, sign->origin, sizeof(sign->origin));
	unpack_bytes(&unpack, sign->destination, sizeof(sign->destination));
	sign->timestamp = unpack_i64(&unpack);
	sign->mark = unpack_i64(&unpack);
	if (batch)
		sign_items_unpack(&unpack, sign);
	else
		unpack_bytes(
		    &unpack, sign->payload_hash, sizeof(sign->payload_hash));
	if (unpack_done(&unpack) == -1)
		return -1;
	if (!word_good(sign->type, LOWER "_") || sign->timestamp < 0 ||
	    sign->timestamp > TIME_MAX || sign->mark < 0 ||
	    sign->mark > SIGN_NUMBER_MAX)
		return -1;
	return 0;
}

void
msg_sign_state_encode(struct pack *pack, const struct msg_sign_state *state)
{
	pack_bytes(pack, state->room, sizeof(state->room));
	pack_i64(pack, state->number);
	pack_bytes(pack, state->previous, sizeof(state->previous));
	pack_string(pack, state->kind);
	pack_i64(pack, state->timestamp);
	pack_bytes(pack, state->payload_hash, sizeof(state->payload_hash));
	pack_i64(pack, state->mark);
}

/* The first event names none before it, and every other one does. */
static bool
state_place_good(const struct msg_sign_state *state)
{
	static const uint8_t zeros[sizeof(state->previous)];
	bool first = memcmp(state->previous, zeros, sizeof(zeros)) == 0;

	return state->number >= 1 && state->number <= SIGN_NUMBER_MAX &&
	       first == (state->number == 1);
}

int
msg_sign_state_decode(
    const struct message *message, struct msg_sign_state *state)
{
	struct unpack unpack;

	memset(state, 0, sizeof(*state));
	unpack_init(&unpack, message->data, message->length);
	unpack_bytes(&unpack, state->room, sizeof(state->room));
	state->number = unpack_i64(&unpack);
	unpack_bytes(&unpack, state->previous, sizeof(state->previous));
	unpack_string(&unpack, state->kind, sizeof(state->kind));
	state->timestamp = unpack_i64(&unpack);
	unpack_bytes(&unpack, state->payload_hash, sizeof(state->payload_hash));
	state->mark = unpack_i64(&unpack);
	if (unpack_done(&unpack) == -1)
		return -1;
	if (!state_place_good(state) || !word_good(state->kind, LOWER "_") ||
	    state->timestamp < 0 || state->timestamp > TIME_MAX ||
	    state->mark < 0 || state->mark > SIGN_NUMBER_MAX)
		return -1;
	return 0;
}

void
msg_limits_encode(struct pack *pack, const struct msg_limits *limits)
{
	const struct limit_figures *figures = limits->of;
	size_t i;

	for (i = 0; i < LIMIT_LISTENER_COUNT; i++, figures++) {
		pack_i64(pack, (int64_t)figures->used);
		pack_i64(pack, (int64_t)figures->maximum);
		pack_i64(pack, (int64_t)figures->taken);
		pack_i64(pack, (int64_t)figures->refused);
	}
}

static uint64_t
figure_unpack(struct unpack *unpack)
{
	int64_t figure = unpack_i64(unpack);

	if (figure < 0)
		unpack->failed = true;
	return (uint64_t)figure;
}

int
msg_limits_decode(const struct message *message, struct msg_limits *limits)
{
	struct limit_figures *figures = limits->of;
	struct unpack unpack;
	size_t i;

	unpack_init(&unpack, message->data, message->length);
	for (i = 0; i < LIMIT_LISTENER_COUNT; i++, figures++) {
		figures->used = figure_unpack(&unpack);
		figures->maximum = figure_unpack(&unpack);
		figures->taken = figure_unpack(&unpack);
		figures->refused = figure_unpack(&unpack);
	}
	return unpack_done(&unpack);
}

void
msg_control_encode(struct pack *pack, const struct msg_control *control)
{
	uint32_t i;

	if (control->argument_count > CONTROL_ARGUMENTS) {
		pack->failed = true;
		return;
	}
	pack_u16(pack, control->verb);
	pack_u32(pack, control->argument_count);
	for (i = 0; i < control->argument_count; i++)
		pack_string(pack, control->arguments[i]);
}

int
msg_control_decode(const struct message *message, struct msg_control *control)
{
	struct unpack unpack;
	uint32_t i;

	memset(control, 0, sizeof(*control));
	unpack_init(&unpack, message->data, message->length);
	control->verb = unpack_u16(&unpack);
	control->argument_count = unpack_u32(&unpack);
	if (control->verb == 0 || control->verb >= CONTROL_VERB_COUNT ||
	    control->argument_count > CONTROL_ARGUMENTS)
		return -1;
	for (i = 0; i < control->argument_count; i++)
		unpack_string(
		    &unpack, control->arguments[i], CONTROL_ARGUMENT_SIZE);
	return unpack_done(&unpack);
}

static void
control_field_pack(struct pack *pack, const struct control_field *field)
{
	pack_string(pack, field->name);
	pack_u8(pack, field->type);
	switch (field->type) {
	case CONTROL_STRING:
		if (field->string_length > CONTROL_VALUE_SIZE)
			pack->failed = true;
		pack_blob(pack, field->string, field->string_length);
		break;
	case CONTROL_INTEGER:
		pack_i64(pack, field->integer);
		break;
	case CONTROL_BOOLEAN:
		pack_u8(pack, field->integer != 0);
		break;
	case CONTROL_NULL:
		break;
	default:
		pack->failed = true;
	}
}

static void
control_field_unpack(struct unpack *unpack, struct control_field *field)
{
	unpack_string(unpack, field->name, sizeof(field->name));
	field->type = unpack_u8(unpack);
	if (!word_good(field->name, LOWER UPPER DIGIT "_-"))
		unpack->failed = true;
	switch (field->type) {
	case CONTROL_STRING:
		field->string = (const char *)unpack_blob(
		    unpack, &field->string_length, CONTROL_VALUE_SIZE);
		break;
	case CONTROL_INTEGER:
		field->integer = unpack_i64(unpack);
		break;
	case CONTROL_BOOLEAN:
		field->integer = unpack_bool(unpack);
		break;
	case CONTROL_NULL:
		break;
	default:
		unpack->failed = true;
	}
}

void
msg_control_row_encode(struct pack *pack, const struct msg_control_row *row)
{
	uint32_t i;

	if (row->field_count > CONTROL_FIELDS) {
		pack->failed = true;
		return;
	}
	pack_string(pack, row->kind);
	pack_u32(pack, row->field_count);
	for (i = 0; i < row->field_count; i++)
		control_field_pack(pack, &row->fields[i]);
}

int
msg_control_row_decode(
    const struct message *message, struct msg_control_row *row)
{
	struct unpack unpack;
	uint32_t i;

	memset(row, 0, sizeof(*row));
	unpack_init(&unpack, message->data, message->length);
	unpack_string(&unpack, row->kind, sizeof(row->kind));
	row->field_count = unpack_u32(&unpack);
	if (!word_good(row->kind, LOWER UPPER DIGIT "_-") ||
	    row->field_count > CONTROL_FIELDS)
		return -1;
	for (i = 0; i < row->field_count; i++)
		control_field_unpack(&unpack, &row->fields[i]);
	return unpack_done(&unpack);
}

void
msg_control_end_encode(struct pack *pack, const struct msg_control_end *end)
{
	pack_u8(pack, end->exit_code);
	pack_string(pack, end->code);
	pack_string(pack, end->text);
}

/* A success has no code; a failure has one, and a line for a person. */
static bool
control_end_good(const struct msg_control_end *end)
{
	const unsigned char *text;

	for (text = (const unsigned char *)end->text; *text != '\0'; text++)
		if (*text < 0x20 || *text == 0x7f)
			return false;
	switch (end->exit_code) {
	case 0:
		return end->code[0] == '\0';
	case 1:
	case 64:
	case 65:
	case 69:
	case 77:
		return word_good(end->code, UPPER DIGIT "_");
	default:
		return false;
	}
}

int
msg_control_end_decode(
    const struct message *message, struct msg_control_end *end)
{
	struct unpack unpack;

	unpack_init(&unpack, message->data, message->length);
	end->exit_code = unpack_u8(&unpack);
	unpack_string(&unpack, end->code, sizeof(end->code));
	unpack_string(&unpack, end->text, sizeof(end->text));
	if (unpack_done(&unpack) == -1 || !control_end_good(end))
		return -1;
	return 0;
}

int
msg_u8_decode(const struct message *message, uint8_t limit)
{
	if (message->length != 1 || message->data[0] >= limit)
		return -1;
	return message->data[0];
}

int
msg_u32_decode(const struct message *message, uint32_t *value)
{
	struct unpack unpack;

	unpack_init(&unpack, message->data, message->length);
	*value = unpack_u32(&unpack);
	return unpack_done(&unpack);
}
