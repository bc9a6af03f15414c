/* SPDX-License-Identifier: ISC */
/* Levels of trust: what a server may do here (federation(7), "TRUST"). */
#ifndef TORFED_TRUST_H
#define TORFED_TRUST_H

#define TRUST_BLOCKED  (-1)
#define TRUST_UNKNOWN  0
#define TRUST_KNOWN    1
#define TRUST_VERIFIED 2
#define TRUST_TRUSTED  3

#endif
