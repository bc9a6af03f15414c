/* SPDX-License-Identifier: ISC */
/* The verbs' table, their options, and what they have in common. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "audit.h"
#include "base/encode.h"
#include "base/log.h"
#include "base/privdrop.h"
#include "certify.h"
#include "fail.h"
#include "generate.h"
#include "hand.h"
#include "proto/cert.h"
#include "proto/ed.h"
#include "show.h"
#include "tor.h"
#include "verbs.h"

/* What must be there: -k; -k and -t; operands. */
enum needs { NEEDS_KEYS, NEEDS_HIDDEN, NEEDS_FILES };

static const struct verb {
	const char *name;
	const char *options; /* for getopt(3) */
	enum needs needs;
	int (*run)(const struct options *);
	const char *synopsis;
} verbs[] = {
    {"generate", "k:", NEEDS_KEYS, generate_run, "-k directory"},
    {"certify", "k:d:rm", NEEDS_KEYS, certify_run,
	"-k directory [-d days] [-r] [-m]"},
    {"tor", "k:t:", NEEDS_HIDDEN, tor_run,
	"-k directory -t hidden-service-directory"},
    {"show", "k:", NEEDS_KEYS, show_run, "-k directory"},
    {"audit", "", NEEDS_FILES, audit_run, "file ..."},
};
#define VERBS (sizeof(verbs) / sizeof(verbs[0]))

static int
usage(const struct verb *verb)
{
	size_t i;

	for (i = 0; i < VERBS; i++)
		if (verb == NULL || verb == &verbs[i])
			fprintf(stderr, "usage: fed-signer %s %s\n",
			    verbs[i].name, verbs[i].synopsis);
	return EX_USAGE;
}

static int
days_parse(int *days, const char *text)
{
	uint64_t value;

	if (decimal_parse(&value, text, strlen(text), CERT_DAYS_MAX) == -1 ||
	    value == 0)
		return fail(
		    EX_USAGE, "-d: a number from 1 to %d", CERT_DAYS_MAX);
	*days = (int)value;
	return 0;
}

/* argv[0] is the verb. */
static int
options_parse(
    struct options *options, const struct verb *verb, int argc, char *argv[])
{
	int option;

	memset(options, 0, sizeof(*options));
	options->days = CERT_DAYS_MAX;
	while ((option = getopt(argc, argv, verb->options)) != -1)
		switch (option) {
		case 'k':
			options->keys = optarg;
			break;
		case 't':
			options->hidden = optarg;
			break;
		case 'd':
			if (days_parse(&options->days, optarg) != 0)
				return EX_USAGE;
			break;
		case 'r':
			options->renew = true;
			break;
		case 'm':
			options->revoke = true;
			break;
		default:
			return usage(verb);
		}
	options->files = argv + optind;
	options->file_count = argc - optind;
	if (verb->needs == NEEDS_FILES)
		return options->file_count > 0 ? 0 : usage(verb);
	if (optind != argc || options->keys == NULL || *options->keys == '\0' ||
	    (verb->needs == NEEDS_HIDDEN &&
		(options->hidden == NULL || *options->hidden == '\0')))
		return usage(verb);
	return 0;
}

static const struct verb *
verb_find(const char *name)
{
	size_t i;

	for (i = 0; i < VERBS; i++)
		if (strcmp(name, verbs[i].name) == 0)
			return &verbs[i];
	return NULL;
}

/*
 * A closed standard stream would be taken by the next file that is opened,
 * and a message be written into a key.
 */
static int
streams_open(void)
{
	int fd;

	do {
		if ((fd = open("/dev/null", O_RDWR | O_CLOEXEC)) == -1)
			return EX_OSERR;
	} while (fd <= STDERR_FILENO);
	close(fd);
	return 0;
}

int
verbs_main(int argc, char *argv[])
{
	const struct verb *verb = NULL;
	struct options options;
	int status;

	if ((status = streams_open()) != 0)
		return status;
	if (argc < 2 || (verb = verb_find(argv[1])) == NULL)
		return usage(NULL);
	status = options_parse(&options, verb, argc - 1, argv + 1);
	if (status != 0)
		return status;
	log_init("fed-signer", LOG_FORM_PLAIN, LOG_LEVEL_WARNING);
	privdrop_undumpable();
	umask(077);
	if (ed_init() == -1)
		return fail(EX_UNAVAILABLE,
		    "libsodium cannot be used: it is too old or lacks the fix "
		    "of CVE-2025-69277");
	status = verb->run(&options);
	if (fflush(stdout) == EOF && status == 0)
		return fail(EX_CANTCREAT, "standard output: cannot write");
	return status;
}
