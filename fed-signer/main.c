/* SPDX-License-Identifier: ISC */
/*
 * fed-signer - the only process of the suite that holds a private key.
 *
 * Started by fedd it keeps the signing key in locked memory and answers typed
 * requests of fed-queued: it builds the text that is signed itself, from
 * fields that it checked, and never signs bytes that it was given. It has no
 * network, opens no file after its start, and makes at most 15 system calls.
 * The identity key is not there while it runs.
 *
 * Run by hand with a verb it makes keys and certificates, writes tor's key
 * files from the identity key, and shows what there is.
 */
#include "daemon.h"
#include "verbs.h"

int
main(int argc, char *argv[])
{
	/* fedd always gives options, and a person begins with a verb. */
	if (argc > 1 && argv[1][0] == '-')
		return daemon_main(argc, argv);
	return verbs_main(argc, argv);
}
