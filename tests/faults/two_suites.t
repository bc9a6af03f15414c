#!/usr/bin/python3
# SPDX-License-Identifier: ISC
#
# Two suites of one server on one database, under load both ways: they share
# the lanes and never send a message twice; a request that comes to both is
# taken once; when a worker dies, its lanes go on as soon as it is back, and
# when it does not come back, as soon as its lease has ended.

import collections
import json
import os
import signal
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "..", "lib"))
import faults  # noqa: E402
import net  # noqa: E402
import peer  # noqa: E402
import processes  # noqa: E402
import second  # noqa: E402
import tap  # noqa: E402
import wiretap  # noqa: E402

# As long as the default: the sweep is not what finds a lease's end.
LINES = [line for line in faults.LINES if "sweep" not in line]
RECLAIM_SECONDS = 5
REQUESTS = 300
TWICE = 40
JOINS = 60
HOLDERS = """SELECT l.priority, i.name FROM federation.leases l
    JOIN federation.incarnations i ON i.id = l.worker"""


class Tap:
    """Which messages came to server 2, how often; may hold one back."""

    def __init__(self, tapped):
        self.tapped = tapped
        self.holding = threading.Event()
        self.released = threading.Event()
        tapped.policy = self.policy

    def policy(self, request):
        if self.holding.is_set() and self.numbers(request):
            self.released.wait(60)
            return wiretap.CUT
        return wiretap.PASS

    @staticmethod
    def numbers(request):
        envelope = json.loads(request.split(b"\r\n\r\n", 1)[1] or b"{}")
        if envelope.get("type") not in ("message", "batch"):
            return []
        return [number for number, _, _ in peer.items(envelope)]

    def count(self):
        """{id: requests that held it}"""
        return collections.Counter(
            number for request in list(self.tapped.requests)
            for number in self.numbers(request))

    def duplicates(self):
        return sum(answer.count(b'"duplicate"')
                   for answer in list(self.tapped.answers))


def share(world, both, tap_):
    """The steady state."""
    world.load()
    node = both[0].node
    holders = collections.Counter()

    def enough():
        holders.update(name for _, name in node.sql(HOLDERS))
        return (len(tap_.tapped.requests) > REQUESTS and
                len(holders) == 2 and min(holders.values()) >= 5)
    good = net.wait(enough, 60, 0.01)
    tap.ok(good, "both work: %s of the looks, %d requests" % (
        sorted(holders.values()), len(tap_.tapped.requests)))
    twice = [number for number, times in tap_.count().items() if times > 1]
    tap.ok(not twice and tap_.duplicates() == 0, "none of %d messages was "
           "sent twice" % len(tap_.count()))


def twice(world, both):
    """A stranger's requests, each to both listeners at once."""
    node = both[0].node
    stranger = peer.Identity()
    clients = [peer.Client.of(side.node) for side in both]
    clients[0].handshake(stranger)
    node.fedctl("server", "trust", stranger.address, "2")
    net.wait(lambda: clients[1].handshake(stranger).result == "accepted", 10)
    results = collections.Counter()
    for n in range(TWICE):
        envelope = stranger.envelope(node.onion, "message", {"n": n})
        found = []
        threads = [threading.Thread(target=lambda c=client: found.append(
            c.send(stranger, envelope).result)) for client in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        results[" ".join(sorted(found))] += 1
    stored = node.value("""SELECT count(*) FROM federation.inbox i
        JOIN federation.federation_servers s ON s.id = i.server_id
        WHERE s.onion_address = %s""", stranger.address)
    # While the one commits, the other says "retry".
    once = (results["accepted duplicate"] +
            results["accepted retry STORAGE"])
    tap.equal((once, stored), (TWICE, TWICE), "a request to both at once: one "
              "takes it, the other says so or to come again")


def name_of(side):
    """As fed-queued registers."""
    return ":" + side.server.control


def held(world, both, tap_):
    """A message under way; (id, the worker's side, the other's)."""
    flow = world.flows[0]
    tap_.released.clear()
    tap_.holding.set()
    before = len(tap_.tapped.requests)
    number = flow.hand_over(2)
    net.wait(lambda: any(number in tap_.numbers(request) for request in
                         list(tap_.tapped.requests)[before:]), 15)
    names = [name for lane, name in flow.one.node.sql(HOLDERS) if lane == 2]
    holder = both[0] if names[0].endswith(name_of(both[0])) else both[1]
    return number, holder, both[1 - both.index(holder)]


def kill_suite(side):
    for pid in side.suite().values():
        processes.send(pid, signal.SIGKILL)
    net.wait(lambda: side.pid("fedd") is None, 5)


def delivered_after(world, tap_, number, what, act=lambda: None):
    started = time.monotonic()
    tap_.holding.clear()
    act()
    node = world.sides[0].node
    good = net.wait(lambda: node.delivered(number), 60)
    took = time.monotonic() - started
    tap.ok(good and took < RECLAIM_SECONDS, "%s: delivered %.1f s later" % (
        what, took))
    tap_.released.set()


def handed_over(world, both, tap_):
    for flow in world.flows:
        flow.ending = True
    net.wait(lambda: all(flow.settled() for flow in world.flows), 60)

    number, holder, _ = held(world, both, tap_)
    delivered_after(world, tap_, number, "a fed-queued killed",
                    lambda: processes.send(holder.pid("fed-queued"),
                                           signal.SIGKILL))
    for side in both:
        side.wait_whole()

    number, holder, other = held(world, both, tap_)
    kill_suite(holder)
    before = tap_.count()[number]
    tap_.holding.clear()
    world.flows[0].hand_over(2)
    time.sleep(2)
    tap.ok(tap_.count()[number] == before and
           not other.node.delivered(number),
           "while the lease of a killed suite lasts, the other keeps away")
    delivered_after(world, tap_, number, "a killed suite is started",
                    holder.server.start_fedd)

    number, holder, other = held(world, both, tap_)
    kill_suite(holder)
    other.node.sql("""UPDATE federation.leases
        SET deadline = now() + interval '3 s' WHERE priority = 2""")
    later = world.flows[0].hand_over(2)  # asks for the lane, and is told
    net.wait(lambda: other.node.value("""SELECT deadline <= clock_timestamp()
        FROM federation.leases WHERE priority = 2"""), 10, 0.01)
    delivered_after(world, tap_, number, "the lease of a suite that stays "
                    "away has ended")
    tap.ok(net.wait(lambda: other.node.delivered(later), 10),
           "and what came after it")
    holder.server.start_fedd()


def other_door(world, both):
    """Either suite's listener may serve the address."""
    first, one = both
    kill_suite(first)
    path = os.path.join(world.network.directory, "switchboard.map")
    with open(path) as file:
        text = file.read()
    with open(path + ".new", "w") as file:
        file.write(text.replace(first.node.listener, one.node.listener))
    os.replace(path + ".new", path)
    number = world.flows[1].hand_over(1)
    tap.ok(net.wait(lambda: world.flows[1].one.node.delivered(number), 20),
           "the second suite's listener takes what the first one's did")
    first.server.start_fedd()


def rooms(both):
    """Wishes are decided and messages numbered by both, each once."""
    node = both[0].node
    room = node.value("SELECT federation.room_create('ann', NULL, false)",
                      user="app")
    for n in range(JOINS):
        node.sql("SELECT federation.room_join(%s, %s)", room, "u%d" % n,
                 user="app")
        node.sql("SELECT federation.room_send(%s, 'ann', %s)", room,
                 b"%d" % n, user="app")
    found = net.wait(lambda: node.sql(
        "SELECT number, members FROM federation.rooms WHERE room = %s", room,
        user="app") == [(JOINS + 1, JOINS + 1)], 60)
    tap.ok(found, "a room's events are decided by both, each once") or \
        tap.diag(str(node.sql("SELECT number, members FROM federation.rooms "
                              "WHERE room = %s", room, user="app")))
    tap.ok(net.wait(lambda: node.sql(
        "SELECT count(*), count(DISTINCT sequence), max(sequence) FROM "
        "federation.room_items WHERE status = 'taken'") ==
        [(JOINS, JOINS, JOINS)], 60), "and its messages numbered")
    tap.equal(node.sql("SELECT count(*) FROM federation.room_evidence"),
              [(0,)], "none contradicts another")


def test():
    with net.Net(servers=2, lines=LINES) as network:
        world = faults.World(network)
        one = second.Second(world.sides[0])
        both = [world.sides[0], one]
        with wiretap.Wiretap(world.sides[1].node) as tapped:
            world.kill("fed-sender", both[0])  # connections made before
            one.start()
            tap_ = Tap(tapped)
            share(world, both, tap_)
            twice(world, both)
            handed_over(world, both, tap_)
            other_door(world, both)
            rooms(both)
            world.judge("two suites")
        world.close()


tap.main(test)
