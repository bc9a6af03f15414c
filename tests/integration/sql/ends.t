#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Ends of what rooms are asked for and sent, but for delivery: the application
is told of each without looking, nothing waits for ever, and nothing is shown
that is not so."""

import json
import os
import sys
import uuid

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "..", "lib"))
import peer  # noqa: E402
import tap  # noqa: E402
from pgcluster import Cluster  # noqa: E402
from rooms import LIMITS, Room, run  # noqa: E402

SELF, HOME, OTHER = (peer.onion_address(peer.Key().public) for _ in range(3))
WORKER = "11111111-1111-4111-8111-111111111111"
ZERO = bytes(32)


class World:
    def __init__(self, cluster):
        self.owner = cluster.connect()
        self.owner.autocommit = True
        self.daemon = cluster.connect("_fedqueued")
        self.daemon.autocommit = True
        self.app = cluster.connect("fed_app")
        self.app.autocommit = True
        run(self.daemon, "SELECT federation.self_set(%s, 'c', 1)", SELF)
        run(self.daemon, LIMITS)
        for address in (HOME, OTHER):
            run(self.owner, "INSERT INTO federation.federation_servers "
                "(onion_address, public_key, trust_level) VALUES (%s, %s, 2)",
                address, peer.onion_key(address).hex())

    def room(self):
        return Room(self.owner, HOME, {
            "ann@" + SELF: (1, None), "eve@" + HOME: (1, None),
            "joe@" + OTHER: (1, None)})

    def sent(self, room, sequence=1):
        """A message of ours that has its place and waits for two servers."""
        number = str(uuid.uuid4())
        room.sql("INSERT INTO federation.room_items (room_id, origin, "
                 "message_id, sender, status, lane, epoch, sequence, "
                 "state_number, digest, previous, payload) VALUES (%s, %s, "
                 "%s, 'ann', 'taken', 2, 1, %s, 1, %s, %s, '{}')", SELF,
                 number, sequence, os.urandom(32), ZERO)
        room.sql("INSERT INTO federation.federated_message_queue (line, "
                 "message_id, destination_server_id, encrypted_payload) "
                 "SELECT %s, %s, s.id, '{}' FROM "
                 "federation.federation_servers s", number)
        return number

    def item(self, room, origin, sequence, status="taken", proof=None):
        """A message of another server."""
        number = str(uuid.uuid4())
        return number, room.sql(
            "INSERT INTO federation.room_items (room_id, origin, message_id, "
            "sender, status, lane, epoch, sequence, state_number, digest, "
            "previous, payload, proof_id) VALUES (%s, %s, %s, 'joe', %s, 2, "
            "1, %s, 1, %s, %s, '{}', %s) RETURNING id", origin, number,
            status, sequence, os.urandom(32), ZERO, proof)[0][0]

    def end(self, number, address, status, error=None):
        run(self.owner, "UPDATE federation.federated_message_queue q SET "
            "status = %s, last_error = %s, next_attempt_at = now(), "
            "delivered_at = CASE %s WHEN 'delivered' THEN now() END "
            "FROM federation.federation_servers s WHERE s.id = "
            "q.destination_server_id AND q.message_id = %s AND "
            "s.onion_address = %s", status, error, status, number, address)

    def told(self):
        found = [json.loads(bytes(p)) for p, in run(
            self.owner, "SELECT payload FROM federation.inbox "
            "ORDER BY inbox_id")]
        run(self.owner, "DELETE FROM federation.inbox")
        return found

    def prune(self):
        while run(self.daemon, "SELECT federation.prune(%s, '30 d', '7 d', "
                  "1000)", WORKER)[0][0]:
            pass

    def delivery(self, number):
        return sorted(run(self.app, "SELECT destination, state, reason FROM "
                          "federation.room_delivery WHERE message_id = %s",
                          number))


def given_up(world):
    room = world.room()
    number = world.sent(room)
    about = {"room": room.id, "message": number, "server": OTHER}
    for status in ("sending", "pending", "sending"):
        world.end(number, OTHER, status)
    world.end(number, HOME, "delivered")
    tap.equal(world.told(), [], "what is on its way, or there, is no event")
    for code in ("EXPIRED", "CANCELLED", "NOT_MEMBER"):
        world.end(number, OTHER, "failed", code)
        tap.equal(world.told(), [dict(about, event="undelivered", code=code)],
                  code + ": given up for a server, and told")
        world.end(number, OTHER, "pending")
        tap.equal(world.told(), [dict(about, event="requeued")],
                  code + ": put back, and told")
    world.end(number, OTHER, "failed", "EXPIRED")
    world.told()
    world.end(number, OTHER, "delivered")
    tap.equal(world.told(), [dict(about, event="delivered")],
              "it has it after all, and that is told")
    tap.equal(run(world.owner, "SELECT count(*) FROM federation.inbox"),
              [(0,)], "nothing else")


def settled_as_the_daemon_does(world):
    """By sync_holds() and an administrator's cancel."""
    room = world.room()
    number = world.sent(room)
    run(world.owner, "UPDATE federation.room_items SET sent = true "
        "WHERE message_id = %s", number)
    run(world.daemon, "SELECT * FROM federation.queue_change('cancel', %s, "
        "%s, '7 d', 'admin')", number, OTHER)
    tap.equal([(e["event"], e.get("code")) for e in world.told()],
              [("undelivered", "CANCELLED")], "an administrator cancels")
    other = room.server(OTHER)
    run(world.daemon, "SELECT federation.sync_holds(%s, ARRAY[ROW(%s, %s, 1, "
        "2, 1, 1)::federation.sync_ask_row], '{CANCELLED}', '30 d')", other,
        room.id, SELF)
    tap.equal([e["event"] for e in world.told()], ["delivered"],
              "its heads show that it has it")


def plain(world):
    """No event of what is not a room's: delivery_state shows it."""
    number = run(world.app, "SELECT federation.enqueue(%s, '{}')",
                 OTHER)[0][0]
    world.end(number, OTHER, "failed", "EXPIRED")
    tap.equal(world.told(), [], "a message without a room is none of a room")


def pruned(world):
    room = world.room()
    number, other = world.sent(room), world.sent(room, 2)
    for one in (number, other):
        world.end(one, HOME, "delivered")
    world.end(number, OTHER, "failed", "EXPIRED")
    world.end(other, OTHER, "delivered")
    tap.equal(world.delivery(number), sorted([
        (HOME, "delivered", None), (OTHER, "failed", "EXPIRED")]),
        "a message that one server never had")
    run(world.owner, "UPDATE federation.federated_message_queue SET "
        "next_attempt_at = now() - interval '91 d', delivered_at = "
        "delivered_at - interval '91 d'")
    world.prune()
    tap.equal(run(world.owner, "SELECT count(*) FROM "
                  "federation.federated_message_queue WHERE message_id IN "
                  "(%s, %s)", number, other), [(0,)],
              "the queue keeps nothing of it in the end")
    tap.equal(world.delivery(number), [(None, "failed", None)],
              "and it is not delivered by that")
    tap.equal(world.delivery(other), [(None, "delivered", None)],
              "as another one is")
    world.told()


def ask(world, room, kind, age, waits=None, **columns):
    columns = dict(columns, kind=kind, state="asked", room_id=room.row)
    request = run(world.owner, "INSERT INTO federation.room_asked (%s) "
                  "VALUES (%s) RETURNING id" % (
                      ", ".join(columns), ", ".join(["%s"] * len(columns))),
                  *columns.values())[0][0]
    run(world.owner, "UPDATE federation.room_asked SET created_at = now() - "
        "%s * interval '1 d' WHERE id = %s", age, request)
    if waits:
        run(world.owner, "SELECT federation.room_enqueue(%s, %s, %s, %s)",
            room.server(HOME), "room_" + kind, '{"userId":"bob",'
            '"globalRoomId":"%s"}' % room.id, request)
        world.end(request, HOME, waits)
    return request


def state(world, request):
    return run(world.app, "SELECT state, code FROM federation.room_requests "
               "WHERE request = %s", request)[0]


def unanswered(world):
    """The home took the request, and its event never came."""
    room = world.room()
    bob = "bob@" + SELF
    for name, expected, values in (
            ("13 days", "waiting", ("join", 13)),
            ("15 days, and still to be sent", "waiting",
             ("join", 15, "pending")),
            ("15 days, on its way", "waiting", ("join", 15, "sending")),
            ("15 days", "refused", ("join", 15)),
            ("15 days, and was delivered", "refused",
             ("join", 15, "delivered")),
            ("a leave: it holds already", "waiting", ("leave", 15))):
        request = ask(world, room, *values, member=bob)
        world.told()
        world.prune()
        tap.equal(state(world, request), (
            expected, "EXPIRED" if expected == "refused" else None), name)
        tap.equal(world.told(), [] if expected == "waiting" else [{
            "event": "refused", "kind": "join", "code": "EXPIRED",
            "room": room.id, "request": request}], name + ": told")
        run(world.owner, "DELETE FROM federation.room_asked")
    for name, ends, expected in (("runs", "1 d", "waiting"),
                                 ("is over", "-1 s", "refused")):
        request = ask(world, room, "invite", 2, member=bob, inviter="ann@" +
                      SELF, room_key="a2V5")
        run(world.owner, "UPDATE federation.room_asked SET expires_at = "
            "now() + %s::interval WHERE id = %s", ends, request)
        world.prune()
        tap.equal((state(world, request)[0], len(world.told())),
                  (expected, int(expected == "refused")),
                  "an invitation that was asked for, and " + name)
    again = run(world.app, "SELECT federation.room_join(%s, 'bob')",
                room.id)[0][0]
    run(world.owner, "UPDATE federation.federated_message_queue SET status = "
        "'delivered', delivered_at = now() WHERE message_id = %s", again)
    run(world.owner, "UPDATE federation.room_asked SET created_at = now() - "
        "interval '15 d' WHERE id = %s", again)
    world.prune()
    tap.equal(run(world.app, "SELECT federation.room_join(%s, 'bob') <> %s",
                  room.id, again), [(True,)], "who asks again asks anew")
    world.told()


def proof(world, origin):
    return run(world.owner, "INSERT INTO federation.room_proofs (origin, "
               "signing_text, signature, key_id, payload) VALUES (%s, 'text', "
               "decode(repeat('00', 64), 'hex'), sha256('key'), '{}') "
               "RETURNING id", origin)[0][0]


def left_behind(world):
    """Epochs that are dropped with numbers that were declared gone."""
    room = world.room()
    signed = proof(world, OTHER)
    for first, last, gone, told in ((1, 3, True, False), (4, 4, True, True),
                                    (5, 9, False, False)):
        room.sql("INSERT INTO federation.room_voids (room_id, origin, epoch, "
                 "lane, first, last, gone, told, previous, digest, proof_id) "
                 "VALUES (%s, %s, 1, 2, %s, %s, %s, %s, %s, %s, %s)", OTHER,
                 first, last, gone, told, ZERO, ZERO, signed)
    world.item(room, OTHER, 2, proof=signed)
    room.sql("INSERT INTO federation.room_streams (room_id, origin, epoch, "
             "lane, contiguous, highest) SELECT %s, %s, n, 2, 9, 9 FROM "
             "generate_series(1, 64) n", OTHER)
    run(world.owner, "SELECT federation.room_epochs_drop(%s, %s, 1)",
        room.row, OTHER)
    tap.equal(world.told(), [], "none is left behind")
    run(world.owner, "SELECT federation.room_epochs_drop(%s, %s, 2)",
        room.row, OTHER)
    tap.equal(world.told(), [{"event": "lost", "room": room.id,
                              "server": OTHER, "count": 2}],
              "those that were gone and are asked for no more are lost")
    tap.equal(room.sql("SELECT count(*) FROM federation.room_voids WHERE "
                       "room_id = %s"), [(0,)], "and go with their epoch")
    run(world.owner, "SELECT federation.room_epochs_drop(%s, %s, 3)",
        room.row, OTHER)
    tap.equal(world.told(), [], "once")


def cut(world):
    room = world.room()
    signed = proof(world, OTHER)
    items = [world.item(room, OTHER, n, status, signed) for n, status in (
        (1, "taken"), (2, "taken"), (3, "refused"), (4, "held"),
        (5, "taken"))]
    room.sql("INSERT INTO federation.room_streams (room_id, origin, epoch, "
             "lane, contiguous, highest) VALUES (%s, %s, 1, 2, 5, 5)", OTHER)
    tap.equal(run(world.daemon, "SELECT federation.vouch_stream_cut(%s, 0, "
                  "%s, 1, 2, 2, %s::bigint[], 1, 1, 1, 0, %s)", room.id,
                  OTHER, [i for _, i in items[1:]], bytes(128)), [(True,)],
              "a stream is cut")
    tap.equal(world.told(), [
        {"event": "unsaid", "room": room.id, "message": number,
         "member": "joe@" + OTHER} for number in (items[1][0], items[4][0])],
        "what was taken is told, in its order, and nothing else")


def test():
    with Cluster() as cluster:
        cluster.migrate()
        world = World(cluster)
        given_up(world)
        settled_as_the_daemon_does(world)
        plain(world)
        pruned(world)
        unanswered(world)
        left_behind(world)
        cut(world)


tap.main(test)
