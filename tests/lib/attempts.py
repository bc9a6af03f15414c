# SPDX-License-Identifier: ISC
"""What an attacker would try who runs code in one of the five processes:
system calls for tests/lib/inject.c, and what must come of them."""

import collections
import os
import re
import socket
import struct
import subprocess

INJECT = os.path.join(
    os.path.dirname(os.path.dirname(os.path.dirname(
        os.path.abspath(__file__)))), "build", "tests", "lib", "inject")
KILLED = "signal SYS"
EACCES, EAFNOSUPPORT, ENOENT, ENOSYS, EPERM = (
    "errno " + name for name in ("EACCES", "EAFNOSUPPORT", "ENOENT",
                                 "ENOSYS", "EPERM"))
VALUE = "value"  # whatever it is
AT_FDCWD = -100
NONBLOCK = socket.SOCK_NONBLOCK
SIBLING = object()  # another child's process id

# What is tried: name, calls (the last one counts; those before it have to
# work, unless they kill already), and what comes of it in fedd, in fed-queued
# and in the other children. None: that is its work, or does no harm there, or
# has been tried in another way.
Attempt = collections.namedtuple("Attempt", "name calls fedd queued others")


def attempt(name, *calls, fedd, queued=KILLED, others=KILLED):
    return Attempt(name, calls, fedd, queued, others)


def word(argument, sibling):
    """As inject reads it: bytes and strings go by their address."""
    if argument is SIBLING:
        return str(sibling)
    if isinstance(argument, int):
        return str(argument)
    if isinstance(argument, bytes):
        return "x:" + argument.hex()
    if re.fullmatch(r"[rb]:\d+", argument):
        return argument
    return "s:" + argument


def inject(pid, *calls, sibling=0):
    """What came of each call: "value 3", "errno EPERM", "signal SYS"."""
    words = []
    for name, *arguments in calls:
        words += ["--"] if words else []
        words += [name] + [word(one, sibling) for one in arguments]
    done = subprocess.run([INJECT, str(pid), *words], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=60, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return [line.split(" ", 1)[1] for line in done.stdout.splitlines()]


def address(path):
    """struct sockaddr_un; an abstract one begins with NUL."""
    return struct.pack("<H", socket.AF_UNIX) + path.encode() + (
        b"" if path[0] == "\0" else b"\0")


class World:
    """What the attempts are aimed at. directory: everybody may enter it, and
    it holds "kept", "program", and the sockets "stream" and "datagram";
    abstract: a socket's name; config, control, listener, socks: the suite's
    own paths; signer, stranger: process ids."""

    def __init__(self, **places):
        self.__dict__.update(places)

    def path(self, name):
        return os.path.join(self.directory, name)


def files(world):
    def opened(name, path, flags=os.O_RDONLY):
        return attempt(name, ("openat", AT_FDCWD, path, flags, 0o600),
                       fedd=EACCES, queued=EACCES)

    return [
        opened("open a file that all may read", "/etc/passwd"),
        opened("leave the root by ..", "../../../../etc/passwd"),
        opened("open the configuration", world.config),
        opened("open fed-signer's memory", "/proc/%d/mem" % world.signer),
        opened("create a file where all may", world.path("new"),
               os.O_WRONLY | os.O_CREAT),
        attempt("open by the older call",
                ("open", "/etc/passwd", os.O_RDONLY),
                fedd=EACCES, queued=EACCES),
        attempt("another root", ("chroot", "."), fedd=None),
        attempt("make a directory", ("mkdir", world.path("d"), 0o700),
                fedd=EACCES),
        attempt("remove a file", ("unlink", world.path("kept")),
                fedd=EACCES),
        attempt("rename a file",
                ("rename", world.path("kept"), world.path("taken")),
                fedd=EACCES),
        attempt("change a file's mode",
                ("chmod", world.path("kept"), 0o4755), fedd=EPERM),
        attempt("change a file's owner",
                ("chown", world.path("kept"), 0, 0), fedd=EPERM),
        attempt("silence the log for all", ("shutdown", 2, 1), fedd=None),
        attempt("the log under another number",
                ("fcntl", 2, 1030, 0), fedd=None),
        attempt("end fedd's channel", ("shutdown", 3, 1), fedd=None),
        attempt("cut the log", ("ftruncate", 2, 0), fedd=None),
    ]


def sockets(_world):
    def made(name, family, kind):
        return attempt(name, ("socket", family, kind, 0), fedd=EAFNOSUPPORT)

    return [
        made("a TCP socket", socket.AF_INET, socket.SOCK_STREAM),
        made("a UDP socket", socket.AF_INET, socket.SOCK_DGRAM),
        made("a raw socket", socket.AF_INET, socket.SOCK_RAW),
        made("a TCP socket of IPv6", socket.AF_INET6, socket.SOCK_STREAM),
        made("a UDP socket of IPv6", socket.AF_INET6, socket.SOCK_DGRAM),
        made("a netlink socket", socket.AF_NETLINK, socket.SOCK_RAW),
        made("a packet socket", socket.AF_PACKET, socket.SOCK_RAW),
        made("a socket to the hypervisor", socket.AF_VSOCK,
             socket.SOCK_STREAM),
        attempt("a pair of sockets",
                ("socketpair", socket.AF_UNIX, socket.SOCK_STREAM, 0, "b:8"),
                fedd=None),
        attempt("a socket that listens",
                ("socket", socket.AF_UNIX, socket.SOCK_STREAM, 0),
                ("bind", "r:1", address("\0torfed-bound"), 15), fedd=None),
    ]


def unix_sockets(world):
    """fed-queued may make one, and reaches nothing with it but the database;
    the others die of making one. fedd's connections by path are not governed;
    no byte from outside ever meets it."""
    def connected(name, path, queued=ENOENT, others=None):
        to = address(path)
        return attempt(
            "connect to " + name,
            ("socket", socket.AF_UNIX, socket.SOCK_STREAM | NONBLOCK, 0),
            ("connect", "r:1", to, len(to)), fedd=None, queued=queued,
            others=others)

    def sent(name, path):
        to = address(path)
        return attempt(
            "send to " + name,
            ("socket", socket.AF_UNIX, socket.SOCK_DGRAM | NONBLOCK, 0),
            ("sendto", "r:1", "hello", 5, 0, to, len(to)), fedd=None,
            queued=ENOENT, others=None)

    return [
        connected("the database's socket", "/.s.PGSQL.5432", "value 0",
                  KILLED),
        connected("the control socket", world.control, others=KILLED),
        connected("the listener's socket", world.listener),
        connected("the SOCKS port", world.socks),
        connected("the D-Bus socket", "/run/dbus/system_bus_socket",
                  others=KILLED),
        connected("a stand-in of that", world.path("stream")),
        connected("the stand-in by ..", "/../.." + world.path("stream")),
        connected("an abstract stand-in", "\0" + world.abstract, EPERM,
                  KILLED),
        connected("the journal", "/run/systemd/journal/stdout",
                  others=KILLED),
        sent("the syslog socket", "/dev/log"),
        sent("a stand-in of that", world.path("datagram")),
    ]


def processes(world):
    memory = struct.pack("<QQ", 0x10000, 8)

    return [
        attempt("execute a program",
                ("execve", world.path("program"), 0, 0), fedd=EACCES),
        attempt("fork", ("fork",), fedd=None),
        attempt("a thread", ("clone", 0x10f00, 0, 0, 0, 0), fedd=None),
        attempt("a process in a new namespace",
                ("clone", 0x10000000, 0, 0, 0, 0), fedd=EPERM),
        attempt("clone3", ("clone3", "b:64", 64), fedd=ENOSYS),
        attempt("trace a sibling", ("ptrace", 16, SIBLING, 0, 0),
                fedd=EPERM),
        attempt("read a sibling's memory",
                ("process_vm_readv", SIBLING, memory, 1, memory, 1, 0),
                fedd=EPERM),
        attempt("write a sibling's memory",
                ("process_vm_writev", SIBLING, memory, 1, memory, 1, 0),
                fedd=EPERM),
        attempt("take a descriptor", ("pidfd_getfd", 3, 3, 0), fedd=EPERM),
        attempt("signal a sibling", ("kill", SIBLING, 0), fedd=None),
        attempt("signal a stranger", ("kill", world.stranger, 0),
                fedd=EPERM),
    ]


def kernel(_world):
    return [
        attempt("memory to execute", ("mmap", 0, 4096, 5, 0x22, -1, 0),
                fedd=None),
        attempt("execute what was written", ("mprotect", 0x10000, 4096, 5),
                fedd=None),
        attempt("a file in memory", ("memfd_create", "x", 0), fedd=None),
        attempt("io_uring", ("io_uring_setup", 4, "b:120"), fedd=EPERM),
        attempt("bpf", ("bpf", 0, "b:64", 64), fedd=EPERM),
        attempt("perf", ("perf_event_open", "b:112", 0, -1, -1, 0),
                fedd=EPERM),
        attempt("userfaultfd", ("userfaultfd", 0), fedd=EPERM),
        attempt("the kernel's keys", ("keyctl", 0, -3, 0), fedd=EPERM),
        attempt("unshare", ("unshare", 0x10000000), fedd=EPERM),
        attempt("enter a namespace", ("setns", 0, 0), fedd=EPERM),
        attempt("mount", ("mount", "none", "/", "tmpfs", 0, 0), fedd=EPERM),
        attempt("root again", ("setuid", 0), fedd=None),
        attempt("root again, all ids", ("setresuid", 0, 0, 0), fedd=None),
        attempt("other groups", ("setgroups", 1, "b:4"), fedd=None),
        attempt("dumpable again", ("prctl", 4, 1, 0, 0, 0), fedd=None),
    ]


def everything(world):
    return [one for part in (files, sockets, unix_sockets, processes, kernel)
            for one in part(world)]


def expected(one, process):
    if process == "fedd":
        return one.fedd
    return one.queued if process == "fed-queued" else one.others


def good(got, wanted):
    """Whether the answers to an attempt's calls are those."""
    if not all(answer.startswith("value ") for answer in got[:-1]):
        return False
    if wanted == VALUE:
        return got[-1].startswith("value ")
    return got[-1] == wanted
