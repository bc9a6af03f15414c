# SPDX-License-Identifier: ISC
"""Latency over a private Tor network."""

import os
import socket
import threading
import time

import net
import peer
from local_figures import latencies
from report import percentile

NAMES = ("latency_tor_p50",)


class Background:
    """A Tor network that comes up while something else is measured."""

    def __init__(self, result):
        self.result = result
        self.network = None
        self.thread = None
        self.error = None

    def begin(self):
        if not self.result.wants(*NAMES):
            return
        self.network = net.Net(servers=2, net="tor")
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        try:
            self.network.fednet("up", *self.network.arguments)
            self.network.read()
        except Exception as error:
            self.error = error

    def wait(self):
        if self.thread is not None:
            self.thread.join()

    def ready(self):
        self.wait()
        if self.error:
            raise self.error
        return self.network

    def end(self):
        self.wait()
        if self.thread is not None and self.error is None:
            self.network.__exit__(None)


def ping_connection(a, b):
    """To b's onion service through a's tor, on circuits of its own."""
    path = os.path.join(os.path.dirname(os.path.dirname(a.control)), "socks",
                        "socks")
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(120)
    connection.connect(path)
    connection.sendall(b"\x05\x01\x02")
    if connection.recv(2) != b"\x05\x02":
        raise RuntimeError("SOCKS greeting")
    connection.sendall(b"\x01\x05bench\x05bench")
    if connection.recv(2) != b"\x01\x00":
        raise RuntimeError("SOCKS credentials")
    host = b.onion.encode()
    connection.sendall(b"\x05\x01\x00\x03" + bytes([len(host)]) + host +
                       b"\x00\x50")
    reply = connection.recv(4, socket.MSG_WAITALL)
    if reply[1] != 0:
        raise RuntimeError("SOCKS reply %#x" % reply[1])
    connection.recv({1: 6, 4: 18}[reply[3]], socket.MSG_WAITALL)
    return peer.Connection(None, connected=connection)


def measure_latency(result, background):
    network = background.ready()
    result.say("the Tor network is up")
    a, b = network.servers
    pings = []
    stranger = peer.Identity()
    with ping_connection(a, b) as connection:
        def ping():
            """As large as a message, since tor's time depends on the size;
            refused at once, since nobody knows who sends it."""
            request = peer.request_bytes(
                "POST", "/federation/message", b.onion, peer.encode(
                    stranger.envelope(b.onion, "message", {})))
            started = time.monotonic()
            connection.send(request)
            if connection.response().status != 401:
                raise RuntimeError("a stranger's message was not refused")
            pings.append((time.monotonic() - started) * 1000)

        latencies(a, b, 5, ping)
        del pings[:]
        found = latencies(a, b, result.size(200, 40), ping)
    result.line("latency_tor_p50", percentile(found, 50), "ms",
                percentile(pings, 50))


def measure(result, background):
    result.attempt({"latency_tor_p50": "ms"}, measure_latency, background)
