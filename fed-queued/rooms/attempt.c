/* SPDX-License-Identifier: ISC */
/* Writes that another worker may have overtaken; see attempt.h. */
#include <string.h>

#include "base/log.h"
#include "rooms/attempt.h"

#define OVERTAKEN "40001" /* SQLSTATE of a transaction that gave way */

enum attempt
attempt_end(uint32_t *count, const char *what, const PGresult *result,
    const char *sqlstate, bool stored)
{
	if (stored) {
		*count = 0;
		return ATTEMPT_STORED;
	}
	if (result != NULL)
		sqlstate = OVERTAKEN;
	if (++*count < ATTEMPT_MAX && strcmp(sqlstate, OVERTAKEN) == 0)
		return ATTEMPT_AGAIN;
	log_warning("%s not stored sqlstate=%s attempts=%u", what, sqlstate,
	    (unsigned int)*count);
	*count = 0;
	return ATTEMPT_FAILED;
}
