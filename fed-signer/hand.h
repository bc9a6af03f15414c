/* SPDX-License-Identifier: ISC */
/*
 * fed-signer run by hand: verbs that make and show keys and certificates.
 * Functions return an exit status of sysexits(3), 0 on success; whoever fails
 * first says why on standard error.
 */
#ifndef TORFED_HAND_H
#define TORFED_HAND_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/cert.h"

#define IDENTITY_FILE	 "identity.key"
#define SIGNING_FILE	 "signing.key"
#define CERTIFICATE_FILE "certificate"
#define SEED_SIZE	 32

struct options {
	const char *keys;   /* -k: directory of the key files */
	const char *hidden; /* -t: tor's HiddenServiceDir */
	int days;	    /* -d: of a certificate */
	bool renew;	    /* -r: a new signing key, too */
	bool revoke;	    /* -m: earlier certificates end now */
	char **files;	    /* audit: of the log, in order */
	int file_count;
};

/* hand.c */
/* Runs the verb argv[1]; an exit status. */
int hand_main(int argc, char *argv[]);
/* Prints "fed-signer: ..." and returns status. */
int hand_fail(int status, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* The verbs, each in a file of its name. */
int generate_run(const struct options *);
int certify_run(const struct options *);
int tor_run(const struct options *);
int show_run(const struct options *);
int audit_run(const struct options *);

/*
 * files.c: files that are nobody else's.  Names are relative to an open
 * directory, whose path stands in messages only.
 */
struct directory {
	int fd;
	const char *path;
};
/*
 * One that others cannot write to, of root or of who runs the program; for
 * root with DIRECTORY_OTHERS of anybody. DIRECTORY_MAKE: create it (0700) when
 * it is missing.
 */
#define DIRECTORY_MAKE	 0x1U
#define DIRECTORY_OTHERS 0x2U
int directory_open(struct directory *, const char *path, unsigned int flags);
int directory_sync(const struct directory *);
void directory_close(struct directory *);
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

/*
 * keys.c: the secrets, in guarded memory from the file to the signature.
 */
struct keys {
	uint8_t identity_seed[SEED_SIZE + 1]; /* a 33rd byte is seen */
	uint8_t signing_seed[SEED_SIZE + 1];
	uint8_t secret[64]; /* of the identity, for libsodium */
	uint8_t identity[32];
	uint8_t signing[32];
};
struct keys *keys_new(void);
void keys_free(struct keys *); /* wipes */
int keys_read_identity(struct keys *, const struct directory *);
int keys_read_signing(struct keys *, const struct directory *);
void keys_make_identity(struct keys *);
void keys_make_signing(struct keys *);
/* Sets server, signing key and signature, and verifies the whole. */
int keys_certify(const struct keys *, struct cert *, int64_t now);
int cert_read(struct cert *, const struct directory *);
int cert_write(const struct cert *, const struct directory *, bool replace);

/*
 * expand.c: tor's key files. It keeps not the seed but what RFC 8032 section
 * 5.1.5 makes of it: the clamped scalar and the prefix.
 */
#define EXPAND_HEADER	   32
#define EXPAND_SECRET_SIZE (EXPAND_HEADER + 64)
#define EXPAND_PUBLIC_SIZE (EXPAND_HEADER + 32)
void expand_secret(
    uint8_t file[EXPAND_SECRET_SIZE], const uint8_t seed[SEED_SIZE]);
void expand_public(uint8_t file[EXPAND_PUBLIC_SIZE], const uint8_t public[32]);

#endif
