#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""server_sync between two suites, and with a third server played by the test:
a cancelled message is declared void, a lost one is sent again, one of a server
that is away comes from another; what contradicts stops a stream everywhere;
and what is given to whom."""

import json
import os
import sys
import uuid

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "..", "..", "..", "lib"))
import net  # noqa: E402
import peer  # noqa: E402
import tap  # noqa: E402
from rooms import Voice, b64, run  # noqa: E402
from syncworld import (  # noqa: E402
    LINES, World, ask, ask_state, event, event_document, event_store, events)


def test_cancelled(world):
    """A gap whose message its origin cancelled before it left."""
    room, a, b = world.room(), world.a, world.b
    first = a.say("ann")
    tap.ok(net.wait(lambda: b.has(first)), "a message arrives")
    others = (b.onion, world.third.address)
    for other in others:
        a.node.fedctl("server", "pause", other)
    second = a.say("ann", b"cancelled")
    net.wait(lambda: a.stream(a.onion) == (2, 2, 0))
    tap.equal([a.node.fedctl("queue", "cancel", second, "--server", other)[0]
               for other in others], [0, 0], "the next is cancelled for all")
    mark = a.value("SELECT mark FROM federation.self")
    for other in others:
        a.node.fedctl("server", "resume", other)
    third = a.say("ann", b"after")
    tap.ok(net.wait(lambda: b.has(third)), "one behind it arrives")
    tap.equal(b.stream(a.onion), (1, 3, 0), "behind a gap")
    b.hurry()
    tap.ok(net.wait(lambda: b.stream(a.onion) == (3, 3, 0), 150),
           "which is declared void")
    tap.equal(run(b.owner, "SELECT first, last, gone FROM "
                  "federation.room_voids WHERE room_id = %s", b.now.row),
              [(2, 2, False)],
              "and kept with its proof")
    tap.ok(a.value("SELECT mark FROM federation.self") > mark,
           "the mark was raised for it")
    fourth = a.say("ann", b"on")
    tap.ok(net.wait(lambda: b.has(fourth)), "and they go on")
    shown = world.sync(b, ask=[ask(room, a.onion, 1, 4)])
    tap.equal(sorted(shown), ["documents"], "others are shown all of it")
    texts = [peer.unb64(d["text"]).decode().split("\n")[1]
             for d in shown["documents"]]
    tap.equal(sorted(texts), ["ack", "message", "message", "message"],
              "three messages, and the answer that declared it")


def stream_head(world, site, sequence):
    """The third server shows so much of site's stream."""
    zero = b64(bytes(32))
    return {"globalRoomId": world.a.now.id, "state": None, "streams": [{
        "digest": zero, "epoch": 1, "forked": 0, "highest": sequence,
        "lane": 2, "origin": site.onion, "sequence": sequence, "tip": zero}]}


def asked_for(world, site, first, last):
    """How often the third server was asked for that."""
    return sum(one.get("origin") == site.onion and
               (one["from"], one["to"]) == (first, last)
               for payload in world.asked for one in payload.get("ask", ()))


def told(site):
    return [json.loads(bytes(row[0])) for row in run(
        site.owner, "SELECT payload FROM federation.inbox "
        "WHERE type = 'room'")]


def test_given_up(world):
    """What was given up for one, and others have, is given on request."""
    world.room()
    a, b = world.a, world.b
    first = a.say("ann")
    tap.ok(net.wait(lambda: b.has(first)), "a message arrives")
    for reason in ("CANCELLED", "EXPIRED"):
        a.node.fedctl("server", "pause", b.onion)
        second = a.say("ann", b"given up")
        net.wait(lambda: run(
            a.owner, "SELECT sent FROM federation.room_items WHERE "
            "message_id = %s", second) == [(True,)])
        run(a.owner, "UPDATE federation.federated_message_queue q SET "
            "status = 'failed', last_error = %s "
            "FROM federation.federation_servers s WHERE q.message_id = %s "
            "AND s.id = q.destination_server_id AND s.onion_address = %s",
            reason, second, b.onion)
        a.node.fedctl("server", "resume", b.onion)
        third = a.say("ann", b"after")
        net.wait(lambda: b.has(third))
        b.hurry()
        tap.ok(net.wait(lambda: b.has(second), 150),
               reason + ": it is given on request")
    tap.equal(run(b.owner, "SELECT count(*) FROM federation.room_voids "
                  "WHERE room_id = %s", b.now.row), [(0,)],
              "nothing was declared")
    given_up = "UPDATE federation.federated_message_queue q SET " \
        "status = 'failed', last_error = %s, delivered_at = NULL " \
        "FROM federation.federation_servers s WHERE q.message_id = %s " \
        "AND s.id = q.destination_server_id AND s.onion_address = %s"
    states = "SELECT q.status FROM federation.federated_message_queue q " \
        "JOIN federation.federation_servers s " \
        "ON s.id = q.destination_server_id " \
        "WHERE q.message_id = ANY (%s::uuid[]) " \
        "AND s.onion_address = %s ORDER BY q.id"
    run(a.owner, given_up, "EXPIRED", first, world.third.address)
    run(a.owner, given_up, "NOT_MEMBER", second, world.third.address)
    world.sync(a, heads=[stream_head(world, a, 5)])
    tap.equal(run(a.owner, states, [first, second], world.third.address),
              [("delivered",), ("failed",)],
              "what a server shows that it has was delivered; what it refused "
              "was not")


def test_gone(world):
    """What its origin has no more comes from another that has it."""
    world.room()
    a, b = world.a, world.b
    first = a.say("ann")
    tap.ok(net.wait(lambda: b.has(first)), "a message arrives")
    a.node.fedctl("server", "pause", b.onion)
    second = a.say("ann", b"gone")
    net.wait(lambda: run(
        a.owner, "SELECT sent FROM federation.room_items WHERE "
        "message_id = %s", second) == [(True,)])
    run(a.owner, "DELETE FROM federation.federated_message_queue q "
        "USING federation.federation_servers s WHERE q.message_id = %s "
        "AND s.id = q.destination_server_id AND s.onion_address = %s",
        second, b.onion)
    run(a.owner, "UPDATE federation.room_items SET payload = NULL "
        "WHERE message_id = %s", second)
    a.node.fedctl("server", "resume", b.onion)
    third = a.say("ann", b"after")
    net.wait(lambda: b.has(third))
    b.hurry()
    tap.ok(net.wait(lambda: b.stream(a.onion) == (3, 3, 0), 150),
           "which is declared")
    tap.equal(run(b.owner, "SELECT first, last, gone FROM "
                  "federation.room_voids WHERE room_id = %s", b.now.row),
              [(2, 2, True)], "gone")
    world.asked.clear()
    world.answer = {"heads": [stream_head(world, a, 3)]}
    for _ in range(2):
        world.sync(b, heads=[stream_head(world, a, 3)])
    fourth = a.say("ann", b"on")
    net.wait(lambda: b.has(fourth))
    tap.ok(net.wait(lambda: asked_for(world, a, 2, 2) > 0, 60),
           "a server that shows it is asked for it")
    tap.equal(asked_for(world, a, 2, 2), 1, "once")
    run(b.owner, "UPDATE federation.room_voids SET declared_at = "
        "now() - interval '2 days'")
    lost = {"count": 1, "event": "lost", "room": world.a.now.id,
            "server": a.onion}
    tap.ok(net.wait(lambda: lost in told(b), 90),
           "nobody has it: the application is told")
    tap.ok("room-lost" in b.node.fedctl("check")[1], "and the administrator")


def test_gone_large(world):
    """More that is gone than one answer holds comes from another."""
    room, a, b = world.room(), world.a, world.b
    eve = Voice(room, "eve")
    said = [eve.say("x" * 45000) for _ in range(6)]
    declared = {"voids": [{
        "digest": b64(eve.tip), "epoch": 1, "first": 1,
        "globalRoomId": room.id, "kind": "gone", "lane": 2, "last": 6,
        "previous": b64(bytes(32))}]}
    said.append(eve.say("after"))
    shown = {"digest": b64(eve.tip), "epoch": 1, "forked": 0, "highest": 7,
             "lane": 2, "origin": world.third.address, "sequence": 7,
             "tip": b64(eve.tip)}
    said += [eve.say(text) for text in ("missed", "last")]
    world.message(a, said[6])
    world.answer = lambda envelope: declared if envelope["payload"].get(
        "ask") else {"heads": [{"globalRoomId": room.id, "state": None,
                                "streams": [shown]}]}
    # Now and then another than the origin is asked: not yet.
    run(a.owner, "UPDATE federation.federation_servers SET is_online = "
        "(onion_address = %s)", world.third.address)
    a.hurry()
    tap.ok(net.wait(lambda: a.stream(world.third.address) == (7, 7, 0), 150),
           "six are declared gone")
    for one in said:
        world.message(b, one)
    # A gap, and its origin away: heads are exchanged with the other.
    world.message(a, said[8])
    world.third.leave()
    run(a.owner, "UPDATE federation.federation_servers SET is_online = "
        "(onion_address = %s)", b.onion)
    a.hurry()
    tap.ok(net.wait(lambda: all(a.has(one[0]) for one in said), 150),
           "and come from another server, in portions")
    world.back()


def test_kept(world):
    """Pruning leaves what may be asked for, at its origin and at others."""
    room, a, b = world.room(), world.a, world.b
    first = a.say("ann")
    queued = "SELECT octet_length(encrypted_payload) > 0 FROM " \
        "federation.federated_message_queue WHERE message_id = %s " \
        "AND status = 'delivered' ORDER BY id"
    tap.ok(net.wait(lambda: b.has(first) and
                    len(run(a.owner, queued, first)) == 2),
           "a message is delivered to both")
    for site in (a, b):
        run(site.owner, "UPDATE federation.federated_message_queue SET "
            "delivered_at = now() - interval '6 days' WHERE message_id = %s",
            first)
        run(site.owner, "SELECT federation.prune(%s, interval '7 days', "
            "interval '5 days', 10000)", str(uuid.uuid4()))
    tap.equal(run(a.owner, queued, first), [(False,), (False,)],
              "the queue keeps no payload of it")
    world.sync(a, ask=[ask(room, a.onion, 1, 1)])
    tap.ok(net.wait(lambda: (True,) in run(a.owner, queued, first)),
           "its origin gives it once more")
    tap.equal(len(world.sync(b, ask=[ask(room, a.onion, 1, 1)])
                  .get("documents", ())), 1, "and so does who has it")


def test_lost(world):
    """A message that its receiver lost comes from its origin again."""
    world.room()
    a, b = world.a, world.b
    lost, kept = a.say("ann", b"lost"), a.say("ann", b"kept")
    net.wait(lambda: b.has(kept) and b.has(lost))
    run(b.owner, "DELETE FROM federation.room_items WHERE message_id = %s",
        lost)
    run(b.owner, "DELETE FROM federation.received_ids WHERE message_id = %s",
        lost)
    run(b.owner, "UPDATE federation.room_streams SET contiguous = 0, "
        "highest = 2, gap_since = now() - interval '1 hour', "
        "seen = set_byte(seen, 0, 2) WHERE room_id = %s", b.now.row)
    tap.ok(net.wait(lambda: b.has(lost), 150), "it is sent once more")
    tap.equal(b.stream(a.onion), (2, 2, 0), "and the gap is closed")


def test_other(world):
    """A message of a server that is away comes from another member."""
    room, a, b = world.room(), world.a, world.b
    eve = Voice(room, "eve")
    one, two, three = eve.say("one"), eve.say("two"), eve.say("three")
    for said in (one, two, three):
        tap.equal(world.message(b, said)[1], "accepted", "one is told all")
    for said in (one, three):
        world.message(a, said)
    tap.equal(a.stream(world.third.address), (1, 3, 0), "the other lacks one")
    world.third.leave()
    run(a.owner, "UPDATE federation.federation_servers SET is_online = "
        "(onion_address = %s)", b.onion)
    a.hurry()
    tap.ok(net.wait(lambda: a.has(two[0]), 150),
           "which comes from a member that has it")
    tap.equal(a.stream(world.third.address), (3, 3, 0), "the gap is closed")
    tap.equal(run(a.owner, "SELECT count(*) FROM federation.inbox WHERE "
                  "message_id = %s", two[0]), [(1,)], "the inbox has it")
    world.back()


def test_large(world):
    """More than one answer holds comes in portions."""
    room, a, b = world.room(), world.a, world.b
    eve = Voice(room, "eve")
    said = [eve.say("x" * 45000) for _ in range(7)]
    for one in said:
        world.message(b, one)
    world.message(a, said[6])
    given = world.sync(b, ask=[ask(room, world.third.address, 1, 7)])
    tap.equal([peer.unb64(p) for d in given["documents"]
               for p in d["payloads"]],
              [peer.canonical(payload) for _, payload in said[:2]],
              "two of 60 KiB are given at a time")
    world.third.leave()
    run(a.owner, "UPDATE federation.federation_servers SET is_online = "
        "(onion_address = %s)", b.onion)
    a.hurry()
    tap.ok(net.wait(lambda: a.stream(world.third.address) == (7, 7, 0), 150),
           "and all come in the end")
    world.back()


def test_declared(world):
    """Numbers that another implementation declares void."""
    room, a = world.room(), world.a
    eve = Voice(room, "eve")
    world.message(a, eve.say())
    first = eve.tip
    eve.say("to nobody")
    second = eve.tip
    world.asked.clear()
    world.message(a, eve.say())
    asked = {"digest": b64(second), "epoch": 1, "first": 2,
             "globalRoomId": room.id, "kind": "void", "lane": 2, "last": 2,
             "previous": b64(first)}
    declared = {"voids": [
        dict(asked, first=5, last=260, digest=b64(bytes(32))),
        dict(asked, lane=1), dict(asked, epoch=2), asked]}
    shown = {"digest": b64(eve.tip), "epoch": 1, "forked": 0, "highest": 3,
             "lane": 2, "origin": world.third.address, "sequence": 3,
             "tip": b64(eve.tip)}
    world.answer = lambda envelope: declared if envelope["payload"].get(
        "ask") else {"heads": [{"globalRoomId": room.id, "state": None,
                                "streams": [shown]}]}
    tap.equal(a.stream(world.third.address), (1, 3, 0), "a gap")
    a.hurry()
    tap.ok(net.wait(lambda: a.stream(world.third.address) == (3, 3, 0), 150),
           "is closed by a declaration")
    tap.equal(run(a.owner, "SELECT epoch, lane, first, last FROM "
                  "federation.room_voids WHERE room_id = %s", a.now.row),
              [(1, 2, 2, 2)], "and numbers that nobody asked for by none")

    def heads():
        """A request may have been made before the first message came: then
        the next one tells."""
        return [h for p in world.asked for h in p.get("heads", ())
                if h["globalRoomId"] == room.id and h["streams"]]
    tap.ok(net.wait(heads, 150), "its origin was told")
    told = heads()[0]
    tap.ok(told["streams"][0]["sequence"] in (1, 3), "how far we are")
    tap.equal(told["state"]["number"], 1, "of the state, too")


def test_contradiction(world):
    """Two contents of one number, shown by the one who wrote them."""
    room, a = world.room(), world.a
    eve = Voice(room, "eve")
    taken, _ = world.message(a, eve.say("this"))
    other, _ = world.message(world.b, Voice(room, "eve").say("that"))
    tap.equal(a.stream(world.third.address), (1, 1, 0), "one is taken")
    world.sync(a, evidence=[[world.document(taken), world.document(taken)]])
    tap.equal(a.stream(world.third.address)[2], 0,
              "an item does not contradict itself")
    false = dict(world.document(other), signature=b64(bytes(64)))
    world.sync(a, evidence=[[world.document(taken), false]])
    tap.equal(a.stream(world.third.address)[2], 0,
              "nor what nobody has signed")
    answer = world.sync(a, evidence=[[world.document(taken),
                                      world.document(other)]])
    tap.equal(answer, {}, "two that it signed")
    tap.equal(a.stream(world.third.address)[2], 1, "end the stream there")
    tap.equal(run(a.owner, "SELECT kind, number FROM federation.room_evidence "
                  "WHERE room_id = %s", a.now.row),
              [("SEQUENCE_CONFLICT", 1)], "which is kept")
    tap.equal(run(a.owner, "SELECT count(*) FROM federation.evidence WHERE "
                  "kind = 'SEQUENCE_CONFLICT' AND server_id = %s",
                  a.server(world.third.address)), [(1,)],
              "and the admin is told")
    shown = world.sync(a, ask=[ask(room, world.third.address, 1, 1,
                                   "evidence")])
    tap.equal([sorted(peer.unb64(d["payloads"][0]) for d in pair)
               for pair in shown["evidence"]],
              [sorted(peer.canonical(e["payload"]) for e in (taken, other))],
              "who asks is shown both, byte for byte")
    b = world.b
    world.third.leave()
    run(b.owner, "SELECT pg_notify('federation_rooms', '')")
    run(b.owner, "UPDATE federation.room_streams SET gap_since = now() - "
        "interval '1 hour', highest = 3, seen = set_byte(seen, 0, 2) "
        "WHERE room_id = %s", b.now.row)
    run(b.owner, "UPDATE federation.federation_servers SET is_online = "
        "(onion_address = %s)", a.onion)
    tap.ok(net.wait(lambda: b.stream(world.third.address)[2] == 1, 150),
           "who shares the room asks for it, and comes to the same")
    world.back()


def test_events(world):
    """State events given, as they were signed, to whom they are for."""
    room, a = world.room(), world.a
    chain = events(world, room, b"two", b"three")
    for signed in chain:
        event_store(a, signed)
    given = world.sync(a, ask=[ask_state(room, 1, 64)])
    tap.equal(given, {"documents": [event_document(world, e) for e in chain]},
              "its home is given all, byte for byte")
    head = {"globalRoomId": room.id, "state": None, "streams": []}
    tap.equal(world.sync(a, heads=[head])["heads"][0]["state"], {
        "disputed": 0, "hash": b64(chain[2]["hash"]), "number": 3},
        "and told the last one's hash")
    run(a.owner, "UPDATE federation.federated_rooms SET origin_server_id = "
        "%s WHERE id = %s", a.server(world.b.onion), a.now.row)
    run(a.owner, "UPDATE federation.room_members SET state_left = 2 WHERE "
        "room_id = %s AND member LIKE 'eve@%%'", a.now.row)
    given = world.sync(a, ask=[ask_state(room, 1, 64)])
    tap.equal([d["text"] for d in given["documents"]],
              [b64(e["text"]) for e in chain[:2]],
              "one that went those until he went")
    tap.equal(world.sync(a, heads=[head])["heads"][0]["state"], {
        "disputed": 0, "hash": b64(chain[1]["hash"]), "number": 2},
        "and told no further")


def test_frozen(world):
    """A home that signs two events of one number."""
    room, a, b = world.room(), world.a, world.b
    first, two = events(world, room, b"this")
    other = event(world, room, 2, first["hash"], "rename",
                  {"metadata": b64(b"that")})
    for site, second in ((a, two), (b, other)):
        event_store(site, first)
        event_store(site, second)
    pair = [event_document(world, e) for e in (two, other)]
    world.sync(a, evidence=[[pair[0], pair[0]], [
        pair[0], dict(pair[1], signature=b64(bytes(64)))]])
    tap.equal(a.value("SELECT disputed FROM federation.room_states WHERE "
                      "room_id = %s", a.now.row), 0, "two that do not "
              "contradict, or are not signed, change nothing")
    world.sync(a, evidence=[pair])
    tap.equal(a.value("SELECT disputed FROM federation.room_states WHERE "
                      "room_id = %s", a.now.row), 2,
              "two that it signed freeze the room")
    tap.equal([said for said in told(a) if said["room"] == room.id],
              [{"event": "frozen", "number": 2, "room": room.id}],
              "which the application is told")
    tap.equal(run(a.owner, "SELECT count(*) FROM federation.evidence WHERE "
                  "kind = 'STATE_CONFLICT'"), [(1,)], "and the admin")
    tap.equal(world.sync(a, ask=[ask_state(room, 2, 2, "evidence")]),
              {"evidence": [pair]}, "who asks is shown both")
    world.third.leave()
    run(b.owner, "UPDATE federation.federation_servers SET is_online = "
        "(onion_address = %s)", a.onion)
    run(b.owner, "INSERT INTO federation.room_streams (room_id, origin, "
        "epoch, lane, contiguous, highest, gap_since) VALUES (%s, %s, 1, 3, "
        "0, 2, now() - interval '1 hour')", b.now.row, world.third.address)
    tap.ok(net.wait(lambda: b.value(
        "SELECT disputed FROM federation.room_states WHERE room_id = %s",
        b.now.row) == 2, 150), "a member asks for it and freezes, too")
    tap.equal(run(b.owner, "SELECT kind, number FROM federation.room_evidence "
                  "WHERE room_id = %s", b.now.row), [("STATE_CONFLICT", 2)],
              "with the same evidence")
    world.back()


def test_given(world):
    """Nobody is told of a room or a message that is not his."""
    room, a = world.room(), world.a
    number = a.say("ann")
    net.wait(lambda: world.b.has(number))
    head = {"globalRoomId": room.id, "state": None, "streams": []}
    told = world.sync(a, heads=[head])["heads"]
    tap.equal((told[0]["state"]["number"],
               [(s["origin"], s["sequence"]) for s in told[0]["streams"]]),
              (1, [(a.onion, 1)]), "a member is told of state and streams")
    run(a.owner, "DELETE FROM federation.room_members WHERE room_id = %s AND "
        "member LIKE 'eve@%%'", a.now.row)
    run(a.owner, "UPDATE federation.federated_rooms SET origin_server_id = "
        "%s WHERE id = %s", a.server(world.b.onion), a.now.row)
    tap.equal(world.sync(a, heads=[head], ask=[
        ask(room, a.onion, 1, 1), ask(room, world.third.address, 1, 1),
        {"from": 1, "globalRoomId": room.id, "to": 64, "want": "items"}]),
        {}, "who never was one is told nothing")
    unknown = str(uuid.uuid4()) + "@" + a.onion
    tap.equal(world.sync(a, heads=[dict(head, globalRoomId=unknown)]), {},
              "nor anybody of a room that is not there")


def test_form(world):
    a = world.a
    malformed = "rejected PAYLOAD_MALFORMED"
    for name, payload in (
            ("voids in a request", {"voids": []}),
            ("65 asks", {"ask": [ask(world.a.now, a.onion, 1, 1)] * 65}),
            ("257 numbers", {"ask": [ask(world.a.now, a.onion, 1, 257)]}),
            ("no list", {"heads": {}})):
        tap.equal(world.sync(a, **payload), malformed, name + ": refused")
    tap.equal(world.sync(a, ask=[ask(world.a.now, a.onion, 1, 256)] * 64), {},
              "64 asks for 256 numbers: answered")
    envelope = world.third.identity.envelope(a.onion, "batch", {"items": [
        {"id": str(uuid.uuid4()), "payload": {}, "type": "server_sync"}]})
    tap.equal(world.clients[a].send(world.third.identity, envelope).result,
              "rejected TYPE_UNKNOWN", "and never in a batch")
    a.node.fedctl("server", "trust", world.third.address, "0")
    tap.equal(world.sync(a), "rejected UNTRUSTED", "not of strangers")
    a.node.fedctl("server", "trust", world.third.address, "2")


def behind(world, level):
    """A peer shows more of our present epoch than we have."""
    room, a = world.room(), world.a
    a.say("ann")
    net.wait(lambda: a.stream(a.onion) == (1, 1, 0))
    a.node.fedctl("server", "trust", world.third.address, str(level))
    epoch = a.value("SELECT epoch FROM federation.self")
    world.sync(a, heads=[{
        "globalRoomId": room.id, "state": {
            "disputed": 0, "hash": b64(bytes(32)), "number": 1},
        "streams": [{"digest": b64(bytes(32)), "epoch": epoch, "forked": 0,
                     "highest": 5, "lane": 2, "origin": a.onion,
                     "sequence": 5, "tip": b64(bytes(32))}]}])
    return a.value("SELECT epoch FROM federation.self") - epoch


def test_forgotten(world):
    """Messages that our database forgot, and others have under our name."""
    world.room()
    a, b = world.a, world.b
    numbers = [a.say("ann", b"%d" % n) for n in range(3)]
    net.wait(lambda: all(b.has(number) for number in numbers))
    for site in (a, b):
        site.node.fedctl("server", "trust", (b if site is a else a).onion, "1")
    for table in ("room_items", "room_streams"):
        run(a.owner, "DELETE FROM federation.%s WHERE room_id = %%s" % table,
            a.now.row)
    run(a.owner, "DELETE FROM federation.federated_message_queue WHERE "
        "message_id = ANY (%s::uuid[])", numbers)
    epoch = a.value("SELECT epoch FROM federation.self")
    run(a.owner, "UPDATE federation.self SET restored_at = NULL")
    run(a.owner, "INSERT INTO federation.room_streams (room_id, origin, "
        "epoch, lane, contiguous, highest, gap_since) VALUES (%s, %s, 1, 3, "
        "0, 2, now() - interval '1 hour')", a.now.row, b.onion)
    tap.ok(net.wait(lambda: a.value("SELECT epoch FROM federation.self") >
                    epoch, 150), "our own signature begins a new epoch")
    tap.ok(net.wait(lambda: all(a.has(number) for number in numbers)),
           "and what was forgotten is there again")
    last = a.say("ann", b"new")
    tap.ok(net.wait(lambda: b.has(last)), "what follows is taken")
    tap.equal(run(b.owner, "SELECT count(DISTINCT epoch), max(forked) FROM "
                  "federation.room_streams WHERE room_id = %s AND origin = "
                  "%s", b.now.row, a.onion), [(2, 0)],
              "in an epoch of its own, and contradicts nothing")
    tap.ok(net.wait(lambda: a.value(
        "SELECT %s = ANY (answered) FROM federation.room_states WHERE "
        "room_id = %s", a.server(b.onion), a.now.row), 400),
        "the others are asked, and answer")
    for site in (a, b):
        site.node.fedctl("server", "trust", (b if site is a else a).onion, "2")


def test_restored(world):
    """What a peer claims; and rooms that were forgotten, after a restore."""
    a = world.a
    restored = a.value("SELECT restored_at FROM federation.self")
    for level in (1, 2, 3):
        tap.equal(behind(world, level), 0,
                  "at level %d a claim changes nothing" % level)
    tap.equal(a.value("SELECT restored_at FROM federation.self"), restored,
              "and is no restore")
    a.node.fedctl("server", "trust", world.third.address, "2")
    forgotten = str(uuid.uuid4()) + "@" + world.third.address
    head = {"globalRoomId": forgotten, "state": {
        "disputed": 0, "hash": b64(peer.sha256(b"last")), "number": 70},
        "streams": []}
    world.answer = {"heads": [head]}
    world.asked.clear()
    world.sync(a, heads=[head])
    wanted = {"from": 1, "globalRoomId": forgotten, "to": 64, "want": "items"}
    tap.ok(net.wait(lambda: any(wanted in payload.get("ask", ())
                                for payload in world.asked), 150),
           "a room that was forgotten is asked for from its beginning")


def test():
    with net.Net(servers=2, lines=LINES) as network, \
            peer.Server() as third:
        world = World(network, third)
        test_cancelled(world)
        test_given_up(world)
        test_gone(world)
        test_gone_large(world)
        test_kept(world)
        test_lost(world)
        test_other(world)
        test_large(world)
        test_declared(world)
        test_contradiction(world)
        test_events(world)
        test_frozen(world)
        test_given(world)
        test_form(world)
        test_forgotten(world)
        test_restored(world)


tap.main(test)
