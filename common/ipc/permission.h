/* SPDX-License-Identifier: ISC */
/* Who may send which message to whom: the table, and a look into it. */
#ifndef TORFED_PERMISSION_H
#define TORFED_PERMISSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ipc/channel.h"

struct permission {
	uint16_t type;
	enum role from;
	enum role to;
	uint32_t minimum; /* bytes of data */
	uint32_t maximum;
	bool descriptor; /* must carry one, else must not */
};
/* NULL: nobody may. */
const struct permission *permission_find(
    uint16_t type, enum role from, enum role to);
/* All of it, for tests and for channel_new(). */
const struct permission *permission_table(size_t *count);

#endif
