#!/usr/bin/python3
# SPDX-License-Identifier: ISC
#
# make install DESTDIR=: each file in its place with its mode, whatever the
# umask, and what was installed works: the example configuration is good, keys
# are made, and fedd brings up the suite from the installed programs and takes
# it down again.

import glob
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
TOP = os.path.realpath(os.path.join(os.path.dirname(
    os.path.realpath(__file__)), "..", "..", ".."))
sys.path.insert(0, os.path.join(TOP, "tests", "lib"))
import tap  # noqa: E402

FILES = {
    "usr/sbin/fedd": 0o755, "usr/sbin/fedctl": 0o755,
    "usr/libexec/torfed/fed-listener": 0o755,
    "usr/libexec/torfed/fed-queued": 0o755,
    "usr/libexec/torfed/fed-sender": 0o755,
    "usr/libexec/torfed/fed-signer": 0o755,
    "usr/lib/systemd/system/torfed.service": 0o644,
    "usr/lib/sysusers.d/torfed.conf": 0o644,
    "usr/lib/tmpfiles.d/torfed.conf": 0o644,
}
FILES.update(("usr/share/doc/torfed/" + name, 0o644) for name in (
    "README.md", "CHANGES.md", "LICENSE", "federation.vectors",
    "examples/fed.conf", "examples/torrc.snippet"))
FILES.update(("usr/share/torfed/sql/" + name, 0o644) for name in
             glob.glob("**/*.sql", root_dir=os.path.join(TOP, "sql"),
                       recursive=True) + ["order"])
FILES.update(("usr/share/man/man%s/%s" % (name[-1], name), 0o644)
             for name in os.listdir(os.path.join(TOP, "man"))
             if re.search(r"\.[1-9]$", name))
DIRECTORIES = {"etc/torfed"} | {os.path.dirname(name) for name in FILES}
LINK = "usr/sbin/fed-signer"


def install(directory):
    environment = {name: value for name, value in os.environ.items()
                   if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(
        ["sh", "-c", 'umask 077; exec make -s install DESTDIR="$0"',
         directory], cwd=TOP, env=environment, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, check=False)


def places(directory):
    found = {}
    for folder, _, names in os.walk(directory):
        for name in names:
            path = os.path.join(folder, name)
            found[os.path.relpath(path, directory)] = stat.S_IMODE(
                os.lstat(path).st_mode)
    tap.equal(os.readlink(os.path.join(directory, LINK)),
              "/usr/libexec/torfed/fed-signer", "link to fed-signer")
    found.pop(LINK)
    tap.equal(found, FILES, "files and their modes")
    modes = {name: stat.S_IMODE(os.stat(os.path.join(directory, name)).st_mode)
             for name in DIRECTORIES}
    tap.equal(modes, dict.fromkeys(DIRECTORIES, 0o755), "directories")


def service(directory):
    """What the unit starts is what was installed."""
    path = os.path.join(directory, "usr/lib/systemd/system/torfed.service")
    with open(path) as file:
        unit = file.read()
    for command in re.findall(r"^ExecStart\w*=(\S+)", unit, re.M):
        tap.ok(os.access(directory + command, os.X_OK), "unit: " + command)
    tap.ok("-f /etc/torfed/fed.conf" in unit, "unit: configuration")


def adapt(directory, work):
    """The example configuration, with paths below work and numbers for
    users."""
    path = os.path.join(directory, "usr/share/doc/torfed/examples/fed.conf")
    with open(path) as file:
        text = file.read()
    for name in ("in", "db", "empty"):
        os.mkdir(os.path.join(work, name), 0o755)
    os.mkdir(os.path.join(work, "signatures"), 0o700)
    text = (text.replace("/etc/torfed/keys", work + "/keys")
            .replace("/run/torfed/in/", work + "/in/")
            .replace("/run/torfed/", work + "/")
            .replace("/run/tor/torfed", work + "/tor")
            .replace("/run/postgresql", work + "/db")
            .replace("/var/lib/torfed/", work + "/"))
    for number, name in enumerate(("listener", "signer", "sender", "queued")):
        text = text.replace("user fed-%s _fed%s" % (name, name),
                            "user fed-%s %d" % (name, 61101 + number))
    configuration = os.path.join(work, "fed.conf")
    with open(configuration, "w") as file:
        file.write(text)
    return configuration


def wait_for(path, text, seconds=20):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with open(path, errors="replace") as file:
            if text in file.read():
                return True
        time.sleep(0.05)
    return False


def runs(directory, work):
    sbin = os.path.join(directory, "usr/sbin")
    libexec = os.path.join(directory, "usr/libexec/torfed")
    configuration = adapt(directory, work)
    check = subprocess.run(
        [os.path.join(sbin, "fedd"), "-n", "-f", configuration],
        stderr=subprocess.PIPE, text=True, check=False)
    tap.equal((check.returncode, check.stderr), (0, "configuration OK\n"),
              "fedd -n with the example")
    made = subprocess.run([os.path.join(libexec, "fed-signer"), "generate",
                           "-k", os.path.join(work, "keys")],
                          stdout=subprocess.PIPE, text=True, check=False)
    tap.ok(made.returncode == 0 and made.stdout.startswith("address="),
           "fed-signer generate")
    log = os.path.join(work, "log")
    with open(log, "w") as file:
        daemon = subprocess.Popen(
            [os.path.join(sbin, "fedd"), "-d", "-f", configuration, "-L",
             libexec], stdin=subprocess.DEVNULL, stderr=file)
    try:
        if not tap.ok(wait_for(log, "ready generation=1"), "suite is ready"):
            with open(log) as file:
                tap.diag(file.read())
        status = subprocess.run(
            [os.path.join(sbin, "fedctl"), "-s", work + "/control.sock",
             "status"], stdout=subprocess.PIPE, text=True, timeout=60,
            check=False)
        tap.ok(status.returncode == 0 and made.stdout.strip().replace(
            "address=", "server=") in status.stdout.splitlines(),
               "fedctl status")
    finally:
        daemon.send_signal(signal.SIGTERM)
        try:
            tap.equal(daemon.wait(timeout=20), 0, "told to stop: exit 0")
        except subprocess.TimeoutExpired:
            daemon.kill()
            tap.ok(False, "stops when told to")


def main():
    work = tempfile.mkdtemp(prefix="torfed-install-", dir="/tmp")
    try:
        directory = os.path.join(work, "root")
        result = install(directory)
        if not tap.equal(result.returncode, 0, "make install"):
            tap.diag(result.stdout)
            return
        places(directory)
        service(directory)
        runs(directory, work)
    finally:
        shutil.rmtree(work, ignore_errors=True)


tap.main(main)
