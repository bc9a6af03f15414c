#!/usr/bin/python3
# SPDX-License-Identifier: ISC
#
# root only: it traces confined processes
#
# One delivery after the other, and in each a process meets its end, or an
# error of input or output, at another of its system calls: any process of
# either suite. $POINTS of them are chosen at random for each process and fault
# (2), or all of them (POINTS=all).

import os
import re
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "..", "lib"))
import faults  # noqa: E402
import net  # noqa: E402
import tap  # noqa: E402

POINTS = os.environ.get("POINTS", "2")
# What moves bytes. An error there ends a connection or a generation.
TRANSFER = "read,write,readv,writev,recvfrom,recvmsg,sendto,sendmsg"
FAULTS = (("kill", "all", "signal=KILL"),
          ("EIO", TRANSFER, "error=EIO"),
          ("ENOMEM", TRANSFER, "error=ENOMEM"),
          ("EINTR", TRANSFER + ",epoll_wait,poll", "error=EINTR"))
DELIVERY_SECONDS = 20


class Trace:
    """strace on one process; what it does goes to a file."""

    def __init__(self, pid, *options):
        self.file = tempfile.NamedTemporaryFile(prefix="torfed-strace-")
        self.process = subprocess.Popen(
            ["strace", "-f", "-p", str(pid), "-o", self.file.name, *options],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE)
        os.set_blocking(self.process.stderr.fileno(), False)
        net.wait(lambda: b"attached" in (self.process.stderr.read() or b""),
                 5, 0.005)

    def end(self):
        self.process.terminate()
        self.process.wait(10)
        with open(self.file.name, errors="replace") as file:
            text = file.read()
        self.file.close()
        self.process.stderr.close()
        return text


def delivery(world):
    flow = world.flows[0]
    number = flow.hand_over()
    return net.wait(lambda: flow.one.node.delivered(number),
                    DELIVERY_SECONDS, 0.01)


def calls(world, side, name):
    """How often one delivery calls: all, and each group's."""
    trace = Trace(side.pid(name))
    delivery(world)
    text = trace.end()
    found = re.findall(r"^\d+ +([a-z0-9_]+)\(", text, re.M)
    return {group: len([one for one in found if group == "all" or
                        one in group.split(",")])
            for _, group, _ in FAULTS}


def points(world, count):
    if POINTS == "all":
        return range(1, count + 1)
    return sorted(world.rng.sample(range(1, count + 1),
                                   min(int(POINTS), count)))


def strike(world, side, name, fault, number):
    """One delivery with the fault at one call. Whether the suite was whole
    again and the message delivered."""
    label, group, what = fault
    before = side.pid(name)
    trace = Trace(before, "-e", "inject=%s:%s:when=%d" % (group, what,
                                                          number))
    done = delivery(world)
    hit = "INJECTED" in trace.end() or side.pid(name) != before
    if name == "fedd" and net.wait(lambda: side.pid("fedd") is None, 0.05,
                                   0.01):
        side.server.start_fedd(wait=False)
    whole = side.wait_whole(seconds=10)
    if whole is None or not done:
        tap.diag("%s of server %d, %s at call %d: delivered=%s whole=%s; %s"
                 % (name, side.node.number, label, number, bool(done), whole,
                    world.note()))
        tap.diag(side.node.log()[-2000:])
    return hit, done and whole is not None


def sweep(world, side, name):
    counts = calls(world, side, name)
    tried = hits = 0
    bad = []
    for fault in FAULTS:
        for number in points(world, counts[fault[1]]):
            tried += 1
            hit, good = strike(world, side, name, fault, number)
            hits += hit
            if not good:
                bad.append((fault[0], number))
    tap.equal(bad, [], "%s of server %d: %d faults at one of %d calls, each "
              "time delivered and whole" % (name, side.node.number, tried,
                                            counts["all"]))
    return hits


def test():
    with net.Net(servers=2, lines=faults.LINES) as network:
        world = faults.World(network)
        world.load(most=1)
        for flow in world.flows:
            flow.ending = True  # one delivery at a time
        delivery(world)
        hits = 0
        for side in world.sides:
            for name in faults.CHILDREN:
                hits += sweep(world, side, name)
        tap.ok(hits > 10, "%d faults struck" % hits)
        world.judge("system calls", least=10)
        world.close()


tap.main(test)
