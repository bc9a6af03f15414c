# SPDX-License-Identifier: ISC
"""What the kernel tells of processes: their status, limits and descriptors,
and who is at the other end of a unix socket."""

import os
import re
import socket
import struct

NETLINK_SOCK_DIAG = 4
SOCK_DIAG_BY_FAMILY = 20
NLM_F_REQUEST, NLM_F_DUMP = 1, 0x300
NLMSG_ERROR, NLMSG_DONE = 2, 3
UDIAG_SHOW_PEER = 4
UNIX_DIAG_PEER = 2


def status(pid):
    with open("/proc/%d/status" % pid) as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file
                    if ":\t" in line)


def ids(pid):
    """(real, effective, saved, file system) user ids, the same of groups, and
    the other groups."""
    found = status(pid)
    return tuple([int(n) for n in found[name].split()]
                 for name in ("Uid", "Gid", "Groups"))


def limit(pid, name):
    """(soft, hard) as they are written."""
    with open("/proc/%d/limits" % pid) as file:
        return re.search("^" + re.escape(name) + r" +(\w+) +(\w+)",
                         file.read(), re.M).groups()


def descriptors(pid):
    """{number: what it is}, as "socket:[123]"."""
    base = "/proc/%d/fd" % pid
    found = {}
    for name in os.listdir(base):
        try:
            found[int(name)] = os.readlink(os.path.join(base, name))
        except FileNotFoundError:
            pass
    return found


def socket_inodes(pid):
    return [int(target[8:-1]) for target in descriptors(pid).values()
            if target.startswith("socket:[")]


def unix_names():
    """{inode: path} of the unix sockets that have one."""
    found = {}
    with open("/proc/net/unix") as file:
        next(file)
        for line in file:
            fields = line.rstrip("\n").split(None, 7)
            if len(fields) == 8:
                found[int(fields[6])] = fields[7]
    return found


def _attributes(data):
    at = 0
    while at + 4 <= len(data):
        length, kind = struct.unpack_from("<HH", data, at)
        yield kind, data[at + 4:at + length]
        at += (length + 3) & ~3


def unix_peers():
    """{inode: inode at the other end} of all connected unix sockets."""
    query = struct.pack("<BBHIIIII", socket.AF_UNIX, 0, 0, 0xffffffff, 0,
                        UDIAG_SHOW_PEER, 0xffffffff, 0xffffffff)
    found = {}
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW,
                       NETLINK_SOCK_DIAG) as link:
        link.settimeout(10)
        link.send(struct.pack("<IHHII", 16 + len(query), SOCK_DIAG_BY_FAMILY,
                              NLM_F_REQUEST | NLM_F_DUMP, 1, 0) + query)
        while True:
            data = link.recv(1 << 20)
            at = 0
            while at < len(data):
                length, kind = struct.unpack_from("<IH", data, at)
                if kind == NLMSG_DONE:
                    return found
                if kind == NLMSG_ERROR:
                    raise OSError("the kernel does not tell socket peers")
                # struct unix_diag_msg is 16 bytes, its inode at 4
                inode, = struct.unpack_from("<I", data, at + 20)
                for name, value in _attributes(data[at + 32:at + length]):
                    if name == UNIX_DIAG_PEER:
                        found[inode] = struct.unpack("<I", value)[0]
                at += (length + 3) & ~3
