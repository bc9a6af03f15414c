/* SPDX-License-Identifier: ISC */
/* The size of a line in the log of signatures (fed-signer/siglog.h has its
 * form): fed-signer writes it, and fedd counts by it what a file holds. */
#ifndef TORFED_SIGLOG_LINE_H
#define TORFED_SIGLOG_LINE_H

#define SIGLOG_HEX     64
#define SIGLOG_CHAINED (16 + 1 + 16 + 1 + 8 + 1 + SIGLOG_HEX) /* four fields */
#define SIGLOG_LINE    (SIGLOG_CHAINED + 1 + SIGLOG_HEX + 1)

#endif
