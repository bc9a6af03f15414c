/* SPDX-License-Identifier: ISC */
/*
 * Files that are nobody else's. Names are relative to an open directory, whose
 * path stands in messages only.
 */
#ifndef TORFED_FED_SIGNER_FILE_H
#define TORFED_FED_SIGNER_FILE_H

#include <sys/types.h>
#include <stddef.h>

struct directory;

/* 0: there is something of that name (a broken link is, too); -1: not. */
int file_exists(const struct directory *, const char *name);
/*
 * Reads a regular file of at most size bytes, with one name, no bit of
 * forbidden in its mode, and owned by root or by who runs the program.
 */
int file_read(const struct directory *, const char *name, mode_t forbidden,
    void *bytes, size_t size, size_t *length);
/* Creates a file that must not exist, and has it on the disk. Root's files
 * get the owner of the directory. */
int file_create(const struct directory *, const char *name, mode_t mode,
    const void *bytes, size_t length);
/* Puts a file whole in the place of one that may exist. */
int file_replace(const struct directory *, const char *name, mode_t mode,
    const void *bytes, size_t length);
void file_remove(const struct directory *, const char *name);

#endif
