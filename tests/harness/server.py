# SPDX-License-Identifier: ISC
"""One federation server: its directory, its PostgreSQL, its tor or
switchboard, and the suite."""

import contextlib
import ctypes
import json
import os
import shutil
import signal
import time

import network
import pgcluster
import processes
from programs import ROOT
from state import Failure

CHILDREN = ("fed-listener", "fed-signer", "fed-sender", "fed-queued")
OURS = ("fedd", "postgres", "tor")  # started here, not by fedd
NAMES = ("fedd",) + CHILDREN + ("postgres", "tor")
READY_SECONDS = 60
SQL = os.path.join(ROOT, "sql")
POSTGRES = {"shared_buffers": "64MB", "max_connections": "60",
            "dynamic_shared_memory_type": "mmap"}

CONFIGURATION = """\
keys "{keys}"
signatures "{signatures}"
listen on "{listener}"{proxy_line}
control on "{control}"
socks on "{socks}"
database "{database}"
chroot "{empty}"
{users}rate items 0
rate strangers 0
rate failures 0
rate signatures 0
rate requests-per-circuit 0
rate failures-per-circuit 0
rate lookups 0
limit connections-per-circuit 65536
flush high 0
flush normal 0
flush low 0
{lines}"""


class Server:
    """number counts from 1."""

    def __init__(self, state, number):
        self.state = state
        self.number = number
        self.private = os.path.join(state.data["private"], str(number))
        self.logs = os.path.join(state.directory, "server%d" % number)
        self.programs = state.data["programs"]
        self.children = state.data["children"]  # fedd's -L
        self.tor_net = state.data["net"] == "tor"
        place = lambda *parts: os.path.join(self.private, *parts)
        self.keys = place("keys")
        self.signatures = place("signatures")
        self.config = place("fed.conf")
        self.listener = place("in", "listener")
        self.control = place("control", "control")
        self.socks = place("socks", "socks")
        self.cluster = pgcluster.Cluster(self.private)
        self.cluster.data = place("data")
        self.cluster.socket_directory = place("db")
        self.cluster.socket = place("db", ".s.PGSQL.5432")
        self.cluster.settings = dict(POSTGRES)

    # User ids, in the order of the reservation: the children's, then one
    # for postgres and tor. None without root.
    def child_id(self, index):
        ids = self.state.data["ids"]
        return ids[index] if ids else None

    def service_identity(self):
        number = self.child_id(len(CHILDREN))
        return (number, number) if number is not None else None

    def give(self, path, mode, uid=None, gid=None):
        """Makes a directory with that mode and, as root, that owner."""
        os.makedirs(path, mode=0o700, exist_ok=True)
        if self.state.data["ids"]:
            os.chown(path, 0 if uid is None else uid, 0 if gid is None else gid)
            os.chmod(path, mode)

    def make_directories(self):
        service = self.child_id(len(CHILDREN))
        queued = self.child_id(CHILDREN.index("fed-queued"))
        os.makedirs(self.logs, exist_ok=True)
        self.give(self.private, 0o711)
        self.give(os.path.dirname(self.listener), 0o2750, gid=service)
        self.give(os.path.dirname(self.control), 0o755)
        self.give(self.signatures, 0o700)
        # fed-queued looks for the socket from inside, as its own user.
        self.give(self.cluster.socket_directory, 0o750, service, queued)
        if self.tor_net:
            self.give(os.path.join(self.private, "tor"), 0o700, service)
            self.give(os.path.dirname(self.socks), 0o700, service)
        else:
            self.give(os.path.dirname(self.socks), 0o700)

    def log(self, name):
        return os.path.join(self.logs, name + ".log")

    def run(self, program, *arguments, timeout=60, check=True):
        """Runs one of the suite's programs. Returns its standard output, or
        all about it unless check."""
        command = [self.programs[program]] + list(arguments)
        result = self.state.run(command, timeout)
        if check and result.returncode:
            raise Failure("%s: exit %d\n%s%s" % (
                " ".join(command), result.returncode, result.stdout,
                result.stderr))
        return result.stdout if check else result

    def make_keys(self):
        os.makedirs(self.keys, mode=0o700)
        self.run("fed-signer", "generate", "-k", self.keys)
        shown = self.run("fed-signer", "show", "-k", self.keys)
        values = dict(line.split("=", 1) for line in shown.splitlines()
                      if "=" in line)
        try:
            return values["address"]
        except KeyError:
            raise Failure("fed-signer show: no address in:\n" +
                          shown) from None

    def write_config(self):
        users = ""
        if self.state.data["ids"]:
            for index, name in enumerate(CHILDREN):
                number = self.child_id(index)
                users += "user %s %d group %d\n" % (name, number, number)
        lines = "".join(line + "\n" for line in self.state.data["set"])
        with open(self.config, "w") as file:
            file.write(CONFIGURATION.format(
                keys=self.keys, signatures=self.signatures,
                listener=self.listener, control=self.control,
                proxy_line=" proxy-line" if self.tor_net else "",
                socks=self.socks, users=users, lines=lines,
                empty=os.path.join(self.state.data["private"], "empty"),
                database=self.cluster.conninfo("_fedqueued")))
        os.chmod(self.config, 0o644)

    # PostgreSQL

    def copy_cluster(self, template):
        """A copy of a cluster that was made once and never started."""
        shutil.copytree(template, self.cluster.data)

    def take_cluster(self, template):
        """The cluster itself, once no more copies are to be made."""
        os.rename(template, self.cluster.data)

    def own_cluster(self):
        os.chmod(self.cluster.data, 0o700)
        self.cluster.configure()
        service = self.service_identity()
        if service:
            for place, _folders, files in os.walk(self.cluster.data):
                os.chown(place, *service)
                for name in files:
                    os.chown(os.path.join(place, name), *service)

    def forget_postgres(self):
        """Clears up behind a postmaster that was killed. It may still be a
        zombie, which a new one would take for alive."""
        pidfile = os.path.join(self.cluster.data, "postmaster.pid")
        if not os.path.exists(pidfile):
            return
        left = [(s.pid, s.started) for s in processes.everything()
                if processes.directory(s.pid) == self.cluster.data]
        for pid, _ in processes.wait_gone(left, 5):
            processes.send(pid, signal.SIGKILL)
        processes.wait_gone(left, 5)
        remove_segment(pidfile)
        for path in (pidfile, self.cluster.socket, self.cluster.socket +
                     ".lock"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)

    def start_postgres(self, wait=True):
        self.forget_postgres()
        program = os.path.join(self.cluster.bin, "postgres")
        child = self.state.start(
            self.process_key("postgres"), [program, "-D", self.cluster.data],
            self.log("postgres"), identity=self.service_identity())
        if wait:
            self.wait("PostgreSQL", child, "postgres", self.postgres_answers)

    def postgres_answers(self):
        try:
            self.cluster.connect(dbname="postgres").close()
        except pgcluster.psycopg2.OperationalError:
            return False
        return True

    def migrate(self):
        if not self.cluster.has_database():
            self.cluster.create_database()
        self.run("fedctl", "db", "migrate", "--database",
                 self.cluster.conninfo(), "--directory", SQL)

    # tor, or the switchboard

    def prepare_tor(self, tor_network):
        service = os.path.join(self.private, "hs")
        self.run("fed-signer", "tor", "-k", self.keys, "-t", service)
        owner = self.service_identity()
        if owner:
            os.chown(service, *owner)
            for name in os.listdir(service):
                os.chown(os.path.join(service, name), *owner)
        tor_network.write_client(
            self.torrc(), os.path.join(self.private, "tor"), self.socks,
            service, self.listener)

    def torrc(self):
        return os.path.join(self.private, "torrc")

    def start_tor(self, wait=True):
        if self.tor_net:
            arguments = network.arguments(self.torrc())
            identity = self.service_identity()
        else:
            # As ourselves: the map may be where nobody else can read it.
            arguments = [self.programs["switchboard"], self.socks,
                         map_path(self.state)]
            identity = None
        child = self.state.start(self.process_key("tor"), arguments,
                                 self.log("tor"), identity=identity)
        if wait:
            self.wait("tor", child, "tor", self.tor_ready, seconds=120)

    def tor_ready(self):
        if self.tor_net and network.bootstrapped(self.log("tor")) < 100:
            return False
        return os.path.exists(self.socks)

    # the suite

    def start_fedd(self, wait=True):
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C",
                       "TZ": "UTC"}
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
            if name in os.environ:
                environment[name] = os.environ[name]
        child = self.state.start(
            self.process_key("fedd"),
            [self.programs["fedd"], "-d", "-f", self.config,
             "-L", self.children],
            self.log("fedd"), environment=environment)
        if wait:
            self.wait("the suite", child, "fedd", self.suite_ready)

    def fedctl(self, *arguments, **options):
        return self.run("fedctl", "-s", self.control, *arguments, **options)

    def suite_ready(self):
        """As far as it can be: without its PostgreSQL it answers, no more."""
        if not os.path.exists(self.control):
            return False
        result = self.fedctl("-j", "status", check=False)
        if result.returncode:
            return False
        return (json.loads(result.stdout)["ready"] is True or
                "postgres" not in self.processes())

    # all of it

    def process_key(self, name):
        return "%d/%s" % (self.number, name)

    def wait(self, what, child, name, ready, seconds=READY_SECONDS):
        """Until ready() is true; fails at once when the process ends."""
        deadline = time.monotonic() + seconds
        pause = 0.01
        while not ready():
            if self.state.stopping:
                raise Failure("interrupted")
            if child is not None and child.poll() is not None:
                raise Failure("server %d: %s ended with status %d\n%s" % (
                    self.number, what, child.returncode, self.tail(name)))
            if time.monotonic() > deadline:
                raise Failure("server %d: %s is not ready after %d s\n%s" % (
                    self.number, what, seconds, self.tail(name)))
            time.sleep(pause)
            pause = min(2 * pause, 0.1)

    def tail(self, name, lines=20):
        try:
            with open(self.log(name), errors="replace") as file:
                return "".join(file.readlines()[-lines:]).rstrip("\n")
        except OSError:
            return ""

    def processes(self):
        """{name: pid} of all that runs."""
        found = {}
        for name in OURS:
            pid = self.state.pid(self.process_key(name))
            if pid:
                found[name] = pid
        if "fedd" in found:
            for child in processes.children(found["fedd"]):
                if child.name in CHILDREN:
                    found[child.name] = child.pid
        return {name: found[name] for name in NAMES if name in found}

    def members(self, name):
        """Pids that a signal to a process of ours reaches: postgres comes
        with the processes that it started."""
        running = self.processes()
        if name not in running:
            return []
        pids = [running[name]]
        if name == "postgres":
            pids += processes.descendants(running[name])
        return pids

    def description(self):
        """The server's entry in net.json."""
        return {
            "name": "server%d" % self.number,
            "onion": self.state.data["servers"][self.number - 1],
            "config": self.config,
            "control": self.control,
            "listener": self.listener,
            "proxy_line": self.tor_net,
            "database": self.cluster.conninfo(),
            "app_database": self.cluster.conninfo("fed_app"),
            "keys": self.keys,
            "processes": self.processes(),
        }

    def stop(self, name):
        """Ends one of OURS and waits until it is gone."""
        noted = self.state.data["processes"].get(self.process_key(name))
        if not noted or not processes.alive(*noted):
            return
        family = [(pid, processes.stat(pid)) for pid in [noted[0]] +
                  processes.descendants(noted[0])]
        family = [(pid, found.started) for pid, found in family if found]
        for pid, started in family[1:]:
            processes.send(pid, signal.SIGCONT)
        gentle = signal.SIGINT if name == "postgres" else signal.SIGTERM
        processes.end([tuple(noted)], gentle, seconds=20)
        for pid, started in processes.wait_gone(family, 5):
            processes.send(pid, signal.SIGKILL)
        processes.wait_gone(family, 5)

    def start(self, names):
        """Starts what of names does not run; waits until all is ready."""
        running = self.processes()
        if "postgres" in names and "postgres" not in running:
            self.start_postgres()
        if "tor" in names and "tor" not in running:
            self.start_tor()
        if "fedd" in names and "fedd" not in running:
            self.start_fedd()
        elif "fedd" in running:
            self.wait("the suite", None, "fedd", self.ready_as_far_as_can_be)

    def ready_as_far_as_can_be(self):
        """With a part still stopped the suite cannot be whole."""
        return ("postgres" not in self.processes()) or self.suite_ready()


def remove_segment(pidfile):
    """The System V segment of a PostgreSQL that was killed: the line of its
    pid file with key and id."""
    try:
        with open(pidfile) as file:
            identifier = int(file.read().split("\n")[6].split()[1])
    except (OSError, ValueError, IndexError):
        return
    ipc_rmid = 0
    ctypes.CDLL(None).shmctl(identifier, ipc_rmid, None)


def map_path(state):
    return os.path.join(state.directory, "switchboard.map")
