# SPDX-License-Identifier: ISC
"""Sits between a suite and tor (or the switchboard): sees what each SOCKS
connection asks for, and can answer in tor's place.

    with Sockstap(node) as tap:
        tap.policy = lambda asked: 0xf3     # tor's error; None: pass on
        tap.asked                           # [Asked(user, password, host)]
"""

import collections
import os
import socket
import threading

# tor never answers; it connects, and nothing comes through.
HOLD, SILENT = "hold", "silent"
DONE = b"\x05\x00\x00\x01" + bytes(6)

Asked = collections.namedtuple("Asked", "user password host")


def exactly(connection, count):
    data = b""
    while len(data) < count:
        more = connection.recv(count - len(data))
        if not more:
            raise OSError("ends early")
        data += more
    return data


def counted(connection):
    return exactly(connection, exactly(connection, 1)[0])


class Sockstap:
    def __init__(self, node):
        with open(node.config) as file:
            self.path = [line for line in file
                         if line.startswith("socks on ")][0].split('"')[1]
        self.real = self.path + ".real"
        self.policy = lambda asked: None
        self.asked = []
        self.held = []
        self.changed = threading.Condition()
        self.closing = False

    def __enter__(self):
        # A socket follows its file: the real one goes on under another name.
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
        for connection in self.held:
            connection.close()

    def wait(self, count, host, seconds=30):
        """What was asked for that host, once it is so often; fewer when the
        time is over."""
        with self.changed:
            self.changed.wait_for(lambda: len(self.of(host)) >= count,
                                  seconds)
            return self.of(host)

    def of(self, host):
        return [asked for asked in self.asked if asked.host == host]

    def accept(self):
        while not self.closing:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,),
                             daemon=True).start()

    def serve(self, connection):
        try:
            self.answer(connection)
        except OSError:
            connection.close()

    def answer(self, connection):
        exactly(connection, 3)
        connection.sendall(b"\x05\x02")
        exactly(connection, 1)
        user, password = counted(connection), counted(connection)
        connection.sendall(b"\x01\x00")
        exactly(connection, 4)
        asked = Asked(user.decode(), password.decode(),
                      counted(connection).decode())
        exactly(connection, 2)
        action = self.policy(asked)
        with self.changed:
            self.asked.append(asked)
            self.changed.notify_all()
        if action in (HOLD, SILENT):
            self.held.append(connection)
            if action == SILENT:
                connection.sendall(DONE)
        elif action is not None:
            connection.sendall(bytes([5, action]) + DONE[2:])
            connection.close()
        else:
            self.carry(connection, asked)

    def carry(self, connection, asked):
        real = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        real.connect(self.path if self.closing else self.real)
        real.sendall(b"\x05\x01\x02")
        exactly(real, 2)
        real.sendall(b"\x01" + b"".join(
            bytes([len(text)]) + text.encode() for text in asked[:2]))
        exactly(real, 2)
        real.sendall(b"\x05\x01\x00\x03" + bytes([len(asked.host)]) +
                     asked.host.encode() + b"\0\x50")
        threading.Thread(target=self.pump, args=(real, connection),
                         daemon=True).start()
        self.pump(connection, real)

    @staticmethod
    def pump(one, other):
        try:
            while True:
                data = one.recv(1 << 16)
                if not data:
                    break
                other.sendall(data)
        except OSError:
            pass
        for end in (one, other):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
