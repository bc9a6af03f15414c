#!/usr/bin/python3
# SPDX-License-Identifier: ISC
#
# A peer that has a new key, or has forgotten ours, before it says so: what was
# under way is not acknowledged, one handshake follows, and then all goes on,
# without a wait, however soon after the last handshake. A peer whose handshake
# never helps is not asked again and again.

import copy
import os
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "..", "..", "..", "lib"))
import net  # noqa: E402
import peer  # noqa: E402
import tap  # noqa: E402

# A back-off takes longer than all of this test.
LINES = ["retry minimum 5m", "retry maximum 1h", "queue sweep 1s",
         "health interval 1h", "flush high 0s", "flush normal 0s",
         "flush low 0s"]
SECONDS = 20
LANES = 3


class Friend(peer.Server):
    """A server that a trusts, and what it was asked since the last look."""

    def __init__(self, a, **options):
        super().__init__(**options)
        self.a = a
        self.seen = 0

    def __enter__(self):
        super().__enter__()
        a = self.a
        self.join(a.network.directory)
        a.fedctl("handshake", self.address)
        a.fedctl("server", "trust", self.address, "2")
        self.deliver(1)
        return self

    def enqueue(self, count):
        return [self.a.enqueue(self.address, {"n": n}, priority=1 + n % LANES)
                for n in range(count)]

    def deliver(self, count):
        sent = self.enqueue(count)
        return net.wait(lambda: all(self.a.delivered(n) for n in sent),
                        SECONDS)

    def asked(self, seconds=1):
        """(handshakes, other requests), once nothing comes any more."""
        count = -1
        while count != len(self.received):
            count = len(self.received)
            time.sleep(seconds)
        kinds = [r.envelope["type"] for r in self.received[self.seen:]]
        self.seen = count
        return kinds.count("handshake"), len(kinds) - kinds.count("handshake")

    def postponed(self):
        return self.a.value("""SELECT count(*) FROM federation.peers p
            JOIN federation.federation_servers s ON s.id = p.server_id
            WHERE s.onion_address = %s AND p.retry_at IS NOT NULL""",
                            self.address)


def goes_on(friend, what, count=30):
    tap.ok(friend.deliver(count), what + ": all is delivered, at once") or \
        tap.diag(friend.a.log()[-3000:])
    handshakes, others = friend.asked()
    tap.equal(handshakes, 1, what + ": one handshake")
    tap.ok(others <= count + LANES, what + ": %d requests for %d messages" %
           (others, count))
    tap.equal(friend.postponed(), 0, what + ": no back-off")


def forgets():
    """A behaviour: the 401 until there was a handshake."""
    introduced = []

    def behaviour(server, received):
        if received.envelope["type"] == "handshake":
            introduced.append(1)
        if not introduced:
            return peer.http_answer(401, b"{}\n")
        return peer.honest(server, received)
    return behaviour


def test_new_key(a):
    with Friend(a) as friend:
        friend.asked()
        for turn in ("a new key", "and another"):
            friend.identity.rotate(
                serial=friend.identity.certificate.serial + 1,
                min_serial=friend.identity.certificate.min_serial)
            goes_on(friend, turn)
        friend.identity.rotate(serial=friend.identity.certificate.serial + 1)
        goes_on(friend, "one that revokes")


def test_forgotten(a):
    with Friend(a) as friend:
        friend.asked()
        for turn in ("who has forgotten our key", "and again"):
            friend.behaviour = forgets()
            goes_on(friend, turn)


def test_never(a):
    """Its acknowledgements are under a key that it never shows."""
    def behaviour(server, received):
        if received.envelope["type"] == "handshake":
            return peer.honest(server, received)
        masked = copy.copy(server)
        masked.identity = hidden
        return peer.honest(masked, received)

    with Friend(a) as friend:
        friend.asked()
        hidden = peer.Identity(seed=friend.identity.key.seed,
                               serial=friend.identity.certificate.serial + 1)
        friend.behaviour = behaviour
        friend.enqueue(30)
        net.wait(friend.postponed, SECONDS)
        handshakes, others = friend.asked(2)
        tap.ok(1 <= handshakes <= 5 and others <= 6 * LANES and
               friend.postponed() == 1,
               "a key that is never shown: %d handshakes, %d requests, then "
               "a back-off" % (handshakes, others))
        for _ in range(3):
            a.fedctl("server", "retry", friend.address)
            handshakes, others = friend.asked(2)
            tap.ok(handshakes <= 1 and others <= 2 * LANES,
                   "server retry: %d handshakes, %d requests" %
                   (handshakes, others))


def test():
    with net.Net(servers=1, lines=LINES) as network:
        a, = network.servers
        test_new_key(a)
        test_forgotten(a)
        test_never(a)


tap.main(test)
