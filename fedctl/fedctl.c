/* SPDX-License-Identifier: ISC */
/*
 * fedctl: the operator's program. It asks fed-queued over the control socket,
 * brings the database's schema up to date, and checks by itself what the
 * protocol defines (addresses, canonical JSON, certificates, envelopes,
 * signatures).
 *
 * A failure is one line on standard error and an exit code; standard output is
 * empty then. Before it looks at anything from outside it drops what the
 * command does not need: opened files and connected sockets stay, and no new
 * ones can be made.
 */
#include <stdlib.h>

#include "attach.h"
#include "base/log.h"
#include "base/sandbox.h"
#include "command.h"
#include "control.h"
#include "fail.h"
#include "json/canon.h"
#include "migrate.h"
#include "offline.h"
#include "output.h"
#include "proto/ed.h"
#include "receipt.h"

static void
help(const struct parsed *parsed)
{
	(void)parsed;
	command_help(stdout);
	output_flush();
}

static void
version(const struct parsed *parsed)
{
	struct output *output = output_new(parsed->json, false);

	output_string(output, "version", TORFED_VERSION);
	output_end(output);
}

static void (*const commands[ACTION_COUNT])(const struct parsed *) = {
    [ACTION_HELP] = help,
    [ACTION_VERSION] = version,
    [ACTION_STATUS] = control_run,
    [ACTION_SHOW_SERVERS] = control_run,
    [ACTION_SHOW_QUEUE] = control_run,
    [ACTION_SHOW_LIMITS] = control_run,
    [ACTION_SHOW_DEAD] = control_run,
    [ACTION_SHOW_MESSAGE] = control_run,
    [ACTION_SHOW_ROOMS] = control_run,
    [ACTION_CHECK] = control_run,
    [ACTION_QUEUE_SHOW] = control_run,
    [ACTION_QUEUE_HOLD] = control_run,
    [ACTION_QUEUE_RELEASE] = control_run,
    [ACTION_QUEUE_RETRY] = control_run,
    [ACTION_QUEUE_CANCEL] = control_run,
    [ACTION_QUEUE_REQUEUE] = control_run,
    [ACTION_SERVER_PAUSE] = control_run,
    [ACTION_SERVER_RESUME] = control_run,
    [ACTION_SERVER_RETRY] = control_run,
    [ACTION_SERVER_ADD] = control_run,
    [ACTION_SERVER_TRUST] = control_run,
    [ACTION_SERVER_BLOCK] = control_run,
    [ACTION_SERVER_PING] = control_run,
    [ACTION_ROOM_ADOPT] = control_run,
    [ACTION_RESTORED] = control_run,
    [ACTION_RELOAD] = control_run,
    [ACTION_HANDSHAKE] = control_run,
    [ACTION_ONION_CHECK] = offline_onion_check,
    [ACTION_JSON_CANONICAL] = offline_json_canonical,
    [ACTION_CERTIFICATE_VERIFY] = offline_certificate_verify,
    [ACTION_ENVELOPE_VERIFY] = offline_envelope_verify,
    [ACTION_SIGNATURE_VERIFY] = offline_signature_verify,
    [ACTION_RECEIPT_EXPORT] = control_run,
    [ACTION_RECEIPT_VERIFY] = receipt_verify,
    [ACTION_DB_MIGRATE] = migrate_run,
    [ACTION_DB_VERSION] = migrate_version,
    [ACTION_DB_ATTACH] = attach_run,
    [ACTION_DB_DETACH] = attach_undo,
};

int
main(int argc, char *argv[])
{
	struct parsed parsed;
	char problem[128];

	log_init("fedctl", LOG_FORM_PLAIN, LOG_LEVEL_ERROR);
	if (argc < 1 || command_parse(&parsed, argc - 1, argv + 1, problem,
			    sizeof(problem)) == -1)
		fail_text(EXIT_USAGE, code_name(CODE_USAGE), "%s", problem);
	if (ed_init() == -1)
		fail_text(EXIT_FAILURE, code_name(CODE_INTERNAL),
		    "libsodium is missing or has CVE-2025-69277");
	canon_init();
	commands[parsed.action](&parsed);
	return EXIT_SUCCESS;
}
