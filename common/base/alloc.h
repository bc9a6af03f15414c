/* SPDX-License-Identifier: ISC */
/*
 * Memory that a process cannot go on without: fatal where there is none. Each
 * is released with free(). For what a peer or a client can make us allocate
 * without bound, calloc() itself and an answer.
 */
#ifndef TORFED_ALLOC_H
#define TORFED_ALLOC_H

#include <stddef.h>

void *xmalloc(size_t size) __attribute__((malloc));
/* count times size bytes, zeroed. */
void *xcalloc(size_t count, size_t size) __attribute__((malloc));
char *xstrdup(const char *) __attribute__((malloc));
/* A copy of size bytes; of nothing a pointer that is not NULL. */
void *xmemdup(const void *, size_t size) __attribute__((malloc));
/* As asprintf(3); the length, without NUL. */
size_t xasprintf(char **text, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* What another allocator returned: fatal when it is NULL, else itself. */
void *xpointer(void *);

#endif
