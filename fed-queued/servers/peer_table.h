/* SPDX-License-Identifier: ISC */
/*
 * The cache of servers: who is known, at which level, with which signing keys.
 * The database is the truth; the cache follows it by NOTIFY federation_servers
 * and by what this process changes itself.
 */
#ifndef TORFED_SERVERS_PEER_TABLE_H
#define TORFED_SERVERS_PEER_TABLE_H

#include "servers/peer.h"

/* Loads everything; done(argument) once the cache is whole, or with failure
 * when the database went away. */
void peer_table_load(void (*done)(bool ok, void *), void *argument);
/* Soon, and not more often than every 50 ms. */
void peer_table_reload_soon(void);
bool peer_table_loaded(void);

struct peer *peer_table_find(const uint8_t key[32]);
struct peer *peer_table_find_id(const uint8_t id[16]);
/* Adds or refreshes one that the database has just returned. */
struct peer *peer_table_put(
    const uint8_t key[32], const uint8_t id[16], int trust);
unsigned int peer_table_strangers(void); /* levels 0 and 1, untouched */
unsigned int peer_table_count(void);
/* Each in turn. */
void peer_table_each(void (*each)(struct peer *, void *), void *argument);

#endif
