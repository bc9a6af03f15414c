/* SPDX-License-Identifier: ISC */
/*
 * The line that tor writes at the start of each connection to an onion
 * service with HiddenServiceExportCircuitID haproxy:
 *
 *	PROXY TCP6 fc00:dead:beef:4dad::HIGH:LOW ::1 PORT PORT CR LF
 *
 * HIGH and LOW (lower-case hexadecimal, 1 to 4 digits) are the halves of the
 * circuit's 32-bit number. Nothing else of the PROXY protocol is spoken.
 */
#ifndef TORFED_FED_LISTENER_PROXY_H
#define TORFED_FED_LISTENER_PROXY_H

#include <stddef.h>
#include <stdint.h>

#define PROXY_LINE_MAX 107 /* bytes, of any line of the protocol's version 1 */

/*
 * Looks for the line at the start of buf. Its length in bytes, with *circuit
 * set; 0 when it may become one with more bytes; -1 when it cannot.
 */
int proxy_parse(uint64_t *circuit, const char *buf, size_t length);

#endif
