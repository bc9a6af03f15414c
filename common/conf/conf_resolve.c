/* SPDX-License-Identifier: ISC */
/*
 * Names of users and groups to numbers. A name that is a number needs no
 * account; its group is then the account's, or where there is none the same
 * number.
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/parse.h"

static const enum role roles[] = {
    ROLE_LISTENER, ROLE_SIGNER, ROLE_SENDER, ROLE_QUEUED};
#define ROLES (sizeof(roles) / sizeof(roles[0]))

/* -1 when it is no number, or the one that means "none". */
static int
number_parse(const char *text, uint32_t *number)
{
	unsigned long long value;

	if (text[0] == '\0' || strspn(text, "0123456789") != strlen(text))
		return -1;
	errno = 0;
	value = strtoull(text, NULL, 10);
	if (errno != 0 || value >= UINT32_MAX)
		return -1;
	*number = (uint32_t)value;
	return 0;
}

/* field: of struct conf, whose statement is wrong. */
static void resolve_error(FILE *errors, const void *field, const char *format,
    ...) __attribute__((format(printf, 3, 4)));

static void
resolve_error(FILE *errors, const void *field, const char *format, ...)
{
	va_list arguments;

	parse_where(errors, (const void *const[]){field, NULL});
	va_start(arguments, format);
	vfprintf(errors, format, arguments);
	va_end(arguments);
}

static int
group_resolve(const char *name, gid_t *gid, const void *field, FILE *errors)
{
	const struct group *group;

	if (number_parse(name, gid) == 0)
		return 0;
	if ((group = getgrnam(name)) == NULL) {
		resolve_error(errors, field,
		    "expected a group that exists, found \"%s\"\n", name);
		return -1;
	}
	*gid = group->gr_gid;
	return 0;
}

static int
user_resolve(struct conf_user *user, const char *who, FILE *errors)
{
	const struct passwd *account;

	if (number_parse(user->name, &user->uid) == 0) {
		account = getpwuid(user->uid);
		user->gid = account == NULL ? user->uid : account->pw_gid;
	} else if ((account = getpwnam(user->name)) != NULL) {
		user->uid = account->pw_uid;
		user->gid = account->pw_gid;
	} else {
		resolve_error(errors, user,
		    "expected a user that exists for %s, found \"%s\"\n", who,
		    user->name);
		return -1;
	}
	if (user->group[0] != '\0' &&
	    group_resolve(user->group, &user->gid, user, errors) == -1)
		return -1;
	if (user->uid == 0 || user->gid == 0) {
		resolve_error(errors, user,
		    "expected a user and group other than root's for %s, found "
		    "root's\n",
		    who);
		return -1;
	}
	return 0;
}

static int
users_compare(const struct conf *conf, FILE *errors)
{
	const struct conf_user *one, *other;
	int result = 0;

	for (size_t i = 0; i < ROLES; i++) {
		for (size_t j = 0; j < i; j++) {
			one = &conf->users[roles[j]];
			other = &conf->users[roles[i]];
			if (one->uid != other->uid)
				continue;
			parse_where(
			    errors, (const void *const[]){one, other, NULL});
			fprintf(errors,
			    "expected different users for %s and %s, found the "
			    "same\n",
			    role_name(roles[j]), role_name(roles[i]));
			result = -1;
		}
	}
	return result;
}

int
conf_resolve(struct conf *conf, FILE *errors)
{
	gid_t gid;
	int result = 0;

	conf->settings.control_group = -1;
	if (conf->control_group[0] != '\0') {
		result = group_resolve(
		    conf->control_group, &gid, conf->control, errors);
		if (result == 0)
			conf->settings.control_group = gid;
	}
	if (geteuid() != 0)
		return result;
	for (size_t i = 0; i < ROLES; i++) {
		if (user_resolve(&conf->users[roles[i]], role_name(roles[i]),
			errors) == -1)
			result = -1;
	}
	return result == 0 ? users_compare(conf, errors) : result;
}
