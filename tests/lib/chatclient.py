# SPDX-License-Identifier: ISC
"""A fedchat that a test types into:

    alice = Chat("alice", node.app_database, directory)
    alice.type("/create Zebras")
    alice.wait("created", room="Zebras")    # the event, as fedchat prints it
    alice.close()
"""

import json
import os
import subprocess
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
FEDCHAT = os.path.join(ROOT, "examples", "fedchat", "fedchat")
SCHEMA = os.path.join(ROOT, "sql", "chat", "schema.sql")


class Missing(Exception):
    """What was waited for did not come."""


class Chat:
    """database: as fed_app. directory: where its home is made. The one that
    closed may be opened again."""

    def __init__(self, name, database, directory):
        self.name = name
        self.arguments = [
            sys.executable, FEDCHAT, "--batch", "--user", name,
            "--name", name.title(), "--database", database,
            "--home", os.path.join(directory, name)]
        self.events = []   # not taken by a wait
        self.arrived = threading.Condition()
        self.open()

    def open(self):
        self.process = subprocess.Popen(
            self.arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            universal_newlines=True)
        self.ended = False
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        self.address = self.wait("ready")["user"]

    def read(self):
        for line in self.process.stdout:
            with self.arrived:
                self.events.append(json.loads(line))
                self.arrived.notify_all()
        with self.arrived:
            self.ended = True
            self.arrived.notify_all()

    def type(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def wait(self, event, seconds=30, **fields):
        """Takes the first event with these fields, or raises Missing."""
        wanted = dict(fields, event=event)
        deadline = time.monotonic() + seconds
        with self.arrived:
            while True:
                for one in self.events:
                    if wanted.items() <= one.items():
                        self.events.remove(one)
                        return one
                left = deadline - time.monotonic()
                if self.ended or left < 0:
                    raise Missing("%s waited for %s, has %s" % (
                        self.name, wanted, self.events[-10:]))
                self.arrived.wait(left)

    def close(self):
        """Its exit status."""
        self.process.stdin.close()
        status = self.process.wait(30)
        self.reader.join()
        self.process.stdout.close()
        return status
