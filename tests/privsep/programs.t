#!/usr/bin/python3
# SPDX-License-Identifier: ISC
#
# The programs as files: which libraries each needs, and that the compiler and
# the linker have hardened them.

import os
import platform
import re
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "..", "lib"))
import tap  # noqa: E402

TOP = os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..")

# A library that is not here needs a reason, and a look at who gets it.
NEEDED = {
    "fedd": {"libevent_core", "libseccomp", "libbsd"},
    "fed-listener": {"libevent_core", "libseccomp", "libsodium", "libjansson",
                     "libbsd"},
    "fed-signer": {"libseccomp", "libsodium", "libbsd"},
    "fed-sender": {"libevent_core", "libseccomp", "libsodium", "libjansson",
                   "libbsd"},
    "fed-queued": {"libevent_core", "libseccomp", "libsodium", "libjansson",
                   "libbsd", "libpq", "libm"},
    "fedctl": {"libseccomp", "libsodium", "libjansson", "libbsd", "libpq"},
}
FORBIDDEN = {
    "fedd": ("libpq", "libjansson", "libssl", "libcrypto"),
    "fed-listener": ("libpq", "libssl", "libcrypto"),
    "fed-signer": ("libpq", "libevent", "libjansson", "libssl", "libcrypto"),
    "fed-sender": ("libpq", "libssl", "libcrypto"),
    "fed-queued": (),
    "fedctl": (),
}
# Compiled as executable code of another kind; the linker says so.
X86 = platform.machine() == "x86_64"


def readelf(path, *options):
    return subprocess.run(
        ["readelf", "--wide", *options, path], stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, check=True,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"}).stdout


def test_libraries(name, path):
    needed = set(re.findall(r"\(NEEDED\).*\[(\w+)[^\]]*\]",
                            readelf(path, "--dynamic")))
    tap.ok("libc" in needed, name + ": libraries are listed")
    tap.equal(needed - {"libc", "ld"} - NEEDED[name], set(),
              name + ": needs no library that it has no use for")
    tap.equal([one for one in needed for bad in FORBIDDEN[name]
               if one.startswith(bad)], [],
              name + ": and none that it must not have")


def test_layout(name, path):
    dynamic = readelf(path, "--dynamic")
    segments = re.findall(r"^  (\w+) +0x\w+ 0x\w+ 0x\w+ 0x\w+ 0x\w+ "
                          r"([RWE ]{3}) ", readelf(path, "--segments"), re.M)
    tap.ok(re.search(r"^ *Type: +DYN ", readelf(path, "--file-header"), re.M)
           and re.search(r"\(FLAGS_1\).*\bPIE\b", dynamic),
           name + ": position-independent")
    tap.ok("GNU_RELRO" in dict(segments) and
           re.search(r"\(FLAGS_1\).*\bNOW\b", dynamic) and
           re.search(r"\(FLAGS\).*\bBIND_NOW\b", dynamic),
           name + ": all relocated at start, then read-only")
    tap.equal(dict(segments).get("GNU_STACK"), "RW ",
              name + ": the stack cannot be executed")
    tap.equal([kind for kind, flags in segments
               if "W" in flags and "E" in flags], [],
              name + ": nothing can be both written and executed")
    tap.ok("TEXTREL" not in dynamic and "RPATH" not in dynamic and
           "RUNPATH" not in dynamic,
           name + ": no relocation of code, no path for libraries")


def test_compiler(name, path):
    symbols = readelf(path, "--dyn-syms")
    tap.ok("__stack_chk_fail" in symbols, name + ": guards in stack frames")
    tap.ok(re.search(r" __\w+_chk@", symbols), name + ": checked functions")
    mode = os.stat(path).st_mode
    tap.equal(mode & 0o6000, 0, name + ": neither setuid nor setgid")


def test_control_flow(name):
    """Each object of ours is marked. The program is not: Debian's own start
    files lack the mark, and one such file takes it from the whole."""
    folder = os.path.join(TOP, "build", name)
    objects = sorted(one for one in os.listdir(folder) if one.endswith(".o"))
    unmarked = [one for one in objects if not re.search(
        r"x86 feature: .*IBT.*SHSTK",
        readelf(os.path.join(folder, one), "--notes"))]
    tap.ok(objects, name + ": objects are there")
    tap.equal(unmarked, [], name + ": compiled for control-flow enforcement")


def test():
    for name in NEEDED:
        path = os.path.join(TOP, name, name)
        test_libraries(name, path)
        test_layout(name, path)
        test_compiler(name, path)
        if X86:
            test_control_flow(name)


tap.main(test)
