#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Rooms on real suites through the contract alone: made, invited to, joined,
talked in, left, closed; what the application is told, and that all servers end
with the same chain and members."""

import os
import sys
import uuid

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "..", "..", "..", "..", "lib"))
import net  # noqa: E402
import peer  # noqa: E402
import tap  # noqa: E402
from roomapp import SECONDS, App, agree, invite  # noqa: E402


def test_life(a, b, c):
    room = a.call("room_create", "ann")
    created = a.wait("created", room)
    tap.equal((created["member"], created["number"]), (a.address("ann"), 1),
              "a room is made, and the application is told")
    shown = invite(a, "ann", "bob", b, room)
    tap.equal((shown["inviter"], shown["encryptedRoomKey"], shown["showing"],
               shown["metadata"]), (a.address("ann"), "a2V5", "pending", {}),
              "an invitation is shown with its key")
    tap.ok(agree(room, a, b), "home and member have one chain")
    tap.equal(b.members(room), sorted([a.address("ann"), b.address("bob")]),
              "with both members")
    invite(b, "bob", "cid", c, room)
    tap.ok(agree(room, a, b, c),
           "a member of another server invites somebody of a third")
    for app, handle in ((a, "ann"), (b, "bob"), (c, "cid")):
        app.call("room_send", room, handle, handle.encode())
    said = {"ann": "YW5u", "bob": "Ym9i", "cid": "Y2lk"}
    for app, own in ((a, "ann"), (b, "bob"), (c, "cid")):
        want = {(room, {"ann": a, "bob": b, "cid": c}[h].address(h), said[h])
                for h in said if h != own}
        tap.ok(net.wait(lambda: app.receive() or set(app.messages) == want,
                        SECONDS) and len(app.messages) == len(want),
               own + " gets what the others said, once")
        app.messages.clear()
    tap.ok(net.wait(lambda: a.node.sql(
        "SELECT state FROM federation.room_delivery WHERE room = %s", room,
        user="app") == [("delivered",)] * 2, SECONDS),
        "and sees that it was delivered to two servers")
    a.call("room_remove", room, b.address("bob"))
    for app in (a, b, c):
        app.wait("removed", room, member=b.address("bob"))
    tap.ok(agree(room, a, b, c), "bob is removed, and knows it")
    tap.equal(b.refused("room_send", room, "bob", b"x"), "FD034",
              "he sends nothing any more")
    invite(a, "ann", "bob", b, room)
    tap.ok(agree(room, a, b, c), "and is invited again")
    c.call("room_leave", room, "cid")
    for app in (a, b, c):
        app.wait("left", room, member=c.address("cid"))
    a.call("room_rename", room, b"encrypted")
    b.wait("renamed", room)
    tap.equal(bytes(b.node.value("SELECT metadata FROM federation.rooms WHERE "
                                 "room = %s", room, user="app")),
              b"encrypted", "renamed")
    a.call("room_allow_servers", room, [c.node.onion])
    b.wait("allowed_servers", room)
    tap.equal(a.members(room), [a.address("ann")],
              "who is not on the list is out")
    a.call("room_close", room)
    a.wait("closed", room)
    tap.equal(a.refused("room_send", room, "ann", b"x"), "FD035",
              "nothing is said in a room that is closed")


def test_at_once(a, b):
    """All of it in one transaction, before anything is decided."""
    a.node.sql("DO $$ DECLARE r text := federation.room_create('ann'); BEGIN "
               "PERFORM federation.room_invite(r, 'ann', 'bob@%s', 'key'); "
               "PERFORM federation.room_send(r, 'ann', 'hello'); "
               "PERFORM federation.room_leave(r, 'ann'); END $$"
               % b.node.onion, user="app")
    room = a.wait("created")["room"]
    a.wait("left", room, member=a.address("ann"))
    b.wait("invitation", room)
    tap.equal(a.node.sql(
        "SELECT state FROM federation.room_delivery WHERE room = %s", room,
        user="app"), [("delivered",)],
        "made, invited, said and left in one transaction")


def test_refused(a, b):
    room = a.call("room_create", "ann")
    a.wait("created", room)
    request = b.call("room_join", room, "bob")
    said = b.wait("refused", room)
    tap.equal((said["request"], said["kind"], said["code"]),
              (str(request), "join", "INVITE_REQUIRED"),
              "who was not invited is refused by the home")
    request = a.call("room_remove", room, b.address("bob"))
    said = a.wait("refused", room)
    tap.equal((said["request"], said["code"]), (str(request), "NOT_MEMBER"),
              "and so is our own request")
    nowhere = "%s@%s" % (uuid.uuid4(), a.node.onion)
    b.call("room_join", nowhere, "bob")
    tap.equal(b.wait("refused", nowhere)["code"], "ROOM_UNKNOWN",
              "a room that is not there")
    open_room = a.call("room_create", "ann", str(uuid.uuid4()), False)
    b.call("room_join", open_room, "bob")
    b.wait("joined", open_room)
    tap.ok(agree(open_room, a, b), "a room without invitations is joined")
    tap.equal(b.refused("room_close", open_room), "FD037",
              "and closed by its home alone")
    a.call("room_federate", open_room, False)
    b.wait("federation", open_room)
    tap.equal(b.members(open_room), [a.address("ann")],
              "federation off ends the others' membership")


def test_many(a, b):
    """Many join at once: requests wait for each other's events."""
    room = a.call("room_create", "ann", str(uuid.uuid4()), False)
    for number in range(60):
        b.call("room_join", room, "u%d" % number)
    tap.ok(net.wait(lambda: len(a.members(room)) == 61 and
                    len(b.members(room)) == 61, 60), "60 join at once")
    tap.ok(agree(room, a, b), "in one order")


def test_full(a, b, c):
    """Members at 256 servers beside the home, and one more."""
    room = a.call("room_create", "ann", str(uuid.uuid4()), False)
    a.wait("created", room)
    a.node.sql(
        "INSERT INTO federation.room_members (room_id, member, state_joined) "
        "SELECT f.id, 'u@' || s.address, 1 FROM federation.federated_rooms f,"
        " unnest(%s) s (address) WHERE f.global_room_id = %s",
        [peer.Identity().address for _ in range(255)], room)
    b.call("room_join", room, "bob")
    tap.ok(b.wait("joined", room, member=b.address("bob")),
           "a member at the 256th other server")
    c.call("room_join", room, "cid")
    tap.equal(c.wait("refused", room)["code"], "ROOM_FULL",
              "none at the 257th")
    b.call("room_join", room, "ben")
    tap.ok(b.wait("joined", room, member=b.address("ben")),
           "a second at one that is in")
    a.call("room_join", room, "amy")
    tap.ok(a.wait("joined", room, member=a.address("amy")),
           "and one more of the home's")


def test():
    lines = ["retry minimum 50ms", "retry maximum 200ms", "queue sweep 1s"]
    with net.Net(servers=3, lines=lines) as network:
        a, b, c = (App(node) for node in network.servers)
        for app, handles in ((a, ["ann"]), (b, ["bob"]), (c, ["cid"])):
            for handle in handles:
                app.call("user_publish", handle, b"key")
        before = [network.processes(n) for n in (1, 2, 3)]
        test_life(a, b, c)
        test_at_once(a, b)
        test_refused(a, b)
        test_many(a, b)
        test_full(a, b, c)
        tap.equal([network.processes(n) for n in (1, 2, 3)], before,
                  "the same processes as at the beginning")


tap.main(test)
