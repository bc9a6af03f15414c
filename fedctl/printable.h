/* SPDX-License-Identifier: ISC */
/* Text of others, safe to be shown. */
#ifndef TORFED_FEDCTL_PRINTABLE_H
#define TORFED_FEDCTL_PRINTABLE_H

#include <stddef.h>

/* Copies text into buf with other bytes than printable ASCII as \ooo. */
const char *printable(char *buf, size_t size, const char *text, size_t length);

#endif
