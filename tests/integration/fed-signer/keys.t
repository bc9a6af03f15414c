#!/usr/bin/python3
# SPDX-License-Identifier: ISC
#
# fed-signer by hand: what generate, certify, tor and show write, what they
# refuse, and key files that are not what they should be. A refusal has its
# exit status, one line on standard error, nothing on standard output, and
# changes nothing. Files of another user are tried as root.

import base64
import hashlib
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import time

import nacl.exceptions
import nacl.signing

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "..", "..", "lib"))
import ipc  # noqa: E402
import tap  # noqa: E402

SIGNER = ipc.program("fed-signer")
ROOT = os.geteuid() == 0
FILES = ("certificate", "identity.key", "signing.key")
DAY = 86400
work = None


def run(*arguments, clock=None, umask=0o022):
    command = [SIGNER, *arguments]
    environment = dict(os.environ)
    if clock is not None:
        command = ["faketime", clock] + command
        # A sanitizer wants to be the first library; faketime is.
        environment["ASAN_OPTIONS"] = "verify_asan_link_order=0"
    return subprocess.run(command, stdin=subprocess.DEVNULL, timeout=20,
                          env=environment,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, preexec_fn=lambda: os.umask(umask))


def content(directory):
    """Everything below, to see whether something changed."""
    found = {}
    for name in sorted(os.listdir(directory)):
        path = os.path.join(directory, name)
        state = os.lstat(path)
        data = None
        if stat.S_ISREG(state.st_mode):
            with open(path, "rb") as file:
                data = file.read()
        found[name] = (state.st_mode, state.st_uid, data)
    return found


def refused(statuses, name, *arguments, **more):
    """Fails as failures must; returns the result."""
    result = run(*arguments, **more)
    good = (result.returncode in statuses and result.stdout == "" and
            result.stderr.startswith("fed-signer: ") and
            result.stderr.count("\n") == 1)
    if not tap.ok(good, name):
        tap.diag(repr(result))
    return result


def fresh(name):
    """A new directory of keys."""
    path = os.path.join(work, name)
    result = run("generate", "-k", path)
    if result.returncode != 0:
        raise RuntimeError(result.stderr)
    return path


def shown(path, **more):
    result = run("show", "-k", path, **more)
    if result.returncode != 0:
        raise RuntimeError(result.stderr)
    return dict(line.split("=", 1) for line in result.stdout.splitlines())


def read(path, name):
    with open(os.path.join(path, name), "rb") as file:
        return file.read()


def write(path, name, data, mode=0o600):
    with open(os.path.join(path, name), "wb") as file:
        file.write(data)
    os.chmod(os.path.join(path, name), mode)


def onion(key):
    check = hashlib.sha3_256(b".onion checksum" + key + b"\3").digest()[:2]
    return base64.b32encode(key + check + b"\3").decode().lower() + ".onion"


def public(seed):
    return bytes(nacl.signing.SigningKey(seed).verify_key)


def certificate_holds(path):
    """Judged with another implementation: the lines of the certificate, or
    None when something is wrong with it."""
    text = read(path, "certificate").decode("ascii")
    if not text.endswith("\n"):
        return None
    lines = text[:-1].split("\n")
    identity = public(read(path, "identity.key"))
    try:
        nacl.signing.VerifyKey(identity).verify(
            "\n".join(lines[:-1]).encode(), base64.b64decode(lines[-1]))
    except nacl.exceptions.BadSignatureError:
        return None
    signing = base64.b64encode(public(read(path, "signing.key"))).decode()
    if (lines[0] != "tor-chat-federation-v1/certificate" or
            lines[1] != onion(identity) or lines[6] != signing or
            lines[7:9] != ["-", "-"] or len(lines) != 10):
        return None
    return lines


def generate():
    path = os.path.join(work, "generate")
    before = int(time.time())
    result = run("generate", "-k", path, umask=0)
    tap.equal(result.returncode, 0, "generate")
    tap.equal(sorted(os.listdir(path)), sorted(FILES), "three files")
    modes = [stat.S_IMODE(os.stat(p).st_mode) for p in
             [path] + [os.path.join(path, name) for name in sorted(FILES)]]
    tap.equal(modes, [0o700, 0o644, 0o600, 0o600], "modes, whatever the umask")
    identity, signing = (read(path, n) for n in FILES[1:])
    tap.ok(len(identity) == len(signing) == 32 and identity != signing,
           "two seeds of 32 bytes")
    tap.equal(result.stdout, "address=%s\n" % onion(public(identity)),
              "the address is the identity key")
    lines = certificate_holds(path)
    tap.ok(lines is not None, "the certificate holds elsewhere, too")
    tap.ok(lines[2] == lines[3] and
           before <= int(lines[2]) <= int(time.time()),
           "serial and minSerial are the time")
    show = shown(path)
    tap.equal([show["address"], show["serial"], show["minSerial"],
               show["notBefore"], show["notAfter"], show["signingKey"],
               show["state"]], lines[1:7] + ["OK"], "show says the same")
    text = "\n".join(lines[:-1]).encode()
    tap.equal(show["keyId"], hashlib.sha256(text).hexdigest(), "and keyId")
    other = fresh("generate2")
    tap.ok(read(other, "identity.key") != identity, "another run, other keys")


def validity(show):
    times = [time.strptime(show[name], "%Y-%m-%dT%H:%M:%SZ")
             for name in ("notBefore", "notAfter")]
    first, last = (int(time.mktime(t)) for t in times)
    return last - first


def generate_refuses():
    for name in FILES:
        for kind in ("file", "broken link"):
            path = os.path.join(work, "taken-%s-%s" % (name, kind[0]))
            os.mkdir(path, 0o700)
            if kind == "file":
                write(path, name, b"mine")
            else:
                os.symlink("nowhere", os.path.join(path, name))
            before = content(path)
            refused((73,), "generate beside a %s %s" % (kind, name),
                    "generate", "-k", path)
            tap.equal(content(path), before, "and nothing changed")
    file = os.path.join(work, "file")
    write(work, "file", b"")
    refused((65,), "generate into a file", "generate", "-k", file)
    refused((73,), "generate below nothing", "generate", "-k",
            os.path.join(work, "no", "keys"))
    for mode in (0o770, 0o707, 0o1777):
        path = os.path.join(work, "open-%o" % mode)
        os.mkdir(path)
        os.chmod(path, mode)
        refused((77,), "generate where others write (%o)" % mode,
                "generate", "-k", path)
        tap.equal(os.listdir(path), [], "and nothing was written")


def certify():
    path = fresh("certify")
    first, signing = shown(path), read(path, "signing.key")
    tap.equal(validity(first), 90 * DAY, "90 days at first")
    tap.equal(run("certify", "-k", path).returncode, 0, "certify")
    second = shown(path)
    tap.ok(int(second["serial"]) > int(first["serial"]), "the serial grows")
    tap.equal(second["minSerial"], first["minSerial"],
              "minSerial stays: the last is retired, not revoked")
    tap.equal(read(path, "signing.key"), signing, "the signing key stays")
    tap.ok(second["keyId"] != first["keyId"], "another key id")
    for arguments in ((), ("-r",)):
        last = shown(path)
        run("certify", "-k", path, *arguments)
        again = shown(path)
        tap.ok(int(again["serial"]) > int(last["serial"]) and
               again["minSerial"] == first["minSerial"],
               "nor by the next %s" % " ".join(("certify",) + arguments))
    second, signing = again, read(path, "signing.key")
    result = run("certify", "-k", path, "-r", "-m", "-d", "7")
    tap.equal((result.returncode, result.stdout, result.stderr), (0, "", ""),
              "certify -r -m -d 7")
    third = shown(path)
    tap.ok(int(third["serial"]) > int(second["serial"]), "the serial grows")
    tap.equal(third["minSerial"], third["serial"], "earlier ones are revoked")
    tap.ok(read(path, "signing.key") != signing, "another signing key")
    tap.equal(validity(third), 7 * DAY, "seven days")
    tap.ok(certificate_holds(path) is not None, "it holds elsewhere, too")
    tap.equal(sorted(content(path)), sorted(FILES), "no file is left over")
    for arguments in ((), ("-r",)):
        run("certify", "-k", path, *arguments)
        tap.equal(shown(path)["minSerial"], third["serial"],
                  "revoked ones stay revoked, and no others are")
    os.unlink(os.path.join(path, "certificate"))
    tap.equal(run("certify", "-k", path).returncode, 0,
              "certify without a certificate")
    alone = shown(path)
    tap.equal(alone["serial"], alone["minSerial"], "it stands alone")


def certify_days():
    path = fresh("days")
    for days in ("1", "90"):
        run("certify", "-k", path, "-d", days)
        tap.equal(validity(shown(path)), int(days) * DAY, days + " days")
    before = content(path)
    for days in ("0", "91", "-1", "", "1.5", "01", "x"):
        refused((64,), "%r days" % days, "certify", "-k", path, "-d", days)
    tap.equal(content(path), before, "nothing changed")


def clocks():
    path = fresh("clocks")
    serial = int(shown(path)["serial"])
    tap.equal(run("certify", "-k", path, clock="-2 hours").returncode, 0,
              "certify with a clock two hours behind")
    tap.equal(int(shown(path)["serial"]), serial + 1, "serial + 1")
    before = content(path)
    refused((65,), "what peers would refuse is not issued",
            "certify", "-k", path, clock="-3 days")
    tap.equal(content(path), before, "nothing changed")
    tap.equal(shown(path, clock="+200 days")["state"], "CERTIFICATE_EXPIRED",
              "show says expired")
    tap.equal(shown(path, clock="-3 days")["state"], "CERTIFICATE_NOT_YET",
              "show says not yet valid")


def hazards_of(name):
    """What can be wrong with a key file: text, exit statuses, how."""
    def linked(path):
        os.rename(path, path + ".real")
        os.symlink(path + ".real", path)

    def directory(path):
        os.unlink(path)
        os.mkdir(path)

    def fifo(path):
        os.unlink(path)
        os.mkfifo(path, 0o600)

    def long(length):
        def change(path):
            with open(path, "wb") as file:
                file.write(b"k" * length)
        return change

    yield "missing", (65,), os.unlink
    yield "a symbolic link", (65,), linked
    yield "a directory", (65,), directory
    yield "a FIFO", (65,), fifo
    yield "with a hard link", (77,), lambda path: os.link(path, path + ".2")
    for mode in (0o644, 0o640, 0o604, 0o602, 0o700, 0o4600):
        yield ("mode %o" % mode, (77,),
               lambda path, mode=mode: os.chmod(path, mode))
    for length in (0, 31, 33, 64, 65, 100000):
        yield "%d bytes" % length, (65,), long(length)
    if ROOT:
        yield ("of another user", (77,),
               lambda path: os.chown(path, 61999, 61999))


def hazards():
    original = fresh("original")
    for name in ("identity.key", "signing.key"):
        for text, statuses, change in hazards_of(name):
            path = os.path.join(work, "hazard")
            shutil.copytree(original, path)
            change(os.path.join(path, name))
            before = content(path)
            refused(statuses, "%s %s: certify" % (name, text),
                    "certify", "-k", path)
            if name == "identity.key":
                hidden = os.path.join(work, "hazard-hidden")
                refused(statuses, "%s %s: tor" % (name, text),
                        "tor", "-k", path, "-t", hidden)
                tap.ok(not os.path.exists(hidden), "nothing was written")
            tap.equal(content(path), before, "nothing changed")
            shutil.rmtree(path)
    os.chmod(os.path.join(original, "identity.key"), 0o400)
    tap.equal(run("certify", "-k", original).returncode, 0,
              "mode 0400 is as good")


def certificates():
    original, other = fresh("certificates"), fresh("other")
    good = read(original, "certificate")
    lines = good.decode().split("\n")
    forged = "\n".join(lines[:2] + ["9007199254740991"] + lines[3:]).encode()
    cases = [("empty", b"", 0o644, (65,)), ("short", good[:-1], 0o644, (65,)),
             ("long", good + b"\n", 0o644, (65,)),
             ("huge", good * 50, 0o644, (65,)),
             ("binary", bytes(range(256)), 0o644, (65,)),
             ("of another serial", forged, 0o644, (65,)),
             ("that others may write", good, 0o666, (77,))]
    for text, data, mode, statuses in cases:
        write(original, "certificate", data, mode)
        before = content(original)
        refused(statuses, "certificate %s: show" % text, "show", "-k",
                original)
        refused(statuses, "certificate %s: certify" % text, "certify", "-k",
                original)
        tap.equal(content(original), before, "nothing changed")
    write(original, "certificate", read(other, "certificate"), 0o644)
    refused((65,), "certificate of another server", "certify", "-k", original)
    path = os.path.join(original, "certificate")
    os.unlink(path)
    os.symlink(os.path.join(other, "certificate"), path)
    refused((65,), "certificate a symbolic link", "show", "-k", original)


def tor_files():
    path, hidden = fresh("tor"), os.path.join(work, "hidden")
    result = run("tor", "-k", path, "-t", hidden, umask=0)
    tap.equal((result.returncode, result.stdout), (0, ""), "tor")
    modes = {name: stat.S_IMODE(mode)
             for name, (mode, _, _) in content(hidden).items()}
    tap.equal(modes, dict.fromkeys(
        ("hostname", "hs_ed25519_public_key", "hs_ed25519_secret_key"),
        0o600), "three files, mode 0600")
    tap.equal(stat.S_IMODE(os.stat(hidden).st_mode), 0o700, "in one of 0700")
    tap.equal(read(hidden, "hostname").decode().strip(),
              shown(path)["address"], "hostname is the address")
    before = content(hidden)
    refused((73,), "tor again", "tor", "-k", fresh("tor2"), "-t", hidden)
    tap.equal(content(hidden), before, "nothing changed")
    partly = os.path.join(work, "partly")
    os.mkdir(partly, 0o700)
    write(partly, "hs_ed25519_public_key", b"")
    refused((73,), "tor beside one of its files", "tor", "-k", path, "-t",
            partly)
    tap.equal(os.listdir(partly), ["hs_ed25519_public_key"], "none was added")
    if ROOT:
        others = os.path.join(work, "others")
        os.mkdir(others, 0o700)
        os.chown(others, 61999, 61998)
        run("tor", "-k", path, "-t", others)
        owners = {(s.st_uid, s.st_gid) for s in
                  (os.stat(os.path.join(others, n)) for n in
                   os.listdir(others))}
        tap.equal(owners, {(61999, 61998)}, "files get tor's owner")
        strange = fresh("strange")
        os.chown(strange, 61999, 61999)
        refused((77,), "keys in a directory of another user", "certify",
                "-k", strange)


def usage():
    path = fresh("usage")
    before = content(path)
    for arguments in ((), ("unknown",), ("generate",), ("show", "-k"),
                      ("show", "-k", ""), ("show", "-x", "-k", path),
                      ("show", "-k", path, "more"), ("tor", "-k", path),
                      ("tor", "-t", path), ("tor", "-k", path, "-t", ""),
                      ("generate", "-k", path, "-d", "1"),
                      ("show", "-k", path, "-r"),
                      ("-k", path), ("-h",)):
        result = run(*arguments)
        tap.equal((result.returncode, result.stdout), (64, ""),
                  "usage: " + " ".join(arguments).replace(path, "DIR"))
    tap.equal(content(path), before, "nothing changed")


def test():
    global work
    os.environ["TZ"] = "UTC"
    time.tzset()
    work = tempfile.mkdtemp(prefix="torfed-keys.")
    try:
        for part in (generate, generate_refuses, certify, certify_days,
                     clocks, hazards, certificates, tor_files, usage):
            part()
    finally:
        shutil.rmtree(work)


tap.main(test)
