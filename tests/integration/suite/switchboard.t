#!/usr/bin/python3
# SPDX-License-Identifier: ISC
#
# The switchboard that stands in for tor: its answers are tor's, its map is
# read anew for each connection, and it passes on every byte.

import contextlib
import hashlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "..", "..", "lib"))
import net  # noqa: E402
import peer  # noqa: E402
import tap  # noqa: E402

PROGRAM = os.path.join(net.ROOT, os.environ.get("TORFED_BUILD", "build"),
                       "tests", "lib", "switchboard")
BLOCK = bytes(range(256)) * 1024  # 256 KiB


class Board:
    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="torfed-test-", dir="/tmp")
        self.path = os.path.join(self.directory, "socks")
        self.map = os.path.join(self.directory, "map")
        self.echo = os.path.join(self.directory, "echo")
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(self.echo)
        self.listener.listen(64)
        threading.Thread(target=self.serve, daemon=True).start()
        self.child = subprocess.Popen([PROGRAM, self.path, self.map])
        net.wait(lambda: os.path.exists(self.path), 10)

    def close(self):
        self.child.terminate()
        self.child.wait()
        self.listener.close()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.answer, args=(connection,),
                             daemon=True).start()

    @staticmethod
    def answer(connection):
        """Sends back what came, and at its end a digest of all."""
        digest = hashlib.sha256()
        with connection, contextlib.suppress(OSError):
            while True:
                data = connection.recv(1 << 16)
                if not data:
                    break
                digest.update(data)
                connection.sendall(data)
            connection.sendall(digest.digest())

    def write_map(self, *lines):
        with open(self.map, "w") as file:
            file.write("".join(line + "\n" for line in lines))

    def socket(self):
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(30)
        connection.connect(self.path)
        return connection

    def connect(self, host, methods=b"\x00", kind=3, command=1, dribble=False):
        """(reply, connection)"""
        connection = self.socket()
        connection.sendall(b"\x05" + bytes([len(methods)]) + methods)
        chosen = connection.recv(2)[1]
        if chosen == 2:
            connection.sendall(b"\x01\x04user\x01g")
            if connection.recv(2) != b"\x01\x00":
                raise RuntimeError("user name")
        name = host.encode() if kind == 3 else b""
        address = bytes([len(name)]) + name if kind == 3 else bytes(
            4 if kind == 1 else 16)
        request = bytes([5, command, 0, kind]) + address + b"\x00\x50"
        for part in ([request[i:i + 1] for i in range(len(request))]
                     if dribble else [request]):
            connection.sendall(part)
        reply = connection.recv(10)
        return (reply[1] if len(reply) == 10 else None), connection


def receive(connection, length):
    data = b""
    while len(data) < length:
        more = connection.recv(1 << 20)
        if not more:
            break
        data += more
    return data


def test_replies(board, known):
    stranger = peer.Identity().address
    tap.equal(board.connect(known)[0], 0xf0, "no map yet: F0")
    board.write_map("%s %s" % (known, board.echo))
    tap.equal(board.connect(known)[0], 0, "an address in the map: 00")
    tap.equal(board.connect(known, methods=b"\x00\x02")[0], 0,
              "with user name and password: 00")
    tap.equal(board.connect(known, dribble=True)[0], 0,
              "a byte at a time: 00")
    tap.equal(board.connect(stranger)[0], 0xf0, "not in the map: F0")
    for name in ("a" * 56 + ".onion", known.upper()[:56] + ".onion",
                 "www." + known, "x.onion", "expyuzz4wqqyqhjn.onion"):
        tap.equal(board.connect(name)[0], 0xf6, "%s: F6" % name)
    tap.equal(board.connect("example.org")[0], 2, "no onion: 02")
    tap.equal(board.connect("", kind=1)[0], 2, "an IPv4 address: 02")
    tap.equal(board.connect("", kind=4)[0], 2, "an IPv6 address: 02")
    tap.equal(board.connect(known, command=2)[0], 7, "BIND: 07")
    board.write_map("%s %s" % (known, board.echo),
                    "%s %s.none" % (known, board.echo))
    tap.equal(board.connect(known)[0], 5,
              "the last line counts, and nobody is there: 05")
    for bytes_sent in (b"\x04\x01\x00", b"GET / HTTP/1.1\r\n\r\n"):
        connection = board.socket()
        connection.sendall(bytes_sent)
        try:
            closed = connection.recv(1) == b""
        except ConnectionResetError:
            closed = True
        tap.ok(closed, "no SOCKS5: closed")
    connection = board.socket()
    connection.sendall(b"\x05\x01\x01")
    tap.equal(receive(connection, 3), b"\x05\xff", "no method in common: FF")


def test_bytes(board, known):
    board.write_map("%s %s" % (known, board.echo))
    _, connection = board.connect(known)
    sent = hashlib.sha256()
    got = []
    count = 200
    reader = threading.Thread(target=lambda: got.append(
        receive(connection, count * len(BLOCK) + 32)))
    reader.start()
    for _ in range(count):
        connection.sendall(BLOCK)
        sent.update(BLOCK)
    connection.shutdown(socket.SHUT_WR)
    reader.join(60)
    tap.ok(got and got[0] == BLOCK * count + sent.digest(),
           "50 MiB there and back, and the end of file between them")
    # One side that does not read holds up nobody else.
    _, stuck = board.connect(known)
    stuck.settimeout(0.5)
    try:
        for _ in range(100):
            stuck.sendall(BLOCK)
        full = False
    except socket.timeout:
        full = True
    tap.ok(full, "a client that does not read is held back")
    _, other = board.connect(known)
    other.sendall(b"hello")
    tap.equal(receive(other, 5), b"hello", "and another is served")


def test():
    board = Board()
    try:
        known = peer.Identity().address
        test_replies(board, known)
        test_bytes(board, known)
        tap.equal(board.child.poll(), None, "the switchboard lives")
    finally:
        board.close()
        gone = not os.path.exists(board.path)
        shutil.rmtree(board.directory)
    tap.ok(gone, "and takes its socket with it")


tap.main(test)
