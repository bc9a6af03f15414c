# SPDX-License-Identifier: ISC
"""A sibling that has been taken over: everything malformed that it can say on
a channel. What is right and wrong on which is the table of permissions; what
may be said at all is written here once more, since that is a promise."""

import collections
import os
import random
import socket
import subprocess

import ipc

NAMES = ("fedd", "fed-listener", "fed-signer", "fed-sender", "fed-queued",
         "fedctl")
PERMISSIONS = os.path.join(ipc.TOP, "build", "tests", "lib", "permissions")

SETUP = {ipc.START, ipc.SETTINGS, ipc.CHANNEL, ipc.SETUP_DONE, ipc.GO}
GRAPH = {
    (ipc.FEDD, ipc.LISTENER): SETUP | {ipc.DESCRIPTOR},
    (ipc.FEDD, ipc.SIGNER): SETUP | {ipc.DESCRIPTOR},
    (ipc.FEDD, ipc.SENDER): SETUP | {ipc.SOCKS, ipc.SOCKS_FAILED},
    (ipc.FEDD, ipc.QUEUED): SETUP | {ipc.DESCRIPTOR, ipc.RELOADED},
    (ipc.LISTENER, ipc.FEDD): {ipc.READY},
    (ipc.SIGNER, ipc.FEDD): {ipc.KEYS, ipc.READY},
    (ipc.SENDER, ipc.FEDD): {ipc.READY, ipc.SOCKS_WANTED},
    (ipc.QUEUED, ipc.FEDD): {ipc.READY, ipc.RELOAD},
    (ipc.SIGNER, ipc.QUEUED): {ipc.IDENTITY, ipc.SIGNATURE,
                               ipc.SIGN_REFUSED},
    (ipc.QUEUED, ipc.SIGNER): {ipc.SIGN_ENVELOPE, ipc.SIGN_BATCH,
                               ipc.SIGN_STATE},
    (ipc.LISTENER, ipc.QUEUED): {ipc.REQUEST, ipc.LIMITS},
    (ipc.QUEUED, ipc.LISTENER): {ipc.IDENTITY, ipc.RESPONSE},
    (ipc.SENDER, ipc.QUEUED): {ipc.SENT, ipc.PROBED},
    (ipc.QUEUED, ipc.SENDER): {ipc.SEND, ipc.PROBE},
    (ipc.CONTROL, ipc.QUEUED): {ipc.CONTROL_REQUEST},
    (ipc.QUEUED, ipc.CONTROL): {ipc.CONTROL_ROW, ipc.CONTROL_END},
}
# Any bytes of the right length have a meaning.
MEANINGFUL = {ipc.PROBE}
CARRIES = {ipc.DESCRIPTOR, ipc.CHANNEL, ipc.SOCKS}
# 70 and below, and some of the rest of 2^16, near powers and near ours.
TYPES = list(range(71)) + [127, 128, 255, 256, 257, 276, 286, 296, 4096,
                           32767, 32768, 65534, 65535]
TYPE = "type not permitted"
LENGTH = "length not permitted"
FLAGS = "unknown flags"
DESCRIPTOR = "descriptor missing or not permitted"
TRUNCATED = "end of file inside a message"
MEANING = ""  # the framing is right, what it frames is not

Permission = collections.namedtuple("Permission", "least most descriptor")
# act(channel) does it; reason: what the receiver's log must have, "" any.
Case = collections.namedtuple("Case", "name act reason")


def table():
    """{(sender, receiver): {type: Permission}}"""
    found = {}
    text = subprocess.run([PERMISSIONS], stdout=subprocess.PIPE, check=True,
                          text=True).stdout
    for line in text.splitlines():
        kind, sender, receiver, least, most, carries = line.split()
        edge = NAMES.index(sender), NAMES.index(receiver)
        found.setdefault(edge, {})[int(kind)] = Permission(
            int(least), int(most), carries == "1")
    return found


def header(kind, length, flags=0, id=1):
    return ipc.HEADER.pack(kind, flags, length, id, 0)


class Sibling:
    """Makes the cases of one edge. valid: {type: data} of messages that the
    receiver would take, or would but for the moment."""

    def __init__(self, sender, receiver, seed, valid=None):
        self.permitted = table()[sender, receiver]
        self.random = random.Random("%s %d %d" % (seed, sender, receiver))
        self.valid = valid or {}
        self.null = os.open("/dev/null", os.O_RDWR)

    def close(self):
        os.close(self.null)

    def raw(self, name, data, reason=MEANING, descriptors=0, close=False):
        def act(channel):
            self.push(channel, data, descriptors)
            if close:
                channel.sock.shutdown(socket.SHUT_WR)
        return Case(name, act, reason)

    def push(self, channel, data, descriptors):
        """All of it, or until the other end has had enough."""
        try:
            if descriptors:
                socket.send_fds(channel.sock, [data[:16]],
                                [self.null] * descriptors)
                data = data[16:]
            channel.sock.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def body(self, kind):
        """Of the best that there is."""
        if kind in self.valid:
            return self.valid[kind]
        return self.random.randbytes(self.permitted[kind].least)

    def whole(self, kind, flags=None):
        data = self.body(kind)
        if flags is None:
            flags = 1 if self.permitted[kind].descriptor else 0
        return header(kind, len(data), flags) + data

    def types(self):
        for kind in TYPES:
            if kind in self.permitted:
                continue
            length = self.random.choice((0, 0, 1, 64, 4096, 300 * 1024,
                                         2**32 - 1))
            data = self.random.randbytes(min(length, 5000))
            yield self.raw("type %d, %d bytes" % (kind, length),
                           header(kind, length) + data, TYPE)

    def lengths(self):
        for kind, allowed in self.permitted.items():
            flags = 1 if allowed.descriptor else 0
            carried = 1 if allowed.descriptor else 0
            for length in sorted({0, 1, allowed.least - 1, allowed.most + 1,
                                  65536, 2**31, 2**32 - 1}):
                if length < 0 or allowed.least <= length <= allowed.most:
                    continue
                data = self.random.randbytes(min(length, 70000))
                yield self.raw("type %d, length %d" % (kind, length),
                               header(kind, length, flags) + data, LENGTH,
                               carried)
            if kind in MEANINGFUL:
                continue
            for length in {allowed.least, allowed.most}:
                # One byte by chance may well be an enumerator.
                yield self.raw("type %d, %d bytes of nothing" %
                               (kind, length),
                               header(kind, length, flags) +
                               (b"\xff" if length == 1 else
                                self.random.randbytes(length)),
                               MEANING, carried)

    def flags(self):
        kind = next(iter(self.permitted))
        for flags in (2, 4, 0x8000, 0xfffe):
            yield self.raw("flags %#x" % flags, self.whole(kind, flags),
                           FLAGS)

    def descriptors(self):
        for kind, allowed in self.permitted.items():
            name = "type %d, " % kind
            if allowed.descriptor:
                yield self.raw(name + "no descriptor and no flag",
                               self.whole(kind, 0), DESCRIPTOR)
                yield self.raw(name + "no descriptor", self.whole(kind, 1),
                               DESCRIPTOR)
                yield self.raw(name + "a descriptor without flag",
                               self.whole(kind, 0), DESCRIPTOR, 1)
            else:
                yield self.raw(name + "a descriptor", self.whole(kind, 1),
                               DESCRIPTOR, 1)
                yield self.raw(name + "a stray descriptor",
                               self.whole(kind, 0), DESCRIPTOR, 1)
                yield self.raw(name + "a flag", self.whole(kind, 1),
                               DESCRIPTOR)
            for count in (2, 100):
                yield self.raw(name + "%d descriptors" % count,
                               self.whole(kind), DESCRIPTOR, count)

    def ends(self):
        for kind in self.permitted:
            whole = self.whole(kind)
            if self.permitted[kind].descriptor:
                continue
            for length in {1, 15, 16, len(whole) - 1}:
                if length < len(whole):
                    yield self.raw("type %d, end after %d of %d bytes" %
                                   (kind, length, len(whole)),
                                   whole[:length], TRUNCATED, close=True)

    def noise(self):
        for length in (16, 17, 100, 5000, 100000):
            data = self.random.randbytes(length)
            while data[1] == 0 and data[0] in self.permitted:
                data = self.random.randbytes(length)
            yield self.raw("%d bytes of noise" % length, data, TYPE)

    def everything(self):
        for part in (self.types, self.lengths, self.flags, self.descriptors,
                     self.ends, self.noise):
            yield from part()
