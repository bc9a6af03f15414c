# SPDX-License-Identifier: ISC
"""A private Tor network on loopback, made of the distribution's own tor:
three directory authorities, some relays, and one tor for each server with its
onion service and its SOCKS socket. Nothing of it leaves the machine."""

import concurrent.futures
import os
import re
import subprocess
import time

AUTHORITIES = 3
RELAYS = 3
PORTS = 2 * AUTHORITIES + RELAYS
TOR = "tor"

# In every torrc. 5/1/1 seconds for voting did not converge; 10/2/2 does.
COMMON = """\
TestingTorNetwork 1
DataDirectory {directory}
Log notice stdout
SafeLogging 0
AvoidDiskWrites 1
PathsNeededToBuildCircuits 0.25
V3AuthVotingInterval 10
V3AuthVoteDelay 2
V3AuthDistDelay 2
TestingV3AuthInitialVotingInterval 10
TestingV3AuthInitialVoteDelay 2
TestingV3AuthInitialDistDelay 2
"""
RELAY = """\
Nickname {name}
Address 127.0.0.1
ORPort 127.0.0.1:{or_port}
SocksPort 0
ExitRelay 0
AssumeReachable 1
ContactInfo {name}@test.invalid
"""
AUTHORITY = """\
DirPort 127.0.0.1:{dir_port}
AuthoritativeDirectory 1
V3AuthoritativeDirectory 1
TestingDirAuthVoteExit *
TestingDirAuthVoteGuard *
TestingDirAuthVoteHSDir *
TestingMinExitFlagThreshold 0
TestingAuthDirTimeToLearnReachability 0
"""
# With six relays, of which the first consensus names one, second-layer guards
# leave no path: the attempts at introduction points are soon used up, and the
# next come after five minutes. SocksTimeout: see etc/torrc.snippet; such a
# circuit lives as long, or twice the time that tor gives to building one, which
# is a minute before it has learnt better.
CLIENT = """\
ORPort 0
SocksPort unix:"{socks}" OnionTrafficOnly ExtendedErrors IsolateSOCKSAuth \
KeepAliveIsolateSOCKSAuth
HiddenServiceDir {service}
HiddenServiceVersion 3
HiddenServicePort 80 unix:"{listener}"
HiddenServiceExportCircuitID haproxy
VanguardsLiteEnabled 0
SocksTimeout 20
LearnCircuitBuildTimeout 0
CircuitBuildTimeout 10
"""


class Node:
    """An authority or a relay: its directory, ports, and way to start."""

    def __init__(self, network, name, or_port, dir_port=None):
        self.network = network
        self.name = name
        self.directory = os.path.join(network.directory, name)
        self.or_port = or_port
        self.dir_port = dir_port
        self.torrc = os.path.join(self.directory, "torrc")

    def text(self):
        text = COMMON.format(directory=self.directory)
        text += RELAY.format(name=self.name, or_port=self.or_port)
        if self.dir_port:
            text += AUTHORITY.format(dir_port=self.dir_port)
        return text

    def make_keys(self):
        """An authority's keys. Returns its DirAuthority line."""
        run = self.network.run
        keys = os.path.join(self.directory, "keys")
        run(["mkdir", "-p", "-m", "700", keys])
        certificate = os.path.join(keys, "authority_certificate")
        run(["tor-gencert", "--create-identity-key", "--passphrase-fd", "0",
             "-m", "12", "-a", "127.0.0.1:%d" % self.dir_port,
             "-i", os.path.join(keys, "authority_identity_key"),
             "-s", os.path.join(keys, "authority_signing_key"),
             "-c", certificate], text="torfed\n")
        with open(certificate) as file:
            ident = re.search(r"^fingerprint (\w+)$", file.read(),
                              re.MULTILINE).group(1)
        # Its configuration without the authorities, which are not known yet.
        with open(self.torrc, "w") as file:
            file.write("DataDirectory %s\n" % self.directory)
            file.write(RELAY.format(name=self.name, or_port=self.or_port))
        os.chmod(self.torrc, 0o644)
        printed = run(arguments(self.torrc) + ["--list-fingerprint"])
        match = re.search(r"^%s ([0-9A-F ]+)$" % self.name, printed,
                          re.MULTILINE)
        return ("DirAuthority %s orport=%d no-v2 v3ident=%s 127.0.0.1:%d %s\n"
                % (self.name, self.or_port, ident, self.dir_port,
                   match.group(1)))


class Network:
    """directory: private, passable for identity (uid and gid, or None)."""

    def __init__(self, directory, ports, identity):
        self.directory = directory
        self.identity = identity
        ports = list(ports)
        self.authorities = [
            Node(self, "authority%d" % (i + 1), ports.pop(), ports.pop())
            for i in range(AUTHORITIES)]
        self.relays = [Node(self, "relay%d" % (i + 1), ports.pop())
                       for i in range(RELAYS)]
        self.directory_lines = ""

    def nodes(self):
        return self.authorities + self.relays

    def run(self, arguments, text=""):
        """Runs a program as the network's user; returns what it printed."""
        become = {}
        if self.identity:
            become = {"user": self.identity[0], "group": self.identity[1],
                      "extra_groups": []}
        result = subprocess.run(
            arguments, input=text, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, universal_newlines=True, cwd="/",
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C",
                 "HOME": "/nonexistent"}, check=False, **become)
        if result.returncode:
            raise RuntimeError("%s: exit %d\n%s%s" % (
                arguments[0], result.returncode, result.stdout,
                result.stderr))
        return result.stdout

    def prepare(self):
        """Keys and configurations of authorities and relays."""
        for node in self.nodes():
            os.makedirs(node.directory, mode=0o700)
            if self.identity:
                os.chown(node.directory, *self.identity)
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            lines = pool.map(Node.make_keys, self.authorities)
            self.directory_lines = "".join(lines)
        for node in self.nodes():
            with open(node.torrc, "w") as file:
                file.write(node.text() + self.directory_lines)
            os.chmod(node.torrc, 0o644)

    def write_client(self, path, directory, socks, service, listener):
        """The torrc of a server's own tor."""
        with open(path, "w") as file:
            file.write(COMMON.format(directory=directory))
            file.write(CLIENT.format(socks=socks, service=service,
                                     listener=listener))
            file.write(self.directory_lines)
        os.chmod(path, 0o644)


def arguments(torrc):
    return [TOR, "--defaults-torrc", "/dev/null", "-f", torrc]


def bootstrapped(log):
    """Percent that the last tor which wrote to log has come to."""
    try:
        with open(log, errors="replace") as file:
            text = file.read()
    except OSError:
        return 0
    # Only since the last start: a log file outlives a stop and a start.
    text = text[text.rfind("Tor can't help you"):]
    found = re.findall(r"Bootstrapped (\d+)%", text)
    return int(found[-1]) if found else 0


class Progress:
    """A line on a terminal that is written over; elsewhere one line each five
    seconds."""

    def __init__(self, stream):
        self.stream = stream
        self.started = time.monotonic()
        self.terminal = stream.isatty()
        self.last = -5.0
        self.open = False

    def show(self, text):
        seconds = time.monotonic() - self.started
        if self.terminal:
            self.stream.write("\r\033[K%s (%d s)" % (text, seconds))
            self.open = True
        elif seconds - self.last >= 5:
            self.stream.write("%s (%d s)\n" % (text, seconds))
            self.last = seconds
        self.stream.flush()

    def done(self, text=None):
        if self.open:
            self.stream.write("\r\033[K")
            self.open = False
        if text:
            self.stream.write("%s (%d s)\n" % (
                text, time.monotonic() - self.started))
        self.stream.flush()
