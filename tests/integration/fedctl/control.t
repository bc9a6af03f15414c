#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""fedctl's control commands against a daemon that the test plays: what is
asked, how answers are shown, and what a daemon that lies, stalls or hangs up
comes to."""

import json
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.realpath(os.path.join(HERE, "..", "..", ".."))
sys.path.insert(0, os.path.join(HERE, "..", "..", "lib"))
import peer  # noqa: E402
import tap  # noqa: E402

BUILD = os.environ.get("TORFED_BUILD")
FEDCTL = os.path.join(ROOT, BUILD or "", "fedctl", "fedctl")
FAILURE = re.compile(rb"fedctl: ([A-Z][A-Z0-9_]*): [ -~]+\n")
REQUEST, ROW, END = 60, 61, 62
ADDRESS = peer.Identity().address
NOBODY = 65534
ID = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"


def frame(kind, data, request=1, flags=0, length=None):
    return struct.pack("<HHIII", kind, flags,
                       len(data) if length is None else length, request,
                       0) + data


def string(text):
    data = text if isinstance(text, bytes) else text.encode()
    return struct.pack("<I", len(data)) + data


def field(name, value):
    data = string(name)
    if value is None:
        return data + b"\3"
    if isinstance(value, bool):
        return data + b"\2" + bytes([value])
    if isinstance(value, int):
        return data + b"\1" + struct.pack("<q", value)
    return data + b"\0" + string(value)


def row(kind="server", **fields):
    return frame(ROW, string(kind) + struct.pack("<I", len(fields)) +
                 b"".join(field(*item) for item in fields.items()))


def end(status=0, code="", text=""):
    return frame(END, bytes([status]) + string(code) + string(text))


class Daemon:
    """Takes one connection, reads one request, sends answer, hangs up."""

    def __init__(self, answer, read=True, hold=False):
        self.directory = tempfile.mkdtemp(prefix="fedctl.", dir="/tmp")
        os.chmod(self.directory, 0o755)
        self.path = os.path.join(self.directory, "s")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.bind(self.path)
        self.socket.listen(1)
        self.socket.settimeout(20)
        self.answer, self.read, self.hold = answer, read, hold
        self.request = None
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        try:
            client, _ = self.socket.accept()
        except OSError:
            return
        with client:
            client.settimeout(20)
            if self.read:
                head = client.recv(16, socket.MSG_WAITALL)
                length = struct.unpack("<HHIII", head)[2]
                self.request = head + client.recv(
                    length, socket.MSG_WAITALL)
            try:
                client.sendall(self.answer)
                if self.hold:
                    client.recv(1)
            except OSError:
                pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.thread.join(30)
        shutil.rmtree(self.directory)


def fedctl(path, *arguments, options=(), program=FEDCTL, **more):
    return subprocess.run(
        [program, *options, "-s", path, *arguments],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, timeout=60, check=False,
        env={"PATH": "/usr/bin:/bin", "ASAN_OPTIONS": "detect_leaks=0"},
        **more)


def summary(done):
    """0, or (exit code, CODE) of a failure as it has to look."""
    if done.returncode == 0:
        return 0 if not done.stderr else ("noise", done.stderr)
    match = FAILURE.fullmatch(done.stderr)
    if done.stdout or not match:
        return ("noise", done.returncode, done.stdout, done.stderr)
    return (done.returncode, match.group(1).decode())


def ask(answer, *arguments, options=(), **more):
    with Daemon(answer, **more) as daemon:
        done = fedctl(daemon.path, *arguments, options=options)
    return done, daemon.request


# What is asked

def test_requests():
    for arguments, verb, expected in (
            (["status"], 1, []), (["show", "servers"], 2, []),
            (["show", "queue"], 3, []), (["show", "limits"], 9, []),
            (["server", "add", ADDRESS], 4, [ADDRESS]),
            (["server", "trust", ADDRESS, "-1"], 5, [ADDRESS, "-1"]),
            (["server", "trust", ADDRESS, "3"], 5, [ADDRESS, "3"]),
            (["server", "block", ADDRESS], 6, [ADDRESS]),
            (["handshake", ADDRESS], 7, [ADDRESS]),
            (["handshake", "  %s\n" % ADDRESS.upper()], 7, [ADDRESS]),
            (["server", "ping", ADDRESS], 10, [ADDRESS]),
            (["receipt", "export", ID], 8, [ID, ""]),
            (["receipt", "export", ID, "--server", ADDRESS.upper()], 8,
             [ID, ADDRESS]),
            (["show", "dead"], 11, ["", ""]),
            (["show", "dead", "--server", ADDRESS, "--limit", "1000"], 11,
             ["1000", ADDRESS]),
            (["show", "message", ID], 12, [ID, ""]),
            (["show", "message", ID, "--server", ADDRESS], 12,
             [ID, ADDRESS]),
            (["queue", "show", ID], 13, [ID, ""]),
            (["queue", "hold", ID], 14, [ID, ""]),
            (["queue", "hold", " %s\n" % ADDRESS.upper()], 14,
             [ADDRESS, ""]),
            (["queue", "release", "--server", ADDRESS, ID], 15,
             [ID, ADDRESS]),
            (["queue", "release", ADDRESS], 15, [ADDRESS, ""]),
            (["queue", "retry", ID], 16, [ID, ""]),
            (["queue", "retry", ADDRESS], 16, [ADDRESS, ""]),
            (["queue", "cancel", ID], 17, [ID, ""]),
            (["queue", "cancel", ID, "--server=" + ADDRESS], 17,
             [ID, ADDRESS]),
            (["queue", "requeue", ID], 18, [ID, ""]),
            (["queue", "requeue", ADDRESS], 18, [ADDRESS, ""]),
            (["server", "pause", ADDRESS], 19, [ADDRESS]),
            (["server", "resume", ADDRESS.upper()], 20, [ADDRESS]),
            (["server", "retry", ADDRESS], 21, [ADDRESS])):
        document = row("receipt", part="{}") if verb == 8 else b""
        done, request = ask(document + end(), *arguments)
        data = struct.pack("<HI", verb, len(expected))
        data += b"".join(string(text) for text in expected)
        tap.equal((summary(done), request), (0, frame(REQUEST, data)),
                  "request of %r" % (arguments,))


def test_arguments_bad():
    for arguments, code in (
            (["receipt", "export", ""], "ENVELOPE_ID"),
            (["receipt", "export", ID.upper()], "ENVELOPE_ID"),
            (["receipt", "export", ID + "0"], "ENVELOPE_ID"),
            (["receipt", "export", ID, "--server", ""], "ADDRESS_EMPTY"),
            (["queue", "show", ADDRESS], "ENVELOPE_ID"),
            (["queue", "cancel", ADDRESS], "ENVELOPE_ID"),
            (["queue", "hold", ID.upper()], "ENVELOPE_ID"),
            (["queue", "hold", ID[:-1]], "ENVELOPE_ID"),
            (["queue", "hold", ""], "ADDRESS_EMPTY"),
            (["queue", "hold", "x"], "ADDRESS_SUFFIX"),
            (["queue", "hold", ID, "--server", "x"], "ADDRESS_SUFFIX"),
            (["show", "dead", "--limit", ""], "LIMIT"),
            (["show", "dead", "--limit", "0"], "LIMIT"),
            (["show", "dead", "--limit", "1001"], "LIMIT"),
            (["show", "dead", "--limit", "-1"], "LIMIT"),
            (["show", "dead", "--limit", "99999"], "LIMIT"),
            (["show", "dead", "--limit", "1 "], "LIMIT"),
            (["show", "dead", "--server", ""], "ADDRESS_EMPTY"),
            (["server", "pause", ""], "ADDRESS_EMPTY"),
            (["server", "add", ""], "ADDRESS_EMPTY"),
            (["server", "add", "   "], "ADDRESS_EMPTY"),
            (["handshake", "example.com"], None),
            (["server", "block", ADDRESS + ".evil"], None),
            (["server", "block", ADDRESS + ":80"], None),
            (["server", "add", peer.onion_address(bytes(32))],
             "ADDRESS_KEY"),
            (["server", "trust", ADDRESS, ""], "TRUST_LEVEL"),
            (["server", "trust", ADDRESS, "4"], "TRUST_LEVEL"),
            (["server", "trust", ADDRESS, "-2"], "TRUST_LEVEL"),
            (["server", "trust", ADDRESS, "+1"], "TRUST_LEVEL"),
            (["server", "trust", ADDRESS, "01"], "TRUST_LEVEL"),
            (["server", "trust", ADDRESS, "2 "], "TRUST_LEVEL")):
        # No daemon is there: it is refused before anybody is asked.
        got = summary(fedctl("/no/such/socket", *arguments))
        tap.ok(got != 0 and got[0] == 65 and
               (got[1] == code if code else got[1].startswith("ADDRESS_")),
               "65 for %r" % (arguments,))
    tap.equal(summary(fedctl("/no/such/socket", "queue", "hold", ADDRESS,
                             "--server", ADDRESS)), (64, "USAGE"),
              "a server of a server")


# How answers are shown

ROWS = (row(server="a.onion", trust=2, online=True, last_code=None,
            name="Alice") +
        row(server="longer.onion", trust=-1, online=False,
            last_code="TIMEOUT_CONNECT", name="") + end())
TABLE = (b"server        trust  online  last_code        name\n"
         b"a.onion       2      yes     -                Alice\n"
         b"longer.onion  -1     no      TIMEOUT_CONNECT  -\n")


def test_table():
    done, _ = ask(ROWS, "show", "servers")
    tap.equal((summary(done), done.stdout), (0, TABLE), "rows as a table")
    done, _ = ask(ROWS, "show", "servers", options=["-j"])
    tap.equal((summary(done), json.loads(done.stdout)), (0, [
        {"server": "a.onion", "trust": 2, "online": True, "last_code": None,
         "name": "Alice"},
        {"server": "longer.onion", "trust": -1, "online": False,
         "last_code": "TIMEOUT_CONNECT", "name": ""}]), "rows as JSON")
    done, _ = ask(end(), "show", "queue")
    tap.equal((summary(done), done.stdout), (0, b""), "no rows: nothing")
    done, _ = ask(end(), "show", "queue", options=["-j"])
    tap.equal((summary(done), done.stdout), (0, b"[]\n"),
              "no rows as JSON: an empty array")
    done, _ = ask(b"".join(row(n=n) for n in range(5000)) + end(),
                  "show", "queue", options=["-j"])
    tap.equal([item["n"] for item in json.loads(done.stdout)],
              list(range(5000)), "5,000 rows in order")


def test_object():
    answer = row("status", version="1", ready=True, queued=0,
                 server=None) + end()
    done, _ = ask(answer, "status")
    tap.equal((summary(done), done.stdout),
              (0, b"version=1\nready=yes\nqueued=0\nserver=-\n"),
              "status in text")
    done, _ = ask(answer, "status", options=["-j"])
    tap.equal(done.stdout,
              b'{"version":"1","ready":true,"queued":0,"server":null}\n',
              "status as JSON, on one line")
    done, _ = ask(end(), "server", "add", ADDRESS, options=["-j"])
    tap.equal((summary(done), done.stdout), (0, b"{}\n"),
              "no row as JSON: an empty object")


def test_document():
    """A text that is longer than a row comes in parts."""
    export = ["receipt", "export", ID]
    text = "".join(chr(33 + n % 90) for n in range(2500)) + "\n"
    parts = b"".join(row("receipt", part=text[at:at + 999])
                     for at in range(0, len(text), 999))
    done, _ = ask(parts + end(), *export)
    tap.equal((done.returncode, done.stdout.decode()), (0, text),
              "parts are put together")
    done, _ = ask(parts + end(65, "RECEIPT_NONE", "none"), *export)
    tap.equal(summary(done), (65, "RECEIPT_NONE"),
              "nothing is printed before the end says that all is well")
    for name, rows in (("a number", row("receipt", part=1)),
                       ("nothing", row("receipt", part=None)),
                       ("two parts", row("receipt", part="a", more="b")),
                       ("no field", row("receipt"))):
        done, _ = ask(rows + end(), *export)
        tap.equal(summary(done), (69, "NO_DAEMON"), "a part of " + name)
    for rows in (b"", row("receipt", part="")):
        done, _ = ask(rows + end(), *export)
        tap.equal(summary(done), (69, "NO_DAEMON"), "an empty document")
    part = row("receipt", part="x" * 1024)
    done, _ = ask(part * 1024 + end(), *export)
    tap.equal((done.returncode, len(done.stdout)), (0, 1024 * 1024),
              "1 MiB in parts")
    done, _ = ask(part * 1024 + row("receipt", part="x") + end(), *export)
    tap.equal(summary(done), (65, "TOO_LARGE"), "a byte more")


def test_hostile_text():
    nasty = "\033[2J\u009b31mA\n\tB\\\u202e\u00e9\x7f"
    done, _ = ask(row(name=nasty) + end(), "show", "servers")
    tap.ok(re.fullmatch(rb"[ -~\n]+", done.stdout) and
           done.stdout.count(b"\n") == 2,
           "in text only printable ASCII, one line a row")
    done, _ = ask(row(name=nasty) + end(), "show", "servers", options=["-j"])
    tap.equal(json.loads(done.stdout), [{"name": nasty}],
              "in JSON the same text")
    tap.ok(re.fullmatch(rb"[ -\x7f\n]+", done.stdout), "in ASCII")
    done, _ = ask(row(name=b"\xff\xc3(\0z") + end(), "show", "servers",
                  options=["-j"])
    tap.equal((summary(done), json.loads(done.stdout)),
              (0, [{"name": "\\377\\303(\\000z"}]),
              "what is not UTF-8 is shown byte by byte")
    done, _ = ask(row(name="x" * 1100, value="\1" * 1100) + end(), "status")
    tap.equal((summary(done), len(done.stdout)),
              (0, len("name=\nvalue=\n") + 5 * 1100), "the longest values")


def test_flood():
    """Rows are kept until the end, but not for ever."""
    values = {"f%d" % i: "x" * 1100 for i in range(3)}
    flood = row(**values) * (64 * 1024 * 1024 // 3300 + 1)
    done, _ = ask(flood + end(), "show", "servers")
    tap.equal(summary(done), (65, "TOO_LARGE"), "over 64 MiB of rows")
    done, _ = ask(flood[:len(flood) // 2 // len(row(**values)) *
                        len(row(**values))] + end(), "show", "servers")
    tap.equal(summary(done), 0, "32 MiB of rows")


# How requests end

def test_failures():
    some = row(server="a.onion")
    for status, code, expected in (
            (65, "SERVER_UNKNOWN", 65), (65, "DATABASE", 65),
            (64, "USAGE", 64), (69, "NO_DAEMON", 69),
            (77, "NOT_ALLOWED", 77), (1, "INTERNAL", 1)):
        for rows in (b"", some):
            done, _ = ask(rows + end(status, code, "why"), "show", "servers",
                          options=["-j"])
            tap.equal((summary(done), done.stderr),
                      ((expected, code),
                       b"fedctl: %s: why\n" % code.encode()),
                      "the daemon says %d %s%s" % (
                          status, code, " after a row" if rows else ""))
    done, _ = ask(end(65, "X", "a\nfedctl: OK: \033[0m" + "y" * 200), "status")
    tap.ok(done.stdout == b"" and re.fullmatch(rb"[ -~]+\n", done.stderr),
           "its text cannot make a second line")
    # A client that may not ask is told so without having asked.
    refusal = end(77, "NOT_ALLOWED", "not allowed")
    done, _ = ask(refusal, "status", read=False)
    tap.equal(summary(done), (77, "NOT_ALLOWED"), "refused unheard")


def test_broken_answers():
    good = row(server="a.onion")
    for answer, name in (
            (b"", "end of file"), (good, "end of file after a row"),
            (good[:5], "half a header"), (good[:-1], "half a row"),
            (b"HTTP/1.1 400 Bad Request\r\n\r\n", "something else"),
            (os.urandom(4096), "garbage"),
            (frame(ROW, b""), "an empty row"),
            (frame(END, b""), "an empty end"),
            (frame(END, b"\0" + string("") + string("") + b"x"),
             "an end with a byte more"),
            (end(2, "INTERNAL"), "an exit code that is none"),
            (end(255, "INTERNAL"), "another"),
            (frame(REQUEST, good), "a request"),
            (frame(1, b"x" * 50), "a message of the start"),
            (frame(ROW, b"", length=0xffffffff), "4 GiB announced"),
            (frame(ROW, b"x" * 5000), "a row of 5,000 bytes"),
            (frame(ROW, good[16:], flags=0x8000), "unknown flags"),
            (frame(ROW, string("k") + struct.pack("<I", 25) +
                   field("a", 1) * 25), "25 fields"),
            (frame(ROW, string("k") + struct.pack("<I", 2) + field("a", 1)),
             "a field that is not there"),
            (frame(ROW, string("k") + struct.pack("<I", 1) + string("a") +
                   b"\7"), "a field of no known type"),
            (frame(ROW, string("k") + struct.pack("<I", 1) +
                   field("a", "x" * 1101)), "a value of 1,101 bytes"),
            (frame(ROW, string("k") + struct.pack("<I", 1) + string("a\nb") +
                   b"\3"), "a name with a line feed")):
        done, _ = ask(answer, "status")
        tap.equal(summary(done), (69, "NO_DAEMON"), "answer: " + name)


def test_sockets():
    directory = tempfile.mkdtemp(prefix="fedctl.", dir="/tmp")
    path = os.path.join(directory, "s")
    tap.equal(summary(fedctl(path, "status")), (69, "NO_DAEMON"),
              "no socket")
    tap.equal(summary(fedctl(path, "server", "add", ADDRESS)),
              (69, "NO_DAEMON"), "no socket, changing something")
    dead = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    dead.bind(path)
    tap.equal(summary(fedctl(path, "status")), (69, "NO_DAEMON"),
              "nobody listens")
    dead.close()
    os.unlink(path)
    with open(path, "w"):
        pass
    tap.equal(summary(fedctl(path, "status")), (69, "NO_DAEMON"),
              "no socket but a file")
    shutil.rmtree(directory)
    tap.equal(summary(fedctl("", "status")), (65, "FILE"), "-s ''")
    for length, expected in ((107, (69, "NO_DAEMON")), (108, (65, "FILE"))):
        path = "/tmp/" + "x" * (length - 5)
        tap.equal(summary(fedctl(path, "status")), expected,
                  "a path of %d bytes" % length)


def test_access():
    """As somebody who may not connect; root becomes somebody."""
    with Daemon(end()) as daemon:
        os.chmod(daemon.path, 0)
        program, more = FEDCTL, {}
        if os.geteuid() == 0:
            program = shutil.copy(FEDCTL, daemon.directory)
            more = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        done = fedctl(daemon.path, "status", program=program, **more)
    tap.equal(summary(done), (77, "NOT_ALLOWED"),
              "a socket that may not be connected to")


def main():
    test_requests()
    test_arguments_bad()
    test_table()
    test_object()
    test_document()
    test_hostile_text()
    test_flood()
    test_failures()
    test_broken_answers()
    test_sockets()
    test_access()


tap.main(main)
