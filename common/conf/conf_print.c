/* SPDX-License-Identifier: ISC */
/*
 * Prints a configuration, defaults included, so that it parses to the same.
 * The database's connection string is printed as it is, with a password that
 * it may hold: the output is meant for whoever can read fed.conf itself.
 */
#include "conf/conf.h"
#include "conf/conf_setting.h"

static void
string_print(const char *text, FILE *out)
{
	putc('"', out);
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			putc('\\', out);
		putc(*text, out);
	}
	putc('"', out);
}

static void
statement_print(const char *words, const char *text, FILE *out)
{
	if (text[0] == '\0')
		return;
	fprintf(out, "%s ", words);
	string_print(text, out);
}

static void
users_print(const struct conf *conf, FILE *out)
{
	static const enum role roles[] = {
	    ROLE_LISTENER, ROLE_SIGNER, ROLE_SENDER, ROLE_QUEUED};

	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
		const struct conf_user *user = &conf->users[roles[i]];

		fprintf(out, "user %s ", role_name(roles[i]));
		string_print(user->name, out);
		if (user->group[0] != '\0')
			statement_print(" group", user->group, out);
		putc('\n', out);
	}
}

static void
settings_print(const struct conf *conf, FILE *out)
{
	struct settings settings = conf->settings;
	const struct conf_setting *table;
	char text[CONF_SETTING_TEXT_SIZE];
	size_t count, i;

	table = conf_setting_table(&count);
	for (i = 0; i < count; i++) {
		conf_setting_format(
		    &table[i], *conf_setting_slot(&table[i], &settings), text);
		fprintf(out, "%s %s %s\n", table[i].group, table[i].name, text);
	}
}

void
conf_print(const struct conf *conf, FILE *out)
{
	statement_print("keys", conf->keys, out);
	statement_print("\nsignatures", conf->signatures, out);
	statement_print("\nlisten on", conf->listen, out);
	fprintf(out, "%s\n", conf->settings.proxy_line ? " proxy-line" : "");
	statement_print("control on", conf->control, out);
	if (conf->control_group[0] != '\0')
		statement_print(" group", conf->control_group, out);
	putc('\n', out);
	if (conf->socks_port != 0)
		fprintf(out, "socks tcp %s port %u unconfined",
		    conf->socks_address, conf->socks_port);
	else
		statement_print("socks on", conf->socks, out);
	statement_print("\ndatabase", conf->database, out);
	statement_print("\nchroot", conf->empty, out);
	putc('\n', out);
	users_print(conf, out);
	settings_print(conf, out);
}
