#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""Looks whether every message that our kernel code can log is explained.

usage: messages.py

Collects the messages of the worker, vttm, i915's part and the software GPU, and prints
those that Documentation/gpu/ttm-move-troubleshooting.rst does not have, in its double
backquotes and as they are in the source; a warning without a text is there as
``WARNING`` in FUNCTION(). Exit status 1 where there are any.
"""

import re
import sys
from pathlib import Path
from typing import Iterator, List, Tuple

TOP = Path(__file__).resolve().parent.parent.parent
PAGE = TOP / "Documentation" / "gpu" / "ttm-move-troubleshooting.rst"
FOLDERS = ("include/drm/ttm", "drivers/gpu/drm/ttm/move", "drivers/gpu/drm/vttm",
           "drivers/gpu/drm/i915/gem", "drivers/gpu/drm/i915/selftests/softgpu")

# A call that logs, up to and with its text, of which the compiler joins the parts.
CALL = re.compile(r"\b(?:(?:drm|dev|pr)_(?:emerg|alert|crit|err|warn|notice|info)\w*"
                  r"|(?:drm_)?WARN(?:_ONCE)?)\((?:[^;\"]*?,)?\s*((?:\"(?:[^\"\\]|\\.)*\"\s*)+)")
PART = re.compile(r'"((?:[^"\\]|\\.)*)"')

# A warning that has no text of its own, and the beginning of a function.
BARE = re.compile(r"\b(?:GEM_)?WARN_ON(?:_ONCE)?\(")
FUNCTION = re.compile(r"^\w[^;={}\n]*?\b(\w+)\(", re.M)


def messages(text: str) -> Iterator[str]:
    """The messages in a source file, as the page has them."""
    for match in CALL.finditer(text):
        message = "".join(PART.findall(match[1])).replace("\\n", "").replace('\\"', '"')
        yield f"``{message}``"
    for match in BARE.finditer(text):
        yield f"``WARNING`` in {FUNCTION.findall(text, 0, match.start())[-1]}()"


def unexplained(page: str) -> Iterator[Tuple[Path, str]]:
    """Where there is a message that the page does not have, and the message."""
    for folder in FOLDERS:
        for source in sorted((TOP / folder).glob("*.[ch]")):
            for message in messages(source.read_text(encoding="utf-8")):
                if message not in page:
                    yield source.relative_to(TOP), message


def main(argv: List[str]) -> int:
    if len(argv) > 1:
        print(__doc__.strip(), file=sys.stderr)
        return 0 if argv[1:] in (["-h"], ["--help"]) else 2
    missing = list(unexplained(PAGE.read_text(encoding="utf-8")))
    for source, message in missing:
        print(f"messages.py: error: {source} can log {message}, which {PAGE.name} does not"
              " explain: add a row", file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
