/* SPDX-License-Identifier: ISC */
/* The table of composite types, generated from types.def. */
#include <stddef.h>

#include "db/types.h"

#define TYPE(type) static const struct db_column type##_columns[] = {
#define COLUMN(type, column, kind) \
	{#column, DB_##kind, offsetof(struct type, column), 0},
#define ROW(type, column, other) \
	{#column, DB_ROW, offsetof(struct type, column), TYPE_##other},
#define END(type) \
	}         \
	;
#include "db/types.def"
#undef TYPE
#undef COLUMN
#undef ROW
#undef END

#define ENTRIES(table) (sizeof(table) / sizeof((table)[0]))

const struct db_type row_types[TYPE_COUNT] = {
#define TYPE(type) \
	{#type, type##_columns, ENTRIES(type##_columns), sizeof(struct type)},
#define COLUMN(type, column, kind)
#define ROW(type, column, other)
#define END(type)
#include "db/types.def"
#undef TYPE
#undef COLUMN
#undef ROW
#undef END
};
