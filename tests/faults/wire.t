#!/usr/bin/python3
# SPDX-License-Identifier: ISC
#
# What goes wrong between two servers, to a third of all requests under load
# both ways: acknowledgements are lost or cut, requests arrive twice, later
# than those that were made after them, or in half.

import collections
import os
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "..", "lib"))
import faults  # noqa: E402
import net  # noqa: E402
import tap  # noqa: E402
import wiretap  # noqa: E402

SECONDS = 8
WRONG = (wiretap.LOSE, wiretap.DOUBLE, wiretap.LATE, wiretap.CUT,
         wiretap.HALF)


def test():
    with net.Net(servers=2, lines=faults.LINES) as network:
        world = faults.World(network)
        done = collections.Counter()

        def policy(_request):
            action = world.rng.choice(WRONG + 2 * len(WRONG) *
                                      (wiretap.PASS,))
            done[action] += 1
            return action

        a, b = network.servers
        with wiretap.Wiretap(a) as to_a, wiretap.Wiretap(b) as to_b:
            # A connection that was made before is not tapped.
            for node in (a, b):
                world.kill("fed-sender", world.sides[node.number - 1])
            to_a.policy = to_b.policy = policy
            world.load()
            time.sleep(SECONDS)
            to_a.policy = to_b.policy = lambda _request: wiretap.PASS
            world.judge("a bad wire")
        for action in WRONG:
            tap.ok(done[action] >= 3, "%s: %d times" % (action, done[action]))
        world.close()


tap.main(test)
