/* SPDX-License-Identifier: ISC */
/*
 * fed-listener: the door that strangers knock at. It accepts connections on
 * the one socket where tor delivers the onion service, reads bounded HTTP/1.1
 * requests, reduces their JSON to typed fields and canonical bytes, and hands
 * these to fed-queued, whose verdict it writes back.
 *
 * It promises that memory, descriptors and time spent on a client are bounded,
 * that a request is answered once or not at all, and that nobody but
 * fed-queued decides what an envelope is worth. It holds no key and no secret.
 *
 * It may not open files, make sockets, connect anywhere, or talk to any other
 * process than fedd and fed-queued.
 */
#include <event2/event.h>
#ifdef __linux__
#include <malloc.h>
#endif
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/sandbox.h"
#include "events/timer.h"
#include "ipc/proc.h"
#include "json/canon.h"
#include "listener.h"
#include "proto/ed.h"
#include "receive.h"
#include "report.h"
#include "request.h"

#define REPORT_MS	1000 /* between two looks at the limiters */
#define UNIDENTIFIED_MS 1000
#define LARGE_MALLOC	(64 * 1024) /* bytes; returned to the kernel at once */

static const struct chanev_handlers queued_handlers = {
    .on_message = request_on_queued};

/* fedd has nothing to say once we run; its end is ours. */
static void
parent_on_message(struct message *message, void *argument)
{
	(void)argument;
	fatal(
	    "channel peer=fedd type=%u error=\"not expected\"", message->type);
}

static const struct chanev_handlers parent_handlers = {
    .on_message = parent_on_message};

static void
on_report(int descriptor, short what, void *argument)
{
	struct listener *listener = argument;
	int64_t now_ms = clock_ms();

	(void)descriptor;
	(void)what;
	limit_report(&listener->limits, now_ms);
	report_send(listener, now_ms);
	circuit_table_expire(listener->circuits, now_ms);
}

static void
listener_init(struct listener *listener, struct proc *proc)
{
	struct channel *channel;
	int state;

	if (proc->descriptors[DESCRIPTOR_LISTEN] == -1 ||
	    proc->channels[ROLE_QUEUED] == -1)
		fatal("start error=\"a descriptor is missing\"");
	listener->settings = &proc->settings;
	for (state = 0; state < STATE_COUNT; state++)
		TAILQ_INIT(&listener->connections[state]);
	listener->base = xpointer(event_base_new());
	listener->circuits =
	    circuit_table_new(proc->settings.connections_per_circuit,
		proc->settings.requests_per_circuit,
		proc->settings.failures_per_circuit);
	listener->pending = pending_new(proc->settings.requests_pending);
	channel = xpointer(channel_new(
	    proc->channels[ROLE_QUEUED], ROLE_LISTENER, ROLE_QUEUED));
	listener->queued =
	    chanev_new(listener->base, channel, &queued_handlers, listener);
	receive_init(listener);
	accept_init(listener, proc->descriptors[DESCRIPTOR_LISTEN]);
}

/*
 * Connections wait in the socket's queue until we know who we are, which is
 * a matter of milliseconds in a new generation; when it takes longer, they
 * are told to come back later.
 */
static void
on_unidentified(int descriptor, short what, void *argument)
{
	(void)descriptor;
	(void)what;
	accept_start(argument);
}

static void
listener_run(struct listener *listener, struct proc *proc)
{
	(void)chanev_new(
	    listener->base, proc->parent, &parent_handlers, listener);
	(void)timer_every(listener->base, REPORT_MS, on_report, listener);
	timer_arm(timer_new(listener->base, on_unidentified, listener),
	    UNIDENTIFIED_MS);
	if (event_base_dispatch(listener->base) == -1)
		fatal("events error=\"the loop failed\"");
}

int
main(int argc, char *argv[])
{
	static struct listener listener;
	static struct proc proc;
	struct msg_go go;

	proc_start(&proc, ROLE_LISTENER, argc, argv);
	if (ed_init() == -1)
		fatal("start error=\"libsodium is not fit\"");
	canon_init();
#ifdef M_MMAP_THRESHOLD
	(void)mallopt(M_MMAP_THRESHOLD, LARGE_MALLOC);
#endif
	listener_init(&listener, &proc);
	sandbox_enter(SANDBOX_LISTENER, 0);
	proc_ready(&proc, &go);
	listener_run(&listener, &proc);
	return 1;
}
