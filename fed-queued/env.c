/* SPDX-License-Identifier: ISC */
/* The one environment of fed-queued; see env.h. */
#include <stdio.h>

#include "env.h"
#include "proto/onion.h"

struct queued env;

const char *
log_address(char buf[LOG_ADDRESS_SIZE], const uint8_t key[32])
{
	char address[ONION_SIZE];

	onion_format(address, key);
	switch (env.settings.log_servers) {
	case LOG_SERVERS_FULL:
		snprintf(buf, LOG_ADDRESS_SIZE, "%s", address);
		break;
	case LOG_SERVERS_SHORT:
		snprintf(buf, LOG_ADDRESS_SIZE, "%.8s", address);
		break;
	default:
		snprintf(buf, LOG_ADDRESS_SIZE, "-");
		break;
	}
	return buf;
}
