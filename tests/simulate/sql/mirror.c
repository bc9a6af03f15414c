/* SPDX-License-Identifier: ISC */
/* The same histories through the real SQL; see mirror.h. */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "env.h"
#include "sql/mirror_internal.h"

bool mirror_on;

static bool stepping; /* the model makes a step that production makes, too */
static int stepping_node;

#define PROGRESS 50 /* seeds */

/* What was compared so far, beside facts. */
static struct {
	unsigned long verdicts;
	unsigned long stores;
	unsigned long lines;
} compared;

void
mirror_open(const char *where)
{
	char host[256];
	const char *colon = strrchr(where, ':');

	if (colon == NULL || colon - where >= (int)sizeof(host))
		errx(64, "-d HOST:PREFIX");
	snprintf(host, sizeof(host), "%.*s", (int)(colon - where), where);
	log_init("simulate", LOG_FORM_PLAIN, LOG_LEVEL_ERROR);
	mirror_db_open(host, colon + 1);
	mirror_on = true;
}

void
mirror_progress(uint64_t seed, uint64_t done)
{
	if (mirror_on && done > 0 && done % PROGRESS == 0)
		fprintf(stderr, "# seed %llu: %llu are done\n",
		    (unsigned long long)seed, (unsigned long long)done);
}

void
mirror_print(void)
{
	if (mirror_on)
		printf("sql: facts %lu verdicts %lu stores %lu lines %lu\n",
		    mirror_facts_compared(), compared.verdicts, compared.stores,
		    compared.lines);
}

static bool
mirrored(int node)
{
	return mirror_on && node < SERVERS && world.nodes[node].exists &&
	       world_honest(world.nodes[node].identity) &&
	       world.failure[0] == '\0';
}

bool
mirror_step(int node)
{
	stepping = mirrored(node);
	stepping_node = node;
	mirror_facts_clear();
	mirror_given_clear();
	mirror_facts_mode(stepping ? MIRROR_FACTS_NOTE : MIRROR_FACTS_OFF);
	return stepping;
}

void
mirror_aside(bool aside)
{
	mirror_facts_mode(
	    stepping && !aside ? MIRROR_FACTS_NOTE : MIRROR_FACTS_OFF);
	if (!aside)
		mirror_given_clear();
}

static void
identity_set(int node)
{
	int identity = world.nodes[node].identity;

	memcpy(env.identity.server, ledger_key(identity), ONION_KEY);
	memcpy(env.identity.key_id, ledger_key_now(identity), ROOM_HASH);
	env.certificate = *ledger_cert(identity, world.serial[identity]);
	onion_format(env.address, ledger_key(identity));
}

bool
mirror_enter(int node)
{
	if (!mirrored(node) || !stepping || stepping_node != node)
		return false;
	mirror_db_enter(node);
	identity_set(node);
	mirror_peers(node);
	mirror_clock = world.now;
	mirror_facts_mode(MIRROR_FACTS_COMPARE);
	return true;
}

void
mirror_leave_node(void)
{
	const char *first;

	if (mirror_facts_left(&first) > 0)
		mirror_fail("decision", "not made", first);
	mirror_facts_clear();
	mirror_facts_mode(MIRROR_FACTS_NOTE);
}

void
mirror_fail(const char *what, const char *sql, const char *model)
{
	world_fail("sql: node %d: %s: sql %s, model %s", stepping_node, what,
	    sql, model);
}

static const char *
verdict_text(char *text, size_t size, const struct room_verdict *verdict)
{
	static const char *const names[] = {
	    "taken", "known", "held", "refused", "wait", "conflict"};

	snprintf(text, size, "%s %s seconds=%u flags=%u from=%lld to=%lld",
	    names[verdict->outcome], code_name(verdict->code), verdict->seconds,
	    verdict->flags, (long long)verdict->from, (long long)verdict->to);
	return text;
}

void
mirror_verdict(const char *what, const struct room_verdict *got,
    const struct room_verdict *wanted)
{
	char a[160], b[160];

	compared.verdicts++;
	verdict_text(a, sizeof(a), got);
	verdict_text(b, sizeof(b), wanted);
	if (strcmp(a, b) != 0)
		mirror_fail(what, a, b);
}

void
mirror_done(const struct room_verdict *verdict, bool ok, void *argument)
{
	struct mirror_outcome *outcome = argument;

	outcome->done = true;
	outcome->ok = ok;
	if (ok)
		outcome->verdict = *verdict;
}

void
mirror_outcome(const char *what, const struct mirror_outcome *outcome,
    const struct room_verdict *wanted)
{
	if (!outcome->done || !outcome->ok)
		mirror_fail(what, "no answer", "one");
	else
		mirror_verdict(what, &outcome->verdict, wanted);
}

/* The id that sim.reset() gives to the row of a server. */
void
mirror_server(uint8_t uuid[UUID_SIZE], int identity)
{
	ledger_uuid(uuid, 's', identity, 0);
}

#define CERTIFICATE_HEX (2 * CERT_MAX + 3)

static void
certificate_hex(char text[CERTIFICATE_HEX], int identity)
{
	char raw[CERT_MAX];
	size_t length, i;

	length =
	    cert_format(raw, ledger_cert(identity, world.serial[identity]));
	strcpy(text, "\\x");
	for (i = 0; i < length; i++)
		snprintf(text + 2 + 2 * i, 3, "%02x", (unsigned char)raw[i]);
}

void
mirror_certify(int node)
{
	char self[ONION_SIZE], certificate[CERTIFICATE_HEX];
	const char *values[] = {self, certificate};

	onion_format(self, ledger_key(world.nodes[node].identity));
	certificate_hex(certificate, world.nodes[node].identity);
	if (mirror_sql("SELECT federation.self_set($1, $2::bytea, 1)", 2,
		values) == NULL)
		mirror_fail("certificate", mirror_sqlstate(), "none");
}

static void
database_empty(int node)
{
	char self[ONION_SIZE], number[16], certificate[CERTIFICATE_HEX];
	const char *values[] = {self, number, certificate};

	certificate_hex(certificate, node);
	onion_format(self, ledger_key(node));
	snprintf(number, sizeof(number), "%d", node);
	mirror_versions_forget(node);
	mirror_db_enter(node);
	if (mirror_sql("SELECT sim.reset($1, $2::int, $3::bytea)", 3, values) ==
	    NULL)
		mirror_fail("reset", mirror_sqlstate(), "none");
	(void)mirror_db_written(node);
}

void
mirror_begin(void)
{
	int i;

	for (i = 0; i < world.servers && mirror_on; i++)
		if (mirrored(i))
			database_empty(i);
}

static int
line_compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

#define LINES 1024

static int
lines_split(char *text, char *lines[LINES])
{
	char *save = NULL, *line;
	int count = 0;

	for (line = strtok_r(text, "\n", &save); line != NULL && count < LINES;
	     line = strtok_r(NULL, "\n", &save))
		lines[count++] = line;
	qsort(lines, (size_t)count, sizeof(lines[0]), line_compare);
	return count;
}

/* The first line that only one of them has. */
void
mirror_texts(const char *what, char *sql, char *model)
{
	static char *a[LINES], *b[LINES];
	int m = lines_split(sql, a), n = lines_split(model, b), i, order;

	compared.lines += (unsigned long)n;
	for (i = 0; i < m || i < n; i++) {
		order = i == m ? 1 : i == n ? -1 : strcmp(a[i], b[i]);
		if (order == 0)
			continue;
		mirror_fail(what, i < m ? a[i] : "nothing more",
		    i < n ? b[i] : "nothing more");
		return;
	}
}

/* What a room had when it was looked at last. */
static struct {
	long long version;
	char *text;
} versions[SERVERS][ROOMS];

void
mirror_versions_forget(int node)
{
	int room;

	for (room = 0; room < ROOMS; room++) {
		free(versions[node][room].text);
		versions[node][room].text = NULL;
	}
}

/* Lines that change without the room. */
static bool
line_loose(const char *line)
{
	static const char *const loose[] = {
	    "self ", "shown ", "wish ", "answered ", "asked", "stated "};
	size_t i;

	for (i = 0; i < sizeof(loose) / sizeof(loose[0]); i++)
		if (strncmp(line, loose[i], strlen(loose[i])) == 0)
			return true;
	return false;
}

static char *
lines_firm(const char *text)
{
	char *kept = xcalloc(1, strlen(text) + 2), *at = kept;
	size_t length;

	for (; *text != '\0'; text += length + (text[length] == '\n')) {
		length = strcspn(text, "\n");
		if (line_loose(text))
			continue;
		memcpy(at, text, length);
		at += length;
		*at++ = '\n';
	}
	return kept;
}

/* Whoever changes a room raises its version. Returns what is behind it. */
static const char *
version_check(int node, int room, const char *text)
{
	const char *rest = strchr(text, '\n') + 1;
	long long version = strtoll(text, NULL, 10);
	char *firm = lines_firm(rest);

	if (versions[node][room].text != NULL &&
	    version <= versions[node][room].version &&
	    strcmp(firm, versions[node][room].text) != 0)
		mirror_fail("version", "the same", "raised");
	free(versions[node][room].text);
	versions[node][room].text = firm;
	versions[node][room].version = version;
	return rest;
}

static void
room_compare(int node, int room)
{
	char id[ROOM_ID_SIZE], what[32], *sql, *model;
	const char *values[] = {id}, *text;

	room_id_format(id, &world.rooms[room]);
	compared.stores++;
	stepping_node = node;
	mirror_db_enter(node);
	text = mirror_sql("SELECT sim.dump($1)", 1, values);
	if (text == NULL) {
		mirror_fail("dump", mirror_sqlstate(), "none");
		return;
	}
	sql = strdup(version_check(node, room, text));
	model = mirror_text(node, room);
	snprintf(what, sizeof(what), "room %d", room);
	mirror_texts(what, sql, model);
	free(sql);
	free(model);
}

void
mirror_compare(bool all)
{
	int node, room;

	mirror_facts_mode(MIRROR_FACTS_OFF);
	for (node = 0; node < world.servers && mirror_on; node++) {
		if (!mirrored(node) || !(mirror_db_written(node) || all))
			continue;
		for (room = 0; room < ROOMS; room++)
			room_compare(node, room);
		(void)mirror_db_written(node);
	}
}
