/* SPDX-License-Identifier: ISC */
/*
 * Splits fed.conf into tokens. A word is a run of visible ASCII without quotes
 * and '#', so that a misplaced path or number is named whole in the error.
 * Only blank and tab separate; every other control character, NUL and
 * carriage return included, is an error where it stands.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/lex.h"

/* Longer than any text the lexer puts together itself. */
#define LEX_PROBLEM_SIZE 64

int
lex_init(struct lex *lex, const char *input, size_t length)
{
	memset(lex, 0, sizeof(*lex));
	lex->input = input;
	lex->length = length;
	lex->line = 1;
	/*
	 * A token is at least one byte of input and gets one for its NUL. The
	 * text of a problem is kept once, since only one is looked at a time.
	 */
	lex->memory = malloc(2 * length + 1 + LEX_PROBLEM_SIZE);
	if (lex->memory == NULL)
		return -1;
	lex->used = LEX_PROBLEM_SIZE;
	return 0;
}

void
lex_free(struct lex *lex)
{
	free(lex->memory);
	lex->memory = NULL;
}

static int
peek(const struct lex *lex)
{
	if (lex->position == lex->length)
		return EOF;
	return (unsigned char)lex->input[lex->position];
}

static void
blanks_skip(struct lex *lex)
{
	while (peek(lex) == ' ' || peek(lex) == '\t')
		lex->position++;
	if (peek(lex) != '#')
		return;
	while (peek(lex) != '\n' && peek(lex) != EOF)
		lex->position++;
}

static void
bad(struct lex *lex, struct lex_token *token, const char *what)
{
	token->kind = LEX_BAD;
	token->text = what;
	/* The rest of the line means nothing any more. */
	while (peek(lex) != '\n' && peek(lex) != EOF)
		lex->position++;
}

static void
bad_byte(struct lex *lex, struct lex_token *token)
{
	snprintf(lex->memory, LEX_PROBLEM_SIZE, "the byte \\%03o",
	    (unsigned int)peek(lex));
	bad(lex, token, lex->memory);
}

static int
is_word(int byte)
{
	return byte > ' ' && byte < 0x7f && byte != '"' && byte != '#';
}

static void
word_read(struct lex *lex, struct lex_token *token)
{
	char *text = lex->memory + lex->used;

	token->kind = LEX_WORD;
	token->text = text;
	for (; is_word(peek(lex)); lex->position++)
		*text++ = lex->input[lex->position];
	*text++ = '\0';
	lex->used = text - lex->memory;
}

static void
string_read(struct lex *lex, struct lex_token *token)
{
	char *text = lex->memory + lex->used;
	int byte;

	token->kind = LEX_STRING;
	token->text = text;
	lex->position++;
	for (; (byte = peek(lex)) != '"'; lex->position++) {
		if (byte == '\\') {
			lex->position++;
			byte = peek(lex);
			if (byte != '"' && byte != '\\') {
				bad(lex, token,
				    "a backslash before another "
				    "character than \" and \\");
				return;
			}
		} else if (byte == EOF || byte == '\n') {
			bad(lex, token, "a string without its closing quote");
			return;
		} else if (byte < ' ' || byte == 0x7f) {
			bad_byte(lex, token);
			return;
		}
		*text++ = (char)byte;
	}
	lex->position++;
	*text++ = '\0';
	lex->used = text - lex->memory;
}

void
lex_next(struct lex *lex, struct lex_token *token)
{
	int byte;

	blanks_skip(lex);
	token->line = lex->line;
	token->text = "";
	byte = peek(lex);
	if (byte == '\n' || (byte == EOF && lex->pending)) {
		token->kind = LEX_NEWLINE;
		lex->pending = 0;
		if (byte == '\n') {
			lex->position++;
			lex->line++;
		}
		return;
	}
	if (byte == EOF) {
		token->kind = LEX_END;
		return;
	}
	lex->pending = 1;
	if (byte == '"')
		string_read(lex, token);
	else if (is_word(byte))
		word_read(lex, token);
	else
		bad_byte(lex, token);
}
