#!/usr/bin/python3
# SPDX-License-Identifier: ISC
#
# root only: it mounts a small file system
#
# The file system of the log of signatures is full while messages come and go:
# nothing is signed, who asks is told to come later, and with room again all
# goes on by itself.

import os
import shutil
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "..", "lib"))
import disk  # noqa: E402
import net  # noqa: E402
import tap  # noqa: E402
from siglog import SECONDS, Log, exchange  # noqa: E402

LINES = ["retry minimum 100ms", "retry maximum 500ms", "queue sweep 1s"]
FULL_SECONDS = 2


def small(log):
    """Its directory becomes a file system of 64 KiB."""
    kept = log.directory + ".kept"
    os.rename(log.directory, kept)
    os.mkdir(log.directory, 0o700)
    disk.run("mount", "-t", "tmpfs", "-o", "size=64k,mode=0700",
             "torfed-test", log.directory)
    disk.run("cp", "-a", kept + "/.", log.directory)
    shutil.rmtree(kept)


def test_full(a, b, log):
    number = a.network.processes(a.number)["fed-signer"]
    ballast = disk.fill(log.directory)
    # What is left of the file's last page is no more than that.
    sent = [a.enqueue(b.onion, {"full": n}) for n in range(100)]
    tap.ok(net.wait(lambda: "signatures error=\"No space left on device\"" in
                    a.log(), SECONDS), "a full disk is told, once") and \
        tap.equal(a.log().count("signatures error="), 1, "indeed")
    before = sum(a.delivered(n) for n in sent)
    back = [b.enqueue(a.onion, {"back": n}) for n in range(5)]
    time.sleep(FULL_SECONDS)
    tap.equal((sum(a.delivered(n) for n in sent), before < 100),
              (before, True), "nothing is signed: %d of 100 went before" %
              before)
    tap.equal(sum(b.delivered(n) for n in back), 0,
              "nor is any acknowledgement")
    tap.equal(a.network.processes(a.number)["fed-signer"], number,
              "fed-signer lives")
    os.unlink(ballast)
    tap.ok(net.wait(lambda: all(a.delivered(n) for n in sent) and
                    all(b.delivered(n) for n in back), SECONDS),
           "with room again all is delivered")
    tap.equal([n.value("SELECT max(attempts) FROM "
                       "federation.federated_message_queue") for n in (a, b)],
              [0, 0], "and no message was charged for it")
    tap.equal([len([1 for i, _, _, _ in n.inbox()]) -
               len({i for i, _, _, _ in n.inbox()}) for n in (a, b)], [0, 0],
              "none came twice")
    status, found = log.audit()
    tap.equal((status, found["partial"]), (0, "0"),
              "the line that was cut off has become whole")


def test():
    with net.Net(servers=2, lines=LINES) as network:
        a, b = network.servers
        log = Log(a)
        network.stop(1)
        small(log)
        try:
            network.start(1)
            tap.ok(exchange(a, b, 3), "on a small file system")
            test_full(a, b, log)
        finally:
            network.stop(1)
            disk.run("umount", log.directory)


tap.main(test)
