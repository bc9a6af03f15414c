/* SPDX-License-Identifier: ISC */
/*
 * Writes that follow from what was read before: each names the version that it
 * was decided by, and writes nothing when another worker on the database has
 * changed that since. Then it is read and decided again, from the start, but
 * not for ever.
 */
#ifndef TORFED_ROOMS_ATTEMPT_H
#define TORFED_ROOMS_ATTEMPT_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#define ATTEMPT_MAX 16 /* writes of one decision */
#define ATTEMPT_RETRY_S \
	5 /* before what failed is done again, by us or by
			    * whoever is told STORAGE */

enum attempt {
	ATTEMPT_STORED,
	ATTEMPT_AGAIN, /* another worker was faster */
	ATTEMPT_FAILED /* the database, or others were too often faster */
};

/*
 * result and sqlstate: as the write's callback has them. stored: what the
 * result says, false when there is none. count: 0 before the first write;
 * counts here, and is 0 again after ATTEMPT_STORED. what: for the log, which
 * has a line when it failed.
 */
enum attempt attempt_end(uint32_t *count, const char *what,
    const PGresult *result, const char *sqlstate, bool stored);

#endif
