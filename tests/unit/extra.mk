# Objects of programs that a unit test needs beside the libraries:
# UNIT_EXTRA_NAME = folder/file.c ... for tests/unit/NAME_test.c.
UNIT_EXTRA_limiter = fed-queued/limiter.c
UNIT_EXTRA_ack = fed-queued/ack.c
UNIT_EXTRA_reaction = fed-queued/reaction.c
UNIT_EXTRA_check = fed-queued/check.c fed-queued/peer.c fed-queued/limiter.c
