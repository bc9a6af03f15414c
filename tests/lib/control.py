# SPDX-License-Identifier: ISC
"""A client of the control socket, as fedctl is one, but without its manners:

    client = control.Client(path)
    rows, end = client.ask(control.STATUS)
    client.send(ipc.CONTROL_REQUEST, control.request(control.STATUS))
"""

import collections
import socket
import struct
import time

import ipc

# enum control_verb
(STATUS, SHOW_SERVERS, SHOW_QUEUE, SERVER_ADD, SERVER_TRUST, SERVER_BLOCK,
 HANDSHAKE, RECEIPT_EXPORT, SHOW_LIMITS, SERVER_PING, SHOW_DEAD, SHOW_MESSAGE,
 QUEUE_SHOW, QUEUE_HOLD, QUEUE_RELEASE, QUEUE_RETRY, QUEUE_CANCEL,
 QUEUE_REQUEUE, SERVER_PAUSE, SERVER_RESUME, SERVER_RETRY, SHOW_ROOMS,
 CHECK, RELOAD, ROOM_ADOPT, RESTORED) = range(1, 27)
ARGUMENTS = {STATUS: 0, SHOW_SERVERS: 0, SHOW_QUEUE: 0, SERVER_ADD: 1,
             SERVER_TRUST: 2, SERVER_BLOCK: 1, HANDSHAKE: 1,
             RECEIPT_EXPORT: 2, SHOW_LIMITS: 0, SERVER_PING: 1, SHOW_DEAD: 2,
             SHOW_MESSAGE: 2, QUEUE_SHOW: 2, QUEUE_HOLD: 2,
             QUEUE_RELEASE: 2, QUEUE_RETRY: 2, QUEUE_CANCEL: 2,
             QUEUE_REQUEUE: 2, SERVER_PAUSE: 1, SERVER_RESUME: 1,
             SERVER_RETRY: 1, SHOW_ROOMS: 1, CHECK: 0, RELOAD: 0,
             ROOM_ADOPT: 2, RESTORED: 0}

End = collections.namedtuple("End", "exit code text")


def request(verb, *arguments):
    return struct.pack("<HI", verb, len(arguments)) + b"".join(
        ipc.blob(a if isinstance(a, bytes) else a.encode())
        for a in arguments)


def read_row(data):
    """(kind, {name: value})"""
    reader = ipc.Reader(data)
    kind = reader.blob().decode()
    fields = {}
    for _ in range(reader.number("I")):
        name = reader.blob().decode()
        form = reader.number("B")
        if form == 0:
            fields[name] = reader.blob().decode()
        elif form == 1:
            fields[name] = reader.number("q")
        elif form == 2:
            fields[name] = bool(reader.number("B"))
        else:
            fields[name] = None
    reader.done()
    return kind, fields


def read_end(data):
    reader = ipc.Reader(data)
    end = End(reader.number("B"), reader.blob().decode(),
              reader.blob().decode())
    reader.done()
    return end


class Client(ipc.Channel):
    def __init__(self, path, timeout=10):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.settimeout(timeout)
        try:
            self._connect(sock, path, time.monotonic() + timeout)
        except OSError:
            sock.close()
            raise
        super().__init__(sock)

    @staticmethod
    def _connect(sock, path, deadline):
        while True:
            try:
                return sock.connect(path)
            except BlockingIOError:  # many are waiting to be accepted
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)

    def answer(self, id=1, timeout=10):
        rows = []
        while True:
            message = self.receive(timeout)
            # A refusal comes unasked, and is an answer to nothing.
            if message.id != id and (message.id, message.type) != (
                    0, ipc.CONTROL_END):
                raise ValueError("answer to another question")
            if message.type == ipc.CONTROL_END:
                return rows, read_end(message.data)
            if message.type != ipc.CONTROL_ROW:
                raise ValueError("neither row nor end")
            rows.append(read_row(message.data))

    def ask(self, verb, *arguments, id=1, timeout=10):
        self.send(ipc.CONTROL_REQUEST, request(verb, *arguments), id=id)
        return self.answer(id, timeout)


def status(path):
    """The row of STATUS; None when nobody answers."""
    try:
        client = Client(path)
    except OSError:
        return None
    try:
        rows, end = client.ask(STATUS)
        return rows[0][1] if end.exit == 0 else None
    except (ipc.Closed, OSError):
        return None
    finally:
        client.close()
