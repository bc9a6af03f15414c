#!/usr/bin/python3
# SPDX-License-Identifier: ISC
#
# The same over real onion services: a private Tor network, six hops between
# two servers, and tor's own view of keys and connections.

import json
import os
import socket
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "..", "..", "lib"))
import net  # noqa: E402
import peer  # noqa: E402
import tap  # noqa: E402


def exactly(connection, count):
    data = b""
    while len(data) < count:
        more = connection.recv(count - len(data))
        if not more:
            raise RuntimeError("SOCKS reply ends early")
        data += more
    return data


def socks(path, host, port=80, timeout=60):
    """(reply code, socket) of a SOCKS5 connection."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(timeout)
    connection.connect(path)
    connection.sendall(b"\x05\x01\x00")
    if connection.recv(2) != b"\x05\x00":
        raise RuntimeError("SOCKS greeting")
    host = host.encode()
    connection.sendall(b"\x05\x01\x00\x03" + bytes([len(host)]) + host +
                       port.to_bytes(2, "big"))
    reply = exactly(connection, 4)
    if reply[1] == 0:
        length = {1: 4, 3: None, 4: 16}[reply[3]]
        if length is None:
            length = exactly(connection, 1)[0]
        exactly(connection, length + 2)
    return reply[1], connection


def loopback_only():
    """Local addresses of all listening TCP sockets that tor holds, in hex."""
    found = []
    for name in ("tcp", "tcp6"):
        with open("/proc/net/" + name) as file:
            for line in list(file)[1:]:
                fields = line.split()
                if fields[3] == "0A":
                    found.append((name, fields[1].split(":")[0], fields[9]))
    return found


def tor_sockets(processes):
    inodes = set()
    for pid in processes:
        place = "/proc/%d/fd" % pid
        try:
            for name in os.listdir(place):
                target = os.readlink(os.path.join(place, name))
                if target.startswith("socket:["):
                    inodes.add(target[8:-1])
        except OSError:
            continue
    return inodes


def all_tors():
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open("/proc/%s/comm" % name) as file:
                    if file.read().strip() == "tor":
                        found.append(int(name))
            except OSError:
                continue
    return found


def reachable(node, expected, why=None):
    """Whether fedctl says so of our own onion service, in time."""
    def says():
        found = json.loads(node.fedctl("-j", "status")[1] or "{}")
        return (found.get("reachable"), found.get("reachable_code")) == \
            (expected, why)
    return net.wait(says, 180, 0.2)


def test():
    lines = ["retry minimum 200ms", "retry maximum 2s", "queue sweep 1s",
             "health self-probe 5s"]
    with net.Net(servers=2, net="tor", lines=lines) as network:
        a, b = network.servers
        place = os.path.dirname(os.path.dirname(b.control))
        with open(os.path.join(place, "hs", "hostname")) as file:
            tap.equal(file.read().strip(), b.onion,
                      "tor publishes the address that we computed")
        inodes = tor_sockets(all_tors())
        listening = [(kind, address) for kind, address, inode
                     in loopback_only() if inode in inodes]
        tap.ok(listening and all(
            entry == ("tcp", "0100007F") for entry in listening),
            "every tor listens on loopback alone")

        number = a.enqueue(b.onion, {"text": "six hops"})
        found = b.wait_inbox(1, 60)
        tap.equal(found, [(number, a.onion, "message",
                           {"text": "six hops"})],
                  "a message from A to B through onion services")
        tap.ok(net.wait(lambda: a.delivered(number), 30), "acknowledged")
        back = b.enqueue(a.onion, {"text": "and back"})
        tap.ok(net.wait(lambda: b.delivered(back), 60),
               "a message from B to A")

        code, connection = socks(os.path.join(
            os.path.dirname(os.path.dirname(a.control)), "socks", "socks"),
            b.onion)
        tap.equal(code, 0, "a connection of our own through A's tor to B")
        with peer.Connection(None, connected=connection) as through:
            through.send(peer.request_bytes("GET", "/federation/ping",
                                            b.onion))
            answer = through.response()
        tap.ok(answer.status == 200 and b'"status":"ok"' in answer.body,
               "B's listener takes tor's PROXY line and answers a ping")

        direct = peer.Client.of(b)
        with peer.Connection(b.listener) as bare:
            bare.send(peer.request_bytes("GET", "/federation/ping", b.onion))
            try:
                refused = bare.response().status == 400
            except peer.ResponseError:
                refused = True
            tap.ok(refused, "without a PROXY line a connection is refused")
        tap.equal(direct.raw(peer.request_bytes(
            "GET", "/federation/ping", b.onion)).status, 200,
            "with one it is taken")

        for process in ("fed-listener", "fed-sender", "fed-queued"):
            network.kill(2, process)
            network.kill(1, process)
            number = a.enqueue(b.onion, {"text": "after " + process})
            tap.ok(net.wait(lambda: a.delivered(number), 90),
                   "both %s killed: the next message arrives" % process)
        tap.ok(reachable(a, "yes") and reachable(b, "yes"),
               "each reaches its own onion service through tor")
        started = time.monotonic()
        network.stop(2, "tor")
        number = a.enqueue(b.onion, {"text": "while B's tor is off"})
        tap.ok(reachable(b, "no", "TOR_DOWN"), "without its tor B does not")
        network.start(2, "tor")
        tap.ok(net.wait(lambda: a.delivered(number), 180),
               "B's tor stopped and started: the message arrives (%d s)" %
               (time.monotonic() - started))
        tap.ok(reachable(b, "yes"), "and B reaches itself again")
        got = [row[0] for row in b.inbox()]
        tap.equal(len(got), len(set(got)), "none is doubled")
        tap.equal(len(got), 5, "none is lost")
        with open(os.path.join(network.directory, "fednet.state")) as file:
            private = json.load(file)["private"]
    left = []
    for pid in all_tors():
        try:
            with open("/proc/%d/cmdline" % pid) as file:
                left += [pid] if private in file.read() else []
        except OSError:
            continue
    tap.equal((left, os.path.exists(private)), ([], False),
              "down leaves no tor and no file behind")


tap.main(test)
