/* SPDX-License-Identifier: ISC */
/*
 * The table of fed.conf's numbers, times and choices, and their texts.
 */
#ifndef TORFED_CONF_SETTING_H
#define TORFED_CONF_SETTING_H

#include <stddef.h>
#include <stdint.h>

#include "ipc/settings.h"

#define CONF_SETTING_TEXT_SIZE 128

/* One line of the table of numbers: statement, unit, bounds, default. */
enum conf_setting_kind {
	CONF_SETTING_NUMBER,
	CONF_SETTING_TIME_MS,
	CONF_SETTING_TIME_S,
	CONF_SETTING_CHOICE
};
struct conf_setting {
	const char *group; /* "limit", "rate", "timeout", ... */
	const char *name;  /* "connections" */
	size_t offset;	   /* into struct settings */
	enum conf_setting_kind kind;
	int64_t minimum;
	int64_t maximum;
	int64_t value;		    /* default */
	const char *const *choices; /* CONF_SETTING_CHOICE: names, NULL ends */
};
const struct conf_setting *conf_setting_table(size_t *count);
/* Where the setting's value is. */
int64_t *conf_setting_slot(const struct conf_setting *, struct settings *);
/*
 * Text to value: 0, or -1 when it is none or out of bounds; expected then says
 * what there should be ("a number from 1 to 10").
 */
int conf_setting_parse(const struct conf_setting *, const char *text,
    int64_t *value, char expected[CONF_SETTING_TEXT_SIZE]);
/* Value to the text that parses to it: "200ms", "14d", "yes", "64". */
void conf_setting_format(const struct conf_setting *, int64_t value,
    char text[CONF_SETTING_TEXT_SIZE]);

#endif
