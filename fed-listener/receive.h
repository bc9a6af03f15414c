/* SPDX-License-Identifier: ISC */
/*
 * What a connection reads in each of its states. Each of these may free the
 * connection: do not touch it after.
 */
#ifndef TORFED_FED_LISTENER_RECEIVE_H
#define TORFED_FED_LISTENER_RECEIVE_H

struct connection;
struct listener;

void receive_head(struct connection *);
void receive_body(struct connection *);
/* A client that sends while it waits is refused; one that ends is not. */
void receive_waiting(struct connection *);
void receive_draining(struct connection *);
/* Gives back what admission granted, for who waits in line. */
void receive_release(struct connection *);
/* Sets up the line of bodies that wait for memory. */
void receive_init(struct listener *);

#endif
