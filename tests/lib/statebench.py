# SPDX-License-Identifier: ISC
"""A running server, and homes that the test plays: rooms of theirs that the
server is in, and items of the type room_state sent to it."""

import uuid

import peer
from chain import Chain
from peer import Identity


def result(one):
    return " ".join(filter(None, (one["status"], one.get("code"))))


class Bench:
    """The server under test."""

    def __init__(self, network):
        self.network = network
        self.server, = network.servers
        self.client = peer.Client.of(self.server)
        self.onion = self.server.onion
        self.bob = "bob@" + self.onion

    def friend(self, level=2, **certificate):
        """A new peer with that trust level."""
        identity = Identity(**certificate)
        exchange = self.client.handshake(identity)
        if exchange.result != "accepted":
            raise RuntimeError("handshake: " + exchange.result)
        status, _, error = self.server.fedctl(
            "server", "trust", identity.address, str(level))
        if status:
            raise RuntimeError(error)
        return identity

    def asked(self, home):
        """A room of home's that bob asked to join: its first three events
        make him a member."""
        chain = Chain(home)
        self.server.sql(
            "WITH r AS (INSERT INTO federation.federated_rooms (room_id, "
            "origin_server_id, is_local_origin, global_room_id) "
            "SELECT %s, federation.room_server(%s), false, %s RETURNING id) "
            "INSERT INTO federation.room_states (room_id, asked) "
            "SELECT id, true FROM r", chain.room[:36], home.address,
            chain.room)
        chain.create("ann")
        event = chain.invite("ann@" + home.address, self.bob)
        chain.join(self.bob, event["payload"]["nonce"])
        return chain

    def send(self, origin, payload, number=None):
        return self.client.send(origin, origin.envelope(
            self.onion, "room_state", payload,
            id=number or str(uuid.uuid4()))).result

    def events(self, origin, chain, *events):
        return self.send(origin, chain.payload(list(events)))

    def batch(self, origin, *said):
        """said: (type, payload); the results."""
        return [result(one) for one in self.client.batch(origin, [
            (str(uuid.uuid4()), kind, payload)
            for kind, payload in said]).results]

    def number(self, chain):
        """The last event applied, and the number in dispute."""
        return self.server.sql(
            "SELECT s.number, s.disputed FROM federation.room_states s "
            "JOIN federation.federated_rooms r ON r.id = s.room_id "
            "WHERE r.global_room_id = %s", chain.room)[0]

    def members(self, chain):
        return [row[0] for row in self.server.sql(
            "SELECT m.member FROM federation.room_members m "
            "JOIN federation.federated_rooms r ON r.id = m.room_id "
            "WHERE r.global_room_id = %s AND m.state_left IS NULL "
            "ORDER BY 1", chain.room)]
