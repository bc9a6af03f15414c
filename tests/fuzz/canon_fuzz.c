/* SPDX-License-Identifier: ISC */
/*
 * Canonical JSON: the scan, the rewrite, the check and jansson's tree must
 * agree on every text, and rewriting what was rewritten changes nothing.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "json/canon.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
require(bool condition)
{
	if (!condition)
		abort();
}

static bool
same(const char *left, size_t left_length, const char *right,
    size_t right_length)
{
	return left_length == right_length &&
	       memcmp(left, right, left_length) == 0;
}

static void
check_tree(const char *text, size_t size, const char *canonical, size_t length)
{
	json_t *again, *root;
	size_t written_length;
	char *written;

	require(canon_parse(&root, text, size, true) == CODE_OK);
	require((written = canon_write(root, &written_length)) != NULL);
	require(same(written, written_length, canonical, length));
	require(canon_parse(&again, canonical, length, true) == CODE_OK);
	require(json_equal(again, root));
	json_decref(again);
	json_decref(root);
	free(written);
}

/* Stands in the text as it is, without an escape. */
static bool
name_plain(const char *name)
{
	for (; *name != '\0'; name++)
		if ((unsigned char)*name < 0x20 || *name == '"' ||
		    *name == '\\')
			return false;
	return true;
}

/* Every member that the tree has at the top is found in the text. */
static void
check_members(const char *canonical, size_t length)
{
	size_t found_length;
	const char *found, *name;
	json_t *root, *value;

	require(canon_parse(&root, canonical, length, true) == CODE_OK);
	json_object_foreach(root, name, value)
	{
		if (!name_plain(name))
			continue;
		found = canon_member(canonical, length, name, &found_length);
		require(found != NULL && found_length > 0 &&
			found + found_length < canonical + length);
	}
	json_decref(root);
}

static void
check_canonical(
    const char *text, size_t size, const char *canonical, size_t length)
{
	size_t again_length;
	char *again;

	require(length <= size && canonical[length] == '\0');
	require(canon_rewrite(&again, &again_length, canonical, length,
		    CANON_DEPTH, true) == CODE_OK);
	require(same(again, again_length, canonical, length));
	free(again);
	require(canon_check(canonical, length) == (canonical[0] == '{'));
	require(canon_check(text, size) ==
		(text[0] == '{' && same(text, size, canonical, length)));
	check_tree(text, size, canonical, length);
	if (canonical[0] == '{')
		check_members(canonical, length);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	size_t length, value_length;
	char *canonical;
	enum code code, scanned;
	json_t *root;

	scanned = canon_scan(text, size, true);
	code =
	    canon_rewrite(&canonical, &length, text, size, CANON_DEPTH, true);
	canon_text_valid(text, size);
	canon_member(text, size, "a", &value_length);
	if (code == CODE_OK) {
		require(scanned == CODE_OK);
		check_canonical(text, size, canonical, length);
		free(canonical);
		return 0;
	}
	require(scanned == code || code == CODE_JSON_DUPLICATE);
	require(!canon_check(text, size));
	require(canon_parse(&root, text, size, true) != CODE_OK);
	return 0;
}
