# SPDX-License-Identifier: ISC
"""What the scenarios share: a network, which is the one at $DIR when there is
one, else a new one over Tor ($NET=local: the switchboard); introductions; and
a way to talk to a server through another's tor."""

import os
import socket

import net
import peer
import tap

LINES = ["retry minimum 200ms", "retry maximum 2s", "queue sweep 1s"]
OVER_TOR = os.environ.get("NET", "tor") == "tor"
# What one exchange may take, fresh circuits included.
SECONDS = 120 if OVER_TOR else 20


class Attached(net.Net):
    """A network that somebody else brought up and will take down."""

    def __init__(self, directory):
        self.directory = directory

    def __enter__(self):
        self.read()
        return self

    def __exit__(self, kind, *_):
        if kind is not None and kind is not SystemExit:
            self.show_logs()


def network(servers=2):
    """Servers that are strangers to each other, unless a scenario before
    introduced them."""
    directory = os.environ.get("DIR")
    if directory:
        return Attached(directory)
    return net.Net(servers, "tor" if OVER_TOR else "local", "none", LINES)


def handshake(one, other):
    """As an administrator would, again while descriptors spread."""
    return net.wait(lambda: one.fedctl("handshake", other.onion)[0] == 0,
                    180, 0.5)


def introduce(*nodes, level=2):
    """Handshakes of all pairs and trust."""
    pairs = [(one, other) for one in nodes for other in nodes
             if one is not other]
    for one, other in pairs:
        if not one.sql("""SELECT 1 FROM federation.federation_servers
                WHERE onion_address = %s AND last_handshake IS NOT NULL""",
                       other.onion) and not handshake(one, other):
            raise RuntimeError("no handshake")
    for one, other in pairs:
        trust(one, other.onion, level)


def trust(node, onion, level):
    status, _, error = node.fedctl("server", "trust", onion, str(level))
    if status:
        raise RuntimeError(error)


def drain(node):
    """Takes and acknowledges what is in the inbox."""
    while True:
        rows = node.sql("SELECT inbox_id FROM federation.inbox_claim(1024)",
                        user="app")
        if not rows:
            return
        node.sql("SELECT federation.inbox_acknowledge(%s)",
                 [row[0] for row in rows], user="app")


def socks(path, host, timeout=120):
    """A connection through tor's SOCKS socket."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(timeout)
    connection.connect(path)
    connection.sendall(b"\x05\x01\x00")
    if connection.recv(2) != b"\x05\x00":
        raise ConnectionError("SOCKS greeting")
    name = host.encode()
    connection.sendall(b"\x05\x01\x00\x03" + bytes([len(name)]) + name +
                       b"\x00\x50")
    answer = connection.recv(4, socket.MSG_WAITALL)
    if len(answer) != 4 or answer[1]:
        connection.close()
        raise ConnectionError("SOCKS answer %r" % answer)
    # The address, of either family, and port that say nothing here.
    connection.recv({1: 6, 4: 18}[answer[3]], socket.MSG_WAITALL)
    return connection


class Distant(peer.Client):
    """An independent implementation that reaches `node` through the tor of
    `through`."""

    def __init__(self, node, through):
        super().__init__(None, node.onion)
        self.socks = os.path.join(os.path.dirname(os.path.dirname(
            through.control)), "socks", "socks")

    def connect(self, **_options):
        def reached():
            try:
                return socks(self.socks, self.onion)
            except OSError:
                return None
        found = net.wait(reached, SECONDS, 0.5)
        if found is None:
            raise ConnectionError("not reached")
        return peer.Connection(None, connected=found)


def main(test, servers=2):
    def run():
        with network(servers) as found:
            test(found)
            for node in found.servers:
                drain(node)
    tap.main(run)
