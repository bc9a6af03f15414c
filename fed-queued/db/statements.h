/* SPDX-License-Identifier: ISC */
/* Every statement that fed-queued sends: the table is statements.def. */
#ifndef TORFED_DB_STATEMENTS_H
#define TORFED_DB_STATEMENTS_H

#include "db/db.h"

enum statement {
#define STATEMENT(name, prepared, format, sql) SQL_##name,
#include "db/statements.def"
#undef STATEMENT
	SQL_COUNT
};

extern const struct db_statement statements[SQL_COUNT];

#endif
