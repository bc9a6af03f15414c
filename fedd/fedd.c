/* SPDX-License-Identifier: ISC */
/*
 * fedd: the parent of the suite. It reads the configuration, opens what needs
 * a file system or root, starts the four children and keeps them running.
 *
 * It promises that a child that dies is replaced, with its whole generation,
 * and that at its own end no process is left.
 *
 * It may not touch untrusted bytes of any kind: it never reads from the
 * listening sockets, from a SOCKS connection or from the key files whose
 * descriptors it hands out, nor sees a child's log; what children say to it
 * are messages without content, but for fed-signer, which says whose keys it
 * was given. It speaks no SQL and does no cryptography.
 */
#include <bsd/string.h>
#include <dirent.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "background.h"
#include "base/alloc.h"
#include "base/privdrop.h"
#include "base/sandbox.h"
#include "events/watch.h"
#include "fedd.h"
#include "generation.h"
#include "keys.h"
#include "notify.h"
#include "programs.h"
#include "signatures.h"
#include "sockets.h"

#define EXIT_USAGE 64 /* as in sysexits(3) */

struct options {
	const char *config;
	const char *directory; /* of the programs */
	bool foreground;
	bool check;
	int verbose;
};

static struct parent parent;

#ifdef TORFED_SANITIZER
/*
 * The search for leaks traces its own process, which fedd does not allow. The
 * children have the same from proc.c.
 */
const char *__asan_default_options(void);

const char *
__asan_default_options(void)
{
	return "detect_leaks=0";
}
#endif

static void __attribute__((noreturn)) usage(void)
{
	fprintf(stderr, "usage: fedd [-dv] [-f config] [-L directory]\n"
			"       fedd -n [-v] [-f config]\n");
	exit(EXIT_USAGE);
}

static void
options_parse(struct options *options, int argc, char *argv[])
{
	int letter;

	memset(options, 0, sizeof(*options));
	options->config = TORFED_ETC "/torfed/fed.conf";
	options->directory = TORFED_LIBEXEC;
	while ((letter = getopt(argc, argv, "df:L:nv")) != -1) {
		switch (letter) {
		case 'd':
			options->foreground = true;
			break;
		case 'f':
			options->config = optarg;
			break;
		case 'L':
			options->directory = optarg;
			break;
		case 'n':
			options->check = true;
			break;
		case 'v':
			options->verbose++;
			break;
		default:
			usage();
		}
	}
	if (optind != argc)
		usage();
}

/* Descriptors 0 to 2 exist, so that no other ever lands there. */
static void
descriptors_prepare(void)
{
	do {
		parent.null = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (parent.null == -1)
			_exit(1);
		if (parent.null <= STDERR_FILENO)
			(void)fcntl(parent.null, F_SETFD, 0);
	} while (parent.null <= STDERR_FILENO);
}

/*
 * -n and -nv: what the file says, checked without regard to the user and the
 * machine.
 */
static void __attribute__((noreturn))
check_and_exit(const struct options *options)
{
	if (conf_load(&parent.conf, options->config, stderr) == -1)
		exit(1);
	if (options->verbose > 0) {
		conf_print(&parent.conf, stdout);
		if (fflush(stdout) == EOF) {
			fprintf(stderr, "fedd: stdout: %s\n", strerror(errno));
			exit(1);
		}
	} else
		fprintf(stderr, "configuration OK\n");
	exit(0);
}

static void
log_start(const struct options *options)
{
	enum log_form form = LOG_FORM_PLAIN;
	int level = (int)parent.conf.settings.log_level + options->verbose;

	if (level > LOG_LEVEL_DEBUG)
		level = LOG_LEVEL_DEBUG;
	parent.level = (enum log_level)level;
	parent.conf.settings.log_level = level;
	if (!options->foreground && (getenv("NOTIFY_SOCKET") != NULL ||
					getenv("JOURNAL_STREAM") != NULL ||
					getenv("INVOCATION_ID") != NULL))
		form = LOG_FORM_PREFIX;
	log_init("fedd", form, parent.level);
}

static void
configuration_load(const struct options *options)
{
	const char *expected;
	struct stat st;

	if (conf_load(&parent.conf, options->config, stderr) == -1 ||
	    conf_resolve(&parent.conf, stderr) == -1)
		exit(1);
	log_start(options);
	if (conf_database_look(
		&parent.database, parent.conf.database, &expected) == -1)
		fatal("database expected=\"%s\"", expected);
	if (parent.database.password && stat(options->config, &st) == 0 &&
	    S_ISREG(st.st_mode) && (st.st_mode & (S_IRGRP | S_IROTH)) != 0)
		log_warning("config path=\"%s\" error=\"holds a password and "
			    "can be read by others (chmod 600)\"",
		    options->config);
}

static bool
is_empty(int fd)
{
	const struct dirent *entry;
	bool empty = true;
	DIR *directory;

	if ((directory = fdopendir(fd)) == NULL) {
		close(fd);
		return false;
	}
	while (empty && (entry = readdir(directory)) != NULL)
		empty = strcmp(entry->d_name, ".") == 0 ||
			strcmp(entry->d_name, "..") == 0;
	closedir(directory);
	return empty;
}

/* Where three of the children are locked up: nothing is in there for them. */
static void
empty_check(const char *path)
{
	const char *problem = NULL;
	struct stat st;
	int fd;

	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1 || fstat(fd, &st) == -1)
		fatal("chroot path=\"%s\" error=\"%s\"", path, strerror(errno));
	if (st.st_uid != 0)
		problem = "does not belong to root";
	else if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		problem = "can be written by others (chmod 755)";
	else if (!is_empty(fd))
		problem = "is not empty";
	if (problem != NULL)
		fatal("chroot path=\"%s\" error=\"%s\"", path, problem);
}

/*
 * The children inherit it: room for as many connections as are configured,
 * as far as our own starter allows.
 */
static void
descriptors_allow(void)
{
	const struct settings *settings = &parent.conf.settings;
	rlim_t wanted = (rlim_t)(settings->connections +
				 settings->sender_connections + 128);
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
		fatal("getrlimit errno=%d", errno);
	if (limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < wanted) {
		limit.rlim_cur = wanted;
		if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max < wanted)
			limit.rlim_cur = limit.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &limit) == -1)
			fatal("setrlimit errno=%d", errno);
	}
	if (limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < wanted)
		log_warning("descriptors limit=%llu wanted=%llu",
		    (unsigned long long)limit.rlim_cur,
		    (unsigned long long)wanted);
}

/* Finds what is wrong before anything is started. */
static void
preparations(const struct options *options)
{
	struct signatures signatures;
	struct keys keys;

	parent.is_root = geteuid() == 0;
	parent.owner = getuid();
	if (programs_find(&parent, options->directory) == -1)
		exit(1);
	if (parent.is_root)
		empty_check(parent.conf.empty);
	if (keys_open(&keys, parent.conf.keys) == -1)
		exit(1);
	close(keys.signing);
	close(keys.certificate);
	umask(077);
	if (sockets_open(&parent) == -1)
		exit(1);
	if (signatures_open(&signatures, parent.conf.signatures,
		parent.conf.settings.signatures_file_s,
		parent.conf.settings.signatures_kept_s) == -1)
		exit(1);
	close(signatures.log);
	close(signatures.last);
	descriptors_allow();
}

static void
signal_fired(evutil_socket_t number, short what, void *argument)
{
	(void)what;
	(void)argument;
	switch (number) {
	case SIGCHLD:
		generation_reap();
		break;
	case SIGHUP:
		generation_reload();
		break;
	default:
		generation_end();
	}
}

static void
signals_watch(void)
{
	static const int numbers[] = {SIGCHLD, SIGHUP, SIGINT, SIGTERM};
	struct event *event;

	(void)signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		event = xpointer(event_new(parent.base, numbers[i],
		    EV_SIGNAL | EV_PERSIST, signal_fired, NULL));
		watch_start(event);
	}
}

/*
 * Paths that others make, perhaps later than we start or where we cannot look
 * yet: that they are missing is no reason not to start.
 */
static void
unveil_later(const char *path, const char *permissions)
{
	if (path[0] != '\0' && access(path, F_OK) == 0)
		(void)sandbox_unveil(path, permissions);
}

/*
 * What fedd and, since it is inherited, the children's programs need at their
 * start. Connecting to a socket by path is not among it on Linux.
 */
static void
sandbox(void)
{
	static const char *const readable[] = {"/usr", "/lib", "/lib64",
	    "/lib32", "/etc/ld.so.cache", "/etc/localtime"};
	const struct conf *conf = &parent.conf;
	unsigned int flags = 0;

	for (size_t i = 0; i < sizeof(readable) / sizeof(readable[0]); i++)
		(void)sandbox_unveil(readable[i], "rx");
	(void)sandbox_unveil(parent.directory, "rx");
	(void)sandbox_unveil(conf->keys, "r");
	(void)sandbox_unveil(conf->signatures, "rwc");
	(void)sandbox_unveil("/dev/null", "rw");
	unveil_later(conf->socks, "rw");
	unveil_later(parent.database.directory, "r");
	/* What is refused to fedd is refused to its children, too. */
	if (conf->socks_port != 0 || !parent.database.local)
		flags |= SANDBOX_INET;
	sandbox_enter(SANDBOX_FEDD, flags);
}

int
main(int argc, char *argv[])
{
	struct options options;
	bool background;

	descriptors_prepare();
	options_parse(&options, argc, argv);
	if (options.check)
		check_and_exit(&options);
	log_init("fedd", LOG_FORM_PLAIN, LOG_LEVEL_INFO);
	configuration_load(&options);
	preparations(&options);
	notify_connect();
	background = !options.foreground && log_form_get() == LOG_FORM_PLAIN;
	if (background && background_enter(parent.null) == -1)
		exit(1);
	if (chdir("/") == -1)
		fatal("chdir errno=%d", errno);
	privdrop_undumpable();
	log_info("start version=%s uid=%lu", TORFED_VERSION,
	    (unsigned long)geteuid());
	if (!parent.is_root)
		log_warning("not-root error=\"children keep this user and its "
			    "file system\"");
	if ((parent.base = event_base_new()) == NULL)
		fatal("event error=\"cannot make a loop\"");
	signals_watch();
	generation_init(&parent);
	sandbox();
	generation_start();
	if (event_base_dispatch(parent.base) == -1)
		fatal("event error=\"loop failed\"");
	log_info("stopped");
	return 0;
}
