/* SPDX-License-Identifier: ISC */
/*
 * Composite types of the schema as structures: struct room_state_row has the
 * columns of federation.room_state_row. Each begins with null: the value as a
 * whole is. The list is types.def; a database whose types are others is
 * refused.
 */
#ifndef TORFED_DB_TYPES_H
#define TORFED_DB_TYPES_H

#include "db/db.h"

/* What a column is in C. */
#define DB_C_INT4  int32_t
#define DB_C_INT8  int64_t
#define DB_C_BOOL  bool
#define DB_C_TEXT  struct db_span
#define DB_C_BYTES struct db_span
#define DB_C_UUID  struct db_span

#define TYPE(type)    \
	struct type { \
		bool null;
#define COLUMN(type, column, kind) DB_C_##kind column;
#define ROW(type, column, other)   struct other column;
#define END(type) \
	}         \
	;
#include "db/types.def"
#undef TYPE
#undef COLUMN
#undef ROW
#undef END

enum row_type {
#define TYPE(type) TYPE_##type,
#define COLUMN(type, column, kind)
#define ROW(type, column, other)
#define END(type)
#include "db/types.def"
#undef TYPE
#undef COLUMN
#undef ROW
#undef END
	TYPE_COUNT
};

extern const struct db_type row_types[TYPE_COUNT];

#endif
