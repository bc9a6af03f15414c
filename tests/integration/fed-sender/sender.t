#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""fed-sender alone, with this test as its parent, as fed-queued, as tor's
SOCKS port and as the server behind it: each request is answered for once,
whatever these do."""

import errno
import os
import socket
import struct
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "..", "lib"))
import ipc
import peer
from ipc import QUEUED, SENDER
from tap import diag, equal, main, ok

US = peer.Identity()
THEM = peer.Identity()
KEY = THEM.key.public
BODY = b'{"body":1}'.ljust(8192)
ACK = peer.encode(THEM.envelope(US.address, "ack", {"credit": 64}))
TIMEOUT = 1.0


def reply(code=0, kind=1, length=9):
    """A SOCKS reply."""
    address = {1: bytes(4), 3: bytes([length]) + b"x" * length,
               4: bytes(16)}[kind]
    return bytes([5, code, 0, kind]) + address + b"\0\0"


def http(status=200, body=ACK, more=b"", kind=b"application/json"):
    return (b"HTTP/1.1 %d X\r\nContent-Type: %s\r\nContent-Length: %d\r\n"
            % (status, kind, len(body)) + more + b"\r\n" + body)


class Remote:
    """What is at the other end of a descriptor that fed-sender got."""

    def __init__(self, sock):
        self.sock = sock
        self.sock.settimeout(10)
        self.buffer = b""

    def read(self, count):
        while len(self.buffer) < count:
            data = self.sock.recv(65536)
            if not data:
                raise EOFError()
            self.buffer += data
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def send(self, data):
        try:
            self.sock.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def socks(self, until=3, last=None):
        """The dialogue's first steps: method, credentials, request. Returns
        (user, password, host, port) as far as it came."""
        assert self.read(3) == b"\x05\x01\x02"
        if until == 0:
            return None
        self.send(b"\x05\x02")
        assert self.read(1) == b"\x01"
        user = self.read(self.read(1)[0])
        password = self.read(self.read(1)[0])
        if until == 1:
            return user, password
        self.send(b"\x01\x00")
        assert self.read(4) == b"\x05\x01\x00\x03"
        host = self.read(self.read(1)[0])
        port = struct.unpack(">H", self.read(2))[0]
        if until == 2:
            return user, password, host, port
        self.send(reply() if last is None else last)
        return user, password, host, port

    def request(self):
        """(head, body) of the request."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self.read(1)
        length = int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0])
        return head, self.read(length)

    def ended(self, timeout=3):
        self.sock.settimeout(timeout)
        try:
            return not self.buffer and not self.sock.recv(1)
        except ConnectionResetError:
            return True
        except socket.timeout:
            return False

    def close(self):
        self.sock.close()


class Sender:
    def __init__(self, **settings):
        settings = dict({"connect_timeout_ms": 10000,
                         "handshake_timeout_ms": 10000,
                         "message_timeout_ms": 10000}, **settings)
        self.child = ipc.start_child(ipc.program("fed-sender"), SENDER,
                                     settings=settings, peers=[QUEUED])
        self.child.go()
        self.queued = self.child.peers[QUEUED]
        self.parent = self.child.parent
        self.last = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if not self.child.alive():
            diag(self.child.log())
        equal(self.child.stop(), 0,
              "  fed-sender lived, and ends with its parent")

    def want(self, key=KEY, body=BODY, generation=0, handshake=False):
        """A request from fed-queued; its id."""
        self.last += 1
        self.queued.send(ipc.SEND, ipc.send(key, body, generation,
                                            handshake), id=self.last)
        return self.last

    def asked(self, timeout=5):
        """It asks for a descriptor."""
        try:
            return self.parent.receive(timeout).type == ipc.SOCKS_WANTED
        except TimeoutError:
            return False

    def give(self):
        """A descriptor, connected to us."""
        ours, theirs = ipc.pair()
        self.parent.send(ipc.SOCKS, descriptor=theirs)
        theirs.close()
        return Remote(ours)

    def remote(self):
        assert self.asked()
        return self.give()

    def sent(self, timeout=10):
        """(id, what became of it)."""
        message = self.queued.receive(timeout)
        assert message.type == ipc.SENT
        return message.id, ipc.read_sent(message.data)

    def result(self, id, timeout=10):
        """The same of this id, as (code, status, retry_after)."""
        got, sent = self.sent(timeout)
        assert got == id, (got, id)
        return sent.code, sent.status, sent.retry_after

    def link(self, key=KEY):
        """A connection that has carried a request, idle now."""
        id = self.want(key)
        remote = self.remote()
        remote.socks()
        remote.request()
        remote.send(http())
        assert self.result(id) == ("OK", 200, 0)
        return remote

    def works(self, name):
        id = self.want()
        remote = self.remote()
        remote.socks()
        remote.request()
        remote.send(http())
        equal(self.result(id), ("OK", 200, 0), name)
        remote.send(b"x")
        remote.ended()


def test_exchange():
    with Sender() as sender:
        id = sender.want()
        remote = sender.remote()
        user, password, host, port = remote.socks()
        equal((host, port), (THEM.address.encode(), 80),
              "the whole name goes to tor, port 80")
        ok(len(user) == 64 and len(password) <= 10, "with credentials")
        head, body = remote.request()
        equal(head, b"POST /federation/message HTTP/1.1\r\nHost: " +
              THEM.address.encode() + b"\r\nContent-Type: application/json"
              b"\r\nContent-Length: 8192\r\n\r\n", "the request's head")
        equal(body, BODY, "the request's body")
        remote.send(http())
        got, sent = sender.sent()
        equal((got, sent.code, sent.status, sent.started),
              (id, "OK", 200, True), "a valid answer")
        equal((sent.envelope.type, sent.envelope.payload,
               sent.envelope.origin), ("ack", b'{"credit":64}', KEY),
              "arrives reduced")
        id = sender.want(body=b"x" * 262144)
        head, body = remote.request()
        equal(body, b"x" * 262144, "256 KiB over the same connection")
        big = peer.canonical(THEM.envelope(
            US.address, "ack", {"x": ["y" * 1000] * 250})).ljust(262144)
        remote.send(http(body=big))
        got, sent = sender.sent()
        equal((got, sent.code, len(sent.envelope.payload)),
              (id, "OK", 250 * 1003 + 7), "256 KiB as an answer")
        id = sender.want(handshake=True)
        head, body = remote.request()
        ok(head.startswith(b"POST /federation/handshake HTTP/1.1\r\n"),
           "a handshake goes to its path")
        answer = peer.encode(THEM.envelope(US.address, "ack", {
            "answer": THEM.handshake_payload(), "credit": 1}))
        remote.send(http(body=answer))
        got, sent = sender.sent()
        equal((got, sent.code, sent.envelope.handshake),
              (id, "OK", [peer.PROTOCOL.encode()]),
              "its answer arrives in fields")
        id = sender.want()
        remote.request()
        for byte in http():
            remote.send(bytes([byte]))
        equal(sender.result(id), ("OK", 200, 0), "an answer byte by byte")
        ok(sender.parent.quiet(0.05), "all over one connection")


def test_isolation():
    with Sender() as sender:
        others = [peer.Identity() for _ in range(3)]
        users = set()
        for other in others:
            id = sender.want(other.key.public)
            remote = sender.remote()
            user, password, host, _ = remote.socks()
            users.add(user)
            ok(host == other.address.encode(), "each server by its name")
            remote.request()
            remote.send(http())
            equal(sender.result(id), ("OK", 200, 0), "is reached")
            remote.close()
        equal(len(users), 3, "each with its own credentials")
        time.sleep(0.1)
        id = sender.want(others[0].key.public)
        remote = sender.remote()
        again, password, _, _ = remote.socks()
        ok(again in users, "the same ones again for the same server")
        remote.request()
        remote.send(http())
        sender.result(id)
        id = sender.want(others[0].key.public, generation=1)
        ok(remote.ended(), "another generation: the old connection goes")
        remote = sender.remote()
        user, other, _, _ = remote.socks()
        ok(user == again and other != password,
           "and another password is used")
        remote.request()
        remote.send(http())
        equal(sender.result(id), ("OK", 200, 0), "over a new connection")
    with Sender() as sender:
        id = sender.want(others[0].key.public)
        remote = sender.remote()
        ok(remote.socks()[0] not in users, "another start: other credentials")
        remote.close()
        sender.sent()


def test_probe():
    """A probe of our own onion service: beside everything else."""
    with Sender(sender_connections=1, handshake_timeout_ms=700) as sender:
        def want(key=US.key.public, generation=5):
            sender.last += 1
            sender.queued.send(ipc.PROBE, ipc.probe(key, generation),
                               id=sender.last)
            return sender.last

        def result():
            message = sender.queued.receive()
            assert message.type == ipc.PROBED
            code, status = struct.unpack("<HH", message.data)
            return message.id, ipc.code_names()[code], status

        def get(remote):
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += remote.read(1)
            return head

        message = sender.want(US.key.public, generation=5)
        sent = sender.remote()
        id = want()
        probed = sender.remote()
        user, password, host, port = probed.socks()
        equal((password, host, port), (b"5", US.address.encode(), 80),
              "a probe goes to the onion that was named, port 80")
        equal(get(probed), b"GET /federation/ping HTTP/1.1\r\nHost: " +
              US.address.encode() + b"\r\n\r\n", "GET /federation/ping")
        probed.send(http(404, b"{}\n"))
        equal(result(), (id, "OK", 404), "any whole answer is one")
        ok(probed.ended(), "its connection is not kept")
        other = sent.socks()
        ok(other[0] != user and other[2] == host,
           "its credentials are no message's to the same onion")
        sent.request()
        sent.send(http())
        equal(sender.result(message), ("OK", 200, 0),
              "with one connection at most it went beside a message")
        id = want(generation=6)
        probed = sender.remote()
        again = probed.socks()
        equal((again[0], again[1]), (user, b"6"),
              "the next one: the same user, another password")
        get(probed)
        probed.send(http(200, b"{}\n") + b"x")
        equal(result(), (id, "OK", 200), "bytes behind the answer end it, too")
        for name, data, code in (
                ("no HTTP", b"SSH-2.0-x\r\n\r\n", "ANSWER_HTTP"),
                ("nothing", b"", "TIMEOUT_ANSWER"),
                ("half an answer", http()[:-1], "TIMEOUT_ANSWER")):
            id = want()
            probed = sender.remote()
            probed.socks()
            get(probed)
            probed.send(data)
            equal(result(), (id, code, 0), "answered with %s: %s" % (
                name, code))
            ok(probed.ended(), "  and the end")
        id = want()
        probed = sender.remote()
        probed.socks(last=reply(0xf0))
        equal(result(), (id, "ONION_NOT_FOUND", 0), "tor's errors have codes")
        id = want()
        assert sender.asked()
        sender.parent.send(ipc.SOCKS_FAILED, struct.pack("<I", 111))
        equal(result(), (id, "TOR_DOWN", 0), "no tor: TOR_DOWN")
        id = want(bytes(32))
        equal(result(), (id, "ONION_ADDRESS", 0),
              "a key that is no server's: ONION_ADDRESS")
        ok(sender.parent.quiet(0.1), "and no connection is asked for")
        sender.works("messages go on")


def socks_failure(sender, name, steps, data, code, close=True):
    """steps of the dialogue, then data."""
    id = sender.want()
    remote = sender.remote()
    remote.socks(until=steps)
    remote.send(data)
    if close:
        remote.close()
    got, sent = sender.sent()
    equal((got, sent.code, sent.status, sent.started),
          (id, code, 0, False), name)
    if not close:
        ok(remote.ended(), "  and the end")


def test_socks():
    with Sender() as sender:
        for kind in (1, 3, 4):
            id = sender.want()
            remote = sender.remote()
            remote.socks(last=reply(kind=kind))
            remote.request()
            remote.send(http())
            equal(sender.result(id), ("OK", 200, 0),
                  "a reply with an address of type %d" % kind)
            remote.close()
            time.sleep(0.05)
        id = sender.want()
        remote = sender.remote()
        remote.socks(last=reply(kind=3, length=255))
        remote.request()
        remote.send(http())
        equal(sender.result(id), ("OK", 200, 0), "with a name of 255 bytes")
        remote.close()
        time.sleep(0.05)
        id = sender.want()
        remote = sender.remote()
        remote.socks(until=2)
        for byte in reply(kind=4):
            remote.send(bytes([byte]))
        remote.request()
        remote.send(http())
        equal(sender.result(id), ("OK", 200, 0), "a reply byte by byte")
        remote.close()
        time.sleep(0.05)
        for number, code in enumerate((
                "SOCKS_GENERAL", "SOCKS_RULES", "SOCKS_NETWORK",
                "SOCKS_HOST", "SOCKS_REFUSED", "SOCKS_TTL", "SOCKS_COMMAND",
                "SOCKS_COMMAND", "SOCKS_GENERAL"), 1):
            socks_failure(sender, "reply %02x: %s" % (number, code), 2,
                          reply(number), code, close=False)
        for number, code in enumerate((
                "NOT_FOUND", "INVALID", "INTRODUCTION", "RENDEZVOUS",
                "AUTH_MISSING", "AUTH_WRONG", "ADDRESS", "TIMEOUT"), 0xf0):
            socks_failure(sender, "reply %02x: ONION_%s" % (number, code), 2,
                          reply(number), "ONION_" + code, close=False)
        for name, steps, data, code in (
                ("method FF", 0, b"\x05\xff", "SOCKS_METHOD"),
                ("a method not offered", 0, b"\x05\x00", "SOCKS_PROTOCOL"),
                ("version 4", 0, b"\x04\x5a", "SOCKS_PROTOCOL"),
                ("all at once", 0, b"\x05\x02\x01\x00" + reply(),
                 "SOCKS_PROTOCOL"),
                ("HTTP", 0, b"HTTP/1.1 400\r\n", "SOCKS_PROTOCOL"),
                ("credentials refused", 1, b"\x01\x01", "SOCKS_AUTH"),
                ("another version of that", 1, b"\x05\x00",
                 "SOCKS_PROTOCOL"),
                ("another version of a reply", 2, b"\x04\x00\x00\x01",
                 "SOCKS_PROTOCOL"),
                ("a reserved byte", 2, b"\x05\x00\x01\x01",
                 "SOCKS_PROTOCOL"),
                ("address type 2", 2, b"\x05\x00\x00\x02",
                 "SOCKS_PROTOCOL"),
                ("bytes behind the reply", 2, reply() + b"HTTP/1.1 200",
                 "ANSWER_HTTP")):
            socks_failure(sender, "SOCKS says %s: %s" % (name, code), steps,
                          data, code, close=False)
        for steps, whole in ((0, b"\x05\x02"), (1, b"\x01\x00"),
                             (2, reply(kind=4))):
            for cut in range(len(whole)):
                code = "SOCKS_PROTOCOL" if cut else "TOR_DOWN"
                socks_failure(sender, "SOCKS ends in step %d after %d bytes: "
                              "%s" % (steps, cut, code), steps, whole[:cut],
                              code)
        sender.works("after all these it works")


def test_broker():
    with Sender(connect_timeout_ms=500) as sender:
        id = sender.want()
        ok(sender.asked(), "a request: it asks for a connection")
        sender.parent.send(ipc.SOCKS_FAILED, struct.pack("<I", 111))
        equal(sender.result(id), ("TOR_DOWN", 0, 0), "none to be had: "
              "TOR_DOWN")
        id = sender.want()
        ok(sender.asked(), "it asks")
        sender.parent.send(ipc.SOCKS_FAILED, struct.pack("<I", errno.EAGAIN))
        started = time.monotonic()
        remote = sender.remote()
        ok(0.05 < time.monotonic() - started < 0.4, "not now: it asks again "
           "a little later")
        remote.close()
        equal(sender.result(id), ("TOR_DOWN", 0, 0), "one that is closed: "
              "TOR_DOWN")
        closed = socket.socket()
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        closed.close()
        tcp = socket.socket()
        tcp.setblocking(False)
        tcp.connect_ex(("127.0.0.1", port))
        id = sender.want()
        ok(sender.asked(), "TCP:")
        sender.parent.send(ipc.SOCKS, descriptor=tcp)
        tcp.close()
        equal(sender.result(id), ("TOR_DOWN", 0, 0), "a connection refused "
              "while under way: TOR_DOWN")
        listening = socket.socket()
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        tcp = socket.socket()
        tcp.setblocking(False)
        tcp.connect_ex(listening.getsockname())
        id = sender.want()
        ok(sender.asked(), "TCP:")
        sender.parent.send(ipc.SOCKS, descriptor=tcp)
        tcp.close()
        remote = Remote(listening.accept()[0])
        remote.socks()
        remote.request()
        remote.send(http())
        equal(sender.result(id), ("OK", 200, 0), "a connection that comes "
              "about: OK")
        remote.close()
        time.sleep(0.05)
        start = time.monotonic()
        id = sender.want()
        ok(sender.asked(), "it asks,")
        equal(sender.result(id), ("TIMEOUT_CONNECT", 0, 0), "no answer: "
              "TIMEOUT_CONNECT")
        ok(0.4 < time.monotonic() - start < 1.5, "in its time")
        id = sender.want()
        ok(sender.parent.quiet(0.1), "the next one waits for the same answer")
        remote = sender.give()
        remote.socks()
        remote.request()
        remote.send(http())
        equal(sender.result(id), ("OK", 200, 0), "and gets it")
        remote.close()
        time.sleep(0.05)
        for steps in (0, 1, 2):
            id = sender.want()
            remote = sender.remote()
            remote.socks(until=steps)
            equal(sender.result(id), ("TIMEOUT_CONNECT", 0, 0),
                  "SOCKS is silent at step %d: TIMEOUT_CONNECT" % steps)
            ok(remote.ended(), "  and the end")
        id = sender.want()
        ok(sender.asked(), "it asks,")
        sender.sent()
        remote = sender.give()
        ok(remote.ended(), "an answer that nobody waits for is closed")


def bad_answers():
    good = http()
    yield "garbage", bytes(range(256))
    yield "nothing but line feeds", b"\n\n\n\n"
    yield "HTTP/1.0", good.replace(b"HTTP/1.1", b"HTTP/1.0")
    yield "HTTP/2", good.replace(b"HTTP/1.1", b"HTTP/2.0")
    yield "status 100", http(100, b"") + good
    yield "status 101", http(101, b"")
    yield "status 204", http(204, b"")
    yield "status 99", http(99)
    yield "status 600", http(600)
    yield "status of 4 digits", http(2000)
    yield "no length", good.replace(b"Content-Length", b"X-Length")
    yield "two lengths", http(more=b"Content-Length: 1\r\n")
    yield "signed length", good.replace(b"Length: ", b"Length: +")
    yield "10 GB", b"HTTP/1.1 200 OK\r\nContent-Length: 10737418240\r\n\r\n"
    yield "256 KiB and 1", \
        b"HTTP/1.1 200 OK\r\nContent-Length: 262145\r\n\r\n"
    yield "chunked", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    yield "bare LF", good.replace(b"\r\n", b"\n")
    yield "folding", http(more=b"X: y\r\n z\r\n")
    yield "NUL", http(more=b"X: \0\r\n")
    yield "space before colon", http(more=b"X : y\r\n")
    yield "65 fields", http(more=b"X: y\r\n" * 63)
    yield "a head of 8193 bytes", http(more=b"X: " + b"y" * (
        8193 - (len(http()) - len(ACK)) - 5) + b"\r\n")
    yield "an endless line", b"HTTP/1.1 200 OK\r\nX: " + b"y" * 20000
    yield "endless fields", b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 10000


def test_answers():
    with Sender() as sender:
        for name, data in bad_answers():
            id = sender.want()
            remote = sender.remote()
            remote.socks()
            remote.request()
            threading.Thread(target=remote.send, args=(data,)).start()
            got, sent = sender.sent()
            ok((got, sent.code, sent.status, sent.started) ==
               (id, "ANSWER_HTTP", 0, True) and remote.ended(),
               "%s: ANSWER_HTTP and the end" % name) or diag(sent)
        for name, more in (("64 fields", b"X: y\r\n" * 62),
                           ("a head of 8192 bytes", b"X: " + b"y" * (
                               8192 - (len(http()) - len(ACK)) - 5) +
                            b"\r\n")):
            id = sender.want()
            remote = sender.remote()
            remote.socks()
            remote.request()
            remote.send(http(more=more))
            equal(sender.result(id), ("OK", 200, 0), "%s: OK" % name)
            remote.close()
            time.sleep(0.05)
        remote = sender.link()
        for status, more, retry in (
                (401, b"", 0), (429, b"Retry-After: 17\r\n", 17),
                (503, b"Retry-After: 0\r\n", 1),
                (503, b"Retry-After: 99999999\r\n", 86400),
                (404, b"", 0), (500, b"", 0),
                (302, b"Location: http://example.com/\r\n", 0),
                (201, b"", 0)):
            id = sender.want()
            remote.request()
            remote.send(http(status, b'{"status":%d}\n' % status, more))
            equal(sender.result(id), ("ANSWER_UNSIGNED", status, retry),
                  "status %d: ANSWER_UNSIGNED" % status)
        ok(sender.parent.quiet(0.05), "nobody is redirected")
        for name, body, kind in (
                ("no JSON", b"hello", b"application/json"),
                ("an empty body", b"", b"application/json"),
                ("no envelope", b"{}", b"application/json"),
                ("half of one", ACK[:100], b"application/json"),
                ("deep", b"[" * 100000, b"application/json"),
                ("HTML", ACK, b"text/html")):
            id = sender.want()
            remote.request()
            remote.send(http(200, body, kind=kind))
            equal(sender.result(id), ("ANSWER_JSON", 200, 0),
                  "status 200 with %s: ANSWER_JSON" % name)
        id = sender.want()
        remote.request()
        remote.send(http(more=b"Connection: close\r\n"))
        ok(sender.result(id) == ("OK", 200, 0) and remote.ended(),
           "Connection: close is obeyed")
        remote = sender.link()
        id = sender.want()
        remote.request()
        remote.send(http() + b"x")
        ok(sender.result(id) == ("OK", 200, 0) and remote.ended(),
           "a byte behind the answer: the answer, then the end")
        id = sender.want()
        remote = sender.remote()
        remote.socks()
        remote.request()
        remote.send(http() + http())
        ok(sender.result(id) == ("OK", 200, 0) and remote.ended(),
           "two answers: one, then the end")
        ok(sender.queued.quiet(0.05), "each request is answered for once")


def test_halves():
    with Sender() as sender:
        whole = http(body=ACK[:1].ljust(40))
        for cut in (0, 1, 9, 30, whole.index(b"\r\n\r\n") + 4,
                    len(whole) - 1):
            id = sender.want()
            remote = sender.remote()
            remote.socks()
            remote.request()
            remote.send(whole[:cut])
            remote.close()
            equal(sender.result(id), ("CLOSED", 0, 0), "the end after %d "
                  "bytes of an answer: CLOSED" % cut)
        id = sender.want(body=b"x" * 262144)
        remote = sender.remote()
        remote.socks()
        remote.read(100)
        remote.close()
        equal(sender.result(id), ("CLOSED", 0, 0), "the end while it sends: "
              "CLOSED")
        id = sender.want(body=b"x" * 262144)
        remote = sender.remote()
        remote.socks()
        remote.read(100)
        remote.send(http(413, b"{}"))
        ok(sender.result(id) == ("ANSWER_UNSIGNED", 413, 0) and
           remote.sock.fileno() >= 0, "an answer while it sends is taken")
        remote.sock.settimeout(3)
        try:
            while remote.sock.recv(65536):
                pass
            end = True
        except ConnectionResetError:
            end = True
        except socket.timeout:
            end = False
        ok(end, "and the connection ended")
        id = sender.want(body=b"x" * 262144)
        remote = sender.remote()
        remote.socks()
        remote.read(100)
        remote.send(http(400, b"{}"))
        remote.close()
        ok(sender.result(id)[0] in ("ANSWER_UNSIGNED", "CLOSED"),
           "an answer and the end while it sends")


def test_time():
    with Sender(message_timeout_ms=600, handshake_timeout_ms=1200,
                sender_idle_ms=700) as sender:
        for handshake, seconds in ((False, 0.6), (True, 1.2)):
            id = sender.want(handshake=handshake)
            remote = sender.remote()
            remote.socks()
            start = time.monotonic()
            remote.request()
            code = sender.result(id)
            passed = time.monotonic() - start
            ok(code == ("TIMEOUT_ANSWER", 0, 0) and
               seconds - 0.1 < passed < seconds + 0.5 and remote.ended(),
               "no answer in %.1f s: TIMEOUT_ANSWER" % seconds)
        id = sender.want()
        remote = sender.remote()
        remote.socks()
        remote.request()
        data, start = http(), time.monotonic()
        while sender.queued.quiet(0.01) and time.monotonic() - start < 3:
            remote.send(data[:1])
            data = data[1:]
        ok(0.5 < time.monotonic() - start < 1.2 and remote.ended(),
           "an answer that dribbles: the same")
        id = sender.want(body=b"x" * 262144)
        remote = sender.remote()
        remote.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        remote.socks()
        equal(sender.result(id), ("TIMEOUT_SEND", 0, 0),
              "a request that is not read: TIMEOUT_SEND")
        remote.close()
        remote = sender.link()
        start = time.monotonic()
        ok(remote.ended() and 0.6 < time.monotonic() - start < 1.2,
           "an idle connection ends in its time")
        ok(sender.queued.quiet(0.05), "each request is answered for once")


def test_retry():
    with Sender() as sender:
        remote = sender.link()
        remote.close()
        time.sleep(0.1)
        sender.works("an idle connection that ended is not used")
        remote = sender.link()
        remote.send(b"HTTP/1.1 408 X\r\n\r\n")
        ok(remote.ended(), "bytes on an idle connection end it")
        remote = sender.link()
        id = sender.want()
        remote.request()
        remote.close()
        again = sender.remote()
        again.socks()
        head, body = again.request()
        equal(body, BODY, "a kept connection ends before its answer: once "
              "more over a new one")
        again.send(http())
        equal(sender.result(id), ("OK", 200, 0), "which answers")
        id = sender.want()
        again.request()
        again.send(b"H")
        again.close()
        equal(sender.result(id), ("CLOSED", 0, 0), "with a byte of an "
              "answer: no second time")
        remote = sender.link()
        id = sender.want()
        remote.request()
        remote.close()
        again = sender.remote()
        again.socks()
        again.request()
        again.close()
        equal(sender.result(id), ("CLOSED", 0, 0), "no third time")
        first = sender.link()
        id = sender.want()
        first.request()
        other = sender.want()
        second = sender.remote()
        second.socks()
        second.request()
        second.send(http())
        sender.result(other)
        first.close()
        third = sender.remote()
        third.socks()
        third.request()
        third.send(http())
        equal(sender.result(id), ("OK", 200, 0), "the second time is over a "
              "new connection, not another kept one")
        id = sender.want()
        remote = third
        remote.request()
        remote.close()
        ok(sender.asked(), "a second time,")
        sender.parent.send(ipc.SOCKS_FAILED, struct.pack("<I", 111))
        got, sent = sender.sent()
        equal((got, sent.code, sent.started), (id, "TOR_DOWN", True),
              "that fails before it is written: the first time counts as "
              "started")
        ok(sender.queued.quiet(0.05), "each request is answered for once")


def test_limits():
    keys = [peer.Key().public for _ in range(6)]
    with Sender(sender_connections=4, sender_idle=2) as sender:
        ids = [sender.want(key) for key in keys[:3]]
        ok(sender.asked() and sender.asked(), "4 connections at most: 2 are "
           "begun")
        ok(sender.parent.quiet(0.1), "and not 3, as half may connect")
        first = sender.give()
        first.socks()
        first.request()
        ok(sender.asked(), "one is through: the third is begun")
        second, third = sender.give(), sender.give()
        for remote in (second, third):
            remote.socks()
            remote.request()
        ids += [sender.want(key) for key in keys[3:5]]
        ok(sender.asked(), "the fourth is begun,")
        fourth = sender.give()
        fourth.socks()
        fourth.request()
        ok(sender.parent.quiet(0.1), "the fifth is not")
        first.send(http())
        equal(sender.result(ids[0]), ("OK", 200, 0), "one is answered,")
        ok(sender.asked() and first.ended(), "it makes room for the fifth")
        fifth = sender.give()
        fifth.socks()
        fifth.request()
        for remote, id in ((second, ids[1]), (third, ids[2]),
                           (fourth, ids[3]), (fifth, ids[4])):
            remote.send(http())
            equal(sender.result(id), ("OK", 200, 0), "the others are "
                  "answered")
        ok(second.ended() and third.ended(), "2 idle ones are kept at most: "
           "the oldest ended")
        for key, remote in ((keys[3], fourth), (keys[4], fifth)):
            id = sender.want(key)
            remote.request()
            remote.send(http())
            equal(sender.result(id), ("OK", 200, 0), "the latest are there")
    with Sender(sender_connections=2) as sender:
        for body in (b"first", b"second", b"third"):
            sender.want(keys[0], body=body)
        sender.want(keys[1], body=b"other")
        remote, seen = sender.remote(), []
        remote.socks()
        seen.append(remote.request()[1])
        other = sender.remote()
        other.socks()
        seen.append(other.request()[1])
        for _ in range(2):
            remote.send(http())
            sender.sent()
            seen.append(remote.request()[1])
        remote.send(http())
        sender.sent()
        equal(seen, [b"first", b"other", b"second", b"third"],
              "first-in first-out for a server, servers in turn")
        other.send(http())
        sender.sent()


def test_flood():
    """More than memory should hold: fed-queued is made to wait."""
    with Sender() as sender:
        before = sender.child.memory()
        body = b"x" * 262144

        def flood():
            for _ in range(300):
                sender.want(body=body)

        thread = threading.Thread(target=flood)
        thread.start()
        time.sleep(1)
        grown = sender.child.memory() - before
        ok(thread.is_alive() and grown < 40 * 2 ** 20,
           "75 MiB of requests wait: %d MiB are held, then it does not read"
           % (grown // 2 ** 20))
        answered = 0
        while answered < 300:
            message = sender.parent.receive(5)
            assert message.type == ipc.SOCKS_WANTED
            sender.parent.send(ipc.SOCKS_FAILED, struct.pack("<I", 111))
            while answered < 300:
                try:
                    sender.sent(0.01)
                except TimeoutError:
                    break
                answered += 1
        thread.join()
        equal(answered, 300, "all are answered for in the end")


def test_broken_siblings():
    pair = ipc.pair()[0]
    for name, who, act in (
            ("fed-queued sends half a request", "fed-queued",
             lambda s: s.queued.send(ipc.SEND, KEY)),
            ("fed-queued sends an empty body", "fed-queued",
             lambda s: s.queued.send(ipc.SEND, ipc.send(KEY, b""))),
            ("fed-queued sends a body too large", "fed-queued",
             lambda s: s.queued.send(ipc.SEND, ipc.send(
                 KEY, b"x" * 262145))),
            ("fed-queued sends an answer", "fed-queued",
             lambda s: s.queued.send(ipc.SENT, bytes(9))),
            ("fed-queued sends a descriptor", "fed-queued",
             lambda s: s.queued.send(ipc.SEND, ipc.send(KEY, b"x"),
                                     descriptor=pair)),
            ("fedd sends a connection unasked", "fedd",
             lambda s: s.parent.send(ipc.SOCKS, descriptor=pair)),
            ("fedd says no unasked", "fedd",
             lambda s: s.parent.send(ipc.SOCKS_FAILED, bytes(4))),
            ("fedd sends no descriptor", "fedd",
             lambda s: s.parent.send(ipc.SOCKS)),
            ("fedd starts again", "fedd",
             lambda s: s.parent.send(ipc.SETUP_DONE))):
        sender = Sender()
        act(sender)
        ok(sender.child.wait(5) == 1 and "peer=" + who in sender.child.log(),
           "%s: fatal" % name) or diag(sender.child.log())
        sender.child.stop()


def test_addresses():
    """No name but that of a valid key is ever asked for."""
    bad = {"neutral element": b"\x01" + bytes(31),
           "order 2": bytes.fromhex("ec" + "ff" * 30 + "7f"),
           "order 8": bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f"
                                    "2a2053fa2c39ccc64ec7fd7792ac037a"),
           "no point": b"\x02" + bytes(31),
           "not canonical": bytes.fromhex("ee" + "ff" * 30 + "7f")}
    with Sender() as sender:
        for name, key in bad.items():
            id = sender.want(key)
            equal(sender.result(id), ("ONION_ADDRESS", 0, 0),
                  "a key that is none (%s): ONION_ADDRESS" % name)
        ok(sender.parent.quiet(0.1), "and no connection is asked for")


def test_log():
    for choice, shown, hidden in ((0, THEM.address, None),
                                  (1, THEM.address[:8], THEM.address[:12]),
                                  (2, "server=-", THEM.address[:6])):
        with Sender(log_servers=choice) as sender:
            remote = sender.link()
            id = sender.want()
            remote.request()
            remote.send(b"\x1b]evil\x07 HTTP/1.1 200 evil\r\n\r\n")
            sender.result(id)
            log = sender.child.log()
            ok(shown in log and (hidden is None or hidden not in log),
               "log servers, %d: as configured" % choice)
            ok("evil" not in log and "\x1b" not in log,
               "nothing of a peer's bytes")


def test_throughput():
    with Sender() as sender:
        remote = sender.link()
        data, count = http(), 3000

        def serve():
            for _ in range(count):
                remote.sock.recv(65536)
                remote.sock.sendall(data)

        thread = threading.Thread(target=serve)
        thread.start()
        body = b"{}"
        start = time.monotonic()
        before = sender.child.processor_time()
        for _ in range(count):
            sender.want(body=body)
            sender.sent()
        rate = count / (time.monotonic() - start)
        spent = (sender.child.processor_time() - before) / count
        thread.join()
        ok(rate > 300, "%d exchanges a second over one connection, %d us of "
           "processor each" % (rate, spent * 1e6))


def test():
    for name, function in sorted(globals().items(),
                                 key=lambda item: getattr(
                                     getattr(item[1], "__code__", None),
                                     "co_firstlineno", 0)):
        if name.startswith("test_") and (
                len(sys.argv) < 2 or name in sys.argv[1:]):
            diag(name)
            function()


main(test)
