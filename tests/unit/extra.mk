# Objects of programs that a unit test needs beside the libraries:
# UNIT_EXTRA_NAME = folder/file.c ... for tests/unit/NAME_test.c.
UNIT_EXTRA_limiter = fed-queued/limiter.c
UNIT_EXTRA_ack = fed-queued/ack.c
UNIT_EXTRA_credit = fed-queued/credit.c
UNIT_EXTRA_fairness = fed-queued/fairness.c
UNIT_EXTRA_reaction = fed-queued/reaction.c
UNIT_EXTRA_check = fed-queued/check.c fed-queued/peer.c fed-queued/limiter.c
UNIT_EXTRA_db = $(patsubst %,fed-queued/%.c,db db_parameters db_conninfo db_connect db_setup statements statements_admin) tests/unit/db_world.c tests/unit/db_online.c tests/unit/db_refused.c
UNIT_EXTRA_proxy = fed-listener/proxy.c
UNIT_EXTRA_listener = fed-listener/limit.c fed-listener/circuit.c fed-listener/pending.c fed-listener/admission.c
UNIT_EXTRA_pool = fed-sender/pool.c
UNIT_EXTRA_signer = fed-signer/request.c fed-signer/state.c fed-signer/rate.c fed-signer/expand.c
UNIT_EXTRA_sandbox = $(patsubst %,tests/unit/sandbox_%.c,inside acts)
UNIT_EXTRA_sandbox_work = $(UNIT_EXTRA_sandbox)
UNIT_EXTRA_fedctl_parser = fedctl/parser.c
UNIT_EXTRA_fedd = fedd/restart.c fedd/broker.c
# The same for tests/lib/NAME.c.
TOOL_EXTRA_limit = fed-queued/db_parameters.c
UNIT_EXTRA_liveness = fed-queued/liveness.c
TOOL_EXTRA_claims = $(patsubst %,fed-queued/%.c,db db_parameters db_conninfo db_connect db_setup statements statements_admin)
TOOL_EXTRA_statement = fed-queued/statements.c fed-queued/statements_admin.c
UNIT_EXTRA_schedule = fed-queued/schedule.c
UNIT_EXTRA_suspect = fed-queued/suspect.c
UNIT_EXTRA_hold = fed-queued/hold.c
