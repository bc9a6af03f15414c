#!/usr/bin/python3
# SPDX-License-Identifier: ISC
#
# The suite started by an ordinary user: one warning says that there is neither
# user change nor chroot, and the sandboxes apply all the same. As root the
# test starts it as nobody, and makes the processes do what they must not do.

import json
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
import attempts  # noqa: E402
import control  # noqa: E402
import net  # noqa: E402
import procfs  # noqa: E402
import tap  # noqa: E402

NAMES = ("fedd", "fed-listener", "fed-signer", "fed-sender", "fed-queued")
CHILDREN = NAMES[1:]
ROOT = os.geteuid() == 0
ABSTRACT = "torfed-privsep-user-%d" % os.getpid()


class Suite:
    """A server of the user's, from a copy of what it takes, since the tree
    itself may be where nobody else can enter."""

    def __init__(self):
        # PostgreSQL's own programs want a user who has a name.
        entry = pwd.getpwnam("nobody") if ROOT else None
        self.user = entry.pw_uid if ROOT else os.getuid()
        self.group = entry.pw_gid if ROOT else os.getgid()
        self.top = tempfile.mkdtemp(prefix="torfed-user.", dir="/tmp")
        self.copy()
        self.directory = os.path.join(self.top, "net")
        os.mkdir(self.directory, 0o700)
        if ROOT:
            os.chmod(self.top, 0o755)
            os.chown(self.directory, self.user, self.group)

    def copy(self):
        for name in NAMES + ("fedctl",):
            os.mkdir(os.path.join(self.top, name))
            self.take(os.path.join(name, name))
        for folder in ("tests/harness", "tests/lib", "sql"):
            shutil.copytree(os.path.join(net.ROOT, folder),
                            os.path.join(self.top, folder),
                            ignore=shutil.ignore_patterns("__pycache__"))
        os.makedirs(os.path.join(self.top, "build/tests/lib"))
        self.take("build/tests/lib/switchboard")

    def take(self, name):
        shutil.copy2(os.path.join(net.ROOT, name),
                     os.path.join(self.top, name))

    def run(self, *arguments):
        become = {}
        if ROOT:
            become = {"user": self.user, "group": self.group,
                      "extra_groups": []}
        return subprocess.run(
            arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, cwd="/", timeout=120,
            check=False, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
                              "PYTHONDONTWRITEBYTECODE": "1"}, **become)

    def fednet(self, command, *arguments):
        done = self.run(os.path.join(self.top, "tests/harness/fednet"),
                        command, "--dir", self.directory, *arguments)
        if done.returncode:
            raise RuntimeError(done.stdout)

    def up(self):
        self.fednet("up", "--servers", "1", "--net", "local", "--trust",
                    "none")
        with open(os.path.join(self.directory, "net.json")) as file:
            self.server = json.load(file)["servers"][0]

    def status(self):
        return control.status(self.server["control"]) or {}

    def ready(self, generation=0):
        def look():
            found = self.status()
            return found if found.get("ready") is True and \
                found["generation"] > generation else None
        return net.wait(look, 20)

    def log(self):
        with open(os.path.join(self.directory, "server1", "fedd.log")) as log:
            return log.read()

    def remove(self):
        try:
            if os.path.exists(os.path.join(self.directory, "fednet.state")):
                self.fednet("down")
        finally:
            shutil.rmtree(self.top)


def test_start(suite):
    warnings = re.findall(r"^.* warning: .*$", suite.log(), re.M)
    tap.ok(len(warnings) == 1 and
           re.match(r"fedd\[\d+\]: warning: not-root ", warnings[0]),
           "one warning, that it is not root")
    if len(warnings) != 1:
        tap.diag("\n".join(warnings))
    tap.ok(suite.ready() is not None, "and it works")


def test_status(suite):
    status = suite.ready()
    pids = {name: status[name] for name in NAMES}
    for name, pid in pids.items():
        users, groups, _ = procfs.ids(pid)
        tap.equal((set(users), set(groups)), ({suite.user}, {suite.group}),
                  name + ": the user who started it")
        status = procfs.status(pid)
        tap.equal((status["NoNewPrivs"], status["Seccomp"],
                   status["Seccomp_filters"]),
                  ("1", "2", "1" if name == "fedd" else "2"),
                  name + ": no new privileges, and its filters")
        tap.equal(int(status["CapEff"], 16), 0, name + ": no capability")
        tap.equal(os.stat("/proc/%d/mem" % pid).st_uid, 0,
                  name + ": not dumpable, its files in /proc are root's")
        tap.equal(procfs.limit(pid, "Max core file size"), ("0", "0"),
                  name + ": no core")
        done = suite.run("/bin/cat", "/proc/%d/environ" % pid)
        tap.ok(done.returncode != 0 and "denied" in done.stdout,
               name + ": cannot be looked into by its user")
    tap.ok(int(procfs.status(pids["fed-signer"])["VmLck"].split()[0]) > 0,
           "fed-signer: locked memory")


def listen(path):
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    made.bind(path)
    if path[0] != "\0":
        os.chmod(path, 0o777)
    made.listen()
    return made


# Without a chroot, by the sandbox alone. A connection by path to others'
# sockets is what the warning is about.
TRIED = {
    "open a file that all may read": {},
    "a TCP socket": {},
    "connect to an abstract stand-in": {},
    "connect to a stand-in of that": {"fed-queued": "value 0"},
    "execute a program": {},
    "read a sibling's memory": {},
    "signal a sibling": {},
}


def test_attempts(suite, directory):
    world = attempts.World(
        directory=directory, abstract=ABSTRACT,
        config=suite.server["config"], control=suite.server["control"],
        listener=suite.server["listener"], socks="/socks",
        signer=suite.ready()["fed-signer"], stranger=os.getpid())
    left = [one for one in attempts.everything(world) if one.name in TRIED]
    tap.equal(len(left), len(TRIED), "all that is tried is known")
    for name in NAMES:
        for one in left:
            expected = TRIED[one.name].get(name,
                                           attempts.expected(one, name))
            if expected is None:
                continue
            before = suite.ready()
            sibling = before["fed-queued" if name == "fed-signer"
                             else "fed-signer"]
            got = attempts.inject(before[name], *one.calls, sibling=sibling)
            tap.equal(attempts.good(got, expected) or got, True,
                      "%s: %s: %s" % (name, one.name, expected))
            if got[-1] == attempts.KILLED:
                tap.ok(suite.ready(before["generation"]),
                       "%s: %s: whole again" % (name, one.name))


def test_end(suite):
    status = suite.ready()
    pids = [status[name] for name in NAMES]
    os.kill(status["fedd"], signal.SIGTERM)
    tap.ok(net.wait(lambda: not any(os.path.exists("/proc/%d" % pid)
                                    for pid in pids), 10),
           "SIGTERM ends all five")


def test():
    suite = Suite()
    directory = tempfile.mkdtemp(prefix="torfed-privsep.", dir="/tmp")
    os.chmod(directory, 0o777)
    with open(os.path.join(directory, "program"), "w") as file:
        file.write("#!/bin/sh\n")
    os.chmod(file.name, 0o755)
    sockets = [listen(os.path.join(directory, "stream")),
               listen("\0" + ABSTRACT)]
    try:
        suite.up()
        test_start(suite)
        test_status(suite)
        if ROOT:
            test_attempts(suite, directory)
        test_end(suite)
    finally:
        for one in sockets:
            one.close()
        shutil.rmtree(directory)
        suite.remove()


tap.main(test)
