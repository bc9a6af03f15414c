/* SPDX-License-Identifier: ISC */
/* Limiters as fedctl shows them. */
#include "control/show_limits.h"
#include "servers/limits.h"

/* A figure that is not known is null. */
static void
figure_add(struct msg_control_row *row, const char *name, int64_t figure)
{
	if (figure == LIMITS_UNKNOWN)
		control_add_string(row, name, NULL);
	else
		control_add_integer(row, name, figure);
}

static void
limit_row(const struct limit_state *state, void *argument)
{
	enum limit_kind kind = limit_kind(state->limit);
	struct control_client *client = argument;
	struct msg_control_row row;

	control_row_init(&row, "limit");
	control_add_string(&row, "limiter", limit_name(state->limit));
	control_add_string(
	    &row, "process", role_name(limit_owner(state->limit)));
	figure_add(
	    &row, "used", kind == LIMIT_LEVEL ? state->used : LIMITS_UNKNOWN);
	figure_add(&row, "limit",
	    kind == LIMIT_EVENT ? LIMITS_UNKNOWN : state->maximum);
	figure_add(
	    &row, "taken", kind == LIMIT_LEVEL ? state->taken : LIMITS_UNKNOWN);
	control_add_integer(&row, "refused", state->refused);
	control_add_string(&row, "unit", limit_unit(state->limit));
	control_row(client, &row);
}

void
show_limits(struct control_client *client, const struct msg_control *message)
{
	(void)message;
	limits_each(limit_row, client);
	control_end(client, CODE_OK, NULL);
}
