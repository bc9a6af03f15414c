# SPDX-License-Identifier: ISC
"""What tests/house and tests/style need to know of C's text."""

import re

TOKENS = re.compile(r"""//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|"""
                    r"""'(?:\\.|[^'\\\n])+'""", re.DOTALL)


def blank(text):
    """As many characters, on as many lines, of nothing."""
    return re.sub(r"[^\n]", " ", text)


def without_comments(text):
    return TOKENS.sub(
        lambda found: blank(found[0]) if found[0][0] == "/" else found[0],
        text)


def without_strings(text):
    """Comments go as well; of a string its quotes stay."""
    def shorten(found):
        token = found[0]
        if token[0] == "/":
            return blank(token)
        return token[0] + blank(token[1:-1]) + token[-1]
    return TOKENS.sub(shorten, text)


def line_of(text, position):
    return text.count("\n", 0, position) + 1
