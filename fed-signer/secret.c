/* SPDX-License-Identifier: ISC */
/*
 * The signing key in memory.  It is read straight into guarded pages, so no
 * buffer of stdio or of the stack ever holds it, and wiped at exit. It cannot
 * be made read-only: wiping would need mprotect(2), which the sandbox forbids.
 */
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "proto/ed.h"
#include "secret.h"

static struct secret *held;

static void
secret_wipe(void)
{
	sodium_memzero(held, sizeof(*held));
}

static struct secret *
secret_allocate(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct secret *secret;
	char *start;

	_Static_assert(sizeof(struct secret) <= 4096, "within one page");
	if ((secret = sodium_malloc(sizeof(*secret))) == NULL)
		fatal("signer secret=none error=\"%s\"", strerror(errno));
	sodium_memzero(secret, sizeof(*secret));
	/* sodium_malloc() has tried the same, and keeps failures to itself. */
	start = (char *)secret - (uintptr_t)secret % page;
	if (mlock(start, page) == -1)
		log_warning("signer memory=unlocked error=\"%s\" "
			    "hint=\"raise RLIMIT_MEMLOCK\"",
		    strerror(errno));
#ifdef MADV_DONTDUMP
	if (madvise(start, page, MADV_DONTDUMP) == -1)
		log_warning(
		    "signer memory=dumpable error=\"%s\"", strerror(errno));
#endif
	return secret;
}

/* What is wrong with the file, or NULL. */
static const char *
file_problem(const struct stat *st, uid_t owner)
{
	if (!S_ISREG(st->st_mode))
		return "not a regular file";
	if (st->st_nlink != 1)
		return "has another name";
	if (st->st_uid != 0 && st->st_uid != owner && st->st_uid != geteuid())
		return "belongs to another user";
	if (st->st_mode & (S_ISUID | S_ISGID | S_IXUSR | S_IRWXG | S_IRWXO))
		return "is open to others; mode must be 0600";
	if (st->st_size != ED_SEED)
		return "is not 32 bytes";
	return NULL;
}

struct secret *
secret_load(int descriptor, uid_t owner)
{
	const char *problem;
	uint8_t public[ED_KEY];
	struct secret *secret;
	struct stat st;
	ssize_t got;

	if (fstat(descriptor, &st) == -1)
		fatal("signer file=signing.key error=\"%s\"", strerror(errno));
	if ((problem = file_problem(&st, owner)) != NULL)
		fatal("signer file=signing.key error=\"%s\"", problem);
	held = secret = secret_allocate();
	if (atexit(secret_wipe) != 0)
		fatal("signer call=atexit error=\"%s\"", strerror(errno));
	/* From the start: the descriptor's offset is shared with fedd's. */
	got = pread(descriptor, secret->seed, ED_SEED + 1, 0);
	if (got == -1)
		fatal("signer file=signing.key error=\"%s\"", strerror(errno));
	if (got != ED_SEED)
		fatal("signer file=signing.key error=\"is not 32 bytes\"");
	/* Not in place: libsodium reads the seed after it has written. */
	if (crypto_sign_seed_keypair(public, secret->key, secret->seed) == -1)
		fatal("signer file=signing.key error=\"no key comes of it\"");
	sodium_memzero(secret->seed, sizeof(secret->seed));
	return secret;
}
