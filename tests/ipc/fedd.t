#!/usr/bin/python3
# SPDX-License-Identifier: ISC
#
# fedd, whose children say everything that they must not (tests/lib/hostile.py
# says it through tests/lib/stub_child.c). Each time fedd names the child and
# why, ends it and its generation, and starts the next one; it keeps no
# descriptor and no memory of that, and nothing else happens.

import os
import queue
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "..", "lib"))
import hostile  # noqa: E402
import ipc  # noqa: E402
import procfs  # noqa: E402
import tap  # noqa: E402

SEED = os.environ.get("SEED") or "%d" % time.time()
INSTANCES = 10  # side by side: each generation is a pause of half a second
CHILDREN = hostile.NAMES[1:5]
FEDD = ipc.program("fedd")
STUB = os.path.join(ipc.TOP, "build", "tests", "lib", "stub_child")
ROOT = os.geteuid() == 0
# Which keeps for a while what was freed.
SANITIZED = b"libasan" in subprocess.run(
    ["ldd", FEDD], stdout=subprocess.PIPE, check=True).stdout


class Orders:
    """Stands for the channel of a child: what is sent goes by its pipe."""

    def __init__(self, path):
        os.mkfifo(path, 0o600)
        self.pipe = os.open(path, os.O_RDWR)
        self.sock = self

    def give(self, data, descriptors=0, end=False):
        os.write(self.pipe, struct.pack("<III", len(data), descriptors,
                                        end) + data)

    def sendall(self, data):
        self.give(data)

    def shutdown(self, _how):
        self.give(b"", 0, True)

    def close(self):
        os.close(self.pipe)


class Child(hostile.Sibling):
    """hostile.Sibling, with one order for one sendmsg(2)."""

    def push(self, channel, data, descriptors):
        channel.give(data, descriptors)


class Instance(threading.Thread):
    """A fedd with four stand-ins, that works through cases of the queue."""

    def __init__(self, cases):
        super().__init__()
        self.cases = cases
        self.results = []
        self.top = tempfile.mkdtemp(prefix="torfed-fedd.", dir="/tmp")
        os.chmod(self.top, 0o711)
        for name in ("programs", "keys", "signatures", "run", "db", "empty"):
            os.mkdir(self.path(name))
            os.chmod(self.path(name), 0o700 if name in ("keys", "signatures")
                     else 0o755)
        self.orders = {name: self.stub(name) for name in CHILDREN}
        self.write("keys/signing.key", bytes(32), 0o600)
        self.write("keys/certificate", b"certificate\n", 0o644)
        self.socks = socket.socket(socket.AF_UNIX)
        self.socks.bind(self.path("socks"))
        self.socks.listen()
        self.socks.setblocking(False)
        self.write("fed.conf", self.configuration().encode(), 0o600)
        self.process = None

    def path(self, name):
        return os.path.join(self.top, name)

    def write(self, name, data, mode):
        with open(self.path(name), "wb") as file:
            file.write(data)
        os.chmod(self.path(name), mode)

    def stub(self, name):
        shutil.copy(STUB, self.path("programs/" + name))
        self.write("programs/%s.does" % name, b"orders\n", 0o644)
        return Orders(self.path("programs/%s.orders" % name))

    def configuration(self):
        users = "".join("user %s %d\n" % (name, 61001 + number)
                        for number, name in enumerate(CHILDREN))
        return ('keys "%(t)s/keys"\nsignatures "%(t)s/signatures"\n'
                'listen on "%(t)s/run/listener"\n'
                'control on "%(t)s/run/control"\nsocks on "%(t)s/socks"\n'
                'chroot "%(t)s/empty"\ndatabase "host=%(t)s/db user=u"\n' %
                {"t": self.top}) + users

    def log(self):
        with open(self.path("log"), errors="replace") as file:
            return file.read()

    def wait(self, text, seconds=20):
        """Whether the log has it, and where it ends there."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            log = self.log()
            if text in log:
                return True
            if self.process.poll() is not None:
                return False
            time.sleep(0.01)
        return False

    def run(self):
        with open(self.path("log"), "wb") as log:
            self.process = subprocess.Popen(
                [FEDD, "-d", "-f", self.path("fed.conf"), "-L",
                 self.path("programs")], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log)
        try:
            self.work()
        except Exception as error:
            self.results.append((False, "no exception", repr(error)))

    def work(self):
        generation = 1
        if not self.wait("ready generation=1 "):
            raise RuntimeError("fedd is not ready\n" + self.log())
        before = self.state()
        while True:
            try:
                name, case = self.cases.get_nowait()
            except queue.Empty:
                break
            size = len(self.log())
            case.act(self.orders[name])
            generation += 1
            back = self.wait("ready generation=%d " % generation)
            self.judge(name, case, self.log()[size:], back)
            if not back:
                return
        self.after(before)

    def judge(self, name, case, said, back):
        found = re.search(r'fedd\[\d+\]: error: child-misbehaved process=(\S+)'
                          r' pid=\d+ error="(.*)"', said)
        good = back and found and found.group(1) == name and \
            case.reason in found.group(2) and \
            "child-died process=fed" not in said.replace(
                "child-died process=" + name, "")
        self.results.append((good, "%s to fedd: %s" % (name, case.name),
                             said))

    def state(self):
        """What must not grow; descriptors can be seen by root alone."""
        count = len(procfs.descriptors(self.process.pid)) if ROOT else 0
        memory = int(procfs.status(self.process.pid)["VmRSS"].split()[0])
        return count, memory, sorted(os.listdir(self.path("run"))), \
            os.listdir(self.path("empty")), os.listdir(self.path("db"))

    def after(self, before):
        now = self.state()
        self.results.append((now[0] == before[0] and now[2:] == before[2:],
                             "no descriptor is kept, no file is made",
                             repr((before, now))))
        self.results.append((SANITIZED or now[1] - before[1] < 1024,
                             "memory does not grow",
                             "%d to %d KiB" % (before[1], now[1])))
        try:
            self.socks.accept()
            reached = True
        except BlockingIOError:
            reached = False
        self.results.append((not reached, "no SOCKS connection was made",
                             ""))

    def close(self):
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            try:
                status = self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                status = self.process.wait()
            self.results.append((status == 0, "SIGTERM: exit status 0",
                                 repr(status)))
        for orders in self.orders.values():
            orders.close()
        self.socks.close()
        shutil.rmtree(self.top)


def fill(cases, siblings):
    for role, name in enumerate(CHILDREN, ipc.LISTENER):
        sibling = Child(role, ipc.FEDD, SEED)
        siblings.append(sibling)
        for case in sibling.everything():
            # These are requests, and are answered.
            if (role, case.name) in [
                    (sender, "type %d, 0 bytes of nothing" % kind)
                    for sender, kind in ((ipc.SENDER, ipc.SOCKS_WANTED),
                                         (ipc.QUEUED, ipc.RELOAD))]:
                continue
            cases.put((name, case))


def test():
    tap.diag("seed %s" % SEED)
    cases, siblings = queue.SimpleQueue(), []
    fill(cases, siblings)
    tap.ok(cases.qsize() > 400, "%d cases" % cases.qsize())
    instances = [Instance(cases) for _ in range(INSTANCES)]
    for instance in instances:
        instance.start()
    for instance in instances:
        instance.join()
        instance.close()
    for good, name, more in (result for instance in instances
                             for result in instance.results):
        if not tap.ok(good, name):
            tap.diag(more)
    tap.equal(cases.qsize(), 0, "all cases were tried")
    for sibling in siblings:
        sibling.close()


tap.main(test)
