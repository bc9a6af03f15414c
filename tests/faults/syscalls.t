#!/usr/bin/python3
# SPDX-License-Identifier: ISC
#
# root only: it traces confined processes
#
# One delivery after the other over a new connection each, and in each a
# process of either suite meets its end, or an error, at another of its system
# calls. A few of them for each process, chosen by the seed; with SWEEP=all all
# of them, which takes some minutes.

import collections
import os
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

STRIKE = os.path.join(net.ROOT, "build", "tests", "lib", "strike")
ALL = os.environ.get("SWEEP") == "all"
SAMPLE = 3  # points of each process
BACKEND = "backend"
LINES = [line for line in faults.LINES if "idle-time" not in line] + [
    "sender idle-time 100ms"]
IDLE_SECONDS = 0.3  # after which no connection is left
DELIVERY_SECONDS = 60
# libpq goes on as if it had sent; fed-queued gives up after half a minute.
SLOW = [("fed-queued", "sendto", fault) for fault in ("EIO", "ENOMEM")]
KILL = "kill"
MOVES = ("read", "write", "readv", "writev", "recvfrom", "recvmsg", "sendto",
         "sendmsg")
DISK = ("pwrite64", "pwritev", "fsync", "fdatasync")
MAKES = ("socket", "socketpair", "accept4", "epoll_create1", "memfd_create",
         "dup", "openat")
# What each call can fail with, beside the kill that may come in any.
ERRORS = {
    "EIO": MOVES + DISK,
    "ENOSPC": DISK + ("write", "writev", "epoll_ctl", "ftruncate", "fallocate"),
    "EINTR": MOVES + ("accept4", "connect", "epoll_wait", "poll", "ppoll",
                      "getrandom"),
    "ENOMEM": MOVES + MAKES + ("connect", "epoll_ctl", "poll", "mmap",
                               "mremap", "brk"),
    "EMFILE": MAKES,
}
# No reason for any process to end.
HARMLESS = ("EINTR", "EMFILE")

# The nth of its calls of that name meets the fault.
Point = collections.namedtuple("Point", "side name call number fault")


class Trace:
    """tests/lib/strike on one process; what it says goes to a file."""

    def __init__(self, pid, *fault):
        self.file = tempfile.NamedTemporaryFile(prefix="torfed-strike-")
        self.process = subprocess.Popen(
            [STRIKE, str(pid), *fault], stdin=subprocess.DEVNULL,
            stdout=self.file, stderr=self.file)
        if not net.wait(lambda: "attached" in self.text(), 10, 0.002):
            raise RuntimeError("strike: " + self.text())

    def text(self):
        with open(self.file.name) as file:
            return file.read()

    def end(self):
        self.process.terminate()
        self.process.wait(10)
        text = self.text()
        self.file.close()
        return text


def delivery(world, during=lambda: None):
    flow = world.flows[0]
    number = flow.hand_over()

    def delivered():
        during()
        try:
            return flow.one.node.delivered(number)
        except faults.psycopg2.Error:
            return False
    return net.wait(delivered, DELIVERY_SECONDS, 0.01)


def find(side, name):
    """Its process id; the backend's of fed-queued."""
    if name != BACKEND:
        return side.pid(name)
    return side.node.value("""SELECT pid FROM pg_stat_activity
        WHERE usename = '_fedqueued' AND state IS NOT NULL LIMIT 1""")


def can_meet(name, call, fault):
    if fault == KILL:
        return True
    return call in ERRORS[fault] and (name != BACKEND or call in DISK)


def points(world, side, name):
    """Every call of one delivery, with every fault that it can meet."""
    time.sleep(IDLE_SECONDS)
    trace = Trace(find(side, name))
    delivery(world)
    time.sleep(IDLE_SECONDS)
    found = collections.Counter(trace.end().split()[1:])
    return [Point(side, name, call, number + 1, fault)
            for call, count in found.items() for number in range(count)
            for fault in (KILL,) + tuple(ERRORS)
            if can_meet(name, call, fault)]


def strike(world, point):
    """One delivery with the fault. What is wrong, or ""; whether it struck."""
    side, name = point.side, point.name
    time.sleep(IDLE_SECONDS)
    before = find(side, name)
    trace = Trace(before, point.call, str(point.number), point.fault)

    def restart():
        """As a service manager does."""
        if side.pid("fedd") is None:
            side.server.start_fedd(wait=False)
    done = delivery(world, restart)
    hit = bool(net.wait(lambda: "struck" in trace.text(), 2 * IDLE_SECONDS,
                        0.02))
    trace.end()
    time.sleep(0.01)
    restart()
    wrong = [] if done else ["not delivered"]
    net.wait(side.server.postgres_answers, 20)
    if side.wait_whole(seconds=45) is None:
        wrong.append("not whole")
    if point.fault in HARMLESS and side.pid(name) != before:
        wrong.append("ended")
    return ", ".join(wrong), hit


def sweep(world, chosen, what):
    hits = collections.Counter()
    bad = []
    for point in chosen:
        wrong, hit = strike(world, point)
        hits[point.fault] += hit
        if wrong:
            bad.append("%s: %s at %s %d" % (
                wrong, point.fault, point.call, point.number))
            tap.diag("%s; %s\n%s" % (bad[-1], world.note(),
                                     point.side.node.log()[-2000:]))
    tap.equal(bad, [], "%s: %d faults, %d struck (%s), each time delivered "
              "and whole" % (what, len(chosen), sum(hits.values()), " ".join(
                  "%s %d" % pair for pair in sorted(hits.items()))))
    return sum(hits.values())


def test():
    with net.Net(servers=2, lines=LINES) as network:
        world = faults.World(network)
        world.load(most=1)
        for flow in world.flows:
            flow.ending = True  # one delivery at a time
        delivery(world)
        hits = tried = 0
        for side in world.sides:
            for name in faults.ALL + (BACKEND,):
                found = points(world, side, name)
                if not ALL:
                    found = [one for one in found if
                             (one.name, one.call, one.fault) not in SLOW]
                    found = world.rng.sample(found, min(SAMPLE, len(found)))
                tried += len(found)
                hits += sweep(world, found, "%s of server %d" % (
                    name, side.node.number))
        tap.ok(hits > tried / 2, "%d of %d faults struck" % (hits, tried))
        world.judge("system calls", least=10)
        world.close()


tap.main(test)
