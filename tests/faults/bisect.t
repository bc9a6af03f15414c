#!/usr/bin/python3
# SPDX-License-Identifier: ISC
#
# A peer that hangs up on every request with a certain message in it. All the
# others arrive, in order, and that one waits, uncharged, and arrives when the
# peer is mended. While nothing gets through nobody is the culprit: nothing
# ever steps out of its place.

import collections
import os
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "..", "lib"))
import net  # noqa: E402
import peer  # noqa: E402
import tap  # noqa: E402

LINES = ["retry minimum 10ms", "retry maximum 100ms", "queue sweep 1s",
         "timeout message 5s", "timeout handshake 5s", "queue attempts 3"]
COUNT = 150
STATE = """SELECT status, attempts FROM federation.federated_message_queue
    WHERE message_id = %s"""


class Killer:
    """The peer's behaviour: hangs up when a request has one of those."""

    def __init__(self):
        self.bad = lambda payload: False
        self.killed = 0
        self.arrived = []

    def __call__(self, server, received):
        envelope = received.envelope
        if envelope and envelope["type"] != "handshake":
            found = peer.items(envelope)
            if any(self.bad(payload) for _, _, payload in found):
                self.killed += 1
                return None
            self.arrived += [number for number, _, _ in found]
        return peer.honest(server, received)


def enqueue(node, other, chosen):
    """In one transaction; {n: id}, the ids of the bad ones."""
    rows = node.sql("""SELECT n, federation.enqueue(%s, json_build_object(
        'bad', n = ANY (%s::int[]), 'n', n)::text)::text
        FROM generate_series(1, %s) n ORDER BY n""", other.address,
                    sorted(chosen), COUNT)
    numbers = dict(rows)
    return numbers, [numbers[n] for n in sorted(chosen)]


def others_arrive(node, other, killer, chosen, name):
    killer.bad = lambda payload: payload["bad"]
    killer.killed, killer.arrived = 0, []
    numbers, bad = enqueue(node, other, chosen)
    good = [number for number in numbers.values() if number not in bad]
    started = time.monotonic()
    done = net.wait(lambda: all(map(node.delivered, good)), 40, 0.1)
    tap.ok(done, "%s: the %d others are delivered, %.1f s and %d hang-ups "
           "later" % (name, len(good), time.monotonic() - started,
                      killer.killed))
    places = {number: n for n, number in numbers.items()}
    tap.equal([places[number] for number in killer.arrived
               if number in set(good)], [places[number] for number in good],
              "%s: each once and in order" % name)
    states = [node.sql(STATE, number)[0] for number in bad]
    tap.ok(all(status in ("pending", "sending") and attempts == 0
               for status, attempts in states),
           "%s: the culprit waits, uncharged: %s" % (name, states))
    late = node.enqueue(other.address, {"bad": False, "n": 0})
    tap.ok(net.wait(lambda: node.delivered(late), 20),
           "%s: what comes later is not held up" % name)
    killer.bad = lambda payload: False
    tap.ok(net.wait(lambda: all(map(node.delivered, bad)), 20),
           "%s: delivered when the peer is mended" % name)
    tap.equal(collections.Counter(killer.arrived).most_common(1)[0][1], 1,
              "%s: nothing came twice" % name)


def nothing_passes(node, other, killer):
    killer.bad = lambda payload: True
    killer.killed, killer.arrived = 0, []
    numbers, _ = enqueue(node, other, ())
    net.wait(lambda: killer.killed > 30, 30)
    states = collections.Counter(node.sql("""SELECT status = 'failed',
        attempts FROM federation.federated_message_queue
        WHERE message_id = ANY (%s::uuid[])""", list(numbers.values())))
    tap.equal(states, {(False, 0): COUNT}, "a peer that hangs up on "
              "everything, %d times: all wait, uncharged" % killer.killed)
    killer.bad = lambda payload: False
    tap.ok(net.wait(lambda: all(map(node.delivered, numbers.values())), 20),
           "and all arrive when it is mended")


def test():
    killer = Killer()
    with net.Net(servers=1, lines=LINES) as network, \
            peer.Server(behaviour=killer) as other:
        node, = network.servers
        other.join(network.directory)
        node.fedctl("handshake", other.address)
        node.fedctl("server", "trust", other.address, "2")
        others_arrive(node, other, killer, {70}, "one")
        others_arrive(node, other, killer, {1}, "the first")
        others_arrive(node, other, killer, {20, 21, 90}, "three")
        nothing_passes(node, other, killer)
        tap.ok("generation number=2" not in node.log(),
               "no process of the suite ever ended")


tap.main(test)
