# SPDX-License-Identifier: ISC
"""File systems of their own for a server's PostgreSQL, for root:

    with disk.small(side, "256m") as data:      # in memory, soon full
        ballast = disk.fill(data)

    with disk.Image(side) as image:             # an ext4 in a file
        image.lose_power(world)
"""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time

import faults
import processes

IMAGE_BYTES = 512 << 20  # most of it a hole


def run(*arguments):
    return subprocess.run(arguments, check=True, stdout=subprocess.PIPE,
                          text=True).stdout.strip()


def move(side, *mount):
    """PostgreSQL is stopped, and its data go into what mount(8) makes of
    those arguments and the place."""
    data = side.server.cluster.data
    side.server.stop("postgres")
    kept = data + ".kept"
    os.rename(data, kept)
    os.mkdir(data, 0o700)
    run("mount", *mount, data)
    run("cp", "-a", kept + "/.", data)
    shutil.rmtree(kept)
    owner = os.stat(os.path.join(data, "PG_VERSION"))
    os.chown(data, owner.st_uid, owner.st_gid)


def leave(side):
    """The suite and PostgreSQL end, and the place is free again."""
    side.server.stop("fedd")
    side.server.stop("postgres")
    run("umount", side.server.cluster.data)


@contextlib.contextmanager
def small(side, size):
    move(side, "-t", "tmpfs", "-o", "size=%s,mode=0700" % size,
         "torfed-test")
    try:
        side.server.start_postgres()
        yield side.server.cluster.data
    finally:
        leave(side)


def fill(data):
    """Writes until nothing fits; returns the file's name."""
    ballast = os.path.join(data, "ballast")
    with open(ballast, "wb", buffering=0) as file:
        for size in (1 << 20, 4096):
            with contextlib.suppress(OSError):
                while True:
                    file.write(bytes(size))
    return ballast


class Image:
    """PostgreSQL's data on a file system whose disk is a file: what is in
    that file at one moment is what a loss of power leaves."""

    def __init__(self, side):
        self.side = side
        self.directory = tempfile.mkdtemp(prefix="torfed-disk-", dir="/tmp")
        self.path = os.path.join(self.directory, "disk")

    def __enter__(self):
        with open(self.path, "wb") as file:
            file.truncate(IMAGE_BYTES)
        run("mkfs.ext4", "-q", "-m", "0", self.path)
        try:
            move(self.side, "-o", "loop", self.path)
            shutil.rmtree(os.path.join(self.side.server.cluster.data,
                                       "lost+found"))
            run("sync", "-f", self.side.server.cluster.data)  # initdb did
            self.side.server.start_postgres()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        with contextlib.suppress(subprocess.CalledProcessError):
            leave(self.side)
        shutil.rmtree(self.directory, ignore_errors=True)

    def written(self):
        """What the disk has done so far, and what it is about to do."""
        device = run("findmnt", "-n", "-o", "SOURCE",
                     self.side.server.cluster.data)
        with open("/sys/block/%s/stat" % os.path.basename(device)) as file:
            fields = file.read().split()
        return fields[4:9] + fields[11:]

    def copy(self, seconds=30):
        """Of one moment: again, when the disk did something meanwhile."""
        deadline = time.monotonic() + seconds
        copy = self.path + ".copy"
        while True:
            before = self.written()
            run("cp", "--sparse=always", self.path, copy)
            if before == self.written() and before[4] == "0":
                return copy
            if time.monotonic() > deadline:
                raise RuntimeError("the disk never rests")

    def freeze_postgres(self):
        server = self.side.server
        stopped = set()
        while True:  # nothing forks any more once all are stopped
            pids = set(server.members("postgres")) - stopped
            if not pids:
                return
            for pid in pids:
                processes.send(pid, signal.SIGSTOP)
            stopped |= pids

    def lose_power(self, world):
        """Everything of the server ends at once, and begins again on what was
        on the disk. PostgreSQL stands still for the copy: nobody is told of
        anything that is not in it. Seconds until the suite was whole."""
        side, server = self.side, self.side.server
        self.freeze_postgres()
        copy = self.copy()
        pids = list(side.suite().values())
        for name in ("postgres", "tor"):
            pids += server.members(name)
        gone = [(pid, found.started) for pid, found in
                ((pid, processes.stat(pid)) for pid in pids) if found]
        for pid, _ in gone:
            processes.send(pid, signal.SIGKILL)
        processes.wait_gone(gone, 10)
        server.forget_postgres()
        run("umount", server.cluster.data)
        os.rename(copy, self.path)
        run("mount", "-o", "loop", self.path, server.cluster.data)
        server.start(("postgres", "tor", "fedd"))
        return world.whole(side, (), faults.WHOLE_SECONDS, "power lost")
