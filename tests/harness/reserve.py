# SPDX-License-Identifier: ISC
"""What several networks on one machine must not share: loopback ports and
numeric user ids. Each network notes what it took in its private directory;
choosing and noting happen under a lock that leaves no file behind."""

import contextlib
import errno
import glob
import grp
import json
import os
import pwd
import random
import socket
import time

PREFIX = "torfed-"
PARENT = "/tmp"  # short: a unix socket's path ends at 107 bytes
NOTE = "reserved"
IDS = 5
# Above accounts that people have, below what Debian and systemd give out.
ID_RANGE = range(40000, 59000)
# Below the ports that the kernel hands to outgoing connections.
PORT_RANGE = range(12000, 32000)


@contextlib.contextmanager
def lock(seconds=60):
    """One holder on the machine: an abstract socket's name."""
    holder = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    deadline = time.monotonic() + seconds
    try:
        while True:
            try:
                holder.bind("\0torfed-harness-reserve")
                break
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                if time.monotonic() > deadline:
                    raise RuntimeError("another harness holds the lock for "
                                       "ports and user ids") from None
            time.sleep(0.02)
        yield
    finally:
        holder.close()


def noted():
    """(ports, ids) of our and root's networks on this machine."""
    ports, ids = set(), set()
    for path in glob.glob(os.path.join(PARENT, PREFIX + "*", NOTE)):
        try:
            if os.lstat(os.path.dirname(path)).st_uid not in (
                    0, os.geteuid()):
                continue
            with open(path) as file:
                note = json.load(file)
            ports.update(note["ports"])
            ids.update(note["ids"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return ports, ids


def port_free(port):
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def ids_in_use():
    used = {entry.pw_uid for entry in pwd.getpwall()}
    used.update(entry.pw_gid for entry in pwd.getpwall())
    used.update(entry.gr_gid for entry in grp.getgrall())
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError):
                used.add(os.stat("/proc/" + name).st_uid)
    return used


def choose_ids(taken):
    taken = taken | ids_in_use()
    for _ in range(1000):
        first = random.choice(ID_RANGE)
        block = list(range(first, first + IDS))
        if not taken.intersection(block):
            return block
    raise RuntimeError("no five unused user ids in a row")


def choose_ports(taken, count):
    found = []
    for port in random.sample(PORT_RANGE, len(PORT_RANGE)):
        if len(found) == count:
            break
        if port not in taken and port_free(port):
            found.append(port)
    if len(found) < count:
        raise RuntimeError("no %d free loopback ports" % count)
    return found


def reserve(directory, ports, ids):
    """Takes that many ports, and user ids when ids, for the network whose
    private directory this is. Returns both lists."""
    with lock():
        taken_ports, taken_ids = noted()
        note = {"ports": choose_ports(taken_ports, ports),
                "ids": choose_ids(taken_ids) if ids else []}
        path = os.path.join(directory, NOTE)
        with open(path, "w") as file:
            json.dump(note, file)
        os.chmod(path, 0o644)
    return note["ports"], note["ids"]
