/* SPDX-License-Identifier: ISC */
/*
 * The start of a child: this test is fedd, and the child runs proc_start() and
 * proc_ready() on the other end. Each disorder in what fedd says ends it.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "ipc/proc.h"

#define USER	 54321
#define GROUP	 54322
#define GOOD	 42  /* the child came through */
#define BAD	 43  /* it did, and something was wrong */
#define STRAY_FD 200 /* open in the child before it starts */

struct child {
	pid_t pid;
	struct channel *channel;
	int log; /* what it wrote to descriptor 2 */
	char text[1024];
};

/* In the child: what it must have got. */
static int
child_check(const struct proc *proc, const struct msg_go *go)
{
	int i;

	for (i = 0; i < DESCRIPTOR_COUNT; i++)
		if ((proc->descriptors[i] != -1) !=
		    (proc->self == ROLE_QUEUED && i == DESCRIPTOR_CONTROL))
			return BAD;
	if (proc->channels[ROLE_QUEUED] != -1 && proc->self == ROLE_QUEUED)
		return BAD;
	if (fcntl(STRAY_FD, F_GETFD) != -1)
		return BAD;
	if (fcntl(PROC_CHANNEL_FD, F_GETFD) != FD_CLOEXEC)
		return BAD;
	if (go->generation != 5 || proc->settings.window_s != 300)
		return BAD;
	if (geteuid() == 0 || getegid() == 0)
		return BAD;
	return GOOD;
}

static void __attribute__((noreturn))
child_main(enum role self, char *argv[], int channel, int log)
{
	struct proc proc;
	struct msg_go go;
	int argc = 0, null = open("/dev/null", O_RDWR);

	while (argv[argc] != NULL)
		argc++;
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(null, STRAY_FD);
	dup2(log, STDERR_FILENO);
	if (channel != -1)
		dup2(channel, PROC_CHANNEL_FD);
	else
		close(PROC_CHANNEL_FD);
	proc_start(&proc, self, argc, argv);
	proc_ready(&proc, &go);
	_exit(child_check(&proc, &go));
}

static void
child_start_with(struct child *child, enum role self, char *argv[], bool wired)
{
	int ends[2], pipes[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	assert_int_equal(pipe(pipes), 0);
	child->pid = fork();
	assert_int_not_equal(child->pid, -1);
	if (child->pid == 0)
		child_main(self, argv, wired ? ends[1] : -1, pipes[1]);
	close(ends[1]);
	close(pipes[1]);
	child->log = pipes[0];
	child->channel = channel_new(ends[0], ROLE_FEDD, self);
	assert_non_null(child->channel);
}

static void
child_start(struct child *child, enum role self)
{
	static char program[] = "x", form[] = "-lprefix", level[] = "-v3";
	char *argv[] = {program, form, level, NULL};

	child_start_with(child, self, argv, true);
}

/* Its exit status; what it logged is in text. */
static int
child_end(struct child *child)
{
	ssize_t length, total = 0;
	int status;

	(void)channel_flush_wait(child->channel, 5000);
	shutdown(channel_descriptor(child->channel), SHUT_WR);
	while ((length = read(child->log, child->text + total,
		    sizeof(child->text) - 1 - (size_t)total)) > 0)
		total += length;
	child->text[total] = '\0';
	close(child->log);
	channel_free(child->channel);
	assert_int_equal(waitpid(child->pid, &status, 0), child->pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
say(struct child *child, uint16_t type, int descriptor, const void *data,
    size_t length)
{
	assert_int_equal(
	    channel_send(child->channel, type, 0, 0, descriptor, data, length),
	    0);
}

static void
say_start(struct child *child, uint32_t flags)
{
	uint8_t memory[MESSAGE_SMALL];
	struct msg_start start = {.uid = USER, .gid = GROUP, .flags = flags};
	struct pack pack;

	pack_init(&pack, memory, sizeof(memory));
	msg_start_encode(&pack, &start);
	say(child, MSG_START, -1, memory, pack.length);
}

static void
say_settings(struct child *child)
{
	uint8_t memory[MESSAGE_SMALL];
	struct settings settings = {.window_s = 300};
	struct pack pack;

	pack_init(&pack, memory, sizeof(memory));
	msg_settings_encode(&pack, &settings, "");
	say(child, MSG_SETTINGS, -1, memory, pack.length);
}

static void
say_byte(struct child *child, uint16_t type, int descriptor, uint8_t byte)
{
	say(child, type, descriptor, &byte, 1);
}

/* A channel to role: one end of a socket pair, the other is closed. */
static void
say_channel(struct child *child, uint8_t role)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	close(ends[1]);
	say_byte(child, MSG_CHANNEL, ends[0], role);
}

static uint32_t
start_flags(void)
{
	return geteuid() == 0 ? START_ROOT : 0;
}

static void
say_begin(struct child *child)
{
	say_start(child, start_flags());
	say_settings(child);
}

static void
say_go(struct child *child)
{
	uint8_t memory[MESSAGE_SMALL];
	struct msg_go go = {.generation = 5, .started = 1};
	struct message message;
	struct pack pack;

	assert_int_equal(channel_flush_wait(child->channel, 5000), 0);
	assert_int_equal(channel_wait(child->channel, &message, 5000), 1);
	assert_int_equal(message.type, MSG_READY);
	pack_init(&pack, memory, sizeof(memory));
	msg_go_encode(&pack, &go);
	say(child, MSG_GO, -1, memory, pack.length);
}

static void
test_good(void **state)
{
	struct child child;

	(void)state;
	child_start(&child, ROLE_QUEUED);
	say_begin(&child);
	say_byte(&child, MSG_DESCRIPTOR, dup(0), DESCRIPTOR_CONTROL);
	say_channel(&child, ROLE_SIGNER);
	say_channel(&child, ROLE_LISTENER);
	say_channel(&child, ROLE_SENDER);
	say(&child, MSG_SETUP_DONE, -1, NULL, 0);
	say_go(&child);
	assert_int_equal(child_end(&child), GOOD);
	assert_string_equal(child.text, "");
	child_start(&child, ROLE_SENDER);
	say_begin(&child);
	say_channel(&child, ROLE_QUEUED);
	say(&child, MSG_SETUP_DONE, -1, NULL, 0);
	say_go(&child);
	assert_int_equal(child_end(&child), GOOD);
}

/* fedd dies at each point of the start: the child ends without a word. */
static void
test_parent_gone(void **state)
{
	struct child child;
	int steps, step;

	(void)state;
	for (steps = 0; steps <= 4; steps++) {
		child_start(&child, ROLE_SENDER);
		for (step = 0; step < steps; step++) {
			if (step == 0)
				say_start(&child, start_flags());
			if (step == 1)
				say_settings(&child);
			if (step == 2)
				say_channel(&child, ROLE_QUEUED);
			if (step == 3)
				say(&child, MSG_SETUP_DONE, -1, NULL, 0);
		}
		assert_int_equal(child_end(&child), 0);
		assert_string_equal(child.text, "");
	}
}

static void
expect_fatal(struct child *child, const char *reason)
{
	/* It may be gone before all was said. */
	assert_int_equal(child_end(child), 1);
	if (strstr(child->text, reason) == NULL)
		fail_msg("no \"%s\" in \"%s\"", reason, child->text);
	assert_int_equal(strncmp(child->text, "<3>fed-", 7), 0);
}

static void
test_order(void **state)
{
	static const char reason[] = "malformed or out of order";
	struct child child;

	(void)state;
	child_start(&child, ROLE_SENDER);
	say_settings(&child); /* before the start */
	expect_fatal(&child, reason);
	child_start(&child, ROLE_SENDER);
	say_start(&child, start_flags());
	say_start(&child, start_flags()); /* twice */
	expect_fatal(&child, reason);
	child_start(&child, ROLE_SENDER);
	say_begin(&child);
	say_settings(&child); /* twice */
	expect_fatal(&child, reason);
	child_start(&child, ROLE_QUEUED);
	say_begin(&child);
	say_channel(&child, ROLE_SENDER);
	say_byte(&child, MSG_DESCRIPTOR, dup(0), DESCRIPTOR_CONTROL);
	expect_fatal(&child, reason); /* descriptor behind a channel */
	child_start(&child, ROLE_SENDER);
	say_begin(&child);
	say(&child, MSG_SOCKS, dup(0), NULL, 0); /* not yet */
	expect_fatal(&child, reason);
}

static void
test_ready_order(void **state)
{
	struct child child;
	struct message message;

	(void)state;
	child_start(&child, ROLE_SENDER);
	say_begin(&child);
	say_channel(&child, ROLE_QUEUED);
	say(&child, MSG_SETUP_DONE, -1, NULL, 0);
	assert_int_equal(channel_flush_wait(child.channel, 5000), 0);
	assert_int_equal(channel_wait(child.channel, &message, 5000), 1);
	say(&child, MSG_SETUP_DONE, -1, NULL, 0); /* in place of MSG_GO */
	expect_fatal(&child, "malformed or out of order");
}

static void
test_places(void **state)
{
	static const char reason[] = "malformed or out of order";
	struct child child;

	(void)state;
	child_start(&child, ROLE_SENDER);
	say_begin(&child);
	say_channel(&child, ROLE_SIGNER); /* no such edge */
	expect_fatal(&child, reason);
	child_start(&child, ROLE_SENDER);
	say_begin(&child);
	say_channel(&child, ROLE_COUNT);
	expect_fatal(&child, reason);
	child_start(&child, ROLE_SENDER);
	say_begin(&child);
	say_channel(&child, ROLE_QUEUED);
	say_channel(&child, ROLE_QUEUED);
	expect_fatal(&child, reason);
	child_start(&child, ROLE_LISTENER);
	say_begin(&child);
	say_byte(&child, MSG_DESCRIPTOR, dup(0), DESCRIPTOR_SIGNING_KEY);
	expect_fatal(&child, reason);
	child_start(&child, ROLE_LISTENER);
	say_begin(&child);
	say_byte(&child, MSG_DESCRIPTOR, dup(0), DESCRIPTOR_COUNT);
	expect_fatal(&child, reason);
}

static void
test_incomplete(void **state)
{
	struct child child;

	(void)state;
	child_start(&child, ROLE_SENDER);
	say_begin(&child);
	say(&child, MSG_SETUP_DONE, -1, NULL, 0);
	expect_fatal(&child, "channel to fed-queued is missing");
	child_start(&child, ROLE_LISTENER);
	say_begin(&child);
	say_channel(&child, ROLE_QUEUED);
	say(&child, MSG_SETUP_DONE, -1, NULL, 0);
	expect_fatal(&child, "descriptor 0 is missing");
	child_start(&child, ROLE_SENDER);
	say_begin(&child);
	say_byte(&child, MSG_CHANNEL, dup(0), ROLE_QUEUED);
	say(&child, MSG_SETUP_DONE, -1, NULL, 0);
	expect_fatal(&child, "channel to fed-queued is no socket");
}

static void
test_garbage(void **state)
{
	struct child child;

	(void)state;
	child_start(&child, ROLE_SENDER);
	assert_int_equal(write(channel_descriptor(child.channel),
			     "GET / HTTP/1.1\r\n\r\n", 18),
	    18);
	expect_fatal(&child, "channel peer=fedd");
	child_start(&child, ROLE_SENDER);
	assert_int_equal(
	    write(channel_descriptor(child.channel), "\1\0\0\0", 4), 4);
	expect_fatal(&child, "end of file inside a message");
}

/* Root, and what fedd says about it, must agree. */
static void
test_root(void **state)
{
	struct child child;

	(void)state;
	child_start(&child, ROLE_SENDER);
	say_start(&child, start_flags() ^ START_ROOT);
	say_settings(&child);
	say_channel(&child, ROLE_QUEUED);
	say(&child, MSG_SETUP_DONE, -1, NULL, 0);
	expect_fatal(&child, "do not agree");
}

static void
by_hand(char *argv[], bool wired)
{
	struct child child;

	child_start_with(&child, ROLE_SENDER, argv, wired);
	assert_int_equal(child_end(&child), 64);
	assert_string_equal(
	    child.text, "fed-sender: started by fedd, not by hand\n");
}

static void
test_by_hand(void **state)
{
	static char x[] = "x", l[] = "-l", plain[] = "plain", other[] = "none",
		    v[] = "-v", zero[] = "0", four[] = "4", empty[] = "",
		    h[] = "-h";
	char *none[] = {x, NULL};
	char *good[] = {x, l, plain, v, zero, NULL};
	char *form[] = {x, l, other, v, zero, NULL};
	char *level[] = {x, l, plain, v, four, NULL};
	char *number[] = {x, l, plain, v, empty, NULL};
	char *missing[] = {x, l, plain, v, NULL};
	char *no_level[] = {x, l, plain, NULL};
	char *no_form[] = {x, v, zero, NULL};
	char *more[] = {x, l, plain, v, zero, plain, NULL};
	char *help[] = {x, h, NULL};

	(void)state;
	by_hand(none, false);
	by_hand(good, false);
	by_hand(none, true);
	by_hand(form, true);
	by_hand(level, true);
	by_hand(number, true);
	by_hand(missing, true);
	by_hand(no_level, true);
	by_hand(no_form, true);
	by_hand(more, true);
	by_hand(help, true);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_good),
	    cmocka_unit_test(test_parent_gone),
	    cmocka_unit_test(test_order),
	    cmocka_unit_test(test_ready_order),
	    cmocka_unit_test(test_places),
	    cmocka_unit_test(test_incomplete),
	    cmocka_unit_test(test_garbage),
	    cmocka_unit_test(test_root),
	    cmocka_unit_test(test_by_hand),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
