#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""One answer for one question: a peer that the test plays asks a room's home
again under other ids, at once, when what was asked for is over, when the room
is closed, and after a crash between decision and signature; and the home's own
application asks again."""

import os
import sys
import time
import uuid

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "..", "..", "..", "..", "lib"))
import net  # noqa: E402
import peer  # noqa: E402
import tap  # noqa: E402
from peer import Identity, b64, time_text  # noqa: E402

HOLD = """
CREATE FUNCTION public.hold() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'not yet'; END $$;
CREATE TRIGGER hold BEFORE UPDATE OF signature
    ON federation.room_state_events FOR EACH ROW EXECUTE FUNCTION
    public.hold();
"""


class Bench:
    """The home under test, with the user host; and a peer's server."""

    def __init__(self, network):
        self.network = network
        self.server, = network.servers
        self.client = peer.Client.of(self.server)
        self.friend = Identity()
        if self.client.handshake(self.friend).result != "accepted":
            raise RuntimeError("handshake")
        self.server.fedctl("server", "trust", self.friend.address, "2")
        self.room = None

    def call(self, function, *values):
        return str(self.server.value("SELECT federation.%s(%s)" % (
            function, ", ".join(["%s"] * len(values))), *values, user="app"))

    def new_room(self, *settings):
        self.room = self.call("room_create", "host", str(uuid.uuid4()),
                              *settings)
        self.wait_events(1)

    def user(self, name):
        return "%s@%s" % (name, self.friend.address)

    def send(self, kind, number=None, **payload):
        """What the home says of it in the end, each time under an id of its
        own: until the event before is signed it says to come later."""
        def said():
            got = self.send_once(kind, number, **payload)
            return None if got.startswith("retry") or got == "503" else got
        return net.wait(said, 60)

    def send_once(self, kind, number=None, **payload):
        return self.client.send(self.friend, self.friend.envelope(
            self.server.onion, kind, dict(payload, globalRoomId=self.room),
            id=number or str(uuid.uuid4()))).result

    def kinds(self):
        """Of the room's events that are signed."""
        return [kind for kind, in self.server.sql(
            "SELECT e.kind FROM federation.room_state_events e JOIN "
            "federation.federated_rooms r ON r.id = e.room_id WHERE "
            "r.global_room_id = %s AND e.signature IS NOT NULL "
            "ORDER BY e.number", self.room)]

    def wait_events(self, count):
        return net.wait(lambda: len(self.kinds()) >= count, 30)

    def ask(self, name="eve", inviter="ann", nonce=bytes(16), seconds=3600):
        return {"expires": time_text(self.begun + seconds),
                "invitee": self.user(name), "inviterId": inviter,
                "nonce": b64(nonce)}

    begun = int(time.time())


def join(name, nonce=None):
    return {"userId": name, "nonce": nonce if nonce is None else b64(nonce)}


def test_home(bench):
    bench.new_room(False)
    tap.equal([bench.send("room_join", **join("ann")) for _ in range(2)],
              ["accepted", "duplicate"], "ann joins, and joins again")
    asks = [("room_invite", bench.ask(nonce=b"m" * 16))]
    tap.equal([bench.send(*asks[0][:1], **asks[0][1]) for _ in range(3)],
              ["accepted", "duplicate", "duplicate"],
              "she invites, and asks for the same again")
    for name, other in (("invitee", bench.ask("fay", nonce=b"m" * 16)),
                        ("time", bench.ask(nonce=b"m" * 16, seconds=3601))):
        tap.equal(bench.send("room_invite", **other), "rejected INVITE_USED",
                  "another %s with the same nonce is another" % name)
    bench.wait_events(3)
    asks.append(("room_join", join("eve", b"m" * 16)))
    tap.equal([bench.send(kind, **of) for _ in range(2) for kind, of in asks],
              ["duplicate", "accepted", "duplicate", "duplicate"],
              "eve joins with it, and all is asked for again")
    tap.equal(bench.send("room_join", **join("fay", b"m" * 16)),
              "rejected INVITE_UNKNOWN", "nobody else with it")
    asks.append(("room_leave", {"userId": "eve"}))
    tap.equal([bench.send(kind, **of) for _ in range(2) for kind, of in asks],
              ["duplicate", "duplicate", "accepted"] + ["duplicate"] * 3,
              "eve leaves, and all is asked for again")
    tap.equal(bench.kinds(), ["create", "join", "invite", "join", "leave"],
              "each is one event")
    asks.append(("room_leave", {"userId": "ann"}))
    tap.equal([bench.send(kind, **of) for _ in range(2) for kind, of in asks],
              ["duplicate"] * 3 + ["accepted"] + ["duplicate"] * 4,
              "the inviter leaves")
    bench.call("room_close", bench.room)
    bench.wait_events(7)
    tap.equal([bench.send(kind, **of) for kind, of in asks],
              ["duplicate"] * 4, "the room is closed")
    tap.equal(bench.send("room_leave", userId="fay"), "rejected ROOM_CLOSED",
              "but not for what was never asked")
    tap.equal(len(bench.kinds()), 7, "and nothing has come of it all")


def test_together(bench):
    """In one batch, and again while the event before is not signed."""
    bench.new_room(False)
    said = [("room_join", join("ann"))] * 3 + [
        ("room_invite", bench.ask(nonce=b"n" * 16))] * 2 + [
        ("room_join", join("eve", b"n" * 16))] * 2 + [
        ("room_leave", {"userId": "eve"})] * 2
    got = bench.client.batch(bench.friend, [
        (str(uuid.uuid4()), kind, dict(of, globalRoomId=bench.room))
        for kind, of in said]).results
    tap.equal([one["status"] for one in got], [
        "accepted", "duplicate", "duplicate", "accepted", "duplicate",
        "accepted", "duplicate", "accepted", "duplicate"],
        "each twice in one batch")
    tap.equal(bench.kinds(), ["create", "join", "invite", "join", "leave"],
              "and each one event")


def test_crash(bench):
    for kind, of, before in (
            ("room_join", join("ann"), 1),
            ("room_invite", bench.ask(nonce=b"o" * 16), 2),
            ("room_leave", {"userId": "ann"}, 3)):
        if before == 1:
            bench.new_room(False)
        bench.server.sql(HOLD)
        number = str(uuid.uuid4())
        tap.equal(bench.send(kind, number, **of), "accepted",
                  kind + ": decided, and committed")
        tap.equal((bench.send(kind, number, **of),
                   bench.send_once(kind, **of), len(bench.kinds())),
                  ("duplicate", "retry BUSY", before),
                  "not signed yet: the same id is known, another waits")
        bench.network.kill(1, "fed-queued")
        bench.server.sql("DROP TRIGGER hold ON federation.room_state_events; "
                         "DROP FUNCTION public.hold()")
        tap.equal((bench.send(kind, **of), bench.send(kind, number, **of)),
                  ("duplicate", "duplicate"),
                  "after the crash, under another id and the same")
        tap.ok(bench.wait_events(before + 1), "it is signed")
    tap.equal(bench.kinds(), ["create", "join", "invite", "leave"],
              "each is one event")


def test_own(bench):
    """The application of the home itself."""
    bench.new_room(False)
    first = bench.call("room_join", bench.room, "amy")
    tap.equal(bench.call("room_join", bench.room, "amy"), first,
              "asked again at once")
    bench.wait_events(2)
    tap.equal(bench.call("room_join", bench.room, "amy"), first, "and later")
    left = bench.call("room_leave", bench.room, "amy")
    tap.equal(bench.call("room_leave", bench.room, "amy"), left, "she leaves")
    bench.wait_events(3)
    tap.equal(bench.call("room_leave", bench.room, "amy"), left, "and again")
    bench.call("room_close", bench.room)
    bench.wait_events(4)
    tap.equal((bench.call("room_leave", bench.room, "amy"), bench.kinds()),
              (left, ["create", "join", "leave", "close"]),
              "also when it is closed")


def test():
    lines = ["retry minimum 50ms", "retry maximum 100ms", "queue sweep 1s"]
    with net.Net(servers=1, trust="none", lines=lines) as network:
        bench = Bench(network)
        for part in (test_home, test_together, test_own, test_crash):
            part(bench)


tap.main(test)
