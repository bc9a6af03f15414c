#!/usr/bin/python3
# SPDX-License-Identifier: ISC
#
# What fedchat's clients file in the chat's tables and read from there, on a
# database with torfed's schema: each row of the inbox once, in order, and
# nothing missed, however many clients take and read at a time.

import json
import os
import sys
import threading
import uuid

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.realpath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(HERE, "..", "lib"),
                os.path.join(ROOT, "examples", "fedchat")]
import net  # noqa: E402
import tap  # noqa: E402
from pgcluster import Cluster  # noqa: E402
from sqlhelp import address, one, rows  # noqa: E402
import sealing  # noqa: E402
from store import Store  # noqa: E402

SCHEMA = os.path.join(ROOT, "sql", "chat", "schema.sql")
SERVER = address(sealing.Identity(bytes(32)).public)
ROOM = "%s@%s" % (uuid.uuid4(), SERVER)
MESSAGES = 400


def arrive(owner, kind, payload, server=None):
    """A row of the inbox, as the daemon adds it."""
    owner.execute(
        "INSERT INTO federation.inbox (message_id, server_id, type, payload, "
        "trust_level) VALUES (gen_random_uuid(), %s, %s, %s, 2)",
        (server, kind, json.dumps(payload).encode()))


def message(text):
    return {"globalRoomId": ROOM, "senderId": "zebra", "messageType": "text",
            "encryptedContent": sealing.b64(text.encode())}


def test_filed(cluster, owner, server):
    store = Store(cluster.conninfo("fed_app"))
    tap.equal(store.take(), False, "an inbox without anything")
    arrive(owner, "room", {"event": "created", "room": ROOM})
    arrive(owner, "message", message("first"), server)
    arrive(owner, "user", {"address": "a@b", "event": "unknown"}, server)
    arrive(owner, "message", {"text": "of no room"}, server)
    tap.ok(store.woken(), "the client is woken")
    tap.equal(store.take(), True, "what is in the inbox is filed")
    tap.equal(rows(owner, "SELECT count(*) FROM federation.inbox "
                   "WHERE acknowledged_at IS NULL"), [(0,)],
              "and acknowledged")
    tap.equal([(n.type, n.room, n.sender, n.body and bytes(n.body))
               for n in store.news(0, [])],
              [("room", ROOM, None, None),
               ("message", ROOM, "zebra@" + SERVER, b"first"),
               ("user", None, None, None), ("message", None, None, None)],
              "read in the order of the inbox")
    last = store.news(0, [])[-1].number
    tap.equal(store.news(last, []), [], "nothing is new after the last")
    tap.equal([n.number for n in store.news(last, [last - 1])], [last - 1],
              "but for what is asked for again")
    store.close()


def test_users(cluster, owner):
    store = Store(cluster.conninfo("fed_app"))
    store.publish("alice", b"key", "Alice")
    store.publish("alice", b"another", None)
    tap.equal([(handle, bytes(key), name) for handle, key, name in rows(
                  owner, "SELECT handle, public_key, display_name "
                  "FROM chat.users")], [("alice", b"another", None)],
              "a user is one row of the chat's")
    tap.equal(bytes(store.user("alice").public_key), b"another",
              "published to torfed")
    tap.equal(store.user("nobody"), None, "others are not")
    tap.equal(store.lookup("zebra@" + SERVER), None, "one is asked for")
    store.close()


def reading(cluster, until, found):
    """A client that reads what is new, again and again."""
    store = Store(cluster.conninfo("fed_app"))
    seen = 0
    while len(found) < until:
        for item in store.news(seen, []):
            seen = item.number
            if item.body is not None and item.room == ROOM:
                found.append(bytes(item.body).decode())
    store.close()


def taking(cluster, end):
    store = Store(cluster.conninfo("fed_app"))
    while not end.is_set():
        store.take()
    store.close()


def test_many(cluster, owner, server):
    owner.execute("DELETE FROM chat.messages")
    expected = ["number %d" % n for n in range(MESSAGES)]
    found, end = ([], []), threading.Event()
    readers = [threading.Thread(target=reading, daemon=True, args=(
        cluster, MESSAGES, one)) for one in found]
    takers = [threading.Thread(target=taking, args=(cluster, end))
              for _ in range(3)]
    for thread in readers + takers:
        thread.start()
    for text in expected:
        arrive(owner, "message", message(text), server)
    for thread in readers:
        thread.join(60)
    end.set()
    for thread in takers:
        thread.join()
    tap.equal([sorted(one) for one in found], [sorted(expected)] * 2,
              "three clients take, two read: each message once for each")
    tap.equal(one(owner, "SELECT count(*) FROM chat.messages"), MESSAGES,
              "and one row each")


def waits(owner):
    """Whether somebody waits for a lock of chat.events."""
    return one(owner, "SELECT count(*) FROM pg_locks WHERE NOT granted "
               "AND relation = 'chat.events'::regclass") > 0


def test_order(cluster, owner, server):
    """A lower number must not be committed after a higher one: whoever has
    read the higher would never see it."""
    first, second = (Store(cluster.conninfo("fed_app")) for _ in range(2))
    seen = second.news(0, [])[-1].number
    arrive(owner, "message", message("second"), server)
    with first.work(arriving=True) as cursor:
        first.file(cursor, Item(), message("first"))
        thread = threading.Thread(target=second.take)
        thread.start()
        blocked = net.wait(lambda: waits(owner) or not thread.is_alive())
        third = Store(cluster.conninfo("fed_app"))
        shown = third.news(seen, [])
    thread.join()
    tap.ok(blocked, "the other client goes on or waits")
    tap.equal(([n.body for n in shown], [bytes(n.body) for n in
                                         third.news(seen, [])]),
              ([], [b"first", b"second"]),
              "rows with higher numbers wait for those with lower")
    for store in (first, second, third):
        store.close()


class Item:
    """What a claim gives."""

    type, origin, trust_level = "message", SERVER, 2
    message_id = uuid.uuid4()


def main():
    with Cluster(fsync=False) as cluster:
        cluster.migrate()
        owner = cluster.connect().cursor()
        with open(SCHEMA) as file:
            owner.execute(file.read())
        owner.execute("SELECT federation.server_add(%s)", (SERVER,))
        server, = owner.fetchone()
        test_filed(cluster, owner, server)
        test_users(cluster, owner)
        test_order(cluster, owner, server)
        test_many(cluster, owner, server)


tap.main(main)
