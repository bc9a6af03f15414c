/* SPDX-License-Identifier: ISC */
/*
 * SOCKS replies: the first byte chooses the state, the rest comes at once and
 * again byte by byte, and both must end alike.
 */
#include <stdlib.h>
#include <string.h>

#include "proto/socks.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

struct outcome {
	enum code code;
	enum socks_state state;
	size_t used;
};

static void
step(struct socks *socks, struct outcome *outcome, const uint8_t *data,
    size_t length)
{
	enum socks_state before = socks->state;
	size_t used;

	outcome->code = socks_read(socks, data, length, &used);
	if (used > length || used > SOCKS_REPLY_MAX)
		abort();
	/* It moves on exactly when it takes something. */
	if ((used > 0) != (socks->state != before))
		abort();
	if (outcome->code != CODE_OK && used != 0)
		abort();
	outcome->used += used;
	outcome->state = socks->state;
}

static void
run(struct socks *socks, struct outcome *outcome, const uint8_t *data,
    size_t size, size_t chunk)
{
	size_t there, taken;

	memset(outcome, 0, sizeof(*outcome));
	outcome->state = socks->state;
	for (there = chunk < size ? chunk : size;;) {
		taken = outcome->used;
		step(socks, outcome, data + taken, there - taken);
		if (outcome->code != CODE_OK || socks->state == SOCKS_DONE)
			return;
		if (outcome->used != taken)
			continue; /* more may be there already */
		if (there == size)
			return;
		there += chunk < size - there ? chunk : size - there;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t key[32] = {1}, secret[32] = {2};
	uint8_t buf[SOCKS_REQUEST_MAX];
	struct outcome all, single;
	struct socks socks;

	if (size == 0)
		return 0;
	socks_init(&socks, secret, key, data[0], 80);
	socks.state = (enum socks_state)(data[0] & 3);
	if (socks_write(&socks, buf) > sizeof(buf))
		abort();
	run(&socks, &all, data + 1, size - 1, size);
	socks.state = (enum socks_state)(data[0] & 3);
	run(&socks, &single, data + 1, size - 1, 1);
	if (all.code != single.code || all.state != single.state ||
	    all.used != single.used)
		abort();
	return 0;
}
