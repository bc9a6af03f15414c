/* SPDX-License-Identifier: ISC */
/*
 * Values of fed.conf's table statements as text, both ways: numbers, times
 * with a unit, and choices.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"
#include "conf/conf_setting.h"

static const struct unit {
	const char *name;
	int64_t ms;
} units[] = {
    /* longest first, as conf_setting_format() wants them */
    {"d", 24 * 60 * 60 * 1000}, {"h", 60 * 60 * 1000}, {"m", 60 * 1000},
    {"s", 1000}, {"ms", 1}, {"", 1000}, /* bare: seconds */
};
#define UNITS (sizeof(units) / sizeof(units[0]))

int64_t *
conf_setting_slot(const struct conf_setting *setting, struct settings *settings)
{
	return (int64_t *)(void *)((char *)settings + setting->offset);
}

/* How many milliseconds one unit of the stored value has. */
static int64_t
scale(const struct conf_setting *setting)
{
	return setting->kind == CONF_SETTING_TIME_S ? 1000 : 1;
}

static void
time_format(int64_t ms, char text[CONF_SETTING_TEXT_SIZE])
{
	const struct unit *unit = units;

	if (ms == 0)
		unit = &units[3]; /* "0s", not "0d" */
	while (ms % unit->ms != 0)
		unit++;
	snprintf(text, CONF_SETTING_TEXT_SIZE, "%" PRId64 "%s", ms / unit->ms,
	    unit->name);
}

void
conf_setting_format(const struct conf_setting *setting, int64_t value,
    char text[CONF_SETTING_TEXT_SIZE])
{
	if (setting->kind == CONF_SETTING_CHOICE)
		snprintf(text, CONF_SETTING_TEXT_SIZE, "%s",
		    setting->choices[value]);
	else if (setting->kind == CONF_SETTING_NUMBER)
		snprintf(text, CONF_SETTING_TEXT_SIZE, "%" PRId64, value);
	else
		time_format(value * scale(setting), text);
}

static void
expectation_format(
    const struct conf_setting *setting, char expected[CONF_SETTING_TEXT_SIZE])
{
	char minimum[CONF_SETTING_TEXT_SIZE], maximum[CONF_SETTING_TEXT_SIZE];
	const char *const *choice = setting->choices;

	if (setting->kind != CONF_SETTING_CHOICE) {
		conf_setting_format(setting, setting->minimum, minimum);
		conf_setting_format(setting, setting->maximum, maximum);
		snprintf(expected, CONF_SETTING_TEXT_SIZE,
		    "a %s from %.40s to %.40s",
		    setting->kind == CONF_SETTING_NUMBER ? "number" : "time",
		    minimum, maximum);
		return;
	}
	expected[0] = '\0';
	for (; *choice != NULL; choice++) {
		size_t length = strlen(expected);

		snprintf(expected + length, CONF_SETTING_TEXT_SIZE - length,
		    "%s%s",
		    length == 0		? ""
		    : choice[1] == NULL ? " or "
					: ", ",
		    *choice);
	}
}

static int
choice_parse(
    const struct conf_setting *setting, const char *text, int64_t *value)
{
	for (*value = 0; setting->choices[*value] != NULL; (*value)++) {
		if (strcmp(setting->choices[*value], text) == 0)
			return 0;
	}
	return -1;
}

/* Digits only: no sign, no space, no 0x. *end is what follows. */
static int
digits_parse(const char *text, int64_t *number, const char **end)
{
	char *rest;

	if (text[0] < '0' || text[0] > '9')
		return -1;
	errno = 0;
	*number = strtoll(text, &rest, 10);
	*end = rest;
	return errno != 0 ? -1 : 0;
}

static int
time_parse(const struct conf_setting *setting, const char *text, int64_t *value)
{
	const char *unit;
	size_t i;

	if (digits_parse(text, value, &unit) == -1)
		return -1;
	for (i = 0; i < UNITS && strcmp(unit, units[i].name) != 0; i++)
		continue;
	if (i == UNITS || __builtin_mul_overflow(*value, units[i].ms, value) ||
	    *value % scale(setting) != 0)
		return -1;
	*value /= scale(setting);
	return 0;
}

int
conf_setting_parse(const struct conf_setting *setting, const char *text,
    int64_t *value, char expected[CONF_SETTING_TEXT_SIZE])
{
	const char *end = "";
	int result;

	if (setting->kind == CONF_SETTING_CHOICE)
		result = choice_parse(setting, text, value);
	else if (setting->kind == CONF_SETTING_NUMBER)
		result = digits_parse(text, value, &end);
	else
		result = time_parse(setting, text, value);
	if (result == -1 || *end != '\0' || *value < setting->minimum ||
	    *value > setting->maximum) {
		expectation_format(setting, expected);
		return -1;
	}
	return 0;
}
