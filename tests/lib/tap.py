# SPDX-License-Identifier: ISC
"""The Test Anything Protocol, as little of it as our tests need."""

import sys
import traceback

done = 0
failed = 0


def ok(good, name):
    global done, failed
    done += 1
    if not good:
        failed += 1
    print("%s %d - %s" % ("ok" if good else "not ok", done,
                          name.replace("#", "\\#")), flush=True)
    return bool(good)


def equal(got, expected, name):
    if not ok(got == expected, name):
        diag("     got: %r" % (got,))
        diag("expected: %r" % (expected,))
        return False
    return True


def diag(text):
    for line in str(text).splitlines():
        print("# " + line, file=sys.stderr, flush=True)


def finish():
    """Prints the plan; returns the exit status."""
    print("1..%d" % done, flush=True)
    return 1 if failed or not done else 0


def main(test):
    """Runs the function that holds the tests. An exception is a failure."""
    try:
        test()
    except Exception:
        diag(traceback.format_exc())
        ok(False, "no exception")
    sys.exit(finish())
