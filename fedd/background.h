/* SPDX-License-Identifier: ISC */
/*
 * Going into the background.
 */
#ifndef TORFED_FEDD_BACKGROUND_H
#define TORFED_FEDD_BACKGROUND_H

/*
 * Goes on in a child of its own session, with standard input and output on
 * null (/dev/null) and descriptor 2 on the system's log. -1 after saying why
 * not; the caller exits then.
 */
int background_enter(int null);

#endif
