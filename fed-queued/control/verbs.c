/* SPDX-License-Identifier: ISC */
/*
 * What fedctl can ask: one function a verb, found through a table. What is
 * shown is in show_*.c, what is changed in change_*.c.
 */
#include <stddef.h>

#include "control/change_queue.h"
#include "control/change_room.h"
#include "control/change_server.h"
#include "control/ping.h"
#include "control/receipt_export.h"
#include "control/reload.h"
#include "control/show_limits.h"
#include "control/show_message.h"
#include "control/show_problems.h"
#include "control/show_queue.h"
#include "control/show_rooms.h"
#include "control/show_servers.h"
#include "control/show_status.h"
#include "control/verbs.h"

static const struct control_action verbs[] = {
    {CONTROL_STATUS, 0, show_status},
    {CONTROL_SHOW_SERVERS, 0, show_servers},
    {CONTROL_SHOW_QUEUE, 0, show_queue},
    {CONTROL_SERVER_ADD, 1, change_server_add},
    {CONTROL_SERVER_TRUST, 2, change_server_trust},
    {CONTROL_SERVER_BLOCK, 1, change_server_block},
    {CONTROL_HANDSHAKE, 1, change_server_handshake},
    {CONTROL_RECEIPT_EXPORT, 2, receipt_export},
    {CONTROL_SHOW_LIMITS, 0, show_limits},
    {CONTROL_SERVER_PING, 1, ping_server},
    {CONTROL_SHOW_DEAD, 2, show_queue_dead},
    {CONTROL_SHOW_MESSAGE, 2, show_message_history},
    {CONTROL_QUEUE_SHOW, 2, show_message_state},
    {CONTROL_QUEUE_HOLD, 2, change_queue_hold},
    {CONTROL_QUEUE_RELEASE, 2, change_queue_release},
    {CONTROL_QUEUE_RETRY, 2, change_queue_retry},
    {CONTROL_QUEUE_CANCEL, 2, change_queue_cancel},
    {CONTROL_QUEUE_REQUEUE, 2, change_queue_requeue},
    {CONTROL_SERVER_PAUSE, 1, change_server_pause},
    {CONTROL_SERVER_RESUME, 1, change_server_resume},
    {CONTROL_SERVER_RETRY, 1, change_server_retry},
    {CONTROL_SHOW_ROOMS, 1, show_rooms},
    {CONTROL_CHECK, 0, show_problems},
    {CONTROL_RELOAD, 0, reload_keys},
    {CONTROL_ROOM_ADOPT, 2, change_room_adopt},
    {CONTROL_RESTORED, 0, change_room_restored},
};

const struct control_action *
verbs_find(uint16_t verb)
{
	size_t i;

	for (i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (verbs[i].verb == verb)
			return &verbs[i];
	return NULL;
}
