/* SPDX-License-Identifier: ISC */
/*
 * Small encodings. Decoders accept exactly what the encoders write, so that
 * a value has one text and a text has one value: nothing that is hashed or
 * signed can be written in two ways.
 */
#include <sodium.h>
#include <string.h>

#include "base/encode.h"

#define DAY_S	 86400
#define TIME_MAX INT64_C(253370764799) /* 9998-12-31T23:59:59Z */

static const char hex_digits[] = "0123456789abcdef";
static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "abcdefghijklmnopqrstuvwxyz0123456789+/";

void
hex_encode(char *text, const uint8_t *bytes, size_t length)
{
	size_t i;

	for (i = 0; i < length; i++) {
		text[2 * i] = hex_digits[bytes[i] >> 4];
		text[2 * i + 1] = hex_digits[bytes[i] & 15];
	}
	text[2 * length] = '\0';
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

int
hex_decode(uint8_t *bytes, size_t length, const char *text, size_t text_length)
{
	int high, low;
	size_t i;

	if (text_length / 2 != length || text_length % 2 != 0)
		return -1;
	for (i = 0; i < length; i++) {
		high = hex_value(text[2 * i]);
		low = hex_value(text[2 * i + 1]);
		if (high == -1 || low == -1)
			return -1;
		bytes[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

void
base64_encode(char *text, const uint8_t *bytes, size_t length)
{
	uint32_t group;
	size_t i, left;

	for (i = 0; i < length; i += 3) {
		left = length - i;
		group = (uint32_t)bytes[i] << 16;
		if (left > 1)
			group |= (uint32_t)bytes[i + 1] << 8;
		if (left > 2)
			group |= bytes[i + 2];
		*text++ = base64_digits[group >> 18];
		*text++ = base64_digits[group >> 12 & 63];
		*text++ = left > 1 ? base64_digits[group >> 6 & 63] : '=';
		*text++ = left > 2 ? base64_digits[group & 63] : '=';
	}
	*text = '\0';
}

static int
base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : -1;
}

/* count of the four characters are digits, the others padding. */
static int
base64_group(uint32_t *group, const char *text, size_t count)
{
	size_t i;
	int value;

	*group = 0;
	for (i = 0; i < 4; i++) {
		value = 0;
		if (i < count && (value = base64_value(text[i])) == -1)
			return -1;
		*group = *group << 6 | (uint32_t)value;
	}
	/* RFC 4648 section 3.5: unused bits must be zero. */
	if (count < 4 && (*group & (count == 3 ? 0xffU : 0xffffU)) != 0)
		return -1;
	return 0;
}

int
base64_decode(uint8_t *bytes, size_t size, size_t *length, const char *text,
    size_t text_length)
{
	size_t count, i, j, total;
	uint32_t group;

	*length = 0;
	if (text_length % 4 != 0)
		return -1;
	total = text_length / 4 * 3;
	if (text_length > 0 && text[text_length - 1] == '=')
		total -= text[text_length - 2] == '=' ? 2 : 1;
	if (total > size)
		return -1;
	for (i = 0; i < total; i += 3) {
		count = total - i < 3 ? total - i : 3;
		if (base64_group(&group, text + i / 3 * 4, count + 1) == -1)
			return -1;
		for (j = 0; j < count; j++)
			bytes[i + j] = (uint8_t)(group >> (16 - 8 * j));
	}
	*length = total;
	return 0;
}

int
base64_decode_exact(
    uint8_t *bytes, size_t length, const char *text, size_t text_length)
{
	size_t decoded;

	if (text_length != BASE64_LENGTH(length))
		return -1;
	if (base64_decode(bytes, length, &decoded, text, text_length) == -1)
		return -1;
	return decoded == length ? 0 : -1;
}

void
uuid_new(uint8_t uuid[UUID_SIZE])
{
	randombytes_buf(uuid, UUID_SIZE);
	uuid[6] = (uuid[6] & 0x0f) | 0x40; /* version 4 */
	uuid[8] = (uuid[8] & 0x3f) | 0x80; /* variant 10 */
}

/* Bytes at which a hyphen precedes: RFC 9562 section 4. */
static int
uuid_hyphen(size_t i)
{
	return i == 4 || i == 6 || i == 8 || i == 10;
}

void
uuid_format(char text[UUID_TEXT + 1], const uint8_t uuid[UUID_SIZE])
{
	size_t i;

	for (i = 0; i < UUID_SIZE; i++) {
		if (uuid_hyphen(i))
			*text++ = '-';
		hex_encode(text, uuid + i, 1);
		text += 2;
	}
}

int
uuid_parse(uint8_t uuid[UUID_SIZE], const char *text, size_t length)
{
	size_t i;

	if (length != UUID_TEXT)
		return -1;
	for (i = 0; i < UUID_SIZE; i++) {
		if (uuid_hyphen(i) && *text++ != '-')
			return -1;
		if (hex_decode(uuid + i, 1, text, 2) == -1)
			return -1;
		text += 2;
	}
	if (uuid[6] >> 4 != 4 || uuid[8] >> 6 != 2)
		return -1;
	return 0;
}

/*
 * Days since 1970-01-01 of a date in the Gregorian calendar, by counting the
 * year from March: then the leap day is the last of its year, and the first
 * day of month m (0 is March) is (153 m + 2) / 5 days into the year.
 */
static int64_t
days_from_date(int64_t year, int64_t month, int64_t day)
{
	if (month <= 2) {
		year--;
		month += 12;
	}
	return 365 * year + year / 4 - year / 100 + year / 400 +
	       (153 * (month - 3) + 2) / 5 + day - 1 - 719468;
}

static int
month_days(int64_t year, int64_t month)
{
	static const int days[] = {
	    31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	if (month == 2 &&
	    ((year % 4 == 0 && year % 100 != 0) || year % 400 == 0))
		return 29;
	return days[month - 1];
}

static void
digits_write(char *text, int64_t value, size_t count)
{
	while (count-- > 0) {
		text[count] = (char)('0' + value % 10);
		value /= 10;
	}
}

void
time_format(char text[TIME_TEXT + 1], int64_t seconds)
{
	int64_t clock, days, month, year;

	if (seconds < 0)
		seconds = 0;
	if (seconds > TIME_MAX)
		seconds = TIME_MAX;
	days = seconds / DAY_S;
	clock = seconds % DAY_S;
	/* The estimate is never too early, and at most one year late. */
	year = 1970 + days / 365;
	while (days_from_date(year, 1, 1) > days)
		year--;
	days -= days_from_date(year, 1, 1);
	for (month = 1; days >= month_days(year, month); month++)
		days -= month_days(year, month);
	memcpy(text, "0000-00-00T00:00:00Z", TIME_TEXT + 1);
	digits_write(text, year, 4);
	digits_write(text + 5, month, 2);
	digits_write(text + 8, days + 1, 2);
	digits_write(text + 11, clock / 3600, 2);
	digits_write(text + 14, clock / 60 % 60, 2);
	digits_write(text + 17, clock % 60, 2);
}

/* Exactly count digits, with leading zeros; -1 when one is none. */
static int64_t
digits_read(const char *text, size_t count)
{
	int64_t value = 0;

	while (count-- > 0) {
		if (*text < '0' || *text > '9')
			return -1;
		value = value * 10 + (*text++ - '0');
	}
	return value;
}

int
time_parse(int64_t *seconds, const char *text, size_t length)
{
	int64_t day, hour, minute, month, second, year;

	if (length != TIME_TEXT || text[4] != '-' || text[7] != '-' ||
	    text[10] != 'T' || text[13] != ':' || text[16] != ':' ||
	    text[19] != 'Z')
		return -1;
	year = digits_read(text, 4);
	month = digits_read(text + 5, 2);
	day = digits_read(text + 8, 2);
	hour = digits_read(text + 11, 2);
	minute = digits_read(text + 14, 2);
	second = digits_read(text + 17, 2);
	if (year < 1970 || year > 9998 || month < 1 || month > 12)
		return -1;
	if (day < 1 || day > month_days(year, month))
		return -1;
	if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 ||
	    second > 59)
		return -1;
	*seconds = days_from_date(year, month, day) * DAY_S + hour * 3600 +
		   minute * 60 + second;
	return 0;
}

int
decimal_parse(
    uint64_t *value, const char *text, size_t length, uint64_t maximum)
{
	uint64_t digit, sum = 0;
	size_t i;

	if (length == 0 || (length > 1 && text[0] == '0'))
		return -1;
	for (i = 0; i < length; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -1;
		digit = (uint64_t)(text[i] - '0');
		if (sum > UINT64_MAX / 10 || sum * 10 > UINT64_MAX - digit)
			return -1;
		sum = sum * 10 + digit;
	}
	if (sum > maximum)
		return -1;
	*value = sum;
	return 0;
}
