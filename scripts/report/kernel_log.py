#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""Finds what a kernel complains about in the log of its console.

usage: kernel_log.py LOG...

Prints every complaint with its line number; exit status 1 where there is one, 2
where a log cannot be read.
"""

import re
import sys
from typing import Iterable, List, NamedTuple


class Finding(NamedTuple):
    """One complaint: what it is, where it begins, and its first line."""
    kind: str
    line: int
    text: str


# First match counts. A pattern is looked for anywhere in a line.
PATTERNS = [(kind, re.compile(pattern)) for kind, pattern in (
    ("kasan", r"BUG: KASAN:"),
    ("kfence", r"BUG: KFENCE:"),
    ("kmsan", r"BUG: KMSAN:"),
    ("data race", r"BUG: KCSAN:"),
    ("undefined behaviour", r"UBSAN:"),
    ("lockdep", r"possible (circular|recursive) locking|inconsistent lock state"
                r"|possible irq lock inversion|-unsafe lock order detected"
                r"|bad unlock balance|held lock freed|lock held when returning"
                r"|lock held at task exit|Invalid wait context"
                r"|nested lock was not taken|MAX_LOCK(DEP|_DEPTH)\w* too low"
                r"|suspicious RCU usage|trying to register non-static key"
                r"|turning off the locking correctness validator"
                r"|Disabling lock debugging|lockdep has found something"),
    ("sleep in atomic", r"sleeping function called from invalid context"
                        r"|scheduling while atomic|Voluntary context switch within RCU"),
    ("lock debugging", r"BUG: (spin|rw)?lock|DEBUG_LOCKS_WARN_ON"
                       r"|BUG: workqueue lockup|BUG: Invalid"),
    ("hang", r"blocked for more than \d+ seconds|soft lockup|hard LOCKUP"
             r"|detected (expedited )?stalls|self-detected stall|hogged CPU for"),
    ("leak", r"unreferenced object 0x|kmemleak: \d+ new suspected"
             r"|Memory manager not clean|Objects remaining (in|on) |[Ll]eaked "),
    ("corruption", r"list_(add|del) corruption|refcount_t:|Bad page (state|map)"
                   r"|slab-use-after-free|double free|corrupted|ODEBUG:|poison overwritten"),
    ("memory", r"page allocation failure|Out of memory:|invoked oom-killer"),
    ("fault", r"[Gg]eneral protection fault|[Uu]nable to handle|Oops:|stack segment"
              r"|invalid opcode|divide error|kernel BUG at|BUG: |traps: |segfault at"),
    ("panic", r"Kernel panic"),
    ("warning", r"WARNING: |WARN_ON|ttm_move: there is no tracepoint"
                r"|vmap allocation for size \S+ failed"),
    ("name", r"sysfs: cannot create duplicate filename"),
    ("debugfs", r"debugfs: .* already present!"),
    ("graphics error", r"\[drm(:\w+)?[^]]*\] \*ERROR\*|\*ERROR\*"),
    ("module", r"Unknown symbol|disagrees about version of symbol"
               r"|cannot load |invalid module format"),
    ("taint", r"taint(s|ing) kernel"),
    ("stack trace", r"Call Trace:"),
)]

# The only complaints that are expected: our modules are not the kernel's, and i915
# is told to drive a GPU that it would not drive by itself.
EXPECTED = re.compile(
    r"(ttm_move|vttm|drm_vram_helper|qxl): (loading out-of-tree module taints kernel\."
    r"|module verification failed: signature and/or required key missing"
    r" - tainting kernel)"
    r"|Setting dangerous option (force_probe|enable_guc|lmem_size) - tainting kernel"
    r"|i915 [0-9a-f:.]+: Force probing unsupported Device ID 4905, tainting kernel")

# The only warnings that are provoked, by TTM's own tests: one gives it no VMA manager, one
# a ticket and no time.
PROVOKED = re.compile(
    r"WARNING: .* at (\S+/)?(drivers/gpu/drm/ttm/ttm_device\.c:\d+ ttm_device_init"
    r"|include/drm/ttm/ttm_bo\.h:\d+ ttm_bo_reserve_no_wait_ticket)\+\S+( \[\w+\])?")

# The only race that is expected: a worker looks at how long its thread has run, which the
# scheduler, where KCSAN does not look, counts in the timer's interrupt. No pointer is that
# small, and nothing else grows by less than a second of nanoseconds.
RACE = re.compile(r"BUG: KCSAN: data-race in (process_one_work|wq_worker_running)\+\S+")
CLOCK = re.compile(
    r"race at unknown origin, with read to \S+ of 8 bytes.*"
    r"value changed: 0x0000([0-9a-f]{12}) -> 0x0000([0-9a-f]{12})$", re.DOTALL | re.MULTILINE)
RACE_LINES = 13

STAMP = re.compile(r"^(<\d+>)?(\[\s*\d+\.\d+\](\[\s*[CT]\d+\])?\s*)?")
BEGIN = "------------[ cut here ]------------"
END = "---[ end trace"

# How far a stack trace may be from the complaint that it belongs to.
TRACE_LINES = 60


def message(line: str) -> str:
    """The line without the console's stamps and line ending."""
    return STAMP.sub("", line.rstrip("\r\n"), count=1)


def classify(text: str) -> str:
    """The kind of complaint in a message; empty where there is none."""
    if EXPECTED.fullmatch(text):
        return ""
    return next((kind for kind, pattern in PATTERNS if pattern.search(text)), "")


def is_clock(report: List[str]) -> bool:
    """Whether what changed, by a report of KCSAN's without its headline, is a clock."""
    values = CLOCK.search("\n".join(map(message, report)))
    return bool(values) and 0 < int(values[2], 16) - int(values[1], 16) < 10 ** 9


def scan(lines: Iterable[str]) -> List[Finding]:
    """All complaints. A block from "cut here" to "end trace" counts once, and so
    does a complaint together with the stack trace that follows it."""
    found: List[Finding] = []
    in_block = block_counted = False
    lines = list(lines)
    for number, line in enumerate(lines, 1):
        text = message(line)
        if RACE.fullmatch(text) and is_clock(lines[number:number + RACE_LINES]):
            continue
        if text.startswith((BEGIN, END)):
            in_block, block_counted = text.startswith(BEGIN), False
            continue
        kind = classify(text)
        block_counted |= in_block and bool(PROVOKED.fullmatch(text))
        if not kind or (in_block and block_counted):
            continue
        if kind == "stack trace" and found and number - found[-1].line < TRACE_LINES:
            continue
        block_counted = in_block
        found.append(Finding(kind, number, text))
    return found


def scan_file(path: str) -> List[Finding]:
    """All complaints in the log at path."""
    with open(path, encoding="utf-8", errors="replace") as log:
        return scan(log)


def main(paths: List[str]) -> int:
    if not paths or paths[0] in ("-h", "--help"):
        print(__doc__.strip(), file=sys.stdout if paths else sys.stderr)
        return 0 if paths else 2
    status = 0
    for path in paths:
        try:
            found = scan_file(path)
        except OSError as error:
            print(f"kernel_log.py: {path}: {error.strerror}: name the console's log",
                  file=sys.stderr)
            return 2
        for finding in found:
            print(f"{path}:{finding.line}: {finding.kind}: {finding.text}")
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
