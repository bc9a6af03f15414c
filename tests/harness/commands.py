# SPDX-License-Identifier: ISC
"""fednet's commands and their arguments."""

import argparse
import signal
import sys
import time

import processes
from down import down
from server import NAMES, OURS, Server
from state import Failure, State
from up import Interrupted, up, write_net

EX_USAGE = 64


class Parser(argparse.ArgumentParser):
    def error(self, message):
        sys.stderr.write("%sfednet: %s\n" % (self.format_usage(), message))
        sys.exit(EX_USAGE)


def count(text):
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def trust(text):
    if text == "none":
        return None
    number = int(text)
    if not -1 <= number <= 3:
        raise ValueError
    return number


def one_line(text):
    if "\n" in text:
        raise ValueError
    return text


def parser():
    top = Parser(prog="fednet", description="Federation servers for tests "
                 "and for people to try, on this machine alone.")
    commands = top.add_subparsers(dest="command", required=True)
    add = commands.add_parser("up", help="start a network; returns when all "
                              "servers are ready and know each other")
    add.add_argument("--dir", required=True)
    add.add_argument("--servers", type=count, required=True, metavar="N")
    add.add_argument("--net", choices=("tor", "local"), required=True)
    add.add_argument("--trust", type=trust, default=2, metavar="L|none",
                     help="level that each gives the others (2); none: they "
                     "are strangers")
    add.add_argument("--set", type=one_line, action="append", default=[],
                     metavar="LINE", help="a line added to each fed.conf")
    for name, text in (("down", "stop all, remove all"),
                       ("show", "print net.json with the present pids")):
        commands.add_parser(name, help=text).add_argument("--dir",
                                                          required=True)
    for name, text, choices in (
            ("stop", "end a server or a part of it", OURS),
            ("start", "start it again; returns when it is ready", OURS),
            ("kill", "SIGKILL", NAMES), ("freeze", "SIGSTOP", NAMES),
            ("thaw", "SIGCONT", NAMES)):
        add = commands.add_parser(name, help=text)
        add.add_argument("--dir", required=True)
        add.add_argument("--server", type=count, required=True, metavar="K",
                         help="counts from 1")
        add.add_argument("--process", choices=choices, metavar="NAME",
                         help=", ".join(choices) + " (all of them)")
    return top


def load(options):
    """The state of a network that is up."""
    state = State.load(options.dir)
    if state.owner_alive():
        raise Failure("%s: up is still under way" % state.directory)
    if "owner" in state.data:
        raise Failure("%s: up did not end well: fednet down --dir %s" % (
            state.directory, state.directory))
    return state


def find_server(state, number):
    if number > len(state.data["servers"]):
        raise Failure("there is no server %d: %s has %d" % (
            number, state.directory, len(state.data["servers"])))
    return Server(state, number)


def command_show(options):
    sys.stdout.write(write_net(load(options)))


def command_down(options):
    down(State.load(options.dir))


def command_stop(options):
    server = find_server(load(options), options.server)
    for name in [options.process] if options.process else OURS:
        server.stop(name)


def command_start(options):
    server = find_server(load(options), options.server)
    server.start([options.process] if options.process else OURS)


def find_members(server, name):
    """A child may be between two generations: wait a little for the next."""
    deadline = time.monotonic() + 5
    while True:
        found = server.members(name)
        if found:
            return found
        if name in OURS or time.monotonic() > deadline:
            raise Failure("server %d: %s does not run" % (server.number,
                                                          name))
        time.sleep(0.02)


def signal_all(options, number):
    server = find_server(load(options), options.server)
    names = [options.process] if options.process else list(
        server.processes())
    targets = []
    for name in names:
        targets += find_members(server, name)
    kept = [(pid, processes.stat(pid)) for pid in targets]
    for pid in targets:
        processes.send(pid, number)
    if number == signal.SIGKILL:
        processes.wait_gone([(pid, found.started) for pid, found in kept
                             if found], 5)


def main(arguments):
    options = parser().parse_args(arguments)
    table = {
        "up": up, "down": command_down, "show": command_show,
        "stop": command_stop, "start": command_start,
        "kill": lambda o: signal_all(o, signal.SIGKILL),
        "freeze": lambda o: signal_all(o, signal.SIGSTOP),
        "thaw": lambda o: signal_all(o, signal.SIGCONT),
    }
    try:
        table[options.command](options)
    except Interrupted as reason:
        sys.stderr.write("fednet: %s, all cleaned up\n" % reason)
        return 1
    except (Failure, RuntimeError, OSError) as error:
        sys.stderr.write("fednet: %s\n" % error)
        return 1
    return 0
