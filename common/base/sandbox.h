/* SPDX-License-Identifier: ISC */
/*
 * The sandbox, in the manner of OpenBSD's pledge(2) and unveil(2), which it is
 * there. On Linux seccomp (libseccomp) is the first wall and kills the process
 * on a forbidden call; Landlock is the second, best effort by ABI, and a log
 * line says at which level it runs.
 *
 * sandbox_unveil() is called for each path that stays visible, then
 * sandbox_enter() once: it locks both. Without any unveil no path is visible.
 *
 * What opens a file when it is first used must be used before: jansson's hash
 * seed (json_object_seed), libsodium and libpq's environment. The time zone,
 * which even gmtime_r() reads, is loaded by sandbox_enter() itself.
 */
#ifndef TORFED_SANDBOX_H
#define TORFED_SANDBOX_H

/* permissions: of "r", "w", "c" (create), "x" (execute). Fatal on error
 * other than a path that is not there or out of our reach (then -1, and
 * ENOENT, ENOTDIR or EACCES). */
int sandbox_unveil(const char *path, const char *permissions);

enum sandbox_profile {
	SANDBOX_FEDD,	  /* no IP sockets (but see flag), may fork and
				 * exec; inherited by the children */
	SANDBOX_LISTENER, /* accept on given descriptors; no socket, no
				 * open */
	SANDBOX_SIGNER,	  /* at most 15 system calls */
	SANDBOX_SENDER,	  /* connected descriptors only */
	SANDBOX_QUEUED,	  /* AF_UNIX sockets only (but see flag) */
	SANDBOX_FEDCTL,	  /* the control socket, once connected */
	SANDBOX_OFFLINE	  /* fedctl's offline verbs: standard streams */
};

#define SANDBOX_INET \
	0x1U /* TCP by name in the configuration: the
				 * parent for SOCKS, fed-queued for a remote
				 * database, which must be given by number:
				 * there is no UDP and so no resolver */

/* Sets no_new_privs too. Fatal on failure of seccomp; Landlock that the
 * kernel does not have is logged. */
void sandbox_enter(enum sandbox_profile, unsigned int flags);

#endif
