/* SPDX-License-Identifier: ISC */
/* What became of a reload, in words; see reload.h. */
#include "ipc/reload.h"

#define STAYS "; the old ones stay in use"

static const char *const texts[RELOAD_COUNT] = {
    [RELOAD_DONE] = "the key files are new and in use",
    [RELOAD_SAME] = "the key files are those in use",
    [RELOAD_FILES] = "a key file is missing or not safe (see the log)" STAYS,
    [RELOAD_KEYS] =
	"the key files are bad, or are not a pair (see the log)" STAYS,
    [RELOAD_SERVER] = "the certificate is another server's" STAYS,
    [RELOAD_SERIAL] = "the serial is not above that in use" STAYS,
    [RELOAD_TIME] = "the certificate is not valid now" STAYS,
};

const char *
reload_text(enum reload reload)
{
	return texts[reload];
}
