/* SPDX-License-Identifier: ISC */
/*
 * limit crypto SECONDS
 * limit insert CONNINFO SERVER ROWS ITEMS BYTES
 *
 * What the libraries below torfed do by themselves on this machine: the limits
 * that a benchmark's figures are held against. Prints a count, a tab, and the
 * seconds that it took.
 *
 * crypto: one verification and one signature a message with libsodium over an
 * envelope's signing text, in seconds of one processor, whoever else runs.
 * insert: the rows that ROWS received messages of BYTES leave, ITEMS in a
 * transaction, by one client that does nothing else; binary arrays, the same
 * tables with their indexes and triggers. SERVER is the id of a known server.
 */
#include <err.h>
#include <libpq-fe.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/encode.h"
#include "fed-queued/db/db.h"
#include "proto/ed.h"
#include "proto/signtext.h"

static const char sql_insert[] =
    "WITH n AS (INSERT INTO federation.received_ids"
    " (server_id, message_id, digest)"
    " SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bytea[]))"
    " INSERT INTO federation.inbox"
    " (server_id, message_id, type, payload, trust_level)"
    " SELECT *, 2 FROM unnest($1::uuid[], $2::uuid[], $4::text[],"
    " $5::bytea[])";

static double
seconds_now(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static uint64_t
number(const char *text)
{
	uint64_t value;

	if (decimal_parse(&value, text, strlen(text), 100000000) == -1 ||
	    value == 0)
		errx(64, "%s: not a number above 0", text);
	return value;
}

static void
limit_crypto(double seconds)
{
	uint8_t key[ED_KEY], secret[crypto_sign_SECRETKEYBYTES];
	uint8_t signature[ED_SIGNATURE], hash[ED_HASH];
	struct envelope_header header = {.type = "message"};
	char text[SIGNTEXT_ENVELOPE_MAX];
	double start, end;
	size_t length;
	uint64_t count = 0;

	crypto_sign_keypair(key, secret);
	sha256(hash, key, sizeof(key));
	memcpy(header.origin, key, sizeof(header.origin));
	memcpy(header.destination, key, sizeof(header.destination));
	length = signtext_envelope(text, &header, hash);
	crypto_sign_detached(
	    signature, NULL, (const uint8_t *)text, length, secret);
	start = end = seconds_now(CLOCK_PROCESS_CPUTIME_ID);
	for (; end - start < seconds;
	     end = seconds_now(CLOCK_PROCESS_CPUTIME_ID)) {
		if (crypto_sign_verify_detached(
			signature, (const uint8_t *)text, length, key) != 0)
			errx(1, "libsodium refused its own signature");
		crypto_sign_detached(
		    signature, NULL, (const uint8_t *)text, length, secret);
		count++;
	}
	printf("%llu\t%.6f\n", (unsigned long long)count, end - start);
}

static void
row_add(struct db_array *arrays[5], const uint8_t server[UUID_SIZE],
    const uint8_t *payload, size_t length)
{
	uint8_t id[UUID_SIZE], digest[ED_HASH];

	uuid_new(id);
	sha256(digest, id, sizeof(id));
	db_array_bytes(arrays[0], server, UUID_SIZE);
	db_array_bytes(arrays[1], id, UUID_SIZE);
	db_array_bytes(arrays[2], digest, sizeof(digest));
	db_array_bytes(arrays[3], "message", strlen("message"));
	db_array_bytes(arrays[4], payload, length);
}

static void
rows_insert(PGconn *connection, const uint8_t server[UUID_SIZE], uint64_t count,
    const uint8_t *payload, size_t length)
{
	static const uint32_t types[5] = {
	    DB_OID_UUID, DB_OID_UUID, DB_OID_BYTEA, DB_OID_TEXT, DB_OID_BYTEA};
	struct db_parameters parameters;
	struct db_array *arrays[5];
	PGresult *result;
	int i;

	for (i = 0; i < 5; i++)
		arrays[i] = db_array_new(types[i]);
	for (; count > 0; count--)
		row_add(arrays, server, payload, length);
	db_parameters_init(&parameters);
	for (i = 0; i < 5; i++)
		db_add_array(&parameters, arrays[i]);
	result = PQexecPrepared(connection, "insert", parameters.count,
	    parameters.values, parameters.lengths, parameters.formats, 1);
	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		errx(1, "insert: %s", PQerrorMessage(connection));
	PQclear(result);
	db_parameters_free(&parameters);
}

static void
limit_insert(char *argv[])
{
	uint64_t rows = number(argv[2]), items = number(argv[3]);
	uint64_t bytes = number(argv[4]), left, count;
	PGconn *connection = PQconnectdb(argv[0]);
	uint8_t server[UUID_SIZE], *payload = malloc(bytes);
	PGresult *result;
	double start;

	if (uuid_parse(server, argv[1], strlen(argv[1])) == -1)
		errx(64, "%s: not a server's id", argv[1]);
	if (payload == NULL)
		errx(1, "out of memory");
	randombytes_buf(payload, bytes);
	result = PQprepare(connection, "insert", sql_insert, 0, NULL);
	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		errx(1, "prepare: %s", PQerrorMessage(connection));
	PQclear(result);
	start = seconds_now(CLOCK_MONOTONIC);
	for (left = rows; left > 0; left -= count) {
		count = left < items ? left : items;
		rows_insert(connection, server, count, payload, bytes);
	}
	printf("%llu\t%.6f\n", (unsigned long long)rows,
	    seconds_now(CLOCK_MONOTONIC) - start);
	PQfinish(connection);
	free(payload);
}

int
main(int argc, char *argv[])
{
	if (ed_init() == -1)
		errx(1, "libsodium cannot be used");
	if (argc == 3 && strcmp(argv[1], "crypto") == 0)
		limit_crypto((double)number(argv[2]));
	else if (argc == 7 && strcmp(argv[1], "insert") == 0)
		limit_insert(argv + 2);
	else
		errx(64, "usage: limit crypto SECONDS | limit insert CONNINFO "
			 "SERVER ROWS ITEMS BYTES");
	return 0;
}
