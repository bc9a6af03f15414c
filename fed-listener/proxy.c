/* SPDX-License-Identifier: ISC */
/*
 * A scanner over the bytes that are there: what is wrong is found at the first
 * wrong byte, so that a client that speaks HTTP at once is not waited for.
 */
#include "proxy.h"

struct cursor {
	const char *text;
	size_t length;
	size_t position;
};

enum found { FOUND_WRONG = -1, FOUND_SHORT = 0, FOUND_WHOLE = 1 };

static enum found
proxy_literal(struct cursor *cursor, const char *literal)
{
	for (; *literal != '\0'; literal++) {
		if (cursor->position == cursor->length)
			return FOUND_SHORT;
		if (cursor->text[cursor->position] != *literal)
			return FOUND_WRONG;
		cursor->position++;
	}
	return FOUND_WHOLE;
}

static int
proxy_digit(char c, unsigned int base)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (base == 16 && c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* A number of 1 to digits digits, within 16 bits, and what ends it. */
static enum found
proxy_number(
    struct cursor *cursor, unsigned int base, int digits, uint32_t *value)
{
	int count, digit;

	*value = 0;
	for (count = 0; cursor->position < cursor->length; count++) {
		digit = proxy_digit(cursor->text[cursor->position], base);
		if (digit == -1)
			return count == 0 ? FOUND_WRONG : FOUND_WHOLE;
		if (count == digits)
			return FOUND_WRONG;
		*value = *value * base + (uint32_t)digit;
		if (*value > UINT16_MAX)
			return FOUND_WRONG;
		cursor->position++;
	}
	return FOUND_SHORT;
}

int
proxy_parse(uint64_t *circuit, const char *buf, size_t length)
{
	static const struct {
		const char *before;
		unsigned int base;
		int digits;
	} numbers[] = {
	    {"PROXY TCP6 fc00:dead:beef:4dad::", 16, 4},
	    {":", 16, 4},
	    {" ::1 ", 10, 5},
	    {" ", 10, 5},
	};
	struct cursor cursor = {buf, length, 0};
	uint32_t values[4];
	enum found found;
	size_t i;

	for (i = 0; i < 4; i++) {
		found = proxy_literal(&cursor, numbers[i].before);
		if (found == FOUND_WHOLE)
			found = proxy_number(&cursor, numbers[i].base,
			    numbers[i].digits, &values[i]);
		if (found != FOUND_WHOLE)
			return (int)found;
	}
	found = proxy_literal(&cursor, "\r\n");
	if (found != FOUND_WHOLE)
		return (int)found;
	*circuit = (uint64_t)values[0] << 16 | values[1];
	return (int)cursor.position;
}
