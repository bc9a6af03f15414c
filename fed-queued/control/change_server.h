/* SPDX-License-Identifier: ISC */
/*
 * What an administrator does with a server: adds it, gives it a trust level,
 * pauses and resumes what goes to it, ends its back-off, asks it for a
 * handshake. The first argument is its address.
 */
#ifndef TORFED_CONTROL_CHANGE_SERVER_H
#define TORFED_CONTROL_CHANGE_SERVER_H

#include "control/control.h"

control_run change_server_add;
control_run change_server_trust; /* second argument: "-1" to "3" */
control_run change_server_block;
control_run change_server_handshake;
control_run change_server_pause;
control_run change_server_resume;
control_run change_server_retry;

#endif
