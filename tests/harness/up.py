# SPDX-License-Identifier: ISC
"""fednet up: from nothing to servers that know and trust each other."""

import concurrent.futures
import itertools
import json
import os
import signal
import sys
import tempfile
import time

import network
import pgcluster
import processes
import programs
import reserve
import server as servers
from down import take_down
from state import Failure, State, write_atomically

WORKERS = 4
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
HANDSHAKE_SECONDS = 180  # over Tor, while descriptors spread


class Interrupted(BaseException):
    """A signal asked us to end."""


def interrupt(number, _frame):
    raise Interrupted(signal.Signals(number).name)


def prepare_directory(directory):
    """Returns whether it was made here."""
    if os.path.exists(State.path(directory)):
        raise Failure("%s holds a network already: fednet down --dir %s" % (
            directory, directory))
    try:
        os.makedirs(directory, exist_ok=False)
        return True
    except FileExistsError:
        if not os.path.isdir(directory):
            raise Failure("%s is no directory" % directory) from None
        return False
    except OSError as error:
        raise Failure("%s: %s" % (directory, error.strerror)) from None


def new_state(options):
    """The network's record, and with it its private directory."""
    directory = os.path.abspath(options.dir)
    found = programs.find()
    made = prepare_directory(directory)
    try:
        private = tempfile.mkdtemp(prefix=reserve.PREFIX, dir=reserve.PARENT)
    except OSError:
        if made:
            os.rmdir(directory)
        raise
    own = processes.stat(os.getpid())
    state = State(directory, {
        "net": options.net, "private": private, "made_directory": made,
        "owner": [own.pid, own.started], "ids": [], "ports": [],
        "programs": found, "children": programs.directory().rstrip("/"),
        "set": options.set, "servers": [None] * options.servers,
        "processes": {}})
    try:
        state.save()
    except OSError as error:
        os.rmdir(private)
        if made:
            os.rmdir(directory)
        raise Failure("%s: %s" % (directory, error.strerror)) from None
    return state


class Builder:
    """One run of up."""

    def __init__(self, state, options):
        self.state = state
        self.data = state.data
        self.options = options
        self.progress = network.Progress(sys.stderr)
        self.tor = None
        self.pool = concurrent.futures.ThreadPoolExecutor(WORKERS)

    def run(self):
        try:
            self.reserve()
            template = self.pool.submit(self.make_template)
            if self.options.net == "tor":
                self.start_network()
            else:
                self.data["programs"]["switchboard"] = programs.switchboard(
                    self.data["private"])
            self.servers = [servers.Server(self.state, number + 1)
                            for number in range(self.options.servers)]
            self.each(self.prepare, self.servers)
            self.write_map()
            template.result()
            self.each(lambda server: server.copy_cluster(self.template()),
                      self.servers[1:])
            self.servers[0].take_cluster(self.template())
            self.each(self.start, self.servers)
            if self.options.net == "tor":
                self.wait_bootstrapped()
            self.introduce()
            self.progress.done()
        finally:
            self.state.stop()
            self.pool.shutdown(wait=True, cancel_futures=True)
        del self.data["owner"]
        write_net(self.state)
        self.state.save()

    def each(self, work, items):
        """In parallel; the first failure ends all."""
        jobs = [self.pool.submit(work, item) for item in items]
        for job in concurrent.futures.as_completed(jobs):
            job.result()

    def reserve(self):
        private = self.data["private"]
        as_root = os.geteuid() == 0
        os.chmod(private, 0o711 if as_root else 0o700)
        tor = self.options.net == "tor"
        self.data["ports"], self.data["ids"] = reserve.reserve(
            private, network.PORTS if tor else 0, as_root)
        empty = os.path.join(private, "empty")
        os.mkdir(empty)
        os.chmod(empty, 0o755)
        self.state.save()

    def make_template(self):
        """initdb, once for all servers. It wants an account with a name,
        which the numbers that the copies run under do not have. A sanitizer's
        fedctl is to make the schema itself."""
        cluster = pgcluster.Cluster(
            os.path.join(self.data["private"], "template"))
        cluster.create(pgcluster.FRESH if "TORFED_BUILD" in os.environ else
                       pgcluster.MIGRATED)

    def template(self):
        return os.path.join(self.data["private"], "template", "data")

    def start_network(self):
        private = os.path.join(self.data["private"], "tor")
        os.mkdir(private)
        os.chmod(private, 0o711)
        logs = os.path.join(self.state.directory, "tor")
        os.makedirs(logs, exist_ok=True)
        ids = self.data["ids"]
        identity = (ids[-1], ids[-1]) if ids else None
        self.tor = network.Network(private, self.data["ports"], identity)
        self.progress.show("private Tor network: making keys")
        self.tor.prepare()
        for node in self.tor.nodes():
            self.state.start(
                node.name, network.arguments(node.torrc),
                os.path.join(logs, node.name + ".log"), identity=identity)

    def prepare(self, server):
        server.make_directories()
        self.data["servers"][server.number - 1] = server.make_keys()
        server.write_config()
        if self.tor:
            server.prepare_tor(self.tor)
            server.start_tor(wait=False)

    def write_map(self):
        if self.tor:
            return
        write_atomically(servers.map_path(self.state), "".join(
            "%s %s\n" % (self.data["servers"][s.number - 1], s.listener)
            for s in self.servers))

    def start(self, server):
        server.own_cluster()
        server.start_postgres()
        server.migrate()
        if not self.tor:
            server.start_tor()
        server.start_fedd()

    def wait_bootstrapped(self):
        deadline = time.monotonic() + 180
        while True:
            self.check_network()
            percents = [network.bootstrapped(s.log("tor"))
                        for s in self.servers]
            self.progress.show("Tor bootstraps: %s" % " ".join(
                "%d%%" % percent for percent in percents))
            if min(percents) == 100:
                return
            if time.monotonic() > deadline:
                raise Failure("Tor did not bootstrap within 180 s\n" +
                              self.servers[0].tail("tor"))
            time.sleep(0.5)

    def check_network(self):
        names = [node.name for node in self.tor.nodes()]
        names += [s.process_key("tor") for s in self.servers]
        for name in names:
            if self.state.pid(name) is None:
                raise Failure("a tor of the private network ended: %s; see "
                              "its log below %s" % (name,
                                                    self.state.directory))

    def introduce(self):
        """Handshakes of all pairs, both ways, and trust."""
        if self.options.trust is None or len(self.servers) < 2:
            return
        pairs = list(itertools.permutations(self.servers, 2))
        self.remaining = len(pairs)
        self.each(self.handshake, pairs)
        for one, other in pairs:
            one.fedctl("server", "trust", self.onion(other),
                       str(self.options.trust))

    def onion(self, server):
        return self.data["servers"][server.number - 1]

    def handshake(self, pair):
        one, other = pair
        deadline = time.monotonic() + (HANDSHAKE_SECONDS if self.tor else 20)
        while True:
            result = one.fedctl("handshake", self.onion(other), check=False,
                                timeout=HANDSHAKE_SECONDS)
            if result.returncode == 0:
                self.remaining -= 1
                return
            if self.state.stopping:
                raise Failure("interrupted")
            if time.monotonic() > deadline:
                raise Failure("server %d: no handshake with server %d: %s\n%s"
                              % (one.number, other.number,
                                 result.stderr.strip(), one.tail("fedd")))
            if self.tor:
                self.progress.show("onion services spread: %d handshakes to "
                                   "come" % self.remaining)
            time.sleep(1 if self.tor else 0.1)


def network_description(state):
    return {
        "net": state.data["net"],
        "programs": {name: path for name, path
                     in state.data["programs"].items()
                     if name in programs.NAMES},
        "servers": [servers.Server(state, number + 1).description()
                    for number in range(len(state.data["servers"]))],
    }


def write_net(state):
    text = json.dumps(network_description(state), indent=1) + "\n"
    write_atomically(os.path.join(state.directory, "net.json"), text)
    return text


def up(options):
    for number in SIGNALS:
        signal.signal(number, interrupt)
    state = None
    try:
        # A signal must find what is there noted.
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        state = new_state(options)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        Builder(state, options).run()
    except BaseException:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        if state is not None:
            take_down(state)
        raise
