/* SPDX-License-Identifier: ISC */
/*
 * load [-b ITEMS] [-c CONNECTIONS] [-z BYTES] [-fp] SOCKET DESTINATION ORIGIN
 *     SEED KEYID MESSAGES
 *
 * Plays a peer that sends as fast as the server takes it: MESSAGES messages
 * with a payload of BYTES (1024) each, one in an envelope or, with -b, ITEMS
 * in a batch, over CONNECTIONS (16) kept-alive connections to the listener's
 * unix socket. ORIGIN is the peer's address, SEED its signing key's seed and
 * KEYID its certificate's id, in hexadecimal; it has shaken hands already. -p
 * begins each connection with a PROXY line.
 *
 * All is signed before the clock starts, since both share the processors of a
 * benchmark. Prints how many messages were accepted, a tab, and the seconds
 * from the first request to the last answer. Any answer but a signed one that
 * accepts every item ends it with an error; with -f (flood) 429, 503 and items
 * that have to come later do not, and are not repeated.
 */
#include <err.h>
#include <errno.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/encode.h"
#include "json/batch.h"
#include "json/envelope.h"
#include "proto/ed.h"
#include "proto/http.h"
#include "proto/onion.h"

#define CONNECTIONS_MAX 256
#define PAYLOAD_AROUND	24 /* {"encryptedContent":""} */
#define ANSWER_MAX	(HTTP_RESPONSE_HEAD_MAX + HTTP_BODY_MAX)

/* Without the spaces behind it, which are the same for all. */
struct request {
	char *text; /* head and envelope */
	size_t length;
	size_t padding;
	unsigned int items;
};

struct connection {
	int descriptor;
	const struct request *request; /* NULL: no more to send */
	size_t written;
	char *answer;
	size_t received;
};

static struct {
	const char *path;
	bool flood;
	bool proxy_line;
	size_t connections;
	size_t payload;
	unsigned int items; /* 0: no batches */
	size_t messages;
} options = {.connections = 16, .payload = 1024};

static struct envelope_header header;
static uint8_t secret[crypto_sign_SECRETKEYBYTES];
static char host[ONION_SIZE];
static char spaces[ENVELOPE_MAX];

static struct request *requests;
static size_t request_count, request_next, answered;
static size_t accepted;
static struct connection connections[CONNECTIONS_MAX];
static int poller;

/* {"encryptedContent":"..."} of the size asked for, different each time. */
static char *
payload_new(size_t *length)
{
	size_t bytes = (options.payload - PAYLOAD_AROUND) / 4 * 3;
	uint8_t *random = malloc(bytes);
	char *payload = malloc(options.payload + 1);
	int start;

	if (random == NULL || payload == NULL)
		errx(1, "out of memory");
	randombytes_buf(random, bytes);
	start = sprintf(payload, "{\"encryptedContent\":\"");
	base64_encode(payload + start, random, bytes);
	strcat(payload, "\"}");
	*length = strlen(payload);
	free(random);
	return payload;
}

static void
request_head(struct request *request, const char *body, size_t padded)
{
	char head[HTTP_HEAD_MAX];
	size_t head_length, length = padded;

	while (length > 0 && body[length - 1] == ' ')
		length--;
	head_length = http_request_format(
	    head, sizeof(head), true, "/federation/message", host, padded);
	request->length = head_length + length;
	request->padding = padded - length;
	request->text = malloc(request->length);
	if (head_length == 0 || request->text == NULL)
		errx(1, "out of memory");
	memcpy(request->text, head, head_length);
	memcpy(request->text + head_length, body, length);
}

static void
request_finish(struct request *request, const char *text, size_t text_length,
    const char *payload, size_t payload_length)
{
	static char body[ENVELOPE_MAX];
	uint8_t signature[64];
	size_t padded;

	crypto_sign_detached(
	    signature, NULL, (const uint8_t *)text, text_length, secret);
	padded =
	    envelope_format(body, &header, signature, payload, payload_length);
	if (padded == 0)
		errx(1, "a request does not fit: fewer or smaller messages");
	request_head(request, body, padded);
}

static void
request_single(struct request *request)
{
	char text[SIGNTEXT_ENVELOPE_MAX];
	uint8_t hash[ED_HASH];
	size_t length;
	char *payload = payload_new(&length);

	strcpy(header.type, "message");
	sha256(hash, payload, length);
	request_finish(request, text, signtext_envelope(text, &header, hash),
	    payload, length);
	free(payload);
}

static void
request_batch(struct request *request)
{
	static char text[SIGNTEXT_BATCH_MAX];
	struct batch_item digests[BATCH_ITEMS];
	struct wire_item items[BATCH_ITEMS];
	char *payloads[BATCH_ITEMS], *payload;
	uint8_t hash[ED_HASH];
	size_t length;
	unsigned int i;

	strcpy(header.type, "batch");
	for (i = 0; i < request->items; i++) {
		payloads[i] = payload_new(&items[i].payload_length);
		items[i].payload = payloads[i];
		strcpy(items[i].type, "message");
		uuid_new(items[i].id);
		memcpy(digests[i].id, items[i].id, UUID_SIZE);
		sha256(hash, items[i].payload, items[i].payload_length);
		signtext_item_digest(
		    digests[i].digest, "message", items[i].id, hash);
	}
	payload = batch_format(items, request->items, &length);
	if (payload == NULL)
		errx(1, "out of memory");
	request_finish(request, text,
	    signtext_batch(text, &header, digests, request->items), payload,
	    length);
	for (i = 0; i < request->items; i++)
		free(payloads[i]);
	free(payload);
}

static void
requests_make(void)
{
	unsigned int each = options.items > 0 ? options.items : 1;
	size_t i, left = options.messages;

	request_count = (options.messages + each - 1) / each;
	requests = calloc(request_count, sizeof(*requests));
	if (requests == NULL)
		errx(1, "out of memory");
	for (i = 0; i < request_count; i++) {
		requests[i].items = left < each ? (unsigned int)left : each;
		left -= requests[i].items;
		uuid_new(header.id);
		header.timestamp = time(NULL);
		if (options.items > 0)
			request_batch(&requests[i]);
		else
			request_single(&requests[i]);
	}
}

static void
connection_watch(struct connection *connection, bool writing)
{
	struct epoll_event event = {.events = writing ? EPOLLOUT : EPOLLIN};

	event.data.ptr = connection;
	if (epoll_ctl(poller, EPOLL_CTL_MOD, connection->descriptor, &event) <
	    0)
		err(1, "epoll_ctl");
}

static void
connection_write(struct connection *connection)
{
	const struct request *request = connection->request;
	size_t skip = connection->written < request->length
			  ? connection->written
			  : request->length;
	struct iovec parts[2] = {{request->text + skip, request->length - skip},
	    {spaces, request->padding - (connection->written - skip)}};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
	ssize_t sent;

	sent = sendmsg(
	    connection->descriptor, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (sent < 0 && errno != EAGAIN && errno != EINTR)
		err(1, "write");
	if (sent > 0)
		connection->written += (size_t)sent;
	connection_watch(connection,
	    connection->written < request->length + request->padding);
}

/* The next request, while there is one. */
static void
connection_next(struct connection *connection)
{
	connection->written = connection->received = 0;
	connection->request = NULL;
	if (request_next == request_count)
		return;
	connection->request = &requests[request_next++];
	connection_write(connection);
}

static size_t
count(const char *text, size_t length, const char *word)
{
	const char *end = text + length;
	size_t found = 0;

	while ((text = memmem(
		    text, (size_t)(end - text), word, strlen(word))) != NULL) {
		found++;
		text += strlen(word);
	}
	return found;
}

static void
answer_check(const struct connection *connection,
    const struct http_response *response, size_t head)
{
	const char *body = connection->answer + head;
	size_t good;

	if (options.flood &&
	    (response->status == 429 || response->status == 503))
		return;
	if (response->status != 200)
		errx(1, "answered with status %d", response->status);
	if (!response->keep_alive)
		errx(1, "the server closes the connection");
	good = count(body, response->length, "{\"status\":\"accepted\"}");
	if (good != connection->request->items && !options.flood)
		errx(1, "%zu of %u items accepted: %.*s", good,
		    connection->request->items,
		    (int)(response->length < 1000 ? response->length : 1000),
		    body);
	accepted += good;
}

static void
connection_read(struct connection *connection)
{
	struct http_response response;
	ssize_t got;
	int head;

	got = recv(connection->descriptor,
	    connection->answer + connection->received,
	    ANSWER_MAX - connection->received, MSG_DONTWAIT);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0 || connection->request == NULL)
		errx(1, "the server closed the connection");
	connection->received += (size_t)got;
	head = http_response_parse(
	    &response, connection->answer, connection->received);
	if (head < 0)
		errx(1, "malformed answer");
	if (head == 0 || connection->received < (size_t)head + response.length)
		return;
	answer_check(connection, &response, (size_t)head);
	answered++;
	connection_next(connection);
}

static void
connection_open(struct connection *connection)
{
	static const char proxy[] =
	    "PROXY TCP6 fc00:dead:beef:4dad::0:1 ::1 37 80\r\n";
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	struct epoll_event event = {.events = EPOLLIN};

	if (strlen(options.path) >= sizeof(name.sun_path))
		errx(1, "%s: too long for a unix socket", options.path);
	strcpy(name.sun_path, options.path);
	connection->descriptor = socket(AF_UNIX, SOCK_STREAM, 0);
	if (connection->descriptor < 0 ||
	    connect(connection->descriptor, (struct sockaddr *)&name,
		sizeof(name)) < 0)
		err(1, "%s", options.path);
	if (options.proxy_line && write(connection->descriptor, proxy,
				      strlen(proxy)) != (ssize_t)strlen(proxy))
		err(1, "write");
	connection->answer = malloc(ANSWER_MAX);
	if (connection->answer == NULL)
		errx(1, "out of memory");
	event.data.ptr = connection;
	if (epoll_ctl(poller, EPOLL_CTL_ADD, connection->descriptor, &event) <
	    0)
		err(1, "epoll_ctl");
}

/* Returns the seconds that it took. */
static double
run(void)
{
	struct epoll_event events[64];
	struct timespec start, end;
	struct connection *connection;
	size_t i;
	int ready;

	poller = epoll_create1(0);
	for (i = 0; i < options.connections; i++)
		connection_open(&connections[i]);
	clock_gettime(CLOCK_MONOTONIC, &start);
	for (i = 0; i < options.connections; i++)
		connection_next(&connections[i]);
	while (answered < request_count) {
		ready = epoll_wait(poller, events, 64, 60000);
		if (ready == 0)
			errx(1, "no answer for a minute");
		for (i = 0; ready > 0 && i < (size_t)ready; i++) {
			connection = events[i].data.ptr;
			if (events[i].events & EPOLLOUT)
				connection_write(connection);
			else
				connection_read(connection);
		}
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	return (double)(end.tv_sec - start.tv_sec) +
	       (double)(end.tv_nsec - start.tv_nsec) / 1e9;
}

static void
usage(void)
{
	fprintf(stderr, "usage: load [-b ITEMS] [-c CONNECTIONS] [-z BYTES] "
			"[-fp] SOCKET DESTINATION ORIGIN SEED KEYID "
			"MESSAGES\n");
	exit(64);
}

static size_t
number(const char *text, uint64_t minimum, uint64_t maximum)
{
	uint64_t value;

	if (decimal_parse(&value, text, strlen(text), maximum) == -1 ||
	    value < minimum)
		usage();
	return value;
}

static void
arguments_take(char *argv[])
{
	uint8_t seed[ED_SEED], public[ED_KEY];

	options.path = argv[0];
	if (onion_parse(header.destination, argv[1], strlen(argv[1])) !=
		CODE_OK ||
	    onion_parse(header.origin, argv[2], strlen(argv[2])) != CODE_OK ||
	    hex_decode(seed, sizeof(seed), argv[3], strlen(argv[3])) == -1 ||
	    hex_decode(header.key_id, sizeof(header.key_id), argv[4],
		strlen(argv[4])) == -1)
		usage();
	onion_format(host, header.destination);
	crypto_sign_seed_keypair(public, secret, seed);
	options.messages = number(argv[5], 1, 10000000);
}

int
main(int argc, char *argv[])
{
	double seconds;
	int option;

	if (ed_init() == -1)
		errx(1, "libsodium cannot be used");
	while ((option = getopt(argc, argv, "b:c:z:fp")) != -1)
		switch (option) {
		case 'b':
			options.items =
			    (unsigned int)number(optarg, 1, BATCH_ITEMS);
			break;
		case 'c':
			options.connections =
			    number(optarg, 1, CONNECTIONS_MAX);
			break;
		case 'z':
			options.payload = number(optarg, 64, ITEM_MAX);
			break;
		case 'f':
			options.flood = true;
			break;
		case 'p':
			options.proxy_line = true;
			break;
		default:
			usage();
		}
	if (argc - optind != 6)
		usage();
	arguments_take(argv + optind);
	memset(spaces, ' ', sizeof(spaces));
	requests_make();
	seconds = run();
	printf("%zu\t%.6f\n", accepted, seconds);
	return 0;
}
