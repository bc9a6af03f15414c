#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""What a thief has signed under a key that was revoked, carried by
server_sync: events, messages, declarations and evidence of it are not taken,
and what was frozen or forked by them before goes on; what the server itself
signed before it vouches for."""

import os
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "..", "..", "..", "lib"))
import net  # noqa: E402
import peer  # noqa: E402
import tap  # noqa: E402
from rooms import Voice, b64, run  # noqa: E402
from syncworld import (  # noqa: E402
    LINES, World, event, event_document, event_store, events)


class Old:
    """The third server's key and certificate of before, in other hands."""

    def __init__(self, world):
        identity = world.third.identity
        self.network, self.third = world.network, self
        self.identity = self
        self.signing, self.certificate = identity.signing, identity.certificate
        self.address = identity.address

    def message(self, site, said, **members):
        number, payload = said
        return peer.Identity.envelope(self, site.onion, "message", payload,
                                      id=number, **members)

    def document(self, envelope):
        return World.document(self, envelope)


def revoke(world):
    identity = world.third.identity
    serial = identity.certificate.serial + 1
    old = Old(world)
    identity.rotate(serial=serial, min_serial=serial)
    for site in (world.a, world.b):
        if world.clients[site].handshake(identity).result != "accepted":
            raise RuntimeError("handshake")
    return old


def outsider(world, site):
    identity = peer.Identity()
    world.clients[site].handshake(identity)
    site.node.fedctl("server", "trust", identity.address, "1")
    return identity


def carry(world, carrier, **payload):
    """By somebody else, to the first suite."""
    site = world.a
    return world.clients[site].send(carrier, carrier.envelope(
        site.onion, "server_sync", payload)).result


def state(site, column):
    return site.value("SELECT " + column + " FROM federation.room_states "
                      "WHERE room_id = %s", site.now.row)


def certificate_store(world, site):
    """As it is when an event is taken: with the certificate it is under."""
    certificate = world.third.identity.certificate
    run(site.owner, "INSERT INTO federation.room_certificates VALUES (%s, %s) "
        "ON CONFLICT DO NOTHING", bytes.fromhex(certificate.key_id()),
        certificate.encode())


def test_events(world):
    room, a = world.room(), world.a
    chain = events(world, room, b"a", b"b")
    certificate_store(world, a)
    for signed in chain[:2]:
        event_store(a, signed)
    old = revoke(world)
    carrier = outsider(world, a)
    carry(world, carrier, documents=[event_document(old, chain[2])])
    tap.equal(state(a, "number"), 2, "an event under the old key")
    false = event(old, room, 2, chain[0]["hash"], "close", {})
    carry(world, carrier, documents=[event_document(old, false)])
    carry(world, carrier, evidence=[[event_document(old, chain[1]),
                                     event_document(old, false)]])
    tap.equal((state(a, "number"), state(a, "disputed")), (2, 0),
              "and two that contradict each other prove nothing")
    new = event(world, room, 4, chain[2]["hash"], "rename", {"metadata": ""})
    carry(world, carrier, documents=[event_document(old, chain[2]),
                                     event_document(world, new)])
    tap.equal(state(a, "number"), 4,
              "a run that ends in one under the new key is taken")
    carry(world, carrier, evidence=[[event_document(old, false),
                                     event_document(old, chain[1])]])
    tap.equal(state(a, "disputed"), 0,
              "what the chain vouches for is not contradicted by a thief")


def test_frozen(world):
    """By evidence that was good as long as nobody knew."""
    room, a = world.room(), world.a
    chain = events(world, room, b"a")
    certificate_store(world, a)
    for signed in chain:
        event_store(a, signed)
    thief = event(world, room, 2, chain[0]["hash"], "close", {})
    carrier = outsider(world, a)
    carry(world, carrier, evidence=[[event_document(world, chain[1]),
                                     event_document(world, thief)]])
    tap.equal(state(a, "disputed"), 2, "a room frozen by a thief's event")
    revoke(world)
    tap.ok(net.wait(lambda: state(a, "disputed") == 0, 60),
           "goes on when the key is revoked")
    tap.equal(run(a.owner, "SELECT count(*) FROM federation.room_evidence "
                  "WHERE room_id = %s", a.now.row), [(0,)],
              "and there is no evidence")


def test_messages(world):
    room, a = world.room(), world.a
    eve = Voice(room, "eve")
    world.message(a, eve.say("one"))
    kept = [eve.say("%d" % n) for n in (2, 3, 4)]
    thief = Voice(room, "eve").skip(1, tip=peer.unb64(
        kept[0][1]["previous"]))
    old = revoke(world)
    carrier = outsider(world, a)
    for name, at in (("now", int(time.time())),
                     ("before", int(time.time()) - 3600)):
        carry(world, carrier, documents=[old.document(old.message(
            world.b, thief.say("lie"), timestamp=peer.time_text(at)))])
        tap.equal(a.stream(world.third.address), (1, 1, 0),
                  "a message under the old key, signed " + name)
    first = old.message(world.b, kept[0])
    carry(world, carrier, documents=[old.document(first)])
    tap.equal(a.stream(world.third.address), (1, 1, 0),
              "nor one that its origin wrote")
    _, result = world.message(a, kept[2])
    tap.equal(result, "accepted", "what the origin sends itself")
    carry(world, carrier, documents=[old.document(old.message(
        world.b, kept[0])), old.document(old.message(world.b, kept[1]))])
    tap.equal(a.stream(world.third.address), (4, 4, 0),
              "vouches for what it names, and that for what it names")
    more = [eve.say("%d" % n) for n in (5, 6)]
    world.sync(a, heads=[{
        "globalRoomId": room.id, "state": None, "streams": [{
            "digest": b64(eve.tip), "epoch": 1, "forked": 0, "highest": 6,
            "lane": 2, "origin": world.third.address, "sequence": 6,
            "tip": b64(eve.tip)}]}])
    carry(world, carrier, documents=[old.document(old.message(
        world.b, said)) for said in more])
    tap.equal(a.stream(world.third.address), (6, 6, 0),
              "so does a head of the origin's")


def test_fork(world):
    """A stream that a thief's message ended before anybody knew."""
    room, a = world.room(), world.a
    eve = Voice(room, "eve")
    world.message(a, eve.say("one"))
    true, false = Voice(room, "eve").skip(1, eve.tip), eve
    lie, _ = world.message(a, false.say("lie"))
    said = true.say("true")
    other, result = world.message(a, said)
    tap.equal((result, a.stream(world.third.address)[2]),
              ("rejected SEQUENCE_CONFLICT", 2), "two under one number")
    revoke(world)
    tap.ok(net.wait(lambda: a.stream(world.third.address)[2] == 0, 60),
           "end no stream when the key is revoked")
    _, result = world.message(a, said)
    tap.equal((result, a.has(said[0]), a.has(lie["id"])),
              ("accepted", True, False),
              "the origin's own stands in the place of the thief's")
    _, result = world.message(a, true.say("more"))
    tap.equal((result, a.stream(world.third.address)), ("accepted",
                                                        (3, 3, 0)),
              "and what follows is taken")


def test_declared(world):
    """What the origin declared to another server under its new key stands
    against a thief's message, and that is no contradiction."""
    room, a = world.room(), world.a
    eve = Voice(room, "eve")
    world.message(a, eve.say("one"))
    true, false = Voice(room, "eve").skip(1, eve.tip), eve
    first = eve.tip
    lie, _ = world.message(a, false.say("lie"))
    true.say("cancelled")
    revoke(world)
    identity = world.third.identity
    answer = identity.envelope(world.b.onion, "ack", {
        "answer": {"voids": [{
            "digest": b64(true.tip), "epoch": 1, "first": 2,
            "globalRoomId": room.id, "kind": "void", "lane": 2, "last": 2,
            "previous": b64(first)}]},
        "credit": 64, "requestHash": b64(bytes(32)),
        "results": [{"status": "accepted"}]})
    carry(world, outsider(world, a), documents=[world.document(answer)])
    tap.equal((a.stream(world.third.address), a.has(lie["id"])),
              ((1, 1, 0), False), "what was declared to another server")
    tap.equal(run(a.owner, "SELECT count(*) FROM federation.room_evidence "
                  "WHERE room_id = %s", a.now.row), [(0,)],
              "is no contradiction to a thief's message")
    _, result = world.message(a, true.say("more"))
    tap.equal(result, "accepted", "and what follows is taken")


def test():
    with net.Net(servers=2, lines=LINES) as network, \
            peer.Server() as third:
        world = World(network, third)
        for part in (test_events, test_frozen, test_messages, test_fork,
                     test_declared):
            part(world)


tap.main(test)
