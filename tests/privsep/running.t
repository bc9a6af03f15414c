#!/usr/bin/python3
# SPDX-License-Identifier: ISC
#
# The five processes of a running suite, each made to do what it must never
# do: a system call is put into the process while it runs, and the process is
# killed or gets the error that its sandbox documents. Whoever was killed is
# named in the log and replaced. Then what the kernel says of the five: users,
# roots, limits, descriptors, and who is connected to whom. What holds for
# other users is in user.t.
#
# root only: it traces confined processes

import ctypes
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "..", "lib"))
import attempts  # noqa: E402
import control  # noqa: E402
import net  # noqa: E402
import procfs  # noqa: E402
import tap  # noqa: E402

NAMES = ("fedd", "fed-listener", "fed-signer", "fed-sender", "fed-queued")
CHILDREN = NAMES[1:]
ABSTRACT = "torfed-privsep-%d" % os.getpid()


class Targets:
    """What attempts are aimed at, beside the suite."""

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="torfed-privsep.",
                                          dir="/tmp")
        os.chmod(self.directory, 0o777)
        self.write("kept", "", 0o666)
        self.write("program", "#!/bin/sh\n", 0o755)
        self.sockets = [self.socket(socket.SOCK_STREAM, "\0" + ABSTRACT),
                        self.socket(socket.SOCK_STREAM, self.path("stream")),
                        self.socket(socket.SOCK_DGRAM,
                                    self.path("datagram"))]
        self.stranger = subprocess.Popen(["/bin/sleep", "1000"])

    def path(self, name):
        return os.path.join(self.directory, name)

    def write(self, name, text, mode):
        with open(self.path(name), "w") as file:
            file.write(text)
        os.chmod(self.path(name), mode)

    def socket(self, kind, path):
        made = socket.socket(socket.AF_UNIX, kind)
        made.bind(path)
        if path[0] != "\0":
            os.chmod(path, 0o777)
        if kind == socket.SOCK_STREAM:
            made.listen()
        made.setblocking(False)
        return made

    def untouched(self):
        """Nobody connected or sent, and the files are as they were."""
        for one in self.sockets:
            try:
                if one.type == socket.SOCK_STREAM:
                    one.accept()
                else:
                    one.recv(1)
                return False
            except BlockingIOError:
                pass
        return sorted(os.listdir(self.directory)) == [
            "datagram", "kept", "program", "stream"]

    def remove(self):
        self.stranger.kill()
        self.stranger.wait()
        for one in self.sockets:
            one.close()
        shutil.rmtree(self.directory)


class Stage:
    """A server, of which one process is made to misbehave. What came of it is
    kept for the test's own thread."""

    def __init__(self, node, process, targets):
        self.node = node
        self.process = process
        self.targets = targets
        self.results = []

    def ok(self, good, name, *more):
        self.results.append((good, "%s: %s" % (self.process, name), more))

    def status(self):
        return control.status(self.node.control) or {}

    def ready(self, generation=0):
        """The status of a suite that is whole, and newer than that."""
        def look():
            found = self.status()
            return found if found.get("ready") is True and \
                found["generation"] > generation else None
        return net.wait(look, 20)

    def world(self):
        with open(self.node.config) as file:
            socks = re.search(r'^socks on "(.*)"', file.read(), re.M).group(1)
        return attempts.World(
            directory=self.targets.directory, abstract=ABSTRACT,
            config=self.node.config, control=self.node.control,
            listener=self.node.listener, socks=socks,
            signer=self.ready()["fed-signer"],
            stranger=self.targets.stranger.pid)

    def run(self):
        try:
            for one in attempts.everything(self.world()):
                expected = attempts.expected(one, self.process)
                if expected is not None:
                    self.attempt(one, expected)
            self.goes_on()
        except Exception as error:
            self.ok(False, "no exception", repr(error))

    def attempt(self, one, expected):
        before = self.ready()
        pid = before[self.process]
        sibling = before["fed-queued" if self.process == "fed-signer"
                         else "fed-signer"]
        got = attempts.inject(pid, *one.calls, sibling=sibling)
        self.ok(attempts.good(got, expected),
                "%s: %s" % (one.name, expected), got)
        if got[-1] == attempts.KILLED:
            self.whole(one, before, pid)

    def whole(self, one, before, pid):
        """Killed, it is named in the log, and all is there again."""
        after = self.ready(before["generation"])
        line = "child-died process=%s pid=%d signal=31 generation=%d" % (
            self.process, pid, before["generation"])
        self.ok(after is not None and line in self.node.log() and
                after["generation"] == before["generation"] + 1 and
                after["fedd"] == before["fedd"] and
                after[self.process] != pid,
                one.name + ": named and replaced", before, after)

    def goes_on(self):
        """It was not the way of asking that killed."""
        before = self.ready()
        got = attempts.inject(before[self.process],
                              ("getrandom", "b:8", 8, 0),
                              ("clock_gettime", 0, "b:16"))
        self.ok(got == ["value 8", "value 0"], "does what it may", got)
        after = self.ready()
        self.ok({name: after[name] for name in NAMES} ==
                {name: before[name] for name in NAMES}, "and goes on")


def landlock(node):
    """The least level that any process logged."""
    return min(map(int, re.findall(r"sandbox seccomp=on landlock=(\d+)",
                                   node.log())))


def test_attempts(nodes):
    """A server for each child; fedd is not killed by anything."""
    level = landlock(nodes[0])
    if not tap.ok(level >= 6, "Landlock knows files and signals (%d)" %
                  level):
        return
    targets = Targets()
    try:
        stages = [Stage(node, name, targets)
                  for node, name in zip(nodes, CHILDREN)]
        threads = [threading.Thread(target=stage.run) for stage in stages]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        stages.append(Stage(nodes[0], "fedd", targets))
        stages[-1].run()
        for stage in stages:
            report(stage.results)
        # fedd may connect by path; nothing of it was tried.
        tap.ok(targets.untouched(), "nothing was reached, made or removed")
    finally:
        targets.remove()


def report(results):
    for good, name, more in results:
        if not tap.ok(good, name):
            for part in more:
                tap.diag(part)


def test_users(pids):
    found = {name: procfs.ids(pids[name]) for name in NAMES}
    tap.equal(found["fedd"][0], [0] * 4, "fedd is root")
    for name in CHILDREN:
        users, groups, others = found[name]
        tap.ok(users[0] != 0 and len(set(users)) == 1, name + ": one user, "
               "not root")
        tap.ok(groups[0] != 0 and len(set(groups)) == 1 and
               others == groups[:1], name + ": one group, and no other")
    tap.equal(len({found[name][0][0] for name in NAMES}), 5,
              "five different users")
    tap.equal(len({found[name][1][0] for name in NAMES}), 5,
              "and groups")


def test_status(pids):
    for name in NAMES:
        status = procfs.status(pids[name])
        tap.equal((status["NoNewPrivs"], status["Seccomp"]), ("1", "2"),
                  name + ": no new privileges, a filter")
        if name != "fedd":
            tap.equal(status["Seccomp_filters"], "2",
                      name + ": its own filter, and fedd's")
            for kind in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
                tap.equal(int(status[kind], 16), 0, "%s: %s" % (name, kind))
        tap.equal(procfs.limit(pids[name], "Max core file size"), ("0", "0"),
                  name + ": no core")
        tap.equal(status["Threads"], "1", name + ": one thread")
    for name in CHILDREN:
        tap.equal(procfs.limit(pids[name], "Max processes"), ("0", "0"),
                  name + ": may have no other process")
        tap.ok(procfs.limit(pids[name], "Max address space")[1].isdigit(),
               name + ": bounded memory")
    status = procfs.status(pids["fed-signer"])
    tap.ok(int(status["VmLck"].split()[0]) > 0, "fed-signer: locked memory")


def test_roots(node, pids):
    with open(node.config) as file:
        text = file.read()
    empty = re.search(r'^chroot "(.*)"', text, re.M).group(1)
    database = re.search(r'^database "host=(\S+)', text, re.M).group(1)
    expected = dict.fromkeys(CHILDREN, empty)
    expected["fed-queued"] = database
    expected["fedd"] = "/"
    for name in NAMES:
        for what in ("root", "cwd"):
            tap.equal(os.readlink("/proc/%d/%s" % (pids[name], what)),
                      expected[name], "%s: %s" % (name, what))
    tap.equal(os.listdir(empty), [], "the empty directory is empty")
    tap.equal(sorted(os.listdir(database)),
              [".s.PGSQL.5432", ".s.PGSQL.5432.lock"],
              "the database's holds its socket alone")
    for directory in (empty, database):
        for name in CHILDREN:
            tap.ok(not may_write(directory, *procfs.ids(pids[name])[:2]),
                   "%s cannot write to %s" % (name,
                                              os.path.basename(directory)))


def as_user(uid, gid, function):
    """What function() returns, run as that user: a small number."""
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setresgid(gid, gid, gid)
            os.setresuid(uid, uid, uid)
            os._exit(function())
        finally:
            os._exit(99)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def may_write(directory, uids, gids):
    return as_user(uids[0], gids[0],
                   lambda: os.access(directory, os.W_OK)) != 0


def traced(pid):
    """How many ways there are into another process: its memory, what it was
    started with, its descriptors, its registers."""
    def opened(name):
        try:
            with open("/proc/%d/%s" % (pid, name), "rb") as file:
                file.read(1)
            return True
        except PermissionError:
            return False
        except OSError:
            return True  # opened, but nothing can be read at that place

    def listed():
        try:
            os.listdir("/proc/%d/fd" % pid)
            return True
        except PermissionError:
            return False

    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p,
                            ctypes.c_void_p]
    seize = 0x4206
    return sum([opened("mem"), opened("environ"), opened("maps"), listed(),
                libc.ptrace(seize, pid, None, None) == 0])


def test_untraceable(pids):
    """Not even by a process of the same user."""
    for name in CHILDREN:
        uids, gids, _ = procfs.ids(pids[name])
        tap.equal(os.stat("/proc/%d/mem" % pids[name]).st_uid, 0,
                  name + ": its files in /proc are root's")
        tap.equal(as_user(uids[0], gids[0], lambda n=name: traced(pids[n])),
                  0, name + ": no way in for its own user")
    got = attempts.inject(pids["fedd"], ("prctl", 3, 0, 0, 0, 0))
    tap.equal(got, ["value 0"], "fedd: not dumpable")
    ordinary = subprocess.Popen(["/bin/sleep", "1000"], user=uids[0],
                                group=gids[0], extra_groups=[])
    try:
        tap.ok(as_user(uids[0], gids[0],
                       lambda: traced(ordinary.pid)) >= 4,
               "into an ordinary process there are several")
    finally:
        ordinary.kill()
        ordinary.wait()


def holders(pids):
    """{socket's inode: names of those who have it}, each as often as it has
    it."""
    found = {}
    for name in NAMES:
        for inode in procfs.socket_inodes(pids[name]):
            found.setdefault(inode, []).append(name)
    return found


def test_graph(pids):
    """Every pair of sockets whose ends are held by two of the five."""
    held, edges = holders(pids), []
    peers = procfs.unix_peers()
    for inode, names in held.items():
        other = held.get(peers.get(inode))
        if other and inode < peers[inode]:
            edges.append(tuple(sorted(set(names))) +
                         tuple(sorted(set(other))))
    wanted = [("fed-listener", "fed-queued"), ("fed-queued", "fed-signer"),
              ("fed-queued", "fed-sender")]
    wanted += [("fedd", name) for name in CHILDREN]
    tap.equal(sorted(tuple(sorted(edge)) for edge in edges),
              sorted(tuple(sorted(edge)) for edge in wanted),
              "the peer graph: these edges, each once, and no other")


def test_descriptors(node, pids):
    held, names = holders(pids), procfs.unix_names()
    peers = procfs.unix_peers()
    listening = {names[inode]: sorted(set(who))
                 for inode, who in held.items() if inode in names}
    tap.equal(listening, {node.listener: ["fed-listener", "fedd"],
                          node.control: ["fed-queued", "fedd"]},
              "who has which listening socket")
    outside = {}
    for inode, who in held.items():
        if inode in peers and peers[inode] not in held:
            for name in who:
                path = names.get(peers[inode], "?")
                outside.setdefault(name, []).append(os.path.basename(path))
    tap.equal(outside, {"fed-queued": [".s.PGSQL.5432"]},
              "who is connected beyond the suite")
    # fedd has the directory of the log of signatures locked.
    expected = {"fedd": "1 directory 2 file 2 lock 2 null 2 pipe 1 poll "
                        "6 socket",
                "fed-listener": "1 file 2 null 2 pipe 1 poll 4 socket",
                # the second is where it writes down what it signed
                "fed-signer": "2 file 2 null 2 pipe 2 socket",
                "fed-sender": "1 file 2 null 2 pipe 1 poll 2 socket",
                "fed-queued": "1 file 2 null 2 pipe 1 poll 6 socket"}
    for name in NAMES:
        tap.equal(kinds(procfs.descriptors(pids[name])), expected[name],
                  name + ": its descriptors")


def kinds(descriptors):
    """Their kinds, counted. Standard error is the log's file."""
    def kind(target):
        for name, pattern in (("null", "/dev/null"), ("pipe", "pipe:"),
                              ("socket", "socket:"),
                              ("poll", "anon_inode:.eventpoll"),
                              ("lock", r"/.*\.lock$"),
                              ("directory", r"/.*/signatures$"),
                              ("file", r"/.*\.log$")):
            if re.match(pattern, target):
                return name
        return target
    found = sorted(map(kind, descriptors.values()))
    return " ".join("%d %s" % (found.count(one), one)
                    for one in sorted(set(found)))


def listening(pid, path):
    """The number of the descriptor that listens there."""
    names = procfs.unix_names()
    return [number for number, target in procfs.descriptors(pid).items()
            if target.startswith("socket:[") and
            names.get(int(target[8:-1])) == path][0]


def ping(node):
    """Whether fed-listener answers."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        try:
            client.connect(node.listener)
            client.sendall(b"GET /federation/ping HTTP/1.1\r\nHost: " +
                           node.onion.encode() + b"\r\n\r\n")
            return client.recv(100).startswith(b"HTTP/1.1 200 ")
        except OSError:
            return False


def test_inheritance(node):
    """A listening socket is one for all generations: who had it before must
    not be able to spoil it."""
    stage = Stage(node, "", None)
    f_setfl, reading, both = 4, 0, 2
    for name, path in (("fed-listener", node.listener),
                       ("fed-queued", node.control)):
        for how in (reading, both):
            before = stage.ready()
            number = listening(before[name], path)
            got = attempts.inject(before[name], ("shutdown", number, how))
            tap.equal(got, [attempts.KILLED], "%s: shuts down the socket "
                      "where it listens: killed" % name)
            after = stage.ready(before["generation"])
            tap.ok(after and ping(node), "and its successor listens")
        pid = after[name]
        got = attempts.inject(pid, ("fcntl", listening(pid, path), f_setfl,
                                    0))
        tap.equal(got, ["value 0"], name + ": makes that socket block")
        os.kill(pid, signal.SIGKILL)
        tap.ok(stage.ready(after["generation"]) and ping(node) and
               ping(node) and stage.ready(),
               "its successor does not wait for ever")


def test():
    with net.Net(servers=4, trust="none") as network:
        nodes = network.servers
        test_attempts(nodes)
        node = nodes[0]
        status = net.wait(lambda: control.status(node.control))
        pids = {name: status[name] for name in NAMES}
        test_users(pids)
        test_status(pids)
        test_roots(node, pids)
        test_untraceable(pids)
        test_graph(pids)
        test_descriptors(node, pids)
        test_inheritance(node)


tap.main(test)
