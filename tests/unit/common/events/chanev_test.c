/* SPDX-License-Identifier: ISC */
/*
 * Channels in a libevent loop: delivery, the end, errors with and without a
 * handler, pausing, freeing from inside, fairness, and memory given back.
 */
#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "events/chanev.h"
#include "ipc/message.h"

#define RESPONSE "\0\0\0\0\0\0\0\0\0\0" /* the shortest there is */

/* One end in the loop, the other one a plain channel. */
struct bench {
	struct event_base *base;
	struct chanev *chanev;
	struct channel *other;
	int messages;
	int closed;
	int errors;
	enum channel_error error;
	uint32_t last_id;
	/* what the handler does when it has had this many messages */
	int pause_at;
	int free_at;
	bool free_on_end;
};

static void
bench_message(struct message *message, void *argument)
{
	struct bench *bench = argument;

	bench->messages++;
	bench->last_id = message->id;
	if (bench->messages == bench->pause_at)
		chanev_pause(bench->chanev);
	if (bench->messages == bench->free_at) {
		chanev_free(bench->chanev);
		bench->chanev = NULL;
	}
}

static void
bench_end(struct bench *bench)
{
	if (bench->free_on_end) {
		chanev_free(bench->chanev);
		bench->chanev = NULL;
	}
}

static void
bench_close(void *argument)
{
	struct bench *bench = argument;

	bench->closed++;
	bench_end(bench);
}

static void
bench_error(enum channel_error error, void *argument)
{
	struct bench *bench = argument;

	bench->errors++;
	bench->error = error;
	bench_end(bench);
}

static const struct chanev_handlers all_handlers = {
    bench_message, bench_close, bench_error};
static const struct chanev_handlers no_handlers = {bench_message, NULL, NULL};

static void
bench_open(struct bench *bench, const struct chanev_handlers *handlers)
{
	int ends[2];

	memset(bench, 0, sizeof(*bench));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	bench->base = event_base_new();
	assert_non_null(bench->base);
	bench->chanev = chanev_new(bench->base,
	    channel_new(ends[0], ROLE_QUEUED, ROLE_LISTENER), handlers, bench);
	bench->other = channel_new(ends[1], ROLE_LISTENER, ROLE_QUEUED);
	assert_non_null(bench->other);
}

static void
bench_shut(struct bench *bench)
{
	chanev_free(bench->chanev);
	channel_free(bench->other);
	event_base_free(bench->base);
}

/* The other end sends count requests of length bytes, ids from first. */
static void
bench_send(struct bench *bench, uint32_t first, uint32_t count, size_t length)
{
	uint8_t *data = calloc(1, length);

	assert_non_null(data);
	for (; count > 0; count--)
		assert_int_equal(channel_send(bench->other, MSG_REQUEST,
				     first++, 0, -1, data, length),
		    0);
	free(data);
	assert_int_equal(channel_flush(bench->other), 0);
}

/* Runs the loop until nothing happens any more. */
static void
bench_run(struct bench *bench)
{
	int i;

	for (i = 0; i < 200; i++)
		event_base_loop(bench->base, EVLOOP_NONBLOCK);
}

/* What a raw hostile end writes: a header of this type. */
static void
bench_garbage(struct bench *bench, uint16_t type)
{
	uint8_t header[CHANNEL_HEADER] = {0};

	header[0] = (uint8_t)type;
	header[1] = (uint8_t)(type >> 8);
	assert_int_equal(
	    write(channel_descriptor(bench->other), header, sizeof(header)),
	    sizeof(header));
}

static void
test_both_ways(void **state)
{
	struct bench bench;
	struct message message;
	int i;

	(void)state;
	bench_open(&bench, &all_handlers);
	bench_send(&bench, 1, 10, 300);
	for (i = 0; i < 10; i++)
		assert_int_equal(chanev_send(bench.chanev, MSG_RESPONSE,
				     (uint32_t)i, 0, -1, RESPONSE, 10),
		    0);
	bench_run(&bench);
	assert_int_equal(bench.messages, 10);
	assert_int_equal(bench.last_id, 10);
	assert_int_equal(channel_queued(chanev_channel(bench.chanev)), 0);
	for (i = 0; i < 10; i++) {
		assert_int_equal(channel_wait(bench.other, &message, 1000), 1);
		assert_int_equal(message.id, i);
	}
	bench_shut(&bench);
}

/* More than the socket takes goes out as the other end reads. */
static void
test_large_backlog(void **state)
{
	static uint8_t data[MESSAGE_LARGE];
	struct bench bench;
	struct message message;
	int i, got = 0, round;

	(void)state;
	bench_open(&bench, &all_handlers);
	for (i = 0; i < 20; i++)
		assert_int_equal(chanev_send(bench.chanev, MSG_RESPONSE, 0, 0,
				     -1, data, sizeof(data)),
		    0);
	for (round = 0; round < 1000 && got < 20; round++) {
		event_base_loop(bench.base, EVLOOP_NONBLOCK);
		(void)channel_read(bench.other);
		while (channel_next(bench.other, &message) == 1)
			got++;
	}
	assert_int_equal(got, 20);
	bench_shut(&bench);
}

/* What was queued before the loop took over is written, and read. */
static void
test_taken_over(void **state)
{
	struct bench bench = {0};
	struct channel *channel;
	struct message message;
	int ends[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	bench.base = event_base_new();
	channel = channel_new(ends[0], ROLE_QUEUED, ROLE_LISTENER);
	bench.other = channel_new(ends[1], ROLE_LISTENER, ROLE_QUEUED);
	bench_send(&bench, 1, 2, 300);
	assert_int_equal(channel_wait(channel, &message, 1000), 1);
	channel_send(channel, MSG_RESPONSE, 9, 0, -1, RESPONSE, 10);
	bench.chanev = chanev_new(bench.base, channel, &all_handlers, &bench);
	bench_run(&bench);
	assert_int_equal(bench.messages, 1);
	assert_int_equal(bench.last_id, 2);
	assert_int_equal(channel_wait(bench.other, &message, 1000), 1);
	assert_int_equal(message.id, 9);
	bench_shut(&bench);
}

static void
test_close(void **state)
{
	struct bench bench;

	(void)state;
	bench_open(&bench, &all_handlers);
	bench_send(&bench, 1, 3, 300);
	shutdown(channel_descriptor(bench.other), SHUT_RDWR);
	bench_run(&bench);
	assert_int_equal(bench.messages, 3);
	assert_int_equal(bench.closed, 1);
	assert_int_equal(bench.errors, 0);
	/* Sending into nowhere is no error, and is not reported again. */
	assert_int_equal(
	    chanev_send(bench.chanev, MSG_RESPONSE, 0, 0, -1, RESPONSE, 10), 0);
	bench_run(&bench);
	assert_int_equal(bench.closed, 1);
	bench_shut(&bench);
	/* The same, and freed by the handler. */
	bench_open(&bench, &all_handlers);
	bench.free_on_end = true;
	shutdown(channel_descriptor(bench.other), SHUT_RDWR);
	bench_run(&bench);
	assert_int_equal(bench.closed, 1);
	assert_null(bench.chanev);
	bench_shut(&bench);
}

/* Noticed by writing when reading is paused. */
static void
test_close_paused(void **state)
{
	struct bench bench;

	(void)state;
	bench_open(&bench, &all_handlers);
	chanev_pause(bench.chanev);
	shutdown(channel_descriptor(bench.other), SHUT_RDWR);
	bench_run(&bench);
	assert_int_equal(bench.closed, 0);
	chanev_send(bench.chanev, MSG_RESPONSE, 0, 0, -1, RESPONSE, 10);
	bench_run(&bench);
	assert_int_equal(bench.closed, 1);
	chanev_resume(bench.chanev);
	bench_run(&bench);
	assert_int_equal(bench.closed, 1);
	bench_shut(&bench);
}

static void
test_error(void **state)
{
	struct bench bench;

	(void)state;
	bench_open(&bench, &all_handlers);
	bench_garbage(&bench, MSG_SEND);
	bench_run(&bench);
	assert_int_equal(bench.errors, 1);
	assert_int_equal(bench.error, CHANNEL_ERROR_TYPE);
	/* And nothing is read any more. */
	bench_send(&bench, 1, 1, 300);
	bench_run(&bench);
	assert_int_equal(bench.messages, 0);
	assert_int_equal(bench.errors, 1);
	assert_int_equal(bench.closed, 0);
	bench_shut(&bench);
	bench_open(&bench, &all_handlers);
	bench.free_on_end = true;
	assert_int_equal(write(channel_descriptor(bench.other), "half", 4), 4);
	shutdown(channel_descriptor(bench.other), SHUT_RDWR);
	bench_run(&bench);
	assert_int_equal(bench.error, CHANNEL_ERROR_TRUNCATED);
	assert_null(bench.chanev);
	bench_shut(&bench);
}

static void
test_send_forbidden(void **state)
{
	struct bench bench;

	(void)state;
	bench_open(&bench, &all_handlers);
	assert_int_equal(
	    chanev_send(bench.chanev, MSG_REQUEST, 0, 0, -1, RESPONSE, 10), -1);
	bench_run(&bench);
	assert_int_equal(bench.errors, 0);
	bench_shut(&bench);
}

/* A sibling's faults end the process, in a child of this test. */
enum fault { FAULT_CLOSE, FAULT_GARBAGE, FAULT_SEND };

static void __attribute__((noreturn)) fault_play(enum fault fault, int output)
{
	struct bench bench;

	dup2(output, STDERR_FILENO);
	bench_open(&bench, &no_handlers);
	if (fault == FAULT_CLOSE)
		shutdown(channel_descriptor(bench.other), SHUT_RDWR);
	else if (fault == FAULT_GARBAGE)
		bench_garbage(&bench, MSG_SEND);
	else
		chanev_send(bench.chanev, MSG_REQUEST, 0, 0, -1, RESPONSE, 10);
	bench_run(&bench);
	_exit(99);
}

/* Its exit status, and what it logged. */
static int
fault_status(enum fault fault, char *text, size_t size)
{
	int pipes[2], status;
	ssize_t length;
	pid_t pid;

	assert_int_equal(pipe(pipes), 0);
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0)
		fault_play(fault, pipes[1]);
	close(pipes[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	length = read(pipes[0], text, size - 1);
	text[length > 0 ? length : 0] = '\0';
	close(pipes[0]);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
test_sibling(void **state)
{
	char text[512];

	(void)state;
	assert_int_equal(fault_status(FAULT_CLOSE, text, sizeof(text)), 0);
	assert_string_equal(text, "");
	assert_int_equal(fault_status(FAULT_GARBAGE, text, sizeof(text)), 1);
	assert_non_null(strstr(text, "peer=fed-listener"));
	assert_non_null(strstr(text, "type not permitted"));
	assert_int_equal(fault_status(FAULT_SEND, text, sizeof(text)), 1);
	assert_non_null(strstr(text, "peer=fed-listener"));
}

static void
test_pause(void **state)
{
	struct bench bench;

	(void)state;
	bench_open(&bench, &all_handlers);
	bench.pause_at = 3;
	bench_send(&bench, 1, 10, 300);
	bench_run(&bench);
	assert_int_equal(bench.messages, 3);
	bench_send(&bench, 11, 5, 300);
	bench_run(&bench);
	assert_int_equal(bench.messages, 3);
	/* Seven of them are in the buffer already. */
	chanev_resume(bench.chanev);
	bench_run(&bench);
	assert_int_equal(bench.messages, 15);
	assert_int_equal(bench.last_id, 15);
	bench_shut(&bench);
}

static void
test_free_inside(void **state)
{
	struct bench bench;

	(void)state;
	bench_open(&bench, &all_handlers);
	bench.free_at = 2;
	bench_send(&bench, 1, 10, 300);
	bench_run(&bench);
	assert_int_equal(bench.messages, 2);
	assert_null(bench.chanev);
	assert_int_equal(bench.closed + bench.errors, 0);
	bench_shut(&bench);
}

/* What was sent just before it was freed has gone out. */
static void
test_free_flushes(void **state)
{
	struct message message;
	struct bench bench;

	(void)state;
	bench_open(&bench, &all_handlers);
	chanev_send(bench.chanev, MSG_RESPONSE, 3, 0, -1, RESPONSE, 10);
	chanev_free(bench.chanev);
	bench.chanev = NULL;
	assert_int_equal(channel_wait(bench.other, &message, 1000), 1);
	assert_int_equal(message.id, 3);
	assert_int_equal(channel_wait(bench.other, &message, 1000), 0);
	bench_shut(&bench);
}

/* A turn ends, however many messages are there. */
static void
test_fair(void **state)
{
	struct bench bench;
	int i, before;

	(void)state;
	bench_open(&bench, &all_handlers);
	bench_send(&bench, 1, 500, 300);
	for (i = 0; i < 200 && bench.messages < 500; i++) {
		before = bench.messages;
		event_base_loop(bench.base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
		/* The socket's turn and that of what was left over. */
		assert_in_range(bench.messages - before, 0, 128);
	}
	assert_int_equal(bench.messages, 500);
	bench_shut(&bench);
}

static void
stop_loop(evutil_socket_t fd, short what, void *argument)
{
	(void)fd;
	(void)what;
	event_base_loopbreak(argument);
}

/* Memory for a long message is kept for the next, and not for ever. */
static void
test_memory(void **state)
{
	static const struct timeval wait = {2, 500000};
	struct bench bench;
	size_t i;

	(void)state;
	bench_open(&bench, &all_handlers);
	for (i = 0; i < 3; i++) {
		bench_send(&bench, 1, 1, 100000);
		bench_run(&bench);
		assert_in_range(channel_memory(chanev_channel(bench.chanev)),
		    100000, 110000);
	}
	assert_int_equal(bench.messages, 3);
	event_base_once(
	    bench.base, -1, EV_TIMEOUT, stop_loop, bench.base, &wait);
	event_base_dispatch(bench.base);
	assert_in_range(channel_memory(chanev_channel(bench.chanev)), 1, 16384);
	bench_send(&bench, 1, 1, 100000);
	bench_run(&bench);
	assert_int_equal(bench.messages, 4);
	bench_shut(&bench);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_both_ways),
	    cmocka_unit_test(test_large_backlog),
	    cmocka_unit_test(test_taken_over),
	    cmocka_unit_test(test_close),
	    cmocka_unit_test(test_close_paused),
	    cmocka_unit_test(test_error),
	    cmocka_unit_test(test_send_forbidden),
	    cmocka_unit_test(test_sibling),
	    cmocka_unit_test(test_pause),
	    cmocka_unit_test(test_free_inside),
	    cmocka_unit_test(test_free_flushes),
	    cmocka_unit_test(test_fair),
	    cmocka_unit_test(test_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
