/* SPDX-License-Identifier: ISC */
/*
 * The lexer of fed.conf: words, quoted strings and line ends. What a word
 * means is the grammar's business (parse.y).
 */
#ifndef TORFED_LEX_H
#define TORFED_LEX_H

#include <stddef.h>

enum lex_kind {
	LEX_END,     /* end of the file */
	LEX_NEWLINE, /* also once before the end when the last has none */
	LEX_WORD,
	LEX_STRING, /* without its quotes, \" and \\ resolved */
	LEX_BAD	    /* text says what is wrong */
};

struct lex_token {
	enum lex_kind kind;
	unsigned int line; /* from 1 */
	const char *text;  /* lives as long as the lexer */
};

struct lex {
	const char *input; /* caller's memory, length bytes */
	size_t length;
	size_t position;
	unsigned int line;
	int pending;  /* something stands on this line */
	char *memory; /* texts of all tokens */
	size_t used;
};

/* -1: out of memory. */
int lex_init(struct lex *, const char *input, size_t length);
void lex_next(struct lex *, struct lex_token *);
void lex_free(struct lex *);

#endif
