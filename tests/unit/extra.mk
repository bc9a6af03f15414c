# Objects of programs that a unit test needs beside the libraries:
# UNIT_EXTRA_NAME = folder/file.c ... for tests/unit/NAME_test.c.
# All of fed-queued/db that a connection needs.
DB_ALL = $(filter-out %/upkeep.c,$(wildcard fed-queued/db/*.c))
UNIT_EXTRA_limiter = fed-queued/servers/limiter.c
UNIT_EXTRA_ack = fed-queued/exchange/ack.c
UNIT_EXTRA_credit = fed-queued/inbound/credit.c
UNIT_EXTRA_fairness = fed-queued/servers/fairness.c
UNIT_EXTRA_reaction = fed-queued/exchange/reaction.c
UNIT_EXTRA_check = fed-queued/exchange/check.c fed-queued/servers/peer.c fed-queued/servers/limiter.c
UNIT_EXTRA_db = $(DB_ALL) tests/unit/db_world.c tests/unit/db_online.c tests/unit/db_refused.c
UNIT_EXTRA_proxy = fed-listener/proxy.c
UNIT_EXTRA_listener = fed-listener/limit.c fed-listener/circuit.c fed-listener/pending.c fed-listener/admission.c
UNIT_EXTRA_pool = fed-sender/pool.c
UNIT_EXTRA_signer = fed-signer/request.c fed-signer/state.c fed-signer/rate.c fed-signer/expand.c fed-signer/siglog.c
UNIT_EXTRA_siglog = fed-signer/siglog.c
UNIT_EXTRA_sandbox = $(patsubst %,tests/unit/sandbox_%.c,inside acts)
UNIT_EXTRA_sandbox_work = $(UNIT_EXTRA_sandbox)
UNIT_EXTRA_fedctl_parser = fedctl/parser.c
UNIT_EXTRA_fedd = fedd/restart.c fedd/broker.c
# The same for tests/lib/NAME.c.
TOOL_EXTRA_limit = fed-queued/db/db_parameters.c
UNIT_EXTRA_liveness = fed-queued/servers/liveness.c
TOOL_EXTRA_claims = $(DB_ALL)
TOOL_EXTRA_statement = $(wildcard fed-queued/db/statements*.c)
UNIT_EXTRA_schedule = fed-queued/outbound/schedule.c
UNIT_EXTRA_suspect = fed-queued/servers/suspect.c
UNIT_EXTRA_hold = fed-queued/inbound/hold.c
UNIT_EXTRA_room_item = fed-queued/rooms/items/item_kind.c
UNIT_EXTRA_room_certificate = fed-queued/rooms/items/certificate.c fed-queued/servers/peer.c
UNIT_EXTRA_room_inbound = $(patsubst %,fed-queued/%.c,rooms/items/items \
		rooms/items/item_kind rooms/items/certificate servers/peer \
		db/db_parameters)
UNIT_EXTRA_room_attempt = fed-queued/rooms/attempt.c
TOOL_EXTRA_room_talk = $(DB_ALL) $(patsubst %,fed-queued/rooms/%.c,attempt \
		columns turn messages/look messages/take messages/take_row \
		messages/intake messages/judge messages/number)
