/* SPDX-License-Identifier: ISC */
/*
 * Prints the table of permissions, for tests that go against its bounds: type,
 * sender, receiver, least and greatest length, and whether a descriptor comes
 * with it, a line each.
 */
#include <inttypes.h>
#include <stdio.h>

#include "ipc/channel.h"
#include "ipc/permission.h"

int
main(void)
{
	const struct permission *table;
	size_t i, count;

	table = permission_table(&count);
	for (i = 0; i < count; i++)
		printf("%u %s %s %" PRIu32 " %" PRIu32 " %d\n", table[i].type,
		    role_name(table[i].from), role_name(table[i].to),
		    table[i].minimum, table[i].maximum, table[i].descriptor);
	return 0;
}
