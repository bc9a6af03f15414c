# tests/unit/FOLDER/NAME_test.c is linked with FOLDER/NAME.c, if there is one,
# and the libraries. What else it needs of programs: UNIT_EXTRA_FOLDER/NAME.
PEER =		$(addprefix fed-queued/servers/,peer.c observe.c)
# All of fed-queued/db that a connection needs.
DB_ALL =	$(filter-out %/prune.c,$(wildcard fed-queued/db/*.c))
UNIT_DB =	tests/unit/fed-queued/db/
UNIT_BASE =	tests/unit/common/base/

UNIT_EXTRA_common/base/sandbox = $(addprefix $(UNIT_BASE)sandbox_,inside.c acts.c)
UNIT_EXTRA_common/base/sandbox_work = $(UNIT_EXTRA_common/base/sandbox)
UNIT_EXTRA_fed-listener/listener = $(addprefix fed-listener/, \
		limit.c circuit.c pending.c admission.c)
UNIT_EXTRA_fed-signer/signer = $(addprefix fed-signer/, \
		request.c state.c expand.c siglog.c)
UNIT_EXTRA_fed-queued/db/db = $(DB_ALL) \
		$(addprefix $(UNIT_DB)db_,world.c online.c refused.c \
		types_online.c)
UNIT_EXTRA_fed-queued/exchange/check = $(PEER) fed-queued/servers/limiter.c
UNIT_EXTRA_fed-queued/exchange/vectors = $(PEER) \
		fed-queued/servers/limiter.c \
		$(addprefix fed-queued/exchange/,check.c ack.c)
UNIT_EXTRA_fed-queued/outbound/schedule = $(PEER)
UNIT_EXTRA_fed-queued/rooms/certificate = $(PEER)
UNIT_EXTRA_fed-queued/rooms/items/items = $(PEER) $(addprefix fed-queued/, \
		rooms/items/item_kind.c rooms/certificate.c \
		rooms/home_certificate.c rooms/vouch.c \
		db/db_parameters.c)
UNIT_EXTRA_fed-queued/rooms/items/vectors = $(PEER) \
		fed-queued/rooms/items/items.c \
		$(UNIT_EXTRA_fed-queued/rooms/items/items)

# The same for tests/lib/NAME.c.
TOOL_EXTRA_limit = fed-queued/db/db_parameters.c
TOOL_EXTRA_claims = $(DB_ALL)
TOOL_EXTRA_statement = fed-queued/db/statements.c
TOOL_EXTRA_room_talk = $(DB_ALL) fed-queued/inbound/hold.c $(addprefix fed-queued/rooms/, attempt.c \
		values.c turn.c messages/look.c messages/take.c \
		messages/take_row.c messages/intake.c messages/judge.c \
		messages/number.c messages/stream_cut.c vouch.c)
