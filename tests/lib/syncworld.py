# SPDX-License-Identifier: ISC
"""Two suites and a third server, which the test plays, in one room: what tests
of server_sync have in common."""

import time
import uuid

import psycopg2

import peer
from rooms import Room, b64, run

NEW = """INSERT INTO federation.room_items (room_id, origin, message_id,
    sender, status, lane, content, message_type)
    VALUES (%s, %s, %s, %s, 'new', 2, %s, 'text')"""
STREAM = """SELECT contiguous, highest, forked FROM federation.room_streams
    WHERE room_id = %s AND origin = %s"""
OLD_GAP = """UPDATE federation.room_streams SET gap_since = now() -
    interval '1 hour' WHERE room_id = %s AND gap_since IS NOT NULL"""
LINES = ["log level debug", "retry minimum 100ms", "retry maximum 500ms",
         "queue sweep 1s", "rate items 1000"]


class Site:
    """A suite, and the room as it has it."""

    def __init__(self, node):
        self.node = node
        self.onion = node.onion
        self.owner = psycopg2.connect(node.database)
        self.owner.autocommit = True

    def room(self, like, home, members, number=1):
        self.now = Room(self.owner, home, members, number)
        if like is not None:
            run(self.owner, "UPDATE federation.federated_rooms SET room_id = "
                "%s, global_room_id = %s WHERE id = %s", like.uuid, like.id,
                self.now.row)
            self.now.uuid, self.now.id = like.uuid, like.id
        return self.now

    def say(self, sender, text=b"hello"):
        number = str(uuid.uuid4())
        run(self.owner, NEW, self.now.row, self.onion, number, sender, text)
        run(self.owner, "NOTIFY federation_rooms")
        return number

    def stream(self, origin):
        rows = run(self.owner, STREAM, self.now.row, origin)
        return rows[0] if rows else None

    def has(self, number):
        return run(self.owner, "SELECT count(*) FROM federation.room_items "
                   "WHERE message_id = %s AND status = 'taken'", number) == \
            [(1,)]

    def server(self, address):
        return self.now.server(address)

    def value(self, statement, *values):
        return run(self.owner, statement, *values)[0][0]

    def hurry(self):
        """The gap there is counts as old, so that it is asked for."""
        run(self.owner, OLD_GAP, self.now.row)


class World:
    def __init__(self, network, third):
        self.network = network
        self.a, self.b = (Site(node) for node in network.servers)
        self.third = third
        self.asked = []
        self.answer = {}
        third.behaviour = self.behave
        third.join(network.directory)
        self.clients = {}
        for site in (self.a, self.b):
            # Not the clock: tests ask for numbers by their epoch.
            run(site.owner, "UPDATE federation.self SET epoch = 1, "
                "old_epoch = 1")
            client = peer.Client.of(site.node)
            if client.handshake(third.identity).result != "accepted":
                raise RuntimeError("handshake")
            status, _, error = site.node.fedctl(
                "server", "trust", third.address, "2")
            if status:
                raise RuntimeError(error)
            self.clients[site] = client

    def behave(self, server, received):
        """Good, and what server_sync is answered the test says."""
        envelope = received.envelope
        if envelope["type"] != "server_sync" or not server.verify(received):
            return peer.honest(server, received)
        self.asked.append(envelope["payload"])
        answer = self.answer
        if callable(answer):
            answer = answer(envelope)
        return server.acknowledge(received, [{"status": "accepted"}],
                                  answer=answer)

    def room(self, **members):
        home = self.third.address
        members = {"ann@" + self.a.onion: (1, None),
                   "bob@" + self.b.onion: (1, None),
                   "eve@" + home: (1, None)}
        room = self.a.room(None, home, members)
        self.b.room(room, home, members)
        self.answer = {}
        return room

    def back(self):
        """The third server is there again, and everybody knows."""
        self.third.join(self.network.directory)
        for site in (self.a, self.b):
            run(site.owner, "UPDATE federation.federation_servers SET "
                "is_online = true")

    def sync(self, site, **payload):
        """What the third server is answered."""
        client = self.clients[site]
        exchange = client.send(self.third.identity, self.third.identity.
                               envelope(site.onion, "server_sync", payload))
        if exchange.result != "accepted":
            return exchange.result
        return exchange.payload.get("answer")

    def message(self, site, said):
        """A message of the third server's; the envelope that it signed."""
        number, payload = said
        envelope = self.third.identity.envelope(
            site.onion, "message", payload, id=number)
        return envelope, self.clients[site].send(
            self.third.identity, envelope).result

    def document(self, envelope):
        text = peer.envelope_text(envelope)
        return {"certificate": b64(self.third.identity.certificate.encode()),
                "payloads": [b64(peer.canonical(envelope["payload"]))],
                "signature": envelope["signature"], "text": b64(text)}


def ask(room, origin, first, last, want="items"):
    return {"epoch": 1, "from": first, "globalRoomId": room.id, "lane": 2,
            "origin": origin, "to": last, "want": want}


def ask_state(room, first, last, want="items"):
    return {"from": first, "globalRoomId": room.id, "to": last, "want": want}


def event(world, room, number, previous, kind, payload):
    """A state event of the third server's, as {text, payload, signature}."""
    identity = world.third.identity
    text = "\n".join([
        peer.PROTOCOL + "/state", room.id, str(number), b64(previous), kind,
        peer.time_text(int(time.time())), identity.certificate.key_id(),
        b64(peer.sha256(peer.canonical(payload)))]).encode()
    return {"text": text, "payload": payload, "kind": kind, "number": number,
            "signature": identity.signing.sign(text),
            "hash": peer.sha256(text)}


def event_document(world, signed):
    return {"certificate": b64(world.third.identity.certificate.encode()),
            "payloads": [b64(peer.canonical(signed["payload"]))],
            "signature": b64(signed["signature"]), "text": b64(signed["text"])}


def event_store(site, signed):
    run(site.owner, "INSERT INTO federation.room_state_events (room_id, "
        "number, kind, key_id, signing_text, payload, signature) VALUES (%s, "
        "%s, %s, %s, %s, %s, %s)", site.now.row, signed["number"],
        signed["kind"], bytes.fromhex(
            signed["text"].decode().split("\n")[6]), signed["text"],
        peer.canonical(signed["payload"]), signed["signature"])
    run(site.owner, "UPDATE federation.room_states SET number = %s, hash = %s,"
        " version = version + 1 WHERE room_id = %s", signed["number"],
        signed["hash"], site.now.row)


def events(world, room, *names):
    """A chain: the room made, and renamed so often."""
    chain = [event(world, room, 1, bytes(32), "create", {
        "allowedServers": None, "creator": "eve@" + world.third.address,
        "federation": True, "requireInviteForJoin": False})]
    for number, name in enumerate(names, 2):
        chain.append(event(world, room, number, chain[-1]["hash"], "rename",
                           {"metadata": b64(name)}))
    return chain
