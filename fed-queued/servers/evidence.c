/* SPDX-License-Identifier: ISC */
/* What a server signed that contradicts itself; see evidence.h. */
#include "base/log.h"
#include "db/statements.h"
#include "env.h"
#include "servers/evidence.h"
#include "servers/limits.h"

static void
ignore_result(PGresult *result, const char *sqlstate, void *argument)
{
	(void)argument;
	if (result == NULL)
		log_warning("statement failed sqlstate=%s", sqlstate);
}

void
evidence_add(const uint8_t server_id[16], const char *kind,
    const uint8_t *message_id, const void *first, size_t first_length,
    const void *second, size_t second_length)
{
	struct db_parameters parameters;

	db_parameters_init(&parameters);
	db_add_uuid(&parameters, server_id);
	db_add_text(&parameters, kind);
	if (message_id != NULL)
		db_add_uuid(&parameters, message_id);
	else
		db_add_null(&parameters);
	db_add_bytes(&parameters, first, first_length);
	db_add_bytes(&parameters, second, second_length);
	db_call(env.db, SQL_EVIDENCE, &parameters, ignore_result, NULL);
	db_parameters_free(&parameters);
}

void
evidence_certificates(
    const struct peer *peer, const struct cert *known, const struct cert *cert)
{
	char first[CERT_MAX], second[CERT_MAX], address[LOG_ADDRESS_SIZE];
	size_t first_length = cert_format(first, known);
	size_t second_length = cert_format(second, cert);

	if (!peer->kept && peer->trust == TRUST_UNKNOWN)
		return;
	if (!limiter_take(limits_bucket(LIMIT_CONFLICTS), 1, clock_ms()))
		return;
	log_error("certificate-conflict server=%s serial=%llu",
	    log_address(address, peer->key), (unsigned long long)cert->serial);
	evidence_add(peer->id, "CERTIFICATE_CONFLICT", NULL, first,
	    first_length, second, second_length);
}
