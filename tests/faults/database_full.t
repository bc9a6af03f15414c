#!/usr/bin/python3
# SPDX-License-Identifier: ISC
#
# root only: it mounts a small file system
#
# The file system below PostgreSQL is full while messages come and go: those
# who enqueue get an error, peers are told to wait, nothing is acknowledged
# that was not committed, and with room again all goes on by itself.

import contextlib
import os
import shutil
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "..", "lib"))
import faults  # noqa: E402
import net  # noqa: E402
import peer  # noqa: E402
import tap  # noqa: E402

FULL_SECONDS = 4


@contextlib.contextmanager
def small_disk(side):
    """Moves the server's data directory onto a file system of its own."""
    data = side.server.cluster.data
    side.server.stop("postgres")
    kept = data + ".kept"
    os.rename(data, kept)
    os.mkdir(data, 0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256m,mode=0700",
                    "torfed-test", data], check=True)
    try:
        subprocess.run(["cp", "-a", kept + "/.", data], check=True)
        shutil.rmtree(kept)
        owner = os.stat(os.path.join(data, "PG_VERSION"))
        os.chown(data, owner.st_uid, owner.st_gid)
        side.server.start_postgres()
        yield data
    finally:
        side.server.stop("fedd")
        side.server.stop("postgres")
        subprocess.run(["umount", data], check=True)


def fill(data):
    """Writes until nothing fits; returns the file's name."""
    ballast = os.path.join(data, "ballast")
    with open(ballast, "wb", buffering=0) as file:
        for size in (1 << 20, 4096):
            with contextlib.suppress(OSError):
                while True:
                    file.write(bytes(size))
    return ballast


def test():
    with net.Net(servers=2, lines=faults.LINES) as network:
        world = faults.World(network)
        side = world.sides[1]
        with small_disk(side) as data:
            side.wait_whole()
            world.load(size=2000)
            time.sleep(1)
            ballast = fill(data)
            time.sleep(FULL_SECONDS)
            probe = peer.Client.of(side.node)
            response = probe.raw(peer.request_bytes(
                "GET", "/federation/ping", side.node.onion))
            tap.equal(response.status, 200, "full: the listener answers")
            os.unlink(ballast)
            if side.pid("postgres") is None:  # its log could not be written
                side.server.start_postgres()
            took = side.wait_whole(seconds=15)
            tap.ok(took is not None, "whole with room again")
            log = side.server.log("postgres")
            with open(log, errors="replace") as file:
                tap.ok("No space left on device" in file.read(),
                       "PostgreSQL met the limit")
            time.sleep(1)
            world.judge("database full")
            world.close()


tap.main(test)
