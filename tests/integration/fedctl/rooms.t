#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""What an administrator sees of rooms: fedctl show rooms, and fedctl check
with what only people can mend."""

import json
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "..", "..", "lib"))
import net  # noqa: E402
import tap  # noqa: E402
from roomapp import App, agree, invite  # noqa: E402

DAY = 24 * 3600


def shown(app, *command):
    """(exit status, rows)."""
    status, out, _ = app.node.fedctl("-j", *command)
    return status, json.loads(out)


def found(app):
    """{problem: subject} of fedctl check, its exit status with it."""
    status, rows = shown(app, "check")
    return status, {row["problem"]: row["subject"] for row in rows}


def test_rooms(a, b):
    tap.equal((a.node.fedctl("show", "rooms"), shown(a, "show", "rooms")),
              ((0, "", ""), (0, [])), "no rooms: nothing is shown")
    room = a.call("room_create", "ann")
    a.wait("created", room)
    invite(a, "ann", "bob", b, room)
    agree(room, a, b)
    row = {"room": room, "state": "open", "number": 3, "members": 2,
           "servers": 1, "trust": None, "heard": None, "silent": False}
    tap.equal(shown(a, "show", "rooms"), (0, [row]), "a room of ours")
    status, rows = shown(b, "show", "rooms")
    heard = rows[0]["heard"]
    tap.equal((status, heard is not None, rows),
              (0, True, [{**row, "trust": "2", "heard": heard}]),
              "a room of another's")
    a.call("room_create", "ann")
    newest = a.wait("created")["room"]
    tap.equal([r["room"] for r in shown(a, "show", "rooms")[1]],
              [newest, room], "the newest first")
    tap.equal([r["room"] for r in shown(a, "show", "rooms", "--limit",
                                        "1")[1]], [newest], "as many as asked")
    tap.equal([a.node.fedctl("show", "rooms", "--limit", number)[0]
               for number in ("0", "1", "1000", "1001", "x")],
              [65, 0, 0, 65, 65], "1 to 1000")
    return room


def change(app, room, what):
    app.node.sql("UPDATE federation.room_states s SET " + what +
                 " FROM federation.federated_rooms f WHERE f.id = s.room_id "
                 "AND f.global_room_id = %s", room)


def test_check(a, b, room):
    tap.equal((b.node.fedctl("check"), found(b)),
              ((0, "", ""), (0, {})), "all is well: nothing, and 0")
    for days, want in ((13.9, (0, {})), (14.1, (1, {"home-silent": room}))):
        change(b, room, "heard_at = now() - %f * interval '1 s'" %
               (days * DAY))
        tap.equal(found(b), want, "a home silent for %.1f days" % days)
    tap.ok(shown(b, "show", "rooms")[1][0]["silent"], "and is shown as such")
    change(b, room, "heard_at = now()")
    change(b, room, "disputed = 3")
    tap.equal(found(b), (1, {"room-frozen": room}), "a room that is frozen")
    change(b, room, "disputed = 0")
    b.node.sql("""INSERT INTO federation.room_evidence (room_id, origin, kind,
        number, first, second, created_at) SELECT id, %s, 'STATE_CONFLICT', 3,
        'a', 'b', now() - interval '29 days' FROM federation.federated_rooms
        """, a.node.onion)
    tap.equal(found(b), (1, {"contradiction": a.node.onion}),
              "evidence of a contradiction")
    b.node.sql("UPDATE federation.room_evidence SET created_at = now() - "
               "interval '31 days'")
    tap.equal(found(b), (0, {}), "for 30 days")
    b.node.sql("""UPDATE federation.room_evidence SET created_at = now(),
        kind = 'SEQUENCE_CONFLICT', epoch = 5, lane = 2""")
    for epoch, want in ((5, (1, {"contradiction": a.node.onion})),
                        (6, (0, {}))):
        b.node.sql("""INSERT INTO federation.room_streams (room_id, origin,
            epoch, lane, contiguous, highest) SELECT room_id, origin, %s,
            2, 0, 0 FROM federation.room_evidence""", epoch)
        tap.equal(found(b), want, "two contents of epoch 5, the stream in "
                  "epoch %d" % epoch)
    b.node.sql("DELETE FROM federation.room_streams WHERE origin = %s",
               a.node.onion)
    b.node.sql("UPDATE federation.room_evidence SET created_at = now() - "
               "interval '31 days'")


def test_quarantine(a, b):
    b.node.fedctl("server", "trust", a.node.onion, "1")
    room = a.call("room_create", "ann")
    a.wait("created", room)
    a.call("room_invite", room, "ann", b.address("bob"), b"key")
    net.wait(lambda: found(b)[0], 30)
    tap.equal(found(b), (1, {"quarantine": room}),
              "an invitation in quarantine")
    number, = b.node.sql("SELECT invitation FROM federation.room_invitations "
                         "WHERE room = %s", room)[0]
    b.call("invitation_release", number, user="owner")
    tap.equal(found(b), (0, {}), "that was released")
    b.wait("invitation", room)


def test():
    lines = ["retry minimum 50ms", "retry maximum 200ms", "queue sweep 1s"]
    with net.Net(servers=2, lines=lines) as network:
        a, b = (App(node) for node in network.servers)
        a.call("user_publish", "ann", b"key")
        b.call("user_publish", "bob", b"key")
        room = test_rooms(a, b)
        test_check(a, b, room)
        test_quarantine(a, b)


tap.main(test)
