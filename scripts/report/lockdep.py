#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""Says whether the kernel noticed the rules of the fence that were broken.

usage: lockdep.py rules
       lockdep.py report OUT
       lockdep.py rows OUT ROWS

"rules" prints the names of all rules. "report" reads the consoles that scripts/lockdep
left in OUT, prints a table and writes OUT/report.json; exit status 1 where a rule was
broken unnoticed, or kept and complained about. "rows" turns that report into rows of a
check, appended to the file ROWS.
"""

import json
import os
import re
import sys
from pathlib import Path
from typing import Dict, Iterable, List, NamedTuple, Tuple

import kernel_log

LEVEL = os.environ.get("LEVEL", "lockdep")

# The kinds of report, and the text by which each is told.
KINDS = {
    "circular locking": r"WARNING: possible circular locking dependency detected",
    "recursive locking": r"WARNING: possible recursive locking detected",
    "inconsistent lock state": r"WARNING: inconsistent lock state",
    "bad unlock balance": r"WARNING: bad unlock balance detected",
    "sleep in atomic": r"BUG: sleeping function called from invalid context",
    "lock left by work": r"BUG: workqueue leaked atomic, lock or RCU",
    "unsafe flush": r"workqueue: WQ_MEM_RECLAIM \S+ is flushing !WQ_MEM_RECLAIM \S+",
    "outside of a section": r"ttm_move: outside of a signalling section",
    "allocation": r"ttm_move: allocates \(.*\) inside a signalling section",
    "attempted allocation": r"ttm_move: tries to allocate \(.*\) inside a signalling section",
    "fence wait": r"ttm_move: waits for a fence inside a signalling section",
}


class Rule(NamedTuple):
    """A rule: who breaks it how, and what that must draw."""
    name: str
    broken: str
    kind: str
    names: Tuple[str, ...]


SECTION = "dma_fence_map"

RULES = (
    Rule("gfp_kernel", "kmalloc(GFP_KERNEL) in a map()",
         "circular locking", ("mvb_gfp_kernel", "fs_reclaim", SECTION)),
    Rule("gfp_noio", "kmalloc(GFP_NOIO) in a map()",
         "allocation", ("mvb_gfp_noio", "GFP_NOIO")),
    Rule("gfp_nowait", "kmalloc(GFP_NOWAIT) in a map()",
         "attempted allocation", ("mvb_gfp_nowait", "GFP_NOWAIT")),
    Rule("cache_noio", "kmem_cache_alloc(GFP_NOIO) in a map()",
         "allocation", ("mvb_cache_noio", "GFP_NOIO")),
    Rule("page_noio", "a page, with GFP_NOIO, in a map()",
         "allocation", ("mvb_page_noio", "GFP_NOIO")),
    Rule("vmalloc", "vmalloc() in a map()",
         "circular locking", ("mvb_vmalloc", "fs_reclaim", SECTION)),
    Rule("resv_lock", "dma_resv_lock() in a map()",
         "circular locking", ("mvb_resv_lock", "reservation_ww_class_mutex", SECTION)),
    Rule("mmap_lock", "mmap_read_lock() in a map()",
         "circular locking", ("mvb_mmap_lock", "mm->mmap_lock", SECTION)),
    Rule("mutex", "a mutex in a map() that is elsewhere held over an allocation",
         "circular locking", ("mvb_mutex", "b->mutex", SECTION)),
    Rule("mutex_over_wait", "a mutex in a map() that is elsewhere held over a fence wait",
         "circular locking", ("mvb_mutex", "b->mutex", SECTION)),
    Rule("fence_wait", "dma_fence_wait() in a map()",
         "fence wait", ("mvb_fence_wait", "dma_fence_wait_timeout")),
    Rule("section_open", "a section that retired() leaves open",
         "lock left by work", ("mvb_section_open", SECTION)),
    Rule("section_closed", "the worker's section, closed by begin()",
         "bad unlock balance", ("ttm_move_work", SECTION)),
    Rule("publish_outside", "a fence that is made outside of a section",
         "outside of a section", ("ttm_move_breaks_publish_outside", "ttm_move_timeline_add")),
    Rule("signal_outside", "a worker that signals outside of a section",
         "outside of a section", ("ttm_move_breaks_signal_outside", "ttm_move_timeline_retire")),
    Rule("signal_in_callback", "a signal in a callback of another fence",
         "recursive locking", ("mvb_signal", "dma_fence_signal")),
    Rule("copy_in_callback", "a copy in a callback of a fence",
         "sleep in atomic", ("mvb_clear", "mvb_guard_failed")),
    Rule("irq_lock", "a spinlock with interrupts on, and in a callback",
         "inconsistent lock state", ("mvb_lock", "b->lock")),
    Rule("timeline_lock", "a timeline's lock inside of one that its callback takes",
         "circular locking", ("mvb_lock_in_timeline", "timeline->lock", "b->lock")),
    Rule("flush_unsafe", "a begin() that waits for a queue without WQ_MEM_RECLAIM",
         "unsafe flush", ("mvb_flush", "ttm_move_work", "mvb_other")),
    Rule("unsafe_queue", "a worker whose own queue has no WQ_MEM_RECLAIM",
         "unsafe flush", ("mvb_flush_worker", "mvb_reclaim", "mvb_unsafe")),
    Rule("own_queue", "a job that waits for another one of the same queue",
         "recursive locking", ("mvb_begin_own_queue", "(work_completion)(&job->worker.work)")),
    Rule("atomic_map", "a mutex while the other end is mapped with preemption off",
         "sleep in atomic", ("mvb_mutex", "ttm_move_work")),
)

SUITE = "ttm_move_breaks"
RESULT = re.compile(rf"^\s*(not )?ok \d+ {SUITE}_(\w+)(.*)$")
# KUnit's own lines, which may name anything.
TEST_LINE = re.compile(r"^\s*(# |(not )?ok )")
# How far above the complaint its block may begin.
LINES_ABOVE = 3


class Boot(NamedTuple):
    """What a kernel said."""
    lines: List[str]
    seconds: float
    status: int


class Verdict(NamedTuple):
    """What became of a rule; no reason where all is well."""
    rule: Rule
    drawn: str
    named: List[str]
    seconds: float
    reason: str


def result_of(boot: Boot, name: str) -> str:
    """Whether the test "ok", "not ok", or did something else."""
    for line in boot.lines:
        match = RESULT.match(line)
        if match and match[2] == name:
            return "skipped" if match[3] else "not ok" if match[1] else "ok"
    return f"did not end (status {boot.status})"


def complaints(boot: Boot) -> List[kernel_log.Finding]:
    """What the kernel complained about; a stack trace belongs to one of these."""
    found = kernel_log.scan(boot.lines)
    return found if len(found) == 1 else [f for f in found if f.kind != "stack trace"]


def block(boot: Boot, finding: kernel_log.Finding) -> List[str]:
    """The lines of a complaint, up to what the test says next."""
    begin = finding.line - 1
    rest = boot.lines[begin:]
    end = next((i for i, line in enumerate(rest) if TEST_LINE.match(line)), len(rest))
    return boot.lines[max(begin - LINES_ABOVE, 0):begin + end]


def kind_of(text: str) -> str:
    """The kind of a report; empty where it is none that we know."""
    return next((kind for kind, pattern in KINDS.items() if re.search(pattern, text)), "")


def names_in(text: str, names: Iterable[str]) -> List[str]:
    """Those of the names that occur, as whole words. What is left on a stack of pointers to
    functions, with no way into them, is no call."""
    return [name for name in names
            if re.search(rf"(?<!\w){re.escape(name)}(?!\w|\+0x0/)", text)]


def ran_out_of_time(boot: Boot) -> bool:
    """Whether it was killed, and may have complained of that."""
    return boot.status in (124, 137)


def why_kept(boot: Boot, name: str) -> str:
    """What is wrong with the boot that kept the rule."""
    if ran_out_of_time(boot):
        return f"where the rule is kept, the kernel did not end in {boot.seconds:.0f} s"
    found = complaints(boot)
    if found:
        return f"complains where the rule is kept: {found[0].text}"
    result = result_of(boot, name)
    return "" if result == "ok" else f"where the rule is kept, the test {result}"


def why_broken(boot: Boot, rule: Rule, drawn: str, named: List[str]) -> str:
    """What is wrong with the boot that broke the rule."""
    if ran_out_of_time(boot):
        return f"the kernel did not end in {boot.seconds:.0f} s"
    found = complaints(boot)
    if not found:
        return "passes unnoticed"
    if drawn != rule.kind:
        return f"draws '{drawn}' instead of '{rule.kind}'"
    missing = [name for name in rule.names if name not in named]
    if missing:
        return f"the report does not name {', '.join(missing)}"
    if len(found) > 1:
        return f"also draws '{found[1].text}'"
    result = result_of(boot, rule.name)
    return "" if result in ("ok", "not ok") else f"the test {result}"


def judge(rule: Rule, kept: Boot, broken: Boot) -> Verdict:
    """Whether the kernel noticed, and only then."""
    drawn, named = "nothing", []
    found = complaints(broken)
    if found:
        text = "\n".join(block(broken, found[0]))
        drawn = kind_of(text) or found[0].text
        named = names_in(text, rule.names)
    reason = why_kept(kept, rule.name) or why_broken(broken, rule, drawn, named)
    return Verdict(rule, drawn, named, kept.seconds + broken.seconds, reason)


def read_boots(out: Path) -> Dict[Tuple[str, str], Boot]:
    """All boots, by rule and variant, in the order in which they were made."""
    boots = {}
    for line in (out / "boots.tsv").read_text().splitlines():
        name, variant, seconds, status = line.split("\t")
        log = (out / f"{name}.{variant}.log").read_text(errors="replace")
        lines = [kernel_log.message(text) for text in log.splitlines()]
        boots[name, variant] = Boot(lines, float(seconds), int(status))
    return boots


def verdicts_of(out: Path) -> List[Verdict]:
    """The verdicts on all rules that were broken."""
    boots = read_boots(out)
    return [judge(rule, boots[rule.name, "kept"], boots[rule.name, "broken"])
            for rule in RULES if (rule.name, "broken") in boots]


HEAD = ("rule", "what is broken", "expected", "drawn", "naming", "s", "")


def table(verdicts: List[Verdict]) -> str:
    """For people."""
    rows = [HEAD] + [
        (v.rule.name, v.rule.broken, v.rule.kind, v.drawn[:40], (v.named or ["-"])[0],
         f"{v.seconds:.1f}", "FAIL" if v.reason else "") for v in verdicts]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEAD))]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def as_json(verdicts: List[Verdict]) -> Dict:
    """For machines."""
    return {
        "noticed": sum(not v.reason for v in verdicts),
        "failed": sum(bool(v.reason) for v in verdicts),
        "rules": [{"name": v.rule.name, "broken": v.rule.broken,
                   "expected": v.rule.kind, "drawn": v.drawn,
                   "expected_names": v.rule.names, "named": v.named,
                   "seconds": round(v.seconds, 3),
                   "result": "fail" if v.reason else "pass", "reason": v.reason}
                  for v in verdicts],
    }


def report(out: Path) -> int:
    verdicts = verdicts_of(out)
    result = as_json(verdicts)
    (out / "report.json").write_text(json.dumps(result, indent=1) + "\n")
    print(table(verdicts))
    print()
    for v in verdicts:
        if v.reason:
            print(f"{v.rule.name}: {v.reason}: see {out}/{v.rule.name}.*.log")
    print(f"{result['noticed']} broken rules noticed, {result['failed']} not")
    return 1 if result["failed"] or not verdicts else 0


def rows(out: Path, path: str) -> int:
    """A row says what was drawn, also where all is well."""
    rules = json.loads((out / "report.json").read_text())["rules"]
    with open(path, "a", encoding="utf-8") as file:
        for r in rules:
            name = f"{r['name']}: {r['broken']}"
            why = r["reason"] or f"drew '{r['drawn']}', naming {', '.join(r['named'])}"
            print(f"{r['result']}  {r['seconds']:7.1f} s  {LEVEL}: {name} -- {why}")
            print(name, LEVEL, r["result"], r["seconds"], why, sep="\t", file=file)
    return 0


def main(arguments: List[str]) -> int:
    if arguments == ["rules"]:
        print("\n".join(rule.name for rule in RULES))
        return 0
    if len(arguments) == 2 and arguments[0] == "report":
        return report(Path(arguments[1]))
    if len(arguments) == 3 and arguments[0] == "rows":
        return rows(Path(arguments[1]), arguments[2])
    print(__doc__.strip(), file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
