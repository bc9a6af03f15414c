#!/usr/bin/python3
# SPDX-License-Identifier: ISC
#
# Clock jumps of an hour and a day, forth and back, under load both ways: of
# one server (its PostgreSQL included), of the other, of both. Nothing is lost,
# doubled or held up once the clocks agree again. The suites and PostgreSQL run
# with a clock of their own, tests/faults/jump.c.

import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
import faults  # noqa: E402
import net  # noqa: E402
import tap  # noqa: E402

HOUR = 3600
JUMPS = (HOUR, -HOUR, 24 * HOUR, -24 * HOUR)
APART_SECONDS = 1.5
AGAIN_SECONDS = 10


def write_script(path, *lines):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write("\n".join(("#!/bin/sh",) + lines) + "\n")
    os.chmod(path, 0o755)


class Clock:
    """Of one server. All that a process of the suite needs lies in fedd's -L
    directory, since fedd lets its children see nothing else."""

    def __init__(self, side, directory):
        self.side = side
        place = os.path.join(directory, str(side.node.number))
        library = build(place)
        self.path = os.path.join(place, "offset")
        self.set(0)
        server = side.server
        programs = dict(server.programs)
        for name in faults.ALL:
            programs[name] = shutil.copy(programs[name],
                                         os.path.join(place, name + ".real"))
        programs["postgres"] = os.path.join(server.cluster.bin, "postgres")
        for name in faults.ALL + ("postgres",):
            write_script(
                os.path.join(place, name, name),
                "LD_PRELOAD=%s TORFED_JUMP=%s" % (library, self.path),
                "export LD_PRELOAD TORFED_JUMP",
                'exec %s "$@"' % programs[name])
        server.stop("fedd")
        server.stop("postgres")
        server.cluster.bin = os.path.join(place, "postgres")
        server.programs = dict(server.programs, fedd=os.path.join(
            place, "fedd", "fedd"))
        server.children = place
        server.start_postgres()
        server.start_fedd()

    def is_of_all(self):
        """As each of them told before it confined itself."""
        told = {int(pid) for pid in re.findall(
            r"^jump\.so: pid=(\d+)$", self.side.node.log(), re.M)}
        found = self.side.suite().values()
        return len(found) == 5 and told.issuperset(found)

    def set(self, seconds):
        if not os.path.exists(self.path):
            with open(self.path, "wb") as file:
                file.write(bytes(8))
        with open(self.path, "r+b", buffering=0) as file:
            file.write(struct.pack("=q", seconds))


def build(directory):
    os.makedirs(directory)
    library = os.path.join(directory, "jump.so")
    subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-D_GNU_SOURCE", "-o",
                    library, os.path.join(HERE, "jump.c"), "-ldl"],
                   check=True)
    return library


def hand_over(world):
    return [(flow, flow.hand_over(lane)) for flow in world.flows
            for lane in faults.LANES]


def goes_on(world, name, numbers=()):
    """Both directions, within a few seconds; numbers: those handed over
    before."""
    started = time.monotonic()
    numbers = hand_over(world) + list(numbers)
    good = net.wait(lambda: all(flow.one.node.delivered(number)
                                for flow, number in numbers), AGAIN_SECONDS)
    tap.ok(good, "%s: messages of all lanes arrive both ways, %.1f s later" %
           (name, time.monotonic() - started))


def test(directory):
    with net.Net(servers=2, lines=faults.LINES) as network:
        world = faults.World(network)
        os.chmod(directory, 0o755)
        clocks = [Clock(side, directory) for side in world.sides]
        tap.ok(all(clock.is_of_all() for clock in clocks),
               "all processes of both suites have it")
        world.load()
        time.sleep(1)
        clocks[0].set(HOUR)
        shown = world.sides[0].node.value(
            "SELECT extract(epoch FROM clock_timestamp())")
        tap.ok(abs(float(shown) - time.time() - HOUR) < 5,
               "the clock is another one")
        clocks[0].set(0)
        for jump in JUMPS:
            for who in (clocks[:1], clocks[1:]):
                for clock in who:
                    clock.set(jump)
                numbers = hand_over(world)
                time.sleep(APART_SECONDS)
                for clock in who:
                    clock.set(0)
                goes_on(world, "server %d off by %+d h, and back" % (
                    1 + clocks.index(who[0]), jump // HOUR), numbers)
            for clock in clocks:
                clock.set(jump)
            goes_on(world, "both off by %+d h" % (jump // HOUR))
            numbers = hand_over(world)
            for clock in clocks:
                clock.set(0)
            goes_on(world, "and back", numbers)
        world.judge("clocks")
        world.close()


def main():
    directory = tempfile.mkdtemp(prefix="torfed-clock-", dir="/tmp")
    try:
        test(directory)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


tap.main(main)
