/* SPDX-License-Identifier: ISC */
/* The table of limiters' names; see limit_names.h. */
#include "ipc/limit_names.h"

static const struct {
	const char *name;
	enum limit_kind kind;
	const char *unit;
} table[LIMIT_COUNT] = {
#define LIMIT(name, text, kind, unit) \
	[LIMIT_##name] = {text, LIMIT_##kind, unit},
    LIMITS_LISTENER(LIMIT) LIMITS_QUEUED(LIMIT) LIMITS_FEDD(LIMIT)
#undef LIMIT
};

const char *
limit_name(enum limit limit)
{
	return table[limit].name;
}

enum limit_kind
limit_kind(enum limit limit)
{
	return table[limit].kind;
}

const char *
limit_unit(enum limit limit)
{
	return table[limit].unit;
}

enum role
limit_owner(enum limit limit)
{
	if (limit < LIMIT_LISTENER_COUNT)
		return ROLE_LISTENER;
	if (limit == LIMIT_SIGNATURES)
		return ROLE_SIGNER;
	return limit == LIMIT_SOCKS ? ROLE_FEDD : ROLE_QUEUED;
}
