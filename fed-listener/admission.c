/* SPDX-License-Identifier: ISC */
/* The accounting of large bodies, and how slow a body may be. */
#include "admission.h"

#define RATE_GRACE_MS 5000

bool
admission_take(struct admission *admission, size_t length)
{
	if (length <= ADMISSION_FREE)
		return true;
	if (length > ADMISSION_MAX - admission->used)
		return false;
	admission->used += length;
	return true;
}

void
admission_release(struct admission *admission, size_t length)
{
	if (length > ADMISSION_FREE)
		admission->used -= length;
}

bool
admission_slow(
    int64_t start_ms, int64_t grace_ms, size_t received, int64_t now_ms)
{
	int64_t passed_ms = now_ms - start_ms - grace_ms;

	return passed_ms > 0 &&
	       (int64_t)received * 1000 < passed_ms * ADMISSION_RATE;
}

int64_t
admission_deadline(
    int64_t start_ms, int64_t timeout_ms, int64_t rate, size_t received)
{
	int64_t deadline_ms = start_ms + timeout_ms, paced_ms;

	if (rate == 0)
		return deadline_ms;
	paced_ms = start_ms + RATE_GRACE_MS + (int64_t)received * 1000 / rate;
	return paced_ms < deadline_ms ? paced_ms : deadline_ms;
}
