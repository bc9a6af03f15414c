#!/usr/bin/python3
# SPDX-License-Identifier: ISC
#
# root only: it mounts images of disks
#
# Power is lost under load on both sides: PostgreSQL's data are on a disk that
# is a file, which is copied in the middle of it all, and the server goes on
# with the copy. What was acknowledged, to peers and to applications, is there,
# once and in order.

import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "..", "lib"))
import disk  # noqa: E402
import faults  # noqa: E402
import net  # noqa: E402
import tap  # noqa: E402

LOSSES = 6


def test():
    with net.Net(servers=2, lines=faults.LINES) as network:
        world = faults.World(network)
        a, b = world.sides
        with disk.Image(a) as one, disk.Image(b) as other:
            for side in world.sides:
                side.wait_whole()
            world.load(pause=0.01)
            for number in range(LOSSES):
                world.some_time(2)
                (one, other)[number % 2].lose_power(world)
            tap.equal(world.recovered, LOSSES, "whole within 2 s of each of %d"
                      " starts, the slowest %.2f s" % (LOSSES, world.slowest))
            world.judge("power lost")
            world.close()


tap.main(test)
