#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""State events in items of the type room_state, sent to a running server by a
home that the test plays: in order and out of it, again, from other hands, not
the home's, contradicting each other; each item has its code, events before a
bad one stay, and what comes with it proceeds."""

import os
import sys
import threading
import time
import uuid

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "..", "..", "..", "..", "lib"))
import net  # noqa: E402
import peer  # noqa: E402
import tap  # noqa: E402
from chain import Chain, certificate  # noqa: E402
from peer import DAY, Identity  # noqa: E402
from statebench import Bench  # noqa: E402


def restored(bench, ago):
    bench.server.sql("UPDATE federation.self SET restored_at = now() - "
                     "%s::interval", ago)


def test_taken(bench):
    home, other = bench.friend(), bench.friend(1)
    chain = bench.asked(home)
    number = str(uuid.uuid4())
    tap.equal(bench.send(home, chain.payload(chain.events), number),
              "accepted", "three events")
    tap.equal((bench.number(chain), bench.members(chain)),
              ((3, 0), sorted(["ann@" + home.address, bench.bob])),
              "are applied")
    tap.equal([bench.send(home, chain.payload(chain.events), number),
               bench.events(home, chain, *chain.events),
               bench.events(home, chain, chain.events[1])],
              ["duplicate"] * 3, "again: the same item, another, a part")
    leave = chain.add("leave", {"member": "ann@" + home.address})
    tap.equal(bench.send(home, chain.payload([leave]), number),
              "rejected ID_CONFLICT", "the same item with other content")
    tap.equal(bench.server.value(
        "SELECT kind FROM federation.evidence WHERE message_id = %s",
        number), "ID_CONFLICT", "which is evidence")
    join = chain.invite(bench.bob, "eve@" + other.address)
    tap.equal((bench.events(other, chain, leave, join),
               bench.number(chain)), ("accepted", (5, 0)),
              "from another hand, at level 1, one that is known among them")
    stranger = Chain(home)
    stranger.create("ann")
    tap.equal(bench.events(home, stranger, *stranger.events),
              "rejected ROOM_UNKNOWN", "of a room that nobody asked to join")
    restored(bench, "1 day")
    tap.equal(bench.events(home, stranger, *stranger.events),
              "rejected ROOM_UNKNOWN", "nor a day after a restore")
    restored(bench, "23 hours")
    tap.equal(bench.events(home, stranger, *stranger.events),
              "accepted", "until then it may have been forgotten")
    bench.server.sql("UPDATE federation.self SET restored_at = NULL")


def test_order(bench):
    home = bench.friend()
    chain = bench.asked(home)
    first, second, third = chain.events
    tap.equal((bench.events(home, chain, second, third),
               bench.number(chain)), ("retry STATE_GAP", (0, 0)),
              "what lies behind a gap waits")
    tap.equal((bench.events(home, chain, first, third),
               bench.number(chain)), ("retry STATE_GAP", (1, 0)),
              "what lies before it stays")
    tap.equal((bench.events(home, chain, third, second),
               bench.number(chain)), ("retry STATE_GAP", (1, 0)),
              "the wrong way round: the first one counts")
    tap.equal((bench.events(home, chain, second, third),
               bench.number(chain)), ("accepted", (3, 0)), "the rest")


def test_foreign(bench):
    home, other = bench.friend(), bench.friend()
    chain = bench.asked(home)
    first, second, third = chain.events
    forged = dict(second, signature=peer.b64(other.signing.sign(
        peer.unb64(second["text"]))))
    named = chain.event("invite", second["payload"], signer=other,
                        number=2, previous=peer.sha256(
                            peer.unb64(first["text"])),
                        key_id=other.certificate.key_id())
    for name, payload in (
            ("another server's signature", chain.payload(
                [first, forged, third])),
            ("a signature that was bent", chain.payload(
                [first, dict(second, signature=peer.b64(peer.malleable(
                    peer.unb64(second["signature"]))))])),
            ("another server's key and certificate", chain.payload(
                [first, named], certificate(home), certificate(other)))):
        tap.equal((bench.send(home, payload), bench.number(chain)),
                  ("rejected NOT_HOME", (1, 0)),
                  name + ": not the home's, and nothing behind it is taken")
    tap.equal(bench.events(home, chain, second, third), "accepted",
              "the good ones")


def test_certificates(bench):
    """A chain outlives certificates; those of it come along."""
    now = int(time.time())
    carrier = bench.friend()
    home = Identity(serial=now - 200 * DAY, not_before=now - 200 * DAY)
    chain = bench.asked(home)
    chain.events.clear()
    chain.tip = bytes(32)
    chain.create("ann", at=now - 150 * DAY)
    old = certificate(home)
    home.rotate(serial=now - 60, min_serial=now - 60)
    new = certificate(home)
    chain.add("rename", {"metadata": "AAAA"})
    tap.equal((bench.send(carrier, chain.payload(chain.events, new)),
               bench.number(chain)), ("rejected NOT_HOME", (0, 0)),
              "an event without its certificate")
    tap.equal((bench.send(carrier, chain.payload(chain.events, old)),
               bench.number(chain)), ("rejected NOT_HOME", (1, 0)),
              "one that has expired and was revoked verifies what is old")
    tap.equal((bench.send(carrier, chain.payload(chain.events, old, new)),
               bench.number(chain)), ("accepted", (2, 0)), "both")
    home.certify(serial=now - 200 * DAY, not_before=now - 200 * DAY)
    late = chain.add("rename", {"metadata": "AAAB"})
    tap.equal((bench.events(carrier, chain, late), bench.number(chain)),
              ("rejected NOT_HOME", (2, 0)),
              "but nothing that is newer than itself")


def test_conflict(bench):
    home = bench.friend()
    for name, kind, payload, previous, code in (
            ("another event of a known number", "rename",
             {"metadata": "AAAB"}, None, "STATE_CONFLICT"),
            ("another predecessor", "rename", {"metadata": "AAAB"},
             bytes(31) + b"\1", "STATE_CONFLICT"),
            ("a rule broken", "leave", {"member": "eve@" + home.address},
             None, "STATE_INVALID")):
        chain = bench.asked(home)
        tip = chain.tip
        chain.add("rename", {"metadata": "AAAA"})
        known = chain.events if "known" in name else chain.events[:3]
        bench.events(home, chain, *known)
        bad = chain.event(kind, payload, number=4,
                          previous=previous or tip)
        tap.equal((bench.events(home, chain, bad),
                   bench.number(chain)[1] in (3, 4)),
                  ("rejected " + code, True), name + ": frozen")
        further = chain.add("rename", {"metadata": "AAAC"})
        tap.equal(bench.events(home, chain, further),
                  "rejected ROOM_FROZEN", "and nothing follows")
        tap.equal(bench.events(home, chain, chain.events[0]), "duplicate",
                  "what was known is")
        tap.equal(bench.members(chain), sorted(
            ["ann@" + home.address, bench.bob]), "with the members it had")


def test_times(bench):
    """Of events: they never go back, and no clock of ours freezes a room."""
    now, home = int(time.time()), bench.friend()
    chain = bench.asked(home)
    bench.events(home, chain, *chain.events)
    chain.add("rename", {"metadata": "AAAA"}, at=now + 3600)
    tap.equal((bench.events(home, chain, chain.events[3]),
               bench.number(chain)), ("accepted", (4, 0)),
              "an hour ahead: taken")
    chain.add("rename", {"metadata": "AAAA"}, at=now + 3600)
    tap.equal(bench.events(home, chain, chain.events[4]), "accepted",
              "the same time again, too")
    ahead = chain.event("federation", {"enabled": True}, at=now + DAY + 600)
    tap.equal((bench.events(home, chain, ahead), bench.number(chain)),
              ("retry STATE_AHEAD", (5, 0)), "a day and more ahead: later")
    nothing = chain.add("allowed_servers", {"allowedServers": None},
                        at=now + 3601)
    tap.equal((bench.events(home, chain, nothing), bench.number(chain)),
              ("accepted", (6, 0)), "what changes nothing is good")
    back = chain.event("rename", {"metadata": "AAAA"}, at=now + 3600)
    tap.equal((bench.events(home, chain, back), bench.number(chain)),
              ("rejected STATE_INVALID", (6, 7)), "back in time: frozen")
    chain = bench.asked(home)
    bench.events(home, chain, *chain.events)
    bad = chain.event("leave", {"member": "eve@" + home.address},
                      at=now + 9 * DAY)
    tap.equal((bench.events(home, chain, bad), bench.number(chain)),
              ("rejected STATE_INVALID", (3, 4)),
              "a rule broken freezes, whatever the time that it names")


def test_key(bench):
    """The home's new key follows the close, and nothing else does."""
    home = bench.friend()
    chain = bench.asked(home)
    chain.add("close", {})
    chain.add("key", {})
    tap.equal((bench.events(home, chain, *chain.events),
               bench.number(chain), bench.members(chain)),
              ("accepted", (5, 0), []), "key behind close")
    chain.add("key", {})
    tap.equal(bench.events(home, chain, chain.events[5]), "accepted",
              "and another")
    other = chain.event("rename", {"metadata": "AAAA"})
    tap.equal((bench.events(home, chain, other), bench.number(chain)),
              ("rejected STATE_INVALID", (6, 7)), "but nothing else")


def test_batch(bench):
    home = bench.friend()
    chain, other = bench.asked(home), bench.asked(home)
    stranger = Chain(home)
    stranger.create("ann")
    ours = Chain(Identity())
    talk = {"encryptedContent": "AAAA", "epoch": 1,
            "globalRoomId": chain.room, "lane": 1, "messageType": "text",
            "previous": peer.b64(bytes(32)), "senderId": "ann",
            "sequence": 1, "stateNumber": 3}
    ours.create("ann")
    tap.equal(bench.batch(
        home, ("room_state", chain.payload(chain.events)),
        ("room_state", stranger.payload(stranger.events)),
        ("room_state", other.payload(other.events[1:])),
        ("room_state", other.payload(other.events[:1] + chain.events[:1])),
        ("message", talk), ("message", {"n": 1}),
        ("room_state", other.payload(other.events)),
        ("room_state", chain.payload(chain.events[2:]))),
        ["accepted", "rejected ROOM_UNKNOWN", "retry STATE_GAP",
         "rejected PAYLOAD_MALFORMED", "accepted", "accepted", "accepted",
         "duplicate"], "events of all kinds, and messages, in one request")
    tap.equal((bench.number(chain), bench.number(other)), ((3, 0), (3, 0)),
              "each room has its own")
    tap.equal([p.get("globalRoomId") for _, _, t, p in bench.server.inbox()
               if t == "message"], [None, chain.room],
              "and both messages are there")


def test_at_once(bench):
    """A room is used before its first event is signed."""
    friend = bench.friend()
    for late in ("fed-signer", None):
        if late:
            bench.network.freeze(1, late)
        room = bench.server.sql(
            "SELECT federation.room_create('bob', NULL, false)",
            user="app")[0][0]
        if late:
            threading.Timer(1, bench.network.thaw, (1, late)).start()
        asked = [("room_join", {"globalRoomId": room, "nonce": None,
                                "userId": "ann"}),
                 ("room_invite", {
                     "expires": peer.time_text(int(time.time()) + 3600),
                     "globalRoomId": room, "invitee": bench.bob,
                     "inviterId": "ann", "nonce": peer.b64(bytes(16))}),
                 ("room_leave", {"globalRoomId": room, "userId": "ann"})]
        found = bench.batch(friend, *asked)
        tap.equal([one for one in found if one not in (
            "accepted", "retry BUSY", "rejected STATE_INVALID")], [],
            "asked at once: done, or later (bob is a member: his invitation "
            "is refused)")
        tap.ok(net.wait(lambda: bench.batch(friend, asked[0])[0] in (
            "accepted", "duplicate")), "then in")


def test_nowhere(bench):
    """Requests about a room of this server's that there is not."""
    friend = bench.friend()
    room = str(uuid.uuid4()) + "@" + bench.onion
    tap.equal(bench.batch(
        friend, ("room_join", {"globalRoomId": room, "nonce": None,
                               "userId": "ann"}),
        ("room_leave", {"globalRoomId": room, "userId": "ann"}),
        ("room_invite", {
            "expires": peer.time_text(int(time.time()) + 3600),
            "globalRoomId": room, "invitee": bench.bob, "inviterId": "ann",
            "nonce": peer.b64(bytes(16))}), ("message", {"n": 2})),
        ["rejected ROOM_UNKNOWN"] * 3 + ["accepted"],
        "asked about a room of ours that there is not")


def test():
    lines = ["retry minimum 50ms", "retry maximum 100ms", "queue sweep 1s"]
    with net.Net(servers=1, trust="none", lines=lines) as network:
        bench = Bench(network)
        before = network.processes(1)
        for part in (test_taken, test_order, test_foreign,
                     test_certificates, test_conflict, test_batch,
                     test_times, test_key, test_at_once, test_nowhere):
            part(bench)
        tap.equal(network.processes(1), before,
                  "the same processes as at the beginning")


tap.main(test)
