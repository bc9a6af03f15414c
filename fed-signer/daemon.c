/* SPDX-License-Identifier: ISC */
/* From the start by fedd to the loop: keys first, then the sandbox. */
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/privdrop.h"
#include "base/sandbox.h"
#include "ipc/channel.h"
#include "ipc/proc.h"
#include "proto/ed.h"
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
	identity_load(
	    identity, certificate, signer->secret, (int64_t)time(NULL));
	signer->identity = identity;
	close(key);
	close(certificate);
}

static void
log_open(struct signer *signer, const struct proc *proc)
{
	int last = descriptor_given(proc, DESCRIPTOR_SIGNATURES_LAST);

	siglog_open(
	    &signer->log, last, descriptor_given(proc, DESCRIPTOR_SIGNATURES));
	close(last);
}

int
daemon_main(int argc, char *argv[])
{
	static struct identity identity;
	static struct signer signer;
	struct timespec now;
	struct msg_go go;
	struct proc proc;

	proc_start(&proc, ROLE_SIGNER, argc, argv);
	privdrop_undumpable();
	if (ed_init() == -1)
		fatal("signer error=\"libsodium cannot be used: it is too old "
		      "or lacks the fix of CVE-2025-69277\"");
	keys_load(&signer, &identity, &proc);
	log_open(&signer, &proc);
	signer.window_s = proc.settings.window_s;
	clock_gettime(CLOCK_MONOTONIC, &now);
	rate_init(&signer.rate, proc.settings.signatures_per_second,
	    (int64_t)now.tv_sec * SIGNER_NS + now.tv_nsec);
	serve_signals();
	sandbox_enter(SANDBOX_SIGNER, 0);
	proc_ready(&proc, &go);
	serve(&signer, proc.parent, proc.channels[ROLE_QUEUED]);
}
