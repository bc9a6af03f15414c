# SPDX-License-Identifier: ISC
"""fednet down: no process and no file stays behind."""

import contextlib
import os
import shutil
import signal
import time

import processes
from server import CHILDREN, remove_segment
from state import NAME, Failure

# Programs that up waits for, beside those that stay.
HELPERS = ("initdb", "postgres", "tor", "tor-gencert", "fed-signer", "fedctl",
           "cc", "make")
GENTLE = {"postgres": signal.SIGQUIT}  # at once: its files go next


def orphans(sessions):
    """Children of a fedd that was killed: they are in its session still,
    whose number is not given again before they are gone."""
    found = []
    for one in processes.everything():
        leader = sessions.get(one.session)
        if leader is None or one.name not in CHILDREN:
            continue
        present = processes.stat(one.session)
        if present is None or present.started == leader:
            found.append((one.pid, one.started))
    return found


def strays(private):
    """What an up that was killed left running: programs that were at work in
    the private directory, whose name nobody else uses."""
    found = []
    for one in processes.everything():
        place = processes.directory(one.pid) or ""
        if (place + "/").startswith(private + "/") or (
                one.name in HELPERS and
                processes.mentions(one.pid, private + "/")):
            found.append((one.pid, one.started))
    return found


def end_strays(private):
    deadline = time.monotonic() + 10
    found = strays(private)
    while found and time.monotonic() < deadline:
        for pid, _ in found:
            processes.send(pid, signal.SIGKILL)
        processes.wait_gone(found, 2)
        found = strays(private)


def end_processes(state):
    noted = {name: tuple(entry)
             for name, entry in state.data["processes"].items()}
    sessions = {pid: started for name, (pid, started) in noted.items()
                if name.endswith("/fedd")}
    family = []
    for pid, started in noted.values():
        if processes.alive(pid, started):
            for child in processes.descendants(pid):
                found = processes.stat(child)
                if found:
                    family.append((child, found.started))
    for name, (pid, started) in noted.items():
        if processes.alive(pid, started):
            processes.send(pid, signal.SIGCONT)
            processes.send(pid, GENTLE.get(name.rpartition("/")[2],
                                           signal.SIGTERM))
    for pid, started in family:
        processes.send(pid, signal.SIGCONT)
    processes.end(list(noted.values()), signal.SIGCONT, seconds=5)
    left = family + orphans(sessions)
    for pid, started in processes.wait_gone(left, 2):
        processes.send(pid, signal.SIGKILL)
    processes.wait_gone(left, 5)


def remove_files(state):
    private = state.data["private"]
    for number in range(len(state.data["servers"])):
        remove_segment(os.path.join(private, str(number + 1), "data",
                                    "postmaster.pid"))
    shutil.rmtree(private, ignore_errors=True)
    place = state.directory
    for number in range(len(state.data["servers"])):
        shutil.rmtree(os.path.join(place, "server%d" % (number + 1)),
                      ignore_errors=True)
    shutil.rmtree(os.path.join(place, "tor"), ignore_errors=True)
    for name in ("net.json", "switchboard.map", NAME):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(place, name))
    if state.data["made_directory"]:
        with contextlib.suppress(OSError):
            os.rmdir(place)  # stays when somebody put something there


def take_down(state):
    end_processes(state)
    end_strays(state.data["private"])
    remove_files(state)


def stop_owner(state):
    """An up under way cleans up itself when it is told to end."""
    if not state.owner_alive():
        return False
    pid, started = state.data["owner"]
    processes.send(pid, signal.SIGTERM)
    if processes.wait_gone([(pid, started)], 60):
        raise Failure("up (pid %d) is still under way and does not end" % pid)
    return True


def down(state):
    if stop_owner(state):
        deadline = time.monotonic() + 1
        while os.path.exists(state.path(state.directory)):
            if time.monotonic() > deadline:
                break  # it was ended otherwise: the rest is ours
            time.sleep(0.05)
        else:
            return
    take_down(state)
