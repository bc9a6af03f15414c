# SPDX-License-Identifier: ISC
"""Sits between tor (or the switchboard) and one server's listener: sees every
request and answer as they travel, and can lose, double, cut or delay them.

    with Wiretap(node) as tapped:
        tapped.policy = lambda request: LOSE
        tapped.requests, tapped.answers     # bytes, heads included
"""

import os
import socket
import threading
import time

PASS, LOSE, DOUBLE, LATE, CUT, HALF = (
    "pass", "lose the answer", "send twice", "send later", "cut the request",
    "cut the answer")


class End(Exception):
    """One side closed."""


class Stream:
    """Reads HTTP messages, raw."""

    def __init__(self, connection):
        self.connection = connection
        self.buffer = b""

    def until(self, mark):
        while mark not in self.buffer:
            self.fill()
        end = self.buffer.index(mark) + len(mark)
        found, self.buffer = self.buffer[:end], self.buffer[end:]
        return found

    def fill(self):
        data = self.connection.recv(1 << 16)
        if not data:
            raise End
        self.buffer += data

    def message(self):
        head = self.until(b"\r\n\r\n")
        length = 0
        for line in head.decode("latin-1").split("\r\n"):
            name, _, value = line.partition(":")
            if name.lower() == "content-length":
                length = int(value)
        while len(self.buffer) < length:
            self.fill()
        body, self.buffer = self.buffer[:length], self.buffer[length:]
        return head + body


class Wiretap:
    def __init__(self, node):
        self.path = node.listener
        self.real = self.path + ".real"
        self.proxy_line = node.proxy_line
        self.policy = lambda request: PASS
        self.requests = []
        self.answers = []
        self.closing = False

    def __enter__(self):
        # A socket follows its file: the listener goes on under another name.
        os.rename(self.path, self.real)
        owner = os.stat(self.real)
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(self.path)
        if os.geteuid() == 0:
            os.chown(self.path, owner.st_uid, owner.st_gid)
        os.chmod(self.path, owner.st_mode & 0o777)
        self.listener.listen(64)
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.closing = True
        os.rename(self.real, self.path)
        self.listener.close()

    def accept(self):
        while not self.closing:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,),
                             daemon=True).start()

    def connect(self):
        real = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        real.settimeout(60)
        real.connect(self.path if self.closing else self.real)
        return real

    def serve(self, connection):
        with connection:
            try:
                with self.connect() as real:
                    self.carry(Stream(connection), Stream(real))
            except (OSError, End):
                return

    def carry(self, client, real):
        first = b""
        if self.proxy_line:
            first = client.until(b"\r\n")
            real.connection.sendall(first)
        while True:
            request = client.message()
            self.requests.append(request)
            action = self.policy(request)
            if action == LATE:
                threading.Thread(target=self.later, args=(first, request),
                                 daemon=True).start()
                return
            if action == CUT:
                real.connection.sendall(request[:len(request) // 2])
                return
            real.connection.sendall(request)
            answer = real.message()
            if action == DOUBLE:
                real.connection.sendall(request)
                answer = real.message()
            self.answers.append(answer)
            if action == LOSE:
                return
            if action == HALF:
                client.connection.sendall(answer[:len(answer) // 2])
                return
            client.connection.sendall(answer)

    def later(self, first, request):
        time.sleep(0.3)
        try:
            with self.connect() as real:
                real.sendall(first + request)
                Stream(real).message()
        except (OSError, End):
            pass
