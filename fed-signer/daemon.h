/* SPDX-License-Identifier: ISC */
/* fed-signer as a child of fedd. */
#ifndef TORFED_FED_SIGNER_DAEMON_H
#define TORFED_FED_SIGNER_DAEMON_H

int daemon_main(int argc, char *argv[]);

#endif
