/* SPDX-License-Identifier: ISC */
/* What a server answers, read from its link. */
#ifndef TORFED_FED_SENDER_ANSWER_H
#define TORFED_FED_SENDER_ANSWER_H

#include <stddef.h>

struct link;

enum answer_result {
	ANSWER_MORE, /* not whole yet */
	ANSWER_KEEP, /* the job is finished, the link may go on */
	ANSWER_END   /* the job is finished, the link must end */
};
/* What came in LINK_SENDING and LINK_ANSWER. */
enum answer_result answer_take(struct link *, const char *, size_t length);

#endif
