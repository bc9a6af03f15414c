# SPDX-License-Identifier: ISC
"""What "up" leaves for later commands: DIR/fednet.state, from the first moment
on, so that "down" can clean up after an "up" that was killed."""

import contextlib
import fcntl
import json
import os
import subprocess
import threading

import processes
import reserve

NAME = "fednet.state"


class Failure(Exception):
    """Ends the command; its text is for the person who typed it."""


def write_atomically(path, text):
    new = "%s.%d.new" % (path, os.getpid())
    with open(new, "w") as file:
        file.write(text)
    os.replace(new, path)


class State:
    """data: net, private, made_directory, owner (pid and start of an up that
    is under way), ids, ports, programs, servers, processes ({"1/fedd": [pid,
    start]}; what belongs to the network alone has no number)."""

    def __init__(self, directory, data):
        self.directory = directory
        self.data = data
        self.mutex = threading.RLock()
        self.stopping = False
        self.helpers = set()

    @classmethod
    def path(cls, directory):
        return os.path.join(directory, NAME)

    @classmethod
    def load(cls, directory):
        directory = os.path.abspath(directory)
        try:
            with open(cls.path(directory)) as file:
                data = json.load(file)
            # down removes it: nothing else will do.
            if not data["private"].startswith(os.path.join(
                    reserve.PARENT, reserve.PREFIX)):
                raise ValueError
        except FileNotFoundError:
            raise Failure("%s holds no network" % directory) from None
        except (ValueError, KeyError, TypeError):
            raise Failure("%s cannot be read" %
                          cls.path(directory)) from None
        return cls(directory, data)

    def save(self):
        with self.mutex:
            write_atomically(self.path(self.directory),
                             json.dumps(self.data, indent=1) + "\n")

    @contextlib.contextmanager
    def locked(self):
        """For a command that changes the file beside other commands."""
        descriptor = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if os.path.exists(self.path(self.directory)):
                self.data = State.load(self.directory).data
            yield
            self.save()
        finally:
            os.close(descriptor)

    def start(self, name, arguments, log, **options):
        """Spawns and notes a process, unless the command is being ended."""
        with self.mutex:
            if self.stopping:
                raise Failure("interrupted")
            child = processes.spawn(arguments, log, **options)
            found = processes.stat(child.pid)
            started = found.started if found else 0
            if "owner" in self.data:
                self.data["processes"][name] = [child.pid, started]
                self.save()
            else:
                with self.locked():
                    self.data["processes"][name] = [child.pid, started]
            return child

    def run(self, command, timeout):
        """Runs a program to its end; stop() ends it before."""
        with self.mutex:
            if self.stopping:
                raise Failure("interrupted")
            child = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, universal_newlines=True, cwd="/")
            self.helpers.add(child)
        try:
            out, error = child.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            child.kill()
            out, error = child.communicate()
            error += "no end after %d s\n" % timeout
        finally:
            with self.mutex:
                self.helpers.discard(child)
        return subprocess.CompletedProcess(command, child.returncode, out,
                                           error)

    def stop(self):
        """Nothing is started from now on, and what we wait for ends."""
        with self.mutex:
            self.stopping = True
            for child in self.helpers:
                child.kill()

    def pid(self, name):
        """Of a process that runs, else None."""
        noted = self.data["processes"].get(name)
        if noted and processes.alive(*noted):
            return noted[0]
        return None

    def owner_alive(self):
        owner = self.data.get("owner")
        return bool(owner) and processes.alive(*owner)
