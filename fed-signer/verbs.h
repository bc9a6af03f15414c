/* SPDX-License-Identifier: ISC */
/* fed-signer run by hand: the table of its verbs. */
#ifndef TORFED_FED_SIGNER_VERBS_H
#define TORFED_FED_SIGNER_VERBS_H

/* Runs the verb argv[1]; an exit status. */
int verbs_main(int argc, char *argv[]);

#endif
