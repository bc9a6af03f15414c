/* SPDX-License-Identifier: ISC */
/*
 * The codecs: what goes in comes out, the shortest and the longest message are
 * as long as the table of permissions says, no message with a byte more or
 * less decodes, and no value that does not exist gets through.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "ipc/message.h"
#include "ipc/permission.h"

static uint8_t memory[MESSAGE_BATCH];
static struct pack pack;

static void
begin(void)
{
	memset(memory, 0xee, sizeof(memory));
	pack_init(&pack, memory, sizeof(memory));
}

/* What was packed, as a message in memory of just its size. */
static struct message
packed(size_t length)
{
	struct message message = {.descriptor = -1, .length = length};
	uint8_t *copy = malloc(length + 1);

	assert_non_null(copy);
	memcpy(copy, memory, length);
	message.data = copy;
	return message;
}

static void
unpacked(const struct message *message)
{
	void *data;

	memcpy(&data, &message->data, sizeof(data));
	free(data);
}

/* A decoder without its result: 0 or -1. */
typedef int decoder(const struct message *);

static int
run(decoder *decode, size_t length)
{
	struct message message = packed(length);
	int result = decode(&message);

	unpacked(&message);
	return result;
}

/* What is packed decodes, and nothing that is a byte longer or shorter. */
static void
expect_exact(decoder *decode)
{
	size_t length;

	assert_true(pack_ok(&pack));
	assert_int_equal(run(decode, pack.length), 0);
	for (length = 0; length < pack.length; length++)
		assert_int_equal(run(decode, length), -1);
	memory[pack.length] = 0;
	assert_int_equal(run(decode, pack.length + 1), -1);
}

static void
expect_length(uint16_t type, enum role from, enum role to, bool maximum)
{
	const struct permission *row = permission_find(type, from, to);

	assert_non_null(row);
	assert_int_equal(pack.length, maximum ? row->maximum : row->minimum);
}

static void
expect_bad(decoder *decode)
{
	assert_true(pack_ok(&pack));
	assert_int_equal(run(decode, pack.length), -1);
}

static void
fill(char *string, size_t size, char first)
{
	memset(string, 'a', size - 1);
	string[0] = first;
	string[size - 1] = '\0';
}

/* MSG_START */
static struct msg_start start_out;

static int
start_decode(const struct message *message)
{
	return msg_start_decode(message, &start_out);
}

static struct msg_start
start_good(void)
{
	struct msg_start start = {.uid = 1,
	    .gid = 0xfffffffe,
	    .owner_uid = 3,
	    .flags = START_ROOT | START_INET,
	    .root = "/var/empty",
	    .unveil = "/run/x"};

	return start;
}

static void
start_pack(const struct msg_start *start)
{
	begin();
	msg_start_encode(&pack, start);
}

static void
test_start(void **state)
{
	struct msg_start start = start_good();

	(void)state;
	start_pack(&start);
	expect_exact(start_decode);
	assert_int_equal(run(start_decode, pack.length), 0);
	assert_true(start_out.uid == 1 && start_out.gid == 0xfffffffe &&
		    start_out.owner_uid == 3 && start_out.flags == start.flags);
	assert_string_equal(start_out.root, "/var/empty");
	assert_string_equal(start_out.unveil, "/run/x");

	fill(start.root, sizeof(start.root), '/');
	fill(start.unveil, sizeof(start.unveil), '/');
	start_pack(&start);
	expect_exact(start_decode);
	expect_length(MSG_START, ROLE_FEDD, ROLE_SENDER, true);
	assert_int_equal(strlen(start_out.root), PATH_MAX_SHORT - 1);

	start.root[0] = start.unveil[0] = '\0';
	start_pack(&start);
	expect_exact(start_decode);
	expect_length(MSG_START, ROLE_FEDD, ROLE_SENDER, false);

	start = start_good();
	start.flags = 4;
	start_pack(&start);
	expect_bad(start_decode);
	start = start_good();
	start.root[0] = 'v';
	start_pack(&start);
	expect_bad(start_decode);
	start = start_good();
	start.unveil[0] = '.';
	start_pack(&start);
	expect_bad(start_decode);
}

/* MSG_SETTINGS */
static struct settings settings_out;
static char database_out[DATABASE_SIZE];

static int
settings_decode(const struct message *message)
{
	return msg_settings_decode(message, &settings_out, database_out);
}

static void
settings_pack(const struct settings *settings, const char *database)
{
	begin();
	msg_settings_encode(&pack, settings, database);
}

/* Each field another value, in order. */
static struct settings
settings_good(void)
{
	struct settings settings;
	int64_t values[sizeof(settings) / sizeof(int64_t)];
	size_t i;

	for (i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		values[i] = 1000 + (int64_t)i;
	memcpy(&settings, values, sizeof(settings));
	settings.proxy_line = settings.answer_ping = settings.answer_info = 1;
	settings.trust_automatic = settings.durability_check = 0;
	settings.log_servers = LOG_SERVERS_OFF;
	settings.log_level = LOG_LEVEL_DEBUG;
	return settings;
}

/* A value and whether the decoder takes it there. */
static void
settings_try(size_t offset, int64_t value, bool good)
{
	struct settings settings = settings_good();

	memcpy((char *)&settings + offset, &value, sizeof(value));
	settings_pack(&settings, "");
	assert_int_equal(run(settings_decode, pack.length), good ? 0 : -1);
}

#define SETTING(name) offsetof(struct settings, name)

static void
test_settings(void **state)
{
	static const size_t booleans[] = {SETTING(proxy_line),
	    SETTING(answer_ping), SETTING(answer_info),
	    SETTING(trust_automatic), SETTING(durability_check)};
	struct settings settings = settings_good();
	char database[DATABASE_SIZE];
	size_t i;

	(void)state;
	fill(database, sizeof(database), 'h');
	settings_pack(&settings, database);
	expect_exact(settings_decode);
	expect_length(MSG_SETTINGS, ROLE_FEDD, ROLE_QUEUED, true);
	assert_int_equal(run(settings_decode, pack.length), 0);
	assert_memory_equal(&settings_out, &settings, sizeof(settings));
	assert_string_equal(database_out, database);

	settings_pack(&settings, "");
	expect_exact(settings_decode);
	expect_length(MSG_SETTINGS, ROLE_FEDD, ROLE_QUEUED, false);
	expect_length(MSG_SETTINGS, ROLE_FEDD, ROLE_SENDER, true);
	expect_length(MSG_SETTINGS, ROLE_FEDD, ROLE_SENDER, false);

	for (i = 0; i < sizeof(booleans) / sizeof(booleans[0]); i++) {
		settings_try(booleans[i], 0, true);
		settings_try(booleans[i], 1, true);
		settings_try(booleans[i], 2, false);
	}
	settings_try(SETTING(log_servers), LOG_SERVERS_OFF + 1, false);
	settings_try(SETTING(log_level), LOG_LEVEL_DEBUG + 1, false);
	settings_try(SETTING(control_group), -1, true);
	settings_try(SETTING(control_group), -2, false);
	settings_try(SETTING(control_group), 0xfffffffe, true);
	settings_try(SETTING(control_group), 0xffffffff, false);
	for (i = 0; i < sizeof(settings) / sizeof(int64_t); i++)
		if (i * sizeof(int64_t) != SETTING(control_group))
			settings_try(i * sizeof(int64_t), -1, false);
}

/* MSG_GO */
static struct msg_go go_out;

static int
go_decode(const struct message *message)
{
	return msg_go_decode(message, &go_out);
}

static void
go_try(uint32_t generation, int64_t started, int32_t pid, bool good)
{
	struct msg_go go = {.generation = generation, .started = started};

	go.pids[ROLE_SENDER] = pid;
	begin();
	msg_go_encode(&pack, &go);
	assert_int_equal(run(go_decode, pack.length), good ? 0 : -1);
}

static void
test_go(void **state)
{
	struct msg_go go = {.generation = 7,
	    .started = 1761825600,
	    .pids = {1, 2, 3, 4, 0, INT32_MAX}};

	(void)state;
	begin();
	msg_go_encode(&pack, &go);
	expect_exact(go_decode);
	expect_length(MSG_GO, ROLE_FEDD, ROLE_SENDER, true);
	assert_int_equal(run(go_decode, pack.length), 0);
	assert_int_equal(go_out.generation, 7);
	assert_true(go_out.started == 1761825600);
	assert_memory_equal(go_out.pids, go.pids, sizeof(go.pids));
	go_try(1, 0, 0, true);
	go_try(0, 0, 0, false);
	go_try(UINT32_MAX, 253402300799, INT32_MAX, true);
	go_try(1, 253402300800, 0, false);
	go_try(1, -1, 0, false);
	go_try(1, 0, -1, false);
}

/* MSG_KEYS */
static struct msg_keys keys_out;

static int
keys_decode(const struct message *message)
{
	return msg_keys_decode(message, &keys_out);
}

static void
keys_try(int64_t serial, bool valid, bool good)
{
	struct msg_keys keys = {.serial = serial, .valid = valid};

	begin();
	msg_keys_encode(&pack, &keys);
	assert_int_equal(run(keys_decode, pack.length), good ? 0 : -1);
}

static void
test_keys(void **state)
{
	struct msg_keys keys = {.serial = 1761825600, .valid = true};

	(void)state;
	memset(keys.server, 1, sizeof(keys.server));
	memset(keys.key_id, 2, sizeof(keys.key_id));
	begin();
	msg_keys_encode(&pack, &keys);
	expect_exact(keys_decode);
	expect_length(MSG_KEYS, ROLE_SIGNER, ROLE_FEDD, true);
	expect_length(MSG_KEYS, ROLE_SIGNER, ROLE_FEDD, false);
	assert_int_equal(run(keys_decode, pack.length), 0);
	assert_memory_equal(keys_out.server, keys.server, 32);
	assert_memory_equal(keys_out.key_id, keys.key_id, 32);
	assert_true(keys_out.serial == 1761825600 && keys_out.valid);
	keys_try(0, false, true);
	keys_try(-1, true, false);
	keys_try(SIGN_NUMBER_MAX, true, true);
	keys_try(SIGN_NUMBER_MAX + 1, true, false);
}

/* MSG_IDENTITY */
static struct msg_identity identity_out;

static int
identity_decode(const struct message *message)
{
	return msg_identity_decode(message, &identity_out);
}

static void
test_identity(void **state)
{
	struct msg_identity identity = {.logged = SIGN_NUMBER_MAX,
	    .certificate_length = IDENTITY_CERTIFICATE_MAX};

	(void)state;
	memset(identity.server, 1, sizeof(identity.server));
	memset(identity.key_id, 2, sizeof(identity.key_id));
	memset(identity.certificate, 3, sizeof(identity.certificate));
	begin();
	msg_identity_encode(&pack, &identity);
	expect_exact(identity_decode);
	expect_length(MSG_IDENTITY, ROLE_SIGNER, ROLE_QUEUED, true);
	expect_length(MSG_IDENTITY, ROLE_QUEUED, ROLE_LISTENER, true);
	assert_int_equal(run(identity_decode, pack.length), 0);
	assert_memory_equal(&identity_out, &identity, sizeof(identity));
	identity.certificate_length = 1;
	begin();
	msg_identity_encode(&pack, &identity);
	expect_exact(identity_decode);
	expect_length(MSG_IDENTITY, ROLE_SIGNER, ROLE_QUEUED, false);
	assert_int_equal(run(identity_decode, pack.length), 0);
	assert_int_equal(identity_out.certificate_length, 1);
	assert_int_equal(identity_out.certificate[1], 0);
	identity.logged = SIGN_NUMBER_MAX + 1;
	begin();
	msg_identity_encode(&pack, &identity);
	expect_bad(identity_decode);
	identity.logged = -1;
	begin();
	msg_identity_encode(&pack, &identity);
	expect_bad(identity_decode);
	identity.logged = 0;
	identity.certificate_length = 0;
	begin();
	msg_identity_encode(&pack, &identity);
	expect_bad(identity_decode);
	begin();
	pack_bytes(&pack, identity.server, 32);
	pack_bytes(&pack, identity.key_id, 32);
	pack_i64(&pack, 0);
	pack_u32(&pack, IDENTITY_CERTIFICATE_MAX + 1);
	pack_bytes(&pack, identity.certificate, IDENTITY_CERTIFICATE_MAX);
	pack_u8(&pack, 0);
	expect_bad(identity_decode);
}

/* MSG_SIGN_ENVELOPE and MSG_SIGN_BATCH */
static struct msg_sign_envelope sign_out;

static int
envelope_decode(const struct message *message)
{
	return msg_sign_decode(message, &sign_out, false);
}

static int
batch_decode(const struct message *message)
{
	return msg_sign_decode(message, &sign_out, true);
}

static struct msg_sign_envelope
sign_good(void)
{
	struct msg_sign_envelope sign = {
	    .type = "message", .timestamp = 1761825600, .mark = 77};

	memset(sign.id, 1, sizeof(sign.id));
	memset(sign.origin, 2, sizeof(sign.origin));
	memset(sign.destination, 3, sizeof(sign.destination));
	return sign;
}

static void
sign_pack(const struct msg_sign_envelope *sign, bool batch)
{
	begin();
	msg_sign_encode(&pack, sign, batch);
}

static void
test_sign_envelope(void **state)
{
	struct msg_sign_envelope sign = sign_good();

	(void)state;
	memset(sign.payload_hash, 4, sizeof(sign.payload_hash));
	sign_pack(&sign, false);
	expect_exact(envelope_decode);
	assert_int_equal(run(envelope_decode, pack.length), 0);
	assert_memory_equal(&sign_out, &sign, sizeof(sign));
	/* One kind never decodes as the other. */
	assert_int_equal(run(batch_decode, pack.length), -1);

	strcpy(sign.type, "x");
	sign_pack(&sign, false);
	expect_exact(envelope_decode);
	expect_length(MSG_SIGN_ENVELOPE, ROLE_QUEUED, ROLE_SIGNER, false);
	fill(sign.type, sizeof(sign.type), '_');
	sign_pack(&sign, false);
	expect_exact(envelope_decode);
	expect_length(MSG_SIGN_ENVELOPE, ROLE_QUEUED, ROLE_SIGNER, true);
}

static void
test_sign_batch(void **state)
{
	struct msg_sign_envelope sign = sign_good();

	(void)state;
	memset(sign.type, 0, sizeof(sign.type));
	sign.type[0] = 'x';
	sign.item_count = 1;
	memset(sign.items[0].id, 5, 16);
	memset(sign.items[0].digest, 6, 32);
	sign_pack(&sign, true);
	expect_exact(batch_decode);
	expect_length(MSG_SIGN_BATCH, ROLE_QUEUED, ROLE_SIGNER, false);
	assert_int_equal(run(batch_decode, pack.length), 0);
	assert_memory_equal(&sign_out, &sign, sizeof(sign));
	assert_int_equal(run(envelope_decode, pack.length), -1);

	fill(sign.type, sizeof(sign.type), 'a');
	sign.item_count = SIGN_ITEMS_MAX;
	memset(sign.items, 7, sizeof(sign.items));
	sign_pack(&sign, true);
	expect_exact(batch_decode);
	expect_length(MSG_SIGN_BATCH, ROLE_QUEUED, ROLE_SIGNER, true);
	assert_int_equal(run(batch_decode, pack.length), 0);
	assert_memory_equal(&sign_out, &sign, sizeof(sign));

	/* A count that is not that of the items, none, and too many. */
	memory[4 + 32 + 16 + 32 + 32 + 16]--;
	assert_int_equal(run(batch_decode, pack.length), -1);
	memory[4 + 32 + 16 + 32 + 32 + 16] = SIGN_ITEMS_MAX + 1;
	assert_int_equal(run(batch_decode, pack.length + 48), -1);
	memory[4 + 32 + 16 + 32 + 32 + 16] = 0;
	assert_int_equal(
	    run(batch_decode, pack.length - SIGN_ITEMS_MAX * 48), -1);
	sign.item_count = 0;
	sign_pack(&sign, true);
	assert_false(pack_ok(&pack));
	sign.item_count = SIGN_ITEMS_MAX + 1;
	sign_pack(&sign, true);
	assert_false(pack_ok(&pack));
}

static void
sign_type_try(const char *type, bool good)
{
	struct msg_sign_envelope sign = sign_good();

	strcpy(sign.type, type);
	sign_pack(&sign, false);
	assert_int_equal(run(envelope_decode, pack.length), good ? 0 : -1);
}

static void
sign_time_try(int64_t timestamp, bool good)
{
	struct msg_sign_envelope sign = sign_good();

	sign.timestamp = timestamp;
	sign_pack(&sign, false);
	assert_int_equal(run(envelope_decode, pack.length), good ? 0 : -1);
}

static void
sign_mark_try(int64_t mark, bool good)
{
	struct msg_sign_envelope sign = sign_good();

	sign.mark = mark;
	sign_pack(&sign, false);
	assert_int_equal(run(envelope_decode, pack.length), good ? 0 : -1);
}

static void
test_sign_values(void **state)
{
	(void)state;
	sign_mark_try(0, true);
	sign_mark_try(SIGN_NUMBER_MAX, true);
	sign_mark_try(SIGN_NUMBER_MAX + 1, false);
	sign_mark_try(-1, false);
	sign_type_try("room_join", true);
	sign_type_try("", false);
	sign_type_try("Message", false);
	sign_type_try("message\n", false);
	sign_type_try("mess age", false);
	sign_type_try("message2", false);
	sign_time_try(0, true);
	sign_time_try(-1, false);
	sign_time_try(253402300799, true);
	sign_time_try(253402300800, false);
	sign_time_try(INT64_MIN, false);
	sign_time_try(INT64_MAX, false);
}

/* MSG_SIGN_STATE */
static struct msg_sign_state state_out;

static int
state_decode(const struct message *message)
{
	return msg_sign_state_decode(message, &state_out);
}

static struct msg_sign_state
state_good(void)
{
	struct msg_sign_state state = {.number = 2,
	    .kind = "allowed_servers",
	    .timestamp = 1761825600,
	    .mark = 9};

	memset(state.room, 1, sizeof(state.room));
	memset(state.previous, 2, sizeof(state.previous));
	memset(state.payload_hash, 3, sizeof(state.payload_hash));
	return state;
}

static void
state_pack(const struct msg_sign_state *state)
{
	begin();
	msg_sign_state_encode(&pack, state);
}

static void
test_sign_state(void **unused)
{
	struct msg_sign_state state = state_good();

	(void)unused;
	state_pack(&state);
	expect_exact(state_decode);
	assert_int_equal(run(state_decode, pack.length), 0);
	assert_memory_equal(&state_out, &state, sizeof(state));
	memset(state.kind, 0, sizeof(state.kind));
	state.kind[0] = 'x';
	state_pack(&state);
	expect_exact(state_decode);
	expect_length(MSG_SIGN_STATE, ROLE_QUEUED, ROLE_SIGNER, false);
	fill(state.kind, sizeof(state.kind), '_');
	state_pack(&state);
	expect_exact(state_decode);
	expect_length(MSG_SIGN_STATE, ROLE_QUEUED, ROLE_SIGNER, true);
}

static void
state_try(const struct msg_sign_state *state, bool good)
{
	state_pack(state);
	assert_int_equal(run(state_decode, pack.length), good ? 0 : -1);
}

/* The first has no hash of one before, all others have; numbers, marks and
 * times that exist. */
static void
test_sign_state_values(void **unused)
{
	static const int64_t numbers[] = {INT64_MIN, -1, 0, 1, SIGN_NUMBER_MAX,
	    SIGN_NUMBER_MAX + 1, INT64_MAX};
	struct msg_sign_state state;
	size_t i;

	(void)unused;
	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		state = state_good();
		state.number = numbers[i];
		state_try(&state, numbers[i] == SIGN_NUMBER_MAX);
		memset(state.previous, 0, sizeof(state.previous));
		state_try(&state, numbers[i] == 1);
	}
	state = state_good();
	state.mark = SIGN_NUMBER_MAX + 1;
	state_try(&state, false);
	state.mark = -1;
	state_try(&state, false);
	state.mark = 0;
	state_try(&state, true);
	state.timestamp = -1;
	state_try(&state, false);
	state.timestamp = 253402300800;
	state_try(&state, false);
	state = state_good();
	strcpy(state.kind, "Create");
	state_try(&state, false);
	strcpy(state.kind, "");
	state_try(&state, false);
}

/* MSG_CONTROL_REQUEST */
static struct msg_control control_out;

static int
control_decode(const struct message *message)
{
	return msg_control_decode(message, &control_out);
}

static void
control_try(uint16_t verb, uint32_t count, bool good)
{
	begin();
	pack_u16(&pack, verb);
	pack_u32(&pack, count);
	while (count-- > 0 && pack_ok(&pack))
		pack_string(&pack, "x");
	assert_int_equal(run(control_decode, pack.length), good ? 0 : -1);
}

static void
test_control(void **state)
{
	struct msg_control control = {
	    .verb = CONTROL_SERVER_TRUST, .argument_count = CONTROL_ARGUMENTS};
	size_t i;

	(void)state;
	for (i = 0; i < CONTROL_ARGUMENTS; i++)
		fill(control.arguments[i], CONTROL_ARGUMENT_SIZE, 'b');
	begin();
	msg_control_encode(&pack, &control);
	expect_exact(control_decode);
	expect_length(MSG_CONTROL_REQUEST, ROLE_CONTROL, ROLE_QUEUED, true);
	assert_int_equal(run(control_decode, pack.length), 0);
	assert_memory_equal(&control_out, &control, sizeof(control));
	control.argument_count = 0;
	begin();
	msg_control_encode(&pack, &control);
	expect_exact(control_decode);
	expect_length(MSG_CONTROL_REQUEST, ROLE_CONTROL, ROLE_QUEUED, false);
	control.argument_count = CONTROL_ARGUMENTS + 1;
	begin();
	msg_control_encode(&pack, &control);
	assert_false(pack_ok(&pack));
	control_try(0, 0, false);
	control_try(1, 0, true);
	control_try(CONTROL_VERB_COUNT - 1, CONTROL_ARGUMENTS, true);
	control_try(CONTROL_VERB_COUNT, 0, false);
	control_try(UINT16_MAX, 0, false);
	control_try(1, CONTROL_ARGUMENTS + 1, false);
	control_try(1, UINT32_MAX, false);
}

/* MSG_CONTROL_ROW */
static struct msg_control_row row_out;

static int
row_decode(const struct message *message)
{
	return msg_control_row_decode(message, &row_out);
}

static struct msg_control_row
row_good(void)
{
	struct msg_control_row row = {.kind = "server",
	    .field_count = 4,
	    .fields = {{.name = "address",
			   .type = CONTROL_STRING,
			   .string = "abc",
			   .string_length = 3},
		{.name = "level", .type = CONTROL_INTEGER, .integer = -1},
		{.name = "online", .type = CONTROL_BOOLEAN, .integer = 1},
		{.name = "last-seen", .type = CONTROL_NULL}}};

	return row;
}

static void
row_pack(const struct msg_control_row *row)
{
	begin();
	msg_control_row_encode(&pack, row);
}

static void
test_row(void **state)
{
	struct msg_control_row row = row_good();
	struct message message;

	(void)state;
	row_pack(&row);
	expect_exact(row_decode);
	message = packed(pack.length);
	assert_int_equal(row_decode(&message), 0);
	assert_string_equal(row_out.kind, "server");
	assert_int_equal(row_out.field_count, 4);
	assert_string_equal(row_out.fields[0].name, "address");
	assert_int_equal(row_out.fields[0].string_length, 3);
	assert_memory_equal(row_out.fields[0].string, "abc", 3);
	assert_true(row_out.fields[1].integer == -1);
	assert_int_equal(row_out.fields[2].integer, 1);
	assert_int_equal(row_out.fields[3].type, CONTROL_NULL);
	unpacked(&message);

	strcpy(row.kind, "k");
	row.field_count = 0;
	row_pack(&row);
	expect_exact(row_decode);
	expect_length(MSG_CONTROL_ROW, ROLE_QUEUED, ROLE_CONTROL, false);
}

static void
test_row_values(void **state)
{
	static char value[CONTROL_VALUE_SIZE + 1];
	struct msg_control_row row = row_good();
	uint32_t i;

	(void)state;
	row.field_count = 1;
	memset(value, 'v', sizeof(value));
	row.fields[0].string = value;
	row.fields[0].string_length = CONTROL_VALUE_SIZE;
	row_pack(&row);
	expect_exact(row_decode);
	row.fields[0].string_length++;
	row_pack(&row);
	assert_false(pack_ok(&pack));

	row = row_good();
	row.fields[3].type = CONTROL_NULL + 1;
	row_pack(&row);
	assert_false(pack_ok(&pack));
	row = row_good();
	strcpy(row.kind, "");
	row_pack(&row);
	expect_bad(row_decode);
	strcpy(row.kind, "a b");
	row_pack(&row);
	expect_bad(row_decode);
	row = row_good();
	strcpy(row.fields[3].name, "");
	row_pack(&row);
	expect_bad(row_decode);
	strcpy(row.fields[3].name, "\x1b[1m");
	row_pack(&row);
	expect_bad(row_decode);

	row = row_good();
	for (i = 0; i < CONTROL_FIELDS; i++)
		row.fields[i] = row.fields[1];
	row_pack(&row);
	row.field_count = CONTROL_FIELDS;
	row_pack(&row);
	expect_exact(row_decode);
	/* One field more, by hand. */
	memory[4 + strlen(row.kind)]++;
	memcpy(memory + pack.length, memory + 4 + strlen(row.kind) + 4,
	    4 + 5 + 1 + 8);
	assert_int_equal(run(row_decode, pack.length + 4 + 5 + 1 + 8), -1);
	row.field_count++;
	row_pack(&row);
	assert_false(pack_ok(&pack));
}

/* A field of an unknown type, or a boolean that is neither, by hand. */
static void
test_row_hostile(void **state)
{
	int type, value;

	(void)state;
	for (type = 0; type < 256; type++)
		for (value = 0; value < 3; value++) {
			begin();
			pack_string(&pack, "kind");
			pack_u32(&pack, 1);
			pack_string(&pack, "name");
			pack_u8(&pack, (uint8_t)type);
			if (type != CONTROL_NULL)
				pack_u8(&pack, (uint8_t)value);
			assert_int_equal(run(row_decode, pack.length),
			    type == CONTROL_NULL ||
				    (type == CONTROL_BOOLEAN && value < 2)
				? 0
				: -1);
		}
}

/* MSG_CONTROL_END */
static struct msg_control_end end_out;

static int
end_decode(const struct message *message)
{
	return msg_control_end_decode(message, &end_out);
}

static void
end_try(int exit_code, const char *code, const char *text, bool good)
{
	struct msg_control_end end = {.exit_code = (uint8_t)exit_code};

	strcpy(end.code, code);
	strcpy(end.text, text);
	begin();
	msg_control_end_encode(&pack, &end);
	assert_int_equal(run(end_decode, pack.length), good ? 0 : -1);
}

static void
test_end(void **state)
{
	struct msg_control_end end = {.exit_code = 65};
	int exit_code;

	(void)state;
	memset(end.code, 'U', sizeof(end.code) - 1);
	fill(end.text, sizeof(end.text), 't');
	begin();
	msg_control_end_encode(&pack, &end);
	expect_exact(end_decode);
	expect_length(MSG_CONTROL_END, ROLE_QUEUED, ROLE_CONTROL, true);
	assert_int_equal(run(end_decode, pack.length), 0);
	assert_memory_equal(&end_out, &end, sizeof(end));
	memset(&end, 0, sizeof(end));
	begin();
	msg_control_end_encode(&pack, &end);
	expect_exact(end_decode);
	expect_length(MSG_CONTROL_END, ROLE_QUEUED, ROLE_CONTROL, false);
	for (exit_code = 0; exit_code < 256; exit_code++)
		end_try(exit_code, exit_code == 0 ? "" : "CODE_2", "text",
		    exit_code == 0 || exit_code == 1 || exit_code == 64 ||
			exit_code == 65 || exit_code == 69 || exit_code == 77);
	end_try(0, "CODE", "", false);
	end_try(65, "", "", false);
	end_try(65, "code", "", false);
	end_try(65, "A B", "", false);
	end_try(65, "CODE", "two\nlines", false);
	end_try(65, "CODE", "\x1b[2J", false);
	end_try(65, "CODE", "\x7f", false);
	end_try(65, "CODE", "caf\xc3\xa9", true);
}

static struct msg_limits limits_out;

static int
limits_decode(const struct message *message)
{
	return msg_limits_decode(message, &limits_out);
}

static void
test_limits(void **state)
{
	struct msg_limits limits;

	(void)state;
	memset(&limits, 0, sizeof(limits));
	limits.of[0].used = 1;
	limits.of[LIMIT_MALFORMED].refused = INT64_MAX;
	begin();
	msg_limits_encode(&pack, &limits);
	expect_exact(limits_decode);
	expect_length(MSG_LIMITS, ROLE_LISTENER, ROLE_QUEUED, false);
	expect_length(MSG_LIMITS, ROLE_LISTENER, ROLE_QUEUED, true);
	assert_int_equal(limits_out.of[0].used, 1);
	assert_true(limits_out.of[LIMIT_MALFORMED].refused == INT64_MAX);
	/* none that fedctl would print as less than nothing */
	limits.of[LIMIT_MALFORMED].refused++;
	begin();
	msg_limits_encode(&pack, &limits);
	expect_bad(limits_decode);
}

/* The single numbers. */
static void
test_numbers(void **state)
{
	struct message message;
	uint32_t value;

	(void)state;
	begin();
	pack_u32(&pack, 0x01020304);
	message = packed(4);
	assert_int_equal(msg_u32_decode(&message, &value), 0);
	assert_int_equal(value, 0x01020304);
	message.length = 3;
	assert_int_equal(msg_u32_decode(&message, &value), -1);
	message.length = 5;
	assert_int_equal(msg_u32_decode(&message, &value), -1);
	message.length = 1;
	assert_int_equal(msg_u8_decode(&message, 5), 4);
	assert_int_equal(msg_u8_decode(&message, 4), -1);
	assert_int_equal(msg_u8_decode(&message, 0), -1);
	message.length = 0;
	assert_int_equal(msg_u8_decode(&message, 5), -1);
	message.length = 2;
	assert_int_equal(msg_u8_decode(&message, 5), -1);
	unpacked(&message);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_start),
	    cmocka_unit_test(test_settings),
	    cmocka_unit_test(test_go),
	    cmocka_unit_test(test_keys),
	    cmocka_unit_test(test_identity),
	    cmocka_unit_test(test_sign_envelope),
	    cmocka_unit_test(test_sign_batch),
	    cmocka_unit_test(test_sign_values),
	    cmocka_unit_test(test_sign_state),
	    cmocka_unit_test(test_sign_state_values),
	    cmocka_unit_test(test_control),
	    cmocka_unit_test(test_row),
	    cmocka_unit_test(test_row_values),
	    cmocka_unit_test(test_row_hostile),
	    cmocka_unit_test(test_end),
	    cmocka_unit_test(test_limits),
	    cmocka_unit_test(test_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
