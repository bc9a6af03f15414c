#!/usr/bin/python3
# SPDX-License-Identifier: ISC
#
# The harness itself: its files and errors, several networks side by side, a
# long directory, an interrupted start, an ordinary user; and that it leaves
# no process, file, or shared memory behind and listens nowhere else than on
# unix sockets.

import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "..", "lib"))
import net  # noqa: E402
import peer  # noqa: E402
import pgcluster  # noqa: E402
import tap  # noqa: E402

NAMES = ["fedd", "fed-listener", "fed-signer", "fed-sender", "fed-queued",
         "postgres", "tor"]


def fednet(*arguments, user=None, **options):
    """(exit status, standard output, standard error)"""
    become = {}
    if user is not None:
        become = {"user": user.pw_uid, "group": user.pw_gid,
                  "extra_groups": []}
    result = subprocess.run(
        [net.FEDNET, *arguments], stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300,
        universal_newlines=True, check=False, **become, **options)
    return result.returncode, result.stdout, result.stderr


def state(directory):
    with open(os.path.join(directory, "fednet.state")) as file:
        return json.load(file)


def mentions(private):
    """Processes that belong to a network: their command line or directory
    names its private directory, or an ancestor's does."""
    parents, ours = {}, set()
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/stat" % name) as file:
                fields = file.read().rpartition(")")[2].split()
            with open("/proc/%s/cmdline" % name, "rb") as file:
                if private.encode() in file.read():
                    ours.add(int(name))
        except OSError:
            continue
        if fields[0] not in "ZX":
            parents[int(name)] = int(fields[1])
    grown = True
    while grown:
        grown = {pid for pid, parent in parents.items()
                 if parent in ours} - ours
        ours |= grown
    return {pid for pid in ours if pid in parents}


def uid(pid):
    with open("/proc/%d/status" % pid) as file:
        for line in file:
            if line.startswith("Uid:"):
                return int(line.split()[1])
    raise RuntimeError("no user id")


def segments():
    """System V shared memory that nobody is attached to."""
    with open("/proc/sysvipc/shm") as file:
        rows = [line.split() for line in list(file)[1:]]
    return {row[1] for row in rows if row[6] == "0"}


def inet_sockets(pids):
    """Sockets of these processes that are no unix sockets."""
    known = set()
    for name in ("tcp", "tcp6", "udp", "udp6", "raw", "raw6"):
        with open("/proc/net/" + name) as file:
            known |= {line.split()[9] for line in list(file)[1:]}
    found = []
    for pid in pids:
        try:
            for name in os.listdir("/proc/%d/fd" % pid):
                target = os.readlink("/proc/%d/fd/%s" % (pid, name))
                if target.startswith("socket:[") and target[8:-1] in known:
                    found.append(pid)
        except OSError:
            continue
    return found


def gone(directory, private):
    """What is left of a network."""
    left = [path for path in (private, directory) if os.path.exists(path)]
    return left + sorted(mentions(private))


class Place:
    """A directory for networks; the networks in it end with it."""

    def __init__(self):
        self.path = tempfile.mkdtemp(prefix="torfed-test-", dir="/tmp")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for place, _folders, files in os.walk(self.path):
            if "fednet.state" in files:
                fednet("down", "--dir", place)
        shutil.rmtree(self.path, ignore_errors=True)

    def directory(self, name):
        return os.path.join(self.path, name)


def test_usage(place):
    x = place.directory("x")
    for arguments in (
            [], ["sideways"], ["up"], ["up", "--dir", x],
            ["up", "--dir", x, "--servers", "0", "--net", "local"],
            ["up", "--dir", x, "--servers", "2", "--net", "other"],
            ["up", "--dir", x, "--servers", "2", "--net", "local", "--trust",
             "4"],
            ["kill", "--dir", x, "--server", "0"],
            ["kill", "--dir", x, "--server", "1", "--process", "init"],
            ["stop", "--dir", x, "--server", "1", "--process",
             "fed-signer"]):
        status, out, error = fednet(*arguments)
        tap.equal((status, out, "fednet: " in error), (64, "", True),
                  "usage: %s" % " ".join(arguments).replace(x, "x"))
    for command in (["down"], ["show"], ["kill", "--server", "1"]):
        status, out, error = fednet(command[0], "--dir", x, *command[1:])
        tap.equal((status, out, error.startswith("fednet: ")), (1, "", True),
                  "%s where no network is" % command[0])
    status, _, error = fednet("up", "--dir", x, "--servers", "1", "--net",
                              "local", "--set", "no such statement")
    tap.ok(status == 1 and "fed.conf" in error and
           not os.path.exists(x), "a line that fed.conf does not know: the "
           "suite's own words, and nothing is left")


def test_network(place):
    # The path of a socket below it would be far beyond 107 bytes.
    long = place.directory("l" * 120)
    os.makedirs(long)
    os.chmod(place.path, 0o700)
    directory = os.path.join(long, "net")
    started = time.monotonic()
    status, out, error = fednet("up", "--dir", directory, "--servers", "2",
                                "--net", "local")
    took = time.monotonic() - started
    tap.equal((status, out), (0, ""), "up in a long directory " + error)
    # 3 s on an idle machine of two cores; a busy one is given more.
    tap.ok(took < 20, "soon (%.1f s)" % took)
    with open(os.path.join(directory, "net.json")) as file:
        content = json.load(file)
    tap.equal((content["net"], sorted(content["programs"]),
               len(content["servers"])),
              ("local", sorted(NAMES[:5] + ["fedctl"]), 2), "net.json")
    entry = content["servers"][0]
    tap.equal(sorted(entry), sorted([
        "name", "onion", "config", "control", "listener", "proxy_line",
        "database", "app_database", "keys", "processes"]),
        "its keys for a server")
    tap.equal(sorted(entry["processes"]), sorted(NAMES), "its processes")
    tap.equal(entry["proxy_line"], False, "no PROXY line under local")
    tap.ok(os.path.exists(entry["listener"]) and
           os.path.exists(entry["control"]) and
           os.path.exists(os.path.join(entry["keys"], "identity.key")) and
           max(len(entry["listener"]), len(entry["control"])) <= 107,
           "sockets and keys are there")
    subprocess.run([content["programs"]["fedd"], "-n", "-f",
                    entry["config"]], check=True, stderr=subprocess.DEVNULL)
    private = state(directory)["private"]
    tap.equal(inet_sockets(mentions(private)), [],
              "no process has any but unix sockets")
    uids = {name: uid(pid) for name, pid in entry["processes"].items()}
    if os.geteuid() == 0:
        children = [uids[name] for name in NAMES[1:6]]
        tap.equal(len(set(children)), 5, "five user ids")
        accounts = {account.pw_uid for account in pwd.getpwall()}
        tap.ok(not accounts & set(children), "none has an account")
    test_actions(directory, content)
    status, _, error = fednet("up", "--dir", directory, "--servers", "1",
                              "--net", "local")
    tap.ok(status == 1 and "already" in error,
           "up where a network is: refused, and it goes on")
    kill_and_remove(directory, private)


def shown(directory):
    status, out, _ = fednet("show", "--dir", directory)
    with open(os.path.join(directory, "net.json")) as file:
        if status or file.read() != out:
            raise RuntimeError("show and net.json differ")
    return json.loads(out)


def test_actions(directory, content):
    act = lambda command, process=None: fednet(
        command, "--dir", directory, "--server", "2",
        *(["--process", process] if process else []))
    pids = lambda: shown(directory)["servers"][1]["processes"]
    status_of = lambda pid: open("/proc/%d/stat" % pid).read().rpartition(
        ")")[2].split()[0]
    before = pids()
    tap.equal(shown(directory), content, "show prints what is so")
    for name in ("fed-queued", "postgres", "tor", "fedd"):
        act("freeze", name)
        frozen = net.wait(lambda: status_of(before[name]) == "T", 2)
        act("thaw", name)
        tap.ok(frozen and status_of(before[name]) != "T",
               "%s frozen and thawed" % name)
    tap.equal(pids(), before, "the same processes as before")
    for name in NAMES:
        status, _, error = act("kill", name)
        tap.equal((status, error), (0, ""), "%s killed" % name)
        if name in ("fedd", "postgres", "tor"):
            tap.ok(name not in pids(), "it is gone")
            status, _, error = act("kill", name)
            tap.ok(status == 1 and "does not run" in error,
                   "killed again: it does not run")
            status, _, error = act("start")
            tap.equal((status, error), (0, ""), "started again")
        after = net.wait(lambda: (lambda now: now if len(now) == len(NAMES)
                                  and now[name] != before[name] else None)(
                                      pids()), 10)
        tap.ok(after, "%s is there again, with another pid" % name)
        before = after or before
    for name in ("postgres", "tor"):
        act("stop", name)
        tap.ok(name not in pids(), "%s stopped" % name)
        tap.equal(act("start", name)[0], 0, "and started")
    act("stop", "fedd")
    act("stop", "postgres")
    tap.equal(act("start", "fedd")[0], 0, "fedd started without postgres")
    tap.ok("fed-queued" in pids() and "postgres" not in pids(),
           "it runs, and waits for its database")
    act("stop")
    tap.equal(pids(), {}, "a whole server stopped")
    tap.equal(act("start")[0], 0, "and started")
    tap.equal(sorted(pids()), sorted(NAMES), "all of it")
    act("kill")
    tap.equal(pids(), {}, "a whole server killed")
    status, _, error = fednet("kill", "--dir", directory, "--server", "3")
    tap.ok(status == 1 and "no server 3" in error, "there is no server 3")


def kill_and_remove(directory, private):
    """down with everything in the worst state: one server killed, the other
    frozen, its fedd killed so that nobody is the children's parent."""
    before = segments()
    entry = shown(directory)["servers"][0]
    for process in NAMES[1:]:
        fednet("freeze", "--dir", directory, "--server", "1", "--process",
               process)
    os.kill(entry["processes"]["fedd"], signal.SIGKILL)
    status, _, error = fednet("down", "--dir", directory)
    tap.equal((status, error), (0, ""), "down")
    left = net.wait(lambda: not gone(directory, private), 5)
    children = [pid for name, pid in entry["processes"].items()
                if os.path.exists("/proc/%d" % pid) and
                status_letter(pid) not in "ZX"]
    tap.ok(left and not children, "no process and no file is left")
    if not left:
        tap.diag(gone(directory, private))
    tap.equal(segments() - before, set(), "nor shared memory")
    tap.ok(os.path.exists(os.path.dirname(directory)),
           "what up did not make stays")


def status_letter(pid):
    try:
        with open("/proc/%d/stat" % pid) as file:
            return file.read().rpartition(")")[2].split()[0]
    except OSError:
        return "X"


def test_side_by_side(place):
    directories = [place.directory("side%d" % i) for i in range(3)]
    starts = [subprocess.Popen(
        [net.FEDNET, "up", "--dir", directory, "--servers", "1", "--net",
         "local"], stdin=subprocess.DEVNULL) for directory in directories]
    tap.equal([start.wait(120) for start in starts], [0, 0, 0],
              "three networks started at once")
    onions = {shown(d)["servers"][0]["onion"] for d in directories}
    ids = [number for d in directories for number in state(d)["ids"]]
    tap.equal((len(onions), len(ids)), (3, len(set(ids))),
              "they share no key and no user id")
    # A peer of a test joins by the map.
    entry = shown(directories[0])["servers"][0]
    fedctl = shown(directories[0])["programs"]["fedctl"]
    with peer.Server() as other:
        handshake = lambda: subprocess.run(
            [fedctl, "-s", entry["control"], "handshake", other.address],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            check=False).returncode
        tap.ok(handshake() != 0, "a peer that the map lacks is not found")
        other.join(directories[0])
        tap.equal(handshake(), 0, "one that joined the map is")
    for directory in directories:
        fednet("down", "--dir", directory)
    tap.equal([d for d in directories if os.path.exists(d)], [],
              "all removed")


def test_interrupted(place):
    for number, delay, kind in (
            (signal.SIGINT, 0.3, "local"), (signal.SIGTERM, 0.9, "local"),
            (signal.SIGTERM, 1.6, "local"), (signal.SIGKILL, 0.4, "local"),
            (signal.SIGKILL, 1.2, "local"), (signal.SIGTERM, 6, "tor")):
        directory = place.directory("interrupted")
        start = subprocess.Popen(
            [net.FEDNET, "up", "--dir", directory, "--servers", "2", "--net",
             kind], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        net.wait(lambda: os.path.exists(os.path.join(directory,
                                                     "fednet.state")), 10)
        private = state(directory)["private"]
        time.sleep(delay)
        start.send_signal(number)
        status = start.wait(60)
        if number == signal.SIGKILL:
            tap.equal(fednet("down", "--dir", directory)[0], 0,
                      "down after an up that was killed")
        else:
            tap.ok(status == 1, "up on %s ended by %s after %.1f s" % (
                kind, signal.Signals(number).name, delay))
        left = net.wait(lambda: not gone(directory, private), 5)
        if not tap.ok(left, "nothing is left"):
            tap.diag(gone(directory, private))
    directory = place.directory("down-early")
    start = subprocess.Popen(
        [net.FEDNET, "up", "--dir", directory, "--servers", "2", "--net",
         "local"], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    net.wait(lambda: os.path.exists(os.path.join(directory,
                                                 "fednet.state")), 10)
    private = state(directory)["private"]
    time.sleep(0.5)
    tap.equal(fednet("down", "--dir", directory)[0], 0,
              "down while up is under way")
    start.wait(60)
    tap.ok(net.wait(lambda: not gone(directory, private), 5),
           "nothing is left")


def test_ordinary_user(place):
    if os.geteuid() != 0:
        return  # the whole of this file ran as one
    nobody = pwd.getpwnam("nobody")
    can_read = subprocess.run(
        [net.FEDNET, "--help"], stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, check=False, user=nobody.pw_uid,
        group=nobody.pw_gid, extra_groups=[]).returncode == 0
    if not can_read:
        tap.diag("others may not read this tree: not tried as another user")
        return
    os.chmod(place.path, 0o711)
    parent = place.directory("nobody")
    os.mkdir(parent)
    os.chown(parent, nobody.pw_uid, nobody.pw_gid)
    directory = os.path.join(parent, "net")
    status, _, error = fednet("up", "--dir", directory, "--servers", "2",
                              "--net", "local", user=nobody)
    tap.equal((status, error), (0, ""), "an ordinary user's network")
    if status:
        return
    content = shown(directory)
    owners = {uid(pid) for server in content["servers"]
              for pid in server["processes"].values()}
    tap.equal(owners, {nobody.pw_uid}, "all under that user's id")
    status, out, _ = fednet("show", "--dir", directory, user=nobody)
    tap.equal((status, json.loads(out)["servers"][1]["processes"].keys()),
              (0, content["servers"][1]["processes"].keys()),
              "show finds all processes without privileges")
    status, _, error = fednet("kill", "--dir", directory, "--server", "1",
                              "--process", "fed-signer", user=nobody)
    tap.equal((status, error), (0, ""), "kill")
    private = state(directory)["private"]
    tap.equal(fednet("down", "--dir", directory, user=nobody)[0], 0, "down")
    tap.equal(gone(directory, private), [], "nothing is left")


def test():
    # What a whole run of tests has made is not there for people.
    os.environ.pop(pgcluster.TEMPLATES, None)
    with Place() as place:
        test_usage(place)
        test_network(place)
        test_side_by_side(place)
        test_interrupted(place)
        test_ordinary_user(place)


tap.main(test)
