# SPDX-License-Identifier: ISC
"""A fednet network for a test:

    with net.Net(servers=2) as network:
        a, b = network.servers          # entries of net.json, as Node
        a.enqueue(b.onion, {"text": "..."})
        network.kill(1, "fed-listener")
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import psycopg2

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
FEDNET = os.path.join(ROOT, "tests", "harness", "fednet")


class Node:
    """One server."""

    def __init__(self, network, number, entry):
        self.network = network
        self.number = number
        self.entry = entry

    def __getattr__(self, name):
        try:
            return self.entry[name]
        except KeyError:
            raise AttributeError(name) from None

    def __getitem__(self, name):
        return self.entry[name]

    def sql(self, statement, *arguments, user="owner"):
        """Rows of one statement (None for one without), committed."""
        connection = psycopg2.connect(
            self.app_database if user == "app" else self.database)
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(statement, arguments)
                return cursor.fetchall() if cursor.description else None
        finally:
            connection.close()

    def value(self, statement, *arguments, **options):
        return self.sql(statement, *arguments, **options)[0][0]

    def enqueue(self, onion, payload, user="app", **more):
        """federation.enqueue() as the application; returns the id."""
        if not isinstance(payload, str):
            payload = json.dumps(payload)
        names = "".join(", %s => %%s" % name for name in more)
        return self.value("SELECT federation.enqueue(%s, %s" + names + ")",
                          onion, payload, *more.values(), user=user)

    def inbox(self):
        """[(id, origin, type, payload)] of all that was ever received."""
        return [(str(i), o, t, json.loads(bytes(p))) for i, o, t, p in
                self.sql("""
            SELECT i.message_id, s.onion_address, i.type, i.payload
            FROM federation.inbox i
            JOIN federation.federation_servers s ON s.id = i.server_id
            ORDER BY i.inbox_id""")]

    def wait_inbox(self, count, seconds=30):
        return wait(lambda: (lambda rows: rows if len(rows) >= count
                             else None)(self.inbox()),
                    seconds) or self.inbox()

    def delivered(self, message_id):
        rows = self.sql("""SELECT status
            FROM federation.federated_message_queue
            WHERE message_id = %s""", message_id)
        return bool(rows) and rows[0][0] == "delivered"

    def fedctl(self, *arguments):
        """(exit status, standard output, standard error)."""
        result = subprocess.run(
            [self.network.programs["fedctl"], "-s", self.control, *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, universal_newlines=True, timeout=300,
            check=False)
        return result.returncode, result.stdout, result.stderr

    def log(self, name="fedd"):
        path = os.path.join(self.network.directory,
                            "server%d" % self.number, name + ".log")
        with open(path, errors="replace") as file:
            return file.read()


def wait(condition, seconds=30, pause=0.02):
    """What condition() returned at last, once it is true; None after that
    time."""
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            return None
        time.sleep(pause)


def terminate(_number, _frame):
    """A test that is told to end takes its network with it."""
    sys.exit(1)


class Net:
    def __init__(self, servers=2, net="local", trust="2", lines=()):
        self.directory = tempfile.mkdtemp(prefix="torfed-test-", dir="/tmp")
        arguments = ["--servers", str(servers), "--net", net, "--trust",
                     str(trust)]
        for line in lines:
            arguments += ["--set", line]
        self.arguments = arguments

    def __enter__(self):
        signal.signal(signal.SIGTERM, terminate)
        try:
            self.fednet("up", *self.arguments)
        except BaseException:
            shutil.rmtree(self.directory, ignore_errors=True)
            raise
        self.read()
        return self

    def __exit__(self, kind, *_):
        if kind is not None and kind is not SystemExit:
            self.show_logs()
        findings = self.findings()
        self.fednet("down")
        shutil.rmtree(self.directory, ignore_errors=True)

        if findings:
            raise RuntimeError("a sanitizer's finding:\n" + findings)

    def findings(self):
        """What sanitizers wrote into the logs of the suites."""
        found = ""
        for server in self.servers:
            text = server.log()
            for mark in ("ERROR: AddressSanitizer", "runtime error:",
                         "ERROR: LeakSanitizer"):
                if mark in text:
                    found += text[text.index(mark):][:3000]
        return found

    def show_logs(self):
        for server in self.servers:
            try:
                text = server.log()
            except OSError:
                continue
            for line in text.splitlines()[-40:]:
                print("# server %d: %s" % (server.number, line),
                      file=sys.stderr)

    def fednet(self, command, *arguments):
        subprocess.run([FEDNET, command, "--dir", self.directory, *arguments],
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       timeout=400, check=True)

    def read(self):
        with open(os.path.join(self.directory, "net.json")) as file:
            content = json.load(file)
        self.programs = content["programs"]
        self.servers = [Node(self, number + 1, entry) for number, entry
                        in enumerate(content["servers"])]

    def processes(self, number):
        """{name: pid} at present."""
        self.fednet("show")
        with open(os.path.join(self.directory, "net.json")) as file:
            return json.load(file)["servers"][number - 1]["processes"]

    def act(self, command, number, process=None):
        more = ["--process", process] if process else []
        self.fednet(command, "--server", str(number), *more)

    def kill(self, number, process=None):
        self.act("kill", number, process)

    def stop(self, number, process=None):
        self.act("stop", number, process)

    def start(self, number, process=None):
        self.act("start", number, process)

    def freeze(self, number, process=None):
        self.act("freeze", number, process)

    def thaw(self, number, process=None):
        self.act("thaw", number, process)
