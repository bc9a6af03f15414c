# SPDX-License-Identifier: ISC
"""Figures of rooms: one message to many servers, and a server that was away."""

import contextlib
import os
import time

import net
import peer
import psycopg2
from local_figures import BATCH, Watch, forget, insert_limit, settled
from report import PAYLOAD, median, payload

NAMES = ("room_fanout", "sync")
SERVERS = 100
SECONDS = 300
CONTENT = PAYLOAD * 3 // 4 - 300  # about PAYLOAD on the wire
# Nothing waits for others to come along.
LINES = ["flush high 0", "flush normal 0", "flush low 0", "rate items 0"]
MEMBERS = """INSERT INTO federation.room_members (room_id, member, server_id,
    state_joined) SELECT r.id, 'u@' || s.onion_address, s.id, 1
    FROM federation.federated_rooms r, federation.federation_servers s
    WHERE r.global_room_id = %s AND s.onion_address = ANY (%s)"""
OPEN = """SELECT count(*) FROM federation.federated_message_queue
    WHERE message_id = ANY (%s::uuid[]) AND status <> 'delivered'"""


def create(node, creator="ann"):
    room = node.value("SELECT federation.room_create(%s, NULL, false)",
                      creator, user="app")
    if not net.wait(lambda: node.value(
            "SELECT number FROM federation.rooms WHERE room = %s", room,
            user="app") == 1):
        raise RuntimeError("the room is not made")
    return room


# Fan-out

def known(node, identities):
    """Servers that shook hands and are verified."""
    for identity in identities:
        if peer.Client.of(node).handshake(identity).status != 200:
            raise RuntimeError("no handshake")
        status, _, text = node.fedctl("server", "trust", identity.address, "2")
        if status:
            raise RuntimeError(text)


def delivered(node, ids):
    """Milliseconds from now until all of these are delivered."""
    started = time.monotonic()
    with Watch(node) as watch:
        while watch.value(OPEN, ids):
            if time.monotonic() - started > SECONDS:
                raise RuntimeError("not all was delivered")
            time.sleep(0.002)
    return (time.monotonic() - started) * 1000


def fanout(node, room):
    """One message to the room; what its rows need is all in the figure."""
    number = node.value("SELECT federation.room_send(%s, 'ann', %s)", room,
                        os.urandom(CONTENT), user="app")
    started = time.monotonic()
    with Watch(node) as watch:
        while not watch.value("SELECT count(*) FROM federation."
                              "federated_message_queue WHERE message_id = %s",
                              number):
            time.sleep(0.001)
    return (time.monotonic() - started) * 1000 + delivered(node, [number])


def direct(node, addresses):
    """The same by one message for each server."""
    rows = node.sql("SELECT federation.enqueue(u.a, %s)::text FROM unnest(%s) "
                    "AS u(a)", payload(), addresses, user="app")
    return delivered(node, [row[0] for row in rows])


def measure_fanout(result, node, network):
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(peer.Server())
                   for _ in range(SERVERS)]
        for server in servers:
            server.join(network.directory)
        known(node, [server.identity for server in servers])
        addresses = [server.address for server in servers]
        room = create(node)
        node.sql(MEMBERS, room, addresses)
        direct(node, addresses)
        times = result.size(10, 3)
        limit = median(lambda: direct(node, addresses), times)
        value = median(lambda: fanout(node, room), times)
        for server in servers:
            node.fedctl("server", "trust", server.address, "blocked")
    result.line("room_fanout", value, "ms", limit)


# A server that was away

def join(a, b):
    """A room of a's in which a user of b's is."""
    room = create(a)
    b.value("SELECT federation.room_join(%s, 'bob')", room, user="app")
    if not net.wait(lambda: b.value(
            "SELECT members FROM federation.rooms WHERE room = %s", room,
            user="app") == 2):
        raise RuntimeError("not joined")
    return room


def say(a, room, count):
    connection = psycopg2.connect(a.app_database)
    connection.autocommit = True
    with connection.cursor() as cursor:
        for _ in range(0, count, BATCH):
            cursor.execute("SELECT federation.room_send(%s, 'ann', c) FROM "
                           "unnest(%s) AS c", (room, [
                               os.urandom(CONTENT) for _ in range(BATCH)]))
    connection.close()
    if not net.wait(lambda: a.value(
            "SELECT NOT EXISTS (SELECT 1 FROM federation.room_items "
            "WHERE status = 'new')"), SECONDS):
        raise RuntimeError("messages have no place")


def measure_sync(result, a, b, network):
    """From the command that starts it again, with its PostgreSQL."""
    count = result.size(10000, 3200) // BATCH * BATCH
    room = join(a, b)
    settled(a)
    limit = median(lambda: insert_limit(b, count), result.size(3, 1))
    forget(b)
    with Watch(b) as watch:
        before = watch.position()
    network.stop(2)
    say(a, room, count)
    started = time.monotonic()
    network.start(2)
    with Watch(b) as watch:
        watch.wait_rows(before, count)
    rate = count / (time.monotonic() - started)
    settled(a)
    result.line("sync", rate, "messages/s", limit)


def measure(result):
    if not result.wants(*NAMES):
        return
    with net.Net(servers=2, lines=LINES) as network:
        a, b = network.servers
        result.attempt({"sync": "messages/s"}, measure_sync, a, b, network)
        result.attempt({"room_fanout": "ms"}, measure_fanout, a, network)
