/* SPDX-License-Identifier: ISC */
/*
 * Tokens of canonical JSON. A string is read in runs of plain bytes, found
 * with a table; escapes and multi-byte characters are decoded to a code point,
 * judged as one, and written back in the shortest form. So a raw and an
 * escaped character meet the same rules.
 */
#include <string.h>

#include "json/canon.h"
#include "json/canon_lex.h"

#define UTF8_MAX	      4
#define ESCAPE_MAX	      6	 /* bytes of \u001f */
#define DIGITS_MAX	      16 /* of 2^53-1 */
#define SURROGATE_HIGH	      0xd800U
#define SURROGATE_LOW	      0xdc00U
#define SURROGATE_END	      0xe000U
#define SUPPLEMENTARY	      0x10000U
#define UNICODE_END	      0x110000U
#define NONCHARACTERS	      0xfdd0U
#define NONCHARACTERS_END     0xfdf0U
#define HIGH_BMP_AFTER_OTHERS 0x200000U

/* 1: stands for itself in a string and is one byte: 20 to 7f but " and \. */
#define EACH_BYTE(byte)	      (0x0101010101010101U * (byte))
#define ONES_16		      1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1
static const uint8_t plain[256] = {[0x20] = 1,
    1,
    0,
    1,
    1,
    1,
    1,
    1,
    1,
    1,
    1,
    1,
    1,
    1,
    1,
    1, /* 22 is " */
    [0x30] = ONES_16,
    [0x40] = ONES_16,
    [0x50] = 1,
    1,
    1,
    1,
    1,
    1,
    1,
    1,
    1,
    1,
    1,
    1,
    0,
    1,
    1,
    1, /* 5c is \ */
    [0x60] = ONES_16,
    [0x70] = ONES_16};

/* What follows the backslash of a two-byte escape: the character meant. */
static const uint8_t escape_meaning[256] = {['"'] = '"',
    ['\\'] = '\\',
    ['/'] = '/',
    ['b'] = '\b',
    ['f'] = '\f',
    ['n'] = '\n',
    ['r'] = '\r',
    ['t'] = '\t'};

/* The way back, for what must be escaped in two bytes (section 3.2.2.2). */
static const uint8_t escape_letter[128] = {['"'] = '"',
    ['\\'] = '\\',
    ['\b'] = 'b',
    ['\f'] = 'f',
    ['\n'] = 'n',
    ['\r'] = 'r',
    ['\t'] = 't'};

/* Noncharacters and surrogates have no place in I-JSON (RFC 7493, 2.1). */
static bool
character_allowed(uint32_t character)
{
	if (character == 0 || character >= UNICODE_END)
		return false;
	if (character >= SURROGATE_HIGH && character < SURROGATE_END)
		return false;
	if (character >= NONCHARACTERS && character < NONCHARACTERS_END)
		return false;
	return (character & 0xfffe) != 0xfffe;
}

/*
 * One character of two to four bytes. Returns its length, 0 when it is cut
 * off, over-long or no lead byte.
 */
static size_t
utf8_decode(uint32_t *character, const uint8_t *at, const uint8_t *end)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, SUPPLEMENTARY};
	size_t i, length;

	if (at[0] >= 0xc2 && at[0] <= 0xdf)
		length = 2;
	else if (at[0] >= 0xe0 && at[0] <= 0xef)
		length = 3;
	else if (at[0] >= 0xf0 && at[0] <= 0xf4)
		length = 4;
	else
		return 0;
	if ((size_t)(end - at) < length)
		return 0;
	*character = at[0] & (0x7fU >> length);
	for (i = 1; i < length; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
		*character = *character << 6 | (at[i] & 0x3fU);
	}
	return *character < least[length] ? 0 : length;
}

static size_t
utf8_encode(uint8_t *bytes, uint32_t character)
{
	if (character < 0x80) {
		bytes[0] = (uint8_t)character;
		return 1;
	}
	if (character < 0x800) {
		bytes[0] = (uint8_t)(0xc0 | character >> 6);
		bytes[1] = (uint8_t)(0x80 | (character & 0x3f));
		return 2;
	}
	if (character < SUPPLEMENTARY) {
		bytes[0] = (uint8_t)(0xe0 | character >> 12);
		bytes[1] = (uint8_t)(0x80 | (character >> 6 & 0x3f));
		bytes[2] = (uint8_t)(0x80 | (character & 0x3f));
		return 3;
	}
	bytes[0] = (uint8_t)(0xf0 | character >> 18);
	bytes[1] = (uint8_t)(0x80 | (character >> 12 & 0x3f));
	bytes[2] = (uint8_t)(0x80 | (character >> 6 & 0x3f));
	bytes[3] = (uint8_t)(0x80 | (character & 0x3f));
	return 4;
}

/* Section 3.2.2.2: the shortest escape, lower case, or the character. */
static size_t
character_write(uint8_t bytes[ESCAPE_MAX], uint32_t character)
{
	static const char digits[] = "0123456789abcdef";

	if (character < 0x80 && escape_letter[character] != 0) {
		bytes[0] = '\\';
		bytes[1] = escape_letter[character];
		return 2;
	}
	if (character < 0x20) {
		memcpy(bytes, "\\u00", 4);
		bytes[4] = (uint8_t)digits[character >> 4];
		bytes[5] = (uint8_t)digits[character & 15];
		return 6;
	}
	return utf8_encode(bytes, character);
}

static int
hex_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* \uXXXX at at; -1 when it is none. */
static int32_t
unit_decode(const uint8_t *at, const uint8_t *end)
{
	int32_t unit = 0;
	int i, value;

	if (end - at < ESCAPE_MAX || at[0] != '\\' || at[1] != 'u')
		return -1;
	for (i = 2; i < ESCAPE_MAX; i++) {
		if ((value = hex_value(at[i])) == -1)
			return -1;
		unit = unit << 4 | value;
	}
	return unit;
}

/*
 * An escape of one or, for a surrogate pair, two units. Returns its length, 0
 * when it is no escape. A lone surrogate stays one: character_allowed().
 */
static size_t
escape_decode(uint32_t *character, const uint8_t *at, const uint8_t *end)
{
	int32_t unit, low;

	if (end - at >= 2 && escape_meaning[at[1]] != 0) {
		*character = escape_meaning[at[1]];
		return 2;
	}
	if ((unit = unit_decode(at, end)) == -1)
		return 0;
	*character = (uint32_t)unit;
	if (*character < SURROGATE_HIGH || *character >= SURROGATE_LOW)
		return ESCAPE_MAX;
	low = unit_decode(at + ESCAPE_MAX, end);
	if (low < (int32_t)SURROGATE_LOW || low >= (int32_t)SURROGATE_END)
		return ESCAPE_MAX;
	*character = SUPPLEMENTARY + ((*character - SURROGATE_HIGH) << 10) +
		     ((uint32_t)low - SURROGATE_LOW);
	return 2 * ESCAPE_MAX;
}

static void
lex_write(struct canon_lex *lex, const uint8_t *bytes, size_t length)
{
	if (lex->out == NULL)
		return;
	memcpy(lex->out, bytes, length);
	lex->out += length;
}

static enum code
lex_escape(struct canon_lex *lex)
{
	uint8_t bytes[ESCAPE_MAX];
	uint32_t character;
	size_t length, written;

	if ((length = escape_decode(&character, lex->at, lex->end)) == 0)
		return CODE_JSON;
	if (!character_allowed(character))
		return CODE_JSON_ENCODING;
	written = character_write(bytes, character);
	if (lex->canonical &&
	    (written != length || memcmp(bytes, lex->at, length) != 0))
		return CODE_JSON;
	lex_write(lex, bytes, written);
	lex->at += length;
	return CODE_OK;
}

/* Whatever is not plain and no quote; run is what was not written yet. */
static enum code
lex_special(struct canon_lex *lex, const uint8_t **run)
{
	uint32_t character;
	size_t length;
	enum code code;

	if (*lex->at == '\\') {
		lex_write(lex, *run, (size_t)(lex->at - *run));
		code = lex_escape(lex);
		*run = lex->at;
		return code;
	}
	if (*lex->at < 0x20)
		return CODE_JSON;
	length = utf8_decode(&character, lex->at, lex->end);
	if (length == 0 || !character_allowed(character))
		return CODE_JSON_ENCODING;
	lex->at += length;
	return CODE_OK;
}

/* A bit in each byte of word that is 0: exact up to and with the first. */
static uint64_t
zero_bytes(uint64_t word)
{
	return (word - EACH_BYTE(0x01)) & ~word & EACH_BYTE(0x80);
}

/* Where a run of plain characters ends; most of a payload is one such run, so
 * eight at a time are looked at. */
static const uint8_t *
plain_run(const uint8_t *at, const uint8_t *end)
{
	uint64_t word, special;

	while (end - at >= (ptrdiff_t)sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		special = word & EACH_BYTE(0x80);	       /* not ASCII */
		special |= zero_bytes(word & EACH_BYTE(0xe0)); /* control */
		special |= zero_bytes(word ^ EACH_BYTE('"'));
		special |= zero_bytes(word ^ EACH_BYTE('\\'));
		if (special != 0)
			break;
		at += sizeof(word);
	}
	while (at < end && plain[*at])
		at++;
	return at;
}

enum code
canon_lex_string(struct canon_lex *lex)
{
	const uint8_t *run = lex->at;
	enum code code;

	if (lex->at == lex->end || *lex->at != '"')
		return CODE_JSON;
	lex->at++;
	for (;;) {
		lex->at = plain_run(lex->at, lex->end);
		if (lex->at == lex->end)
			return CODE_JSON;
		if (*lex->at == '"')
			break;
		if ((code = lex_special(lex, &run)) != CODE_OK)
			return code;
	}
	lex->at++;
	lex_write(lex, run, (size_t)(lex->at - run));
	return CODE_OK;
}

/* 0|-?[1-9][0-9]* within 2^53-1, and nothing that would make it another. */
enum code
canon_lex_number(struct canon_lex *lex)
{
	const uint8_t *start = lex->at, *digits;
	uint64_t value = 0;

	if (lex->at < lex->end && *lex->at == '-')
		lex->at++;
	digits = lex->at;
	while (lex->at < lex->end && *lex->at >= '0' && *lex->at <= '9') {
		if (lex->at - digits == DIGITS_MAX)
			return CODE_JSON_NUMBER;
		value = value * 10 + (uint64_t)(*lex->at++ - '0');
	}
	if (lex->at == digits || value > CANON_INTEGER_MAX)
		return CODE_JSON_NUMBER;
	if (*digits == '0' && lex->at - start != 1)
		return CODE_JSON_NUMBER;
	if (lex->at < lex->end &&
	    (*lex->at == '.' || *lex->at == 'e' || *lex->at == 'E'))
		return CODE_JSON_NUMBER;
	lex_write(lex, start, (size_t)(lex->at - start));
	return CODE_OK;
}

enum code
canon_lex_literal(struct canon_lex *lex)
{
	static const char *const literals[] = {"true", "false", "null"};
	size_t i, length;

	for (i = 0; i < sizeof(literals) / sizeof(literals[0]); i++) {
		length = strlen(literals[i]);
		if ((size_t)(lex->end - lex->at) < length ||
		    memcmp(lex->at, literals[i], length) != 0)
			continue;
		lex_write(lex, lex->at, length);
		lex->at += length;
		return CODE_OK;
	}
	return CODE_JSON;
}

bool
canon_text_valid(const char *text, size_t length)
{
	const uint8_t *at = (const uint8_t *)text, *end = at + length;
	uint32_t character;
	size_t step;

	for (; at < end; at += step) {
		character = *at;
		step = *at < 0x80 ? 1 : utf8_decode(&character, at, end);
		if (step == 0 || !character_allowed(character))
			return false;
	}
	return true;
}

/* The next character of a name. Total: what is malformed is taken bytewise. */
static uint32_t
name_next(const uint8_t **at, const uint8_t *end)
{
	uint32_t character;
	size_t length = 0;

	if (**at == '\\')
		length = escape_decode(&character, *at, end);
	else if (**at >= 0x80)
		length = utf8_decode(&character, *at, end);
	if (length == 0) {
		character = **at;
		length = 1;
	}
	*at += length;
	return character;
}

/*
 * A number that sorts characters as their UTF-16 units do: those beyond the
 * BMP begin with a surrogate, D800 to DBFF, so they come before E000 to FFFF.
 */
static uint32_t
utf16_rank(uint32_t character)
{
	if (character >= SURROGATE_END && character < SUPPLEMENTARY)
		return character + HIGH_BMP_AFTER_OTHERS;
	return character;
}

int
canon_lex_compare(const uint8_t *left, size_t left_length, const uint8_t *right,
    size_t right_length)
{
	const uint8_t *left_end = left + left_length;
	const uint8_t *right_end = right + right_length;
	uint32_t left_rank, right_rank;

	while (left < left_end && right < right_end) {
		if (*left == *right && plain[*left]) {
			left++;
			right++;
			continue;
		}
		left_rank = utf16_rank(name_next(&left, left_end));
		right_rank = utf16_rank(name_next(&right, right_end));
		if (left_rank != right_rank)
			return left_rank < right_rank ? -1 : 1;
	}
	return (left < left_end) - (right < right_end);
}
