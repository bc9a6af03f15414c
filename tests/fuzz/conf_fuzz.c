/* SPDX-License-Identifier: ISC */
/*
 * Any text as fed.conf: it is refused with an error, or what conf_print()
 * makes of it parses to the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
print_again(const struct conf *conf)
{
	static struct conf again;
	char *text, *errors;
	size_t length, size;
	FILE *out = open_memstream(&text, &length);
	FILE *told = open_memstream(&errors, &size);

	if (out == NULL || told == NULL)
		abort();
	conf_print(conf, out);
	fclose(out);
	if (conf_load_text(&again, "f", text, length, told) == -1 ||
	    memcmp(conf, &again, sizeof(again)) != 0)
		abort();
	fclose(told);
	free(text);
	free(errors);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
	static struct conf conf;
	char *errors;
	size_t size;
	FILE *out = open_memstream(&errors, &size);
	int result;

	if (out == NULL)
		abort();
	result = conf_load_text(&conf, "f", (const char *)data, length, out);
	fclose(out);
	if ((result == -1) != (size > 0))
		abort();
	for (size_t i = 0; i < size; i++) {
		/* Nothing that a terminal would obey. */
		if (errors[i] != '\n' && (errors[i] < ' ' || errors[i] > '~'))
			abort();
	}
	free(errors);
	if (result == 0)
		print_again(&conf);
	return 0;
}
