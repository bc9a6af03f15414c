/* SPDX-License-Identifier: ISC */
/*
 * fed-sender: the hand that reaches out. It takes finished, signed requests
 * from fed-queued, carries them through tor to the servers they are for, over
 * connections that it keeps, and gives back what was answered, reduced to
 * typed fields and canonical bytes.
 *
 * It promises one answer to each request, bounded memory, descriptors and
 * time for every peer however it behaves, and that nothing but a valid v3
 * onion address is ever asked for, by its name, through SOCKS. What it
 * carries it cannot have made: it holds no key.
 *
 * It may not open files, make sockets or connect anywhere (fedd gives it
 * connections to tor, and only these), or talk to any other process than fedd
 * and fed-queued.
 */
#include <event2/event.h>
#ifdef __linux__
#include <malloc.h>
#endif
#include <sodium.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/sandbox.h"
#include "ipc/proc.h"
#include "json/canon.h"
#include "proto/ed.h"
#include "sender.h"

#define LARGE_MALLOC (64 * 1024) /* bytes; given back to the kernel at once */

static const struct chanev_handlers queued_handlers = {
    .on_message = sender_on_queued};
static const struct chanev_handlers parent_handlers = {
    .on_message = broker_on_parent};

static void
sender_setup(struct sender *sender, struct proc *proc)
{
	struct channel *channel;

	if (proc->channels[ROLE_QUEUED] == -1)
		fatal("start error=\"a descriptor is missing\"");
	sender->settings = &proc->settings;
	sender->base = xpointer(event_base_new());
	sender->pool = pool_new(
	    proc->settings.sender_connections, proc->settings.sender_idle);
	channel = xpointer(
	    channel_new(proc->channels[ROLE_QUEUED], ROLE_SENDER, ROLE_QUEUED));
	sender_init(sender);
	sender->queued =
	    chanev_new(sender->base, channel, &queued_handlers, sender);
	randombytes_buf(sender->secret, sizeof(sender->secret));
}

static void
sender_run(struct sender *sender, struct proc *proc)
{
	sender->parent =
	    chanev_new(sender->base, proc->parent, &parent_handlers, sender);
	if (event_base_dispatch(sender->base) == -1)
		fatal("events error=\"the loop failed\"");
}

int
main(int argc, char *argv[])
{
	static struct sender sender;
	static struct proc proc;
	struct msg_go go;

	proc_start(&proc, ROLE_SENDER, argc, argv);
	if (ed_init() == -1)
		fatal("start error=\"libsodium is not fit\"");
	canon_init();
#ifdef M_MMAP_THRESHOLD
	(void)mallopt(M_MMAP_THRESHOLD, LARGE_MALLOC);
#endif
	sender_setup(&sender, &proc);
	sandbox_enter(SANDBOX_SENDER, 0);
	proc_ready(&proc, &go);
	sender_run(&sender, &proc);
	return 1;
}
