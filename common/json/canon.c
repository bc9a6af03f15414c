/* SPDX-License-Identifier: ISC */
/*
 * Canonical JSON in one pass over the text, by recursive descent that ends at
 * the depth the protocol allows. One walk serves three purposes: the scan only
 * looks, the check also demands that the text is canonical already, and the
 * rewrite writes the canonical form beside. Members are written in the order
 * met, with an index sorted by name; an object whose members came in another
 * order is rearranged through a second buffer once it is whole.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "json/canon.h"
#include "json/canon_lex.h"

/* Offsets into the canonical form; name without quotes. */
struct member {
	uint32_t start;
	uint32_t name_end;
	uint32_t end;
};

struct walk {
	struct canon_lex lex;
	unsigned int depth; /* of containers, at most */
	/* Rewriting only, else NULL. */
	uint8_t *base;		/* start of the canonical form */
	uint8_t *scratch;	/* as long */
	struct member *members; /* CANON_MEMBERS for each level */
};

/* An object under way. */
struct object {
	unsigned int count;
	bool moved;		/* members came in another order */
	struct member *members; /* sorted by name */
	uint32_t start;		/* of the first member as written */
	const uint8_t *name;	/* checking: the previous name */
	size_t name_length;
};

static enum code walk_value(struct walk *, unsigned int);

static bool
space_is(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void
walk_space(struct walk *walk)
{
	struct canon_lex *lex = &walk->lex;

	if (lex->canonical)
		return;
	while (lex->at < lex->end && space_is(*lex->at))
		lex->at++;
}

/* Goes past c, and writes it, when it comes next. */
static bool
walk_take(struct walk *walk, uint8_t c)
{
	struct canon_lex *lex = &walk->lex;

	if (lex->at == lex->end || *lex->at != c)
		return false;
	lex->at++;
	if (lex->out != NULL)
		*lex->out++ = c;
	return true;
}

static int
member_compare(
    const struct walk *walk, const struct member *a, const struct member *b)
{
	return canon_lex_compare(walk->base + a->start + 1,
	    a->name_end - a->start - 1, walk->base + b->start + 1,
	    b->name_end - b->start - 1);
}

/*
 * Puts member in its place: mostly the end, else by binary search, so that
 * long common beginnings are not compared more often than must be.
 */
static enum code
object_insert(
    struct walk *walk, struct object *object, const struct member *member)
{
	struct member *members = object->members;
	unsigned int low = 0, high = object->count, middle;
	int order;

	for (middle = high - 1; low < high; middle = (low + high) / 2) {
		order = member_compare(walk, member, &members[middle]);
		if (order == 0)
			return CODE_JSON_DUPLICATE;
		if (order > 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < object->count)
		object->moved = true;
	memmove(members + low + 1, members + low,
	    (object->count - low) * sizeof(*members));
	members[low] = *member;
	return CODE_OK;
}

/* Text that is canonical already has each name after the one before. */
static enum code
object_follow(struct object *object, const uint8_t *name, size_t length)
{
	int order = 1;

	if (object->name != NULL)
		order = canon_lex_compare(
		    name, length, object->name, object->name_length);
	object->name = name;
	object->name_length = length;
	if (order == 0)
		return CODE_JSON_DUPLICATE;
	return order > 0 ? CODE_OK : CODE_JSON;
}

static void
object_arrange(struct walk *walk, const struct object *object)
{
	const struct member *member;
	uint8_t *to = walk->scratch;
	unsigned int i;

	for (i = 0; i < object->count; i++) {
		member = &object->members[i];
		memcpy(to, walk->base + member->start,
		    member->end - member->start);
		to += member->end - member->start;
		*to++ = ',';
	}
	memcpy(walk->base + object->start, walk->scratch,
	    (size_t)(to - walk->scratch) - 1);
}

static uint32_t
walk_offset(const struct walk *walk)
{
	return (uint32_t)(walk->lex.out - walk->base);
}

/* The value of a member whose name was read, and the member's place. */
static enum code
walk_member_value(struct walk *walk, struct object *object,
    struct member *member, unsigned int depth)
{
	enum code code;

	walk_space(walk);
	if (!walk_take(walk, ':'))
		return CODE_JSON;
	walk_space(walk);
	if ((code = walk_value(walk, depth)) != CODE_OK || walk->base == NULL)
		return code;
	member->end = walk_offset(walk);
	return object_insert(walk, object, member);
}

static enum code
walk_member(struct walk *walk, struct object *object, unsigned int depth)
{
	const uint8_t *name = walk->lex.at + 1;
	struct member member = {0};
	enum code code;

	if (object->count == CANON_MEMBERS)
		return CODE_JSON_MEMBERS;
	if (walk->base != NULL)
		member.start = walk_offset(walk);
	if ((code = canon_lex_string(&walk->lex)) != CODE_OK)
		return code;
	if (walk->base != NULL)
		member.name_end = walk_offset(walk) - 1;
	else if (walk->lex.canonical &&
		 (code = object_follow(object, name,
		      (size_t)(walk->lex.at - name) - 1)) != CODE_OK)
		return code;
	if ((code = walk_member_value(walk, object, &member, depth)) == CODE_OK)
		object->count++;
	return code;
}

static enum code
walk_object(struct walk *walk, unsigned int depth)
{
	struct object object = {0};
	enum code code;

	walk_take(walk, '{');
	if (walk->base != NULL) {
		object.start = walk_offset(walk);
		object.members = walk->members + (depth - 1) * CANON_MEMBERS;
	}
	walk_space(walk);
	if (walk_take(walk, '}'))
		return CODE_OK;
	do {
		walk_space(walk);
		code = walk_member(walk, &object, depth);
		if (code != CODE_OK)
			return code;
		walk_space(walk);
	} while (walk_take(walk, ','));
	if (!walk_take(walk, '}'))
		return CODE_JSON;
	if (object.moved)
		object_arrange(walk, &object);
	return CODE_OK;
}

static enum code
walk_array(struct walk *walk, unsigned int depth)
{
	unsigned int count = 0;
	enum code code;

	walk_take(walk, '[');
	walk_space(walk);
	if (walk_take(walk, ']'))
		return CODE_OK;
	do {
		walk_space(walk);
		if (count++ == CANON_ELEMENTS)
			return CODE_JSON_ELEMENTS;
		if ((code = walk_value(walk, depth)) != CODE_OK)
			return code;
		walk_space(walk);
	} while (walk_take(walk, ','));
	return walk_take(walk, ']') ? CODE_OK : CODE_JSON;
}

/* A value inside depth containers. */
static enum code
walk_value(struct walk *walk, unsigned int depth)
{
	struct canon_lex *lex = &walk->lex;

	if (lex->at == lex->end)
		return CODE_JSON;
	switch (*lex->at) {
	case '{':
	case '[':
		if (depth == walk->depth)
			return CODE_JSON_DEPTH;
		return *lex->at == '{' ? walk_object(walk, depth + 1)
				       : walk_array(walk, depth + 1);
	case '"':
		return canon_lex_string(lex);
	case 't':
	case 'f':
	case 'n':
		return canon_lex_literal(lex);
	default:
		if (*lex->at != '-' && (*lex->at < '0' || *lex->at > '9'))
			return CODE_JSON;
		return canon_lex_number(lex);
	}
}

/*
 * Whether the rest is nothing but spaces, as most of a padded body is: a run of
 * bytes that begins with a space and equals itself moved by one.
 */
static bool
walk_padding(const struct canon_lex *lex)
{
	size_t length = (size_t)(lex->end - lex->at);

	return length == 0 || (*lex->at == ' ' && memcmp(lex->at, lex->at + 1,
						      length - 1) == 0);
}

static enum code
walk_text(struct walk *walk, bool strict_end)
{
	struct canon_lex *lex = &walk->lex;
	enum code code;
	bool container;

	walk_space(walk);
	container = lex->at < lex->end && (*lex->at == '{' || *lex->at == '[');
	if ((code = walk_value(walk, 0)) != CODE_OK)
		return code;
	if (!container)
		return CODE_JSON_TOP;
	if (strict_end)
		return walk_padding(lex) ? CODE_OK : CODE_JSON_TRAILING;
	walk_space(walk);
	return lex->at == lex->end ? CODE_OK : CODE_JSON_TRAILING;
}

static void
walk_init(
    struct walk *walk, const char *text, size_t length, unsigned int depth)
{
	memset(walk, 0, sizeof(*walk));
	walk->lex.at = (const uint8_t *)text;
	walk->lex.end = walk->lex.at + length;
	walk->depth = depth;
}

enum code
canon_scan(const char *text, size_t length, bool strict_end)
{
	struct walk walk;

	walk_init(&walk, text, length, CANON_DEPTH);
	return walk_text(&walk, strict_end);
}

bool
canon_check(const char *text, size_t length)
{
	struct walk walk;

	if (length == 0 || text[0] != '{')
		return false;
	walk_init(&walk, text, length, CANON_DEPTH);
	walk.lex.canonical = true;
	return walk_value(&walk, 0) == CODE_OK && walk.lex.at == walk.lex.end;
}

enum code
canon_rewrite(char **canonical, size_t *canonical_length, const char *text,
    size_t length, unsigned int depth, bool strict_end)
{
	struct walk walk;
	enum code code;

	*canonical = NULL;
	*canonical_length = 0;
	if (length > CANON_LENGTH_MAX)
		return CODE_TOO_LARGE;
	walk_init(&walk, text, length, depth);
	walk.base = malloc(2 * (length + 1));
	walk.members = calloc(depth * CANON_MEMBERS, sizeof(*walk.members));
	code = CODE_INTERNAL;
	if (walk.base != NULL && walk.members != NULL) {
		walk.lex.out = walk.base;
		walk.scratch = walk.base + length + 1;
		code = walk_text(&walk, strict_end);
	}
	free(walk.members);
	if (code != CODE_OK) {
		free(walk.base);
		return code;
	}
	*walk.lex.out = '\0';
	*canonical_length = walk_offset(&walk);
	*canonical = (char *)walk.base;
	return CODE_OK;
}
