/* SPDX-License-Identifier: ISC */
/*
 * From the start by fedd to the loop: keys first, then the log of
 * signatures, then the sandbox.
 */
#include <string.h>
#include <unistd.h>

#include "base/bucket.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/privdrop.h"
#include "base/sandbox.h"
#include "daemon.h"
#include "identity.h"
#include "ipc/channel.h"
#include "ipc/proc.h"
#include "proto/ed.h"
#include "secret.h"
#include "serve.h"
#include "signer.h"

static int
descriptor_given(const struct proc *proc, enum descriptor which)
{
	if (proc->descriptors[which] == -1)
		fatal("signer peer=fedd error=\"a descriptor is missing\"");
	return proc->descriptors[which];
}

static void
keys_load(
    struct signer *signer, struct identity *identity, const struct proc *proc)
{
	int certificate = descriptor_given(proc, DESCRIPTOR_CERTIFICATE);
	int key = descriptor_given(proc, DESCRIPTOR_SIGNING_KEY);

	signer->secret = secret_load(key, (uid_t)proc->start.owner_uid);
	identity_load(identity, certificate, signer->secret, clock_now());
	signer->identity = identity;
	close(key);
	close(certificate);
}

/* The log of signatures comes after that: until then another may have it. */
static void
keys_tell(const struct identity *identity, struct proc *proc)
{
	struct msg_keys keys = {.serial = (int64_t)identity->cert.serial,
	    .valid = cert_verify_time(&identity->cert, clock_now()) == CODE_OK};

	memcpy(keys.server, identity->message.server, sizeof(keys.server));
	memcpy(keys.key_id, identity->message.key_id, sizeof(keys.key_id));
	proc_keys(proc, &keys);
}

static void
log_open(struct signer *signer, const struct proc *proc)
{
	int last = descriptor_given(proc, DESCRIPTOR_SIGNATURES_LAST);

	siglog_open(
	    &signer->log, last, descriptor_given(proc, DESCRIPTOR_SIGNATURES));
	close(last);
}

/* One second's worth at once. */
static void
rate_set(struct signer *signer, int64_t per_second)
{
	signer->rate = (struct bucket_rate){
	    .count = per_second, .interval_ms = 1000, .burst = per_second};
	bucket_fill(&signer->bucket, &signer->rate, clock_ms());
}

int
daemon_main(int argc, char *argv[])
{
	static struct identity identity;
	static struct signer signer;
	struct msg_go go;
	struct proc proc;

	proc_start(&proc, ROLE_SIGNER, argc, argv);
	privdrop_undumpable();
	if (ed_init() == -1)
		fatal("signer error=\"libsodium cannot be used: it is too old "
		      "or lacks the fix of CVE-2025-69277\"");
	keys_load(&signer, &identity, &proc);
	keys_tell(&identity, &proc);
	log_open(&signer, &proc);
	signer.window_s = proc.settings.window_s;
	rate_set(&signer, proc.settings.signatures_per_second);
	serve_signals();
	sandbox_enter(SANDBOX_SIGNER, 0);
	proc_ready(&proc, &go);
	serve(&signer, proc.parent, proc.channels[ROLE_QUEUED]);
}
