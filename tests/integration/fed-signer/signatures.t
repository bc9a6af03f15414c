#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""The log of signatures of a suite that runs: what is in it, its files, what
happens when it is damaged, or its writer is killed."""

import os
import re
import stat
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "..", "..", "lib"))
import net  # noqa: E402
import tap  # noqa: E402
from siglog import Log, exchange  # noqa: E402

LINES = ["retry minimum 100ms", "retry maximum 500ms", "queue sweep 1s"]
SECONDS = 60


def test_lines(a, b):
    log = Log(a)
    before = int(log.audit()[1]["lines"])
    tap.ok(exchange(a, b, 200) and exchange(b, a, 5), "messages both ways")
    tap.ok(net.wait(lambda: log.kinds()["acks"] > 0, 5), "acknowledgements "
           "are written down within a second")
    status, found = log.audit()
    tap.equal((status, found["first"], found["partial"],
               found["lines"] == found["last"]), (0, "1", "0", True),
              "the lines follow from the first")
    kinds = log.kinds()
    tap.ok(int(found["lines"]) > before and kinds["begin"] == 1 and
           64 * kinds["batch"] + kinds["envelope"] >= 200 and
           set(kinds) <= {"begin", "batch", "envelope", "acks"},
           "each batch and each envelope has one: %s" % dict(kinds))
    tap.ok(kinds["acks"] <= 30, "acknowledgements share theirs")
    tap.ok(a.onion[:16] not in log.text() and b.onion[:16] not in log.text(),
           "no server is named")
    status = os.stat(log.files()[0])
    tap.equal((stat.S_IMODE(status.st_mode), status.st_uid, len(log.files())),
              (0o600, os.geteuid(), 1), "the file is its owner's alone")


def test_killed(a, b):
    log = Log(a)
    numbers = []
    for step in range(10):
        numbers += [a.enqueue(b.onion, {"step": step}) for _ in range(20)]
        a.network.kill(a.number, "fed-signer")
        time.sleep(0.1)
    tap.ok(net.wait(lambda: all(a.delivered(n) for n in numbers), SECONDS),
           "fed-signer killed ten times: all are delivered")
    tap.equal((log.audit()[0], len(log.files())), (0, 1),
              "and its log goes on in one file")
    tap.ok("restored" not in a.log() + b.log(),
           "nobody takes that for a restore")


def test_damaged(a):
    """The last line is not what was written."""
    log = Log(a)
    path = log.files()[-1]
    with open(path, "r+b") as file:
        file.seek(-20, os.SEEK_END)
        byte = file.read(1)
        file.seek(-20, os.SEEK_END)
        file.write(b"0" if byte != b"0" else b"1")
    tap.equal(log.audit()[0], 65, "audit finds a changed byte")
    tap.ok("does not follow" in log.audit()[1], "and says where") or \
        tap.diag(log.audit()[1])
    a.network.kill(a.number, "fed-signer")
    tap.ok(net.wait(lambda: re.search(
        "fed-signer.*signatures error=.a line does not follow", a.log()),
        SECONDS), "fed-signer does not start on it, and says why")
    with open(path, "r+b") as file:
        file.seek(-20, os.SEEK_END)
        file.write(byte)
    tap.ok(net.wait(lambda: a.fedctl("status")[0] == 0 and "ready=yes" in
                    a.fedctl("status")[1], SECONDS),
           "put right, it starts again")


def test_partial(a, b):
    """A line that is not whole at the end, as after a full disk and a kill."""
    log = Log(a)
    with open(log.files()[-1], "ab") as file:
        file.write(b"0000000000000")
    a.network.kill(a.number, "fed-signer")
    tap.ok(net.wait(lambda: len(log.files()) == 2, SECONDS) and
           exchange(a, b, 3), "another file begins, and it goes on")
    status, found = log.audit()
    tap.equal((status, found["partial"]), (0, "1"), "the lines follow")
    tap.equal(log.audit(log.files()[1])[0], 0, "also of the second alone")
    tap.equal(log.audit(*reversed(log.files()))[0], 65,
              "not in another order")


def test_files(a, b):
    """A file each second, kept for four."""
    log = Log(a)
    mark = int(log.audit()[1]["mark"])
    until = time.monotonic() + 9
    while time.monotonic() < until:
        exchange(a, b, 2)
    names = [os.path.basename(path) for path in log.files()]
    tap.ok(3 <= len(names) <= 8 and int(names[0][:10]) > 1,
           "old files are removed: %s" % names)
    tap.ok(all(re.fullmatch("[0-9]{10}[.]log", name) for name in names) and
           [int(n[:10]) for n in names] == list(range(
               int(names[0][:10]), int(names[0][:10]) + len(names))),
           "they are numbered")
    status, found = log.audit()
    tap.equal((status, int(found["first"]) > 1, int(found["mark"]) >= mark),
              (0, True, True), "what is left follows")
    a.network.stop(a.number)
    a.network.start(a.number)
    tap.ok(exchange(a, b, 3) and log.audit()[0] == 0, "also after a start")


def test_many(a, b):
    """Whatever was enqueued was delivered, once."""
    sent = {str(n) for n, in a.sql(
        "SELECT message_id FROM federation.federated_message_queue")}
    got = [i for i, _, _, _ in b.inbox()]
    tap.equal((len(sent - set(got)), len(got) - len(set(got))), (0, 0),
              "%d messages, none lost, none doubled" % len(sent))


def test():
    with net.Net(servers=2, lines=LINES) as network:
        a, b = network.servers
        test_lines(a, b)
        test_killed(a, b)
        test_damaged(a)
        test_partial(a, b)
        test_many(a, b)
    with net.Net(servers=2, lines=LINES + [
            "log signatures-file 1s", "log signatures-kept 4s"]) as network:
        test_files(*network.servers)


tap.main(test)
