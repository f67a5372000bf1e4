#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""Tries what programs in IGT's form must do on any machine.

usage: igt_form.py FOLDER

FOLDER has the programs of tools/testing/igt. No device is needed: the programs list and
describe their subtests, refuse what they do not know, skip where there is no device, and
vttm_form ends in every way that there is. No function or variable of theirs may have the
name of one of the library's, which would then use theirs. Prints what is not as it should
be; exit status 1 where there is something.
"""

import re
import subprocess
import sys
from pathlib import Path
from typing import Iterator, List, Set

PROGRAMS = ("vttm_async_move", "ttm_async_evict", "vttm_ioctls", "vttm_fuzz",
            "i915_lmem_async", "vttm_form")
SUCCESS, SKIP, INVALID, FAILURE, SEGV = 0, 77, 79, 98, 139

# What each subtest of vttm_form ends with.
FORM = {"pass": SUCCESS, "skip": SKIP, "require": SKIP, "fail": FAILURE, "check": FAILURE,
        "expect": FAILURE, "assert": FAILURE, "helper-pass": SUCCESS, "helper-check": FAILURE,
        "helper-assert": FAILURE, "helper-skip": FAILURE, "helper-kill": SUCCESS,
        "children-pass": SUCCESS, "child-fail": FAILURE, "die": SEGV, "hang": FAILURE}

NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
DESCRIBED = re.compile(r"^SUB (\S+) \S+:\d+:\n  \S", re.MULTILINE)
# What the library looks for in the program, and what the linker puts there of its own.
SHARED = {"main", "__igt_test_description", "igt_subtest_jmpbuf"}
TIMEOUT = 60


def run(*command: str) -> "subprocess.CompletedProcess[str]":
    """A command's status and what it said; the status of the shell where it was killed."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False,
                          stdin=subprocess.DEVNULL)
    if done.returncode < 0:
        done.returncode = 128 - done.returncode
    return done


def unexpected(wanted: int, program: str, *options: str) -> Iterator[str]:
    """A complaint where the program does not end with that."""
    status = run(program, *options).returncode
    if status != wanted:
        yield f"{' '.join(options)}: status {status} instead of {wanted}"


def subtests_of(program: str) -> List[str]:
    """What it lists."""
    return run(program, "--list-subtests").stdout.split()


def lists(program: str) -> Iterator[str]:
    """Complaints about what it says of its subtests, and of itself."""
    names = subtests_of(program)
    if not names or len(names) != len(set(names)):
        yield f"--list-subtests: {len(names)} names, {len(set(names))} different ones"
    yield from (f"--list-subtests: '{name}' is no name" for name in names
                if not NAME.fullmatch(name))
    described = DESCRIBED.findall(run(program, "--describe").stdout)
    if described != names:
        missing = set(names).symmetric_difference(described)
        yield f"--describe: not what is listed: {' '.join(sorted(missing)) or 'the order'}"
    if not run(program, "--help-description").stdout.strip():
        yield "--help-description: nothing"


def options(program: str) -> Iterator[str]:
    """Complaints about what it does with options."""
    for option in ("--list-subtests", "--describe", "--help", "--help-description"):
        yield from unexpected(SUCCESS, program, option)
    yield from unexpected(INVALID, program, "--run-subtest", "no-such-subtest")
    yield from unexpected(INVALID, program, "--no-such-option")


def without_device(program: str) -> Iterator[str]:
    """Complaints about how it skips."""
    for name in subtests_of(program):
        yield from unexpected(SKIP, program, "--node", "/nonexistent", "--run-subtest", name)


def ends(program: str) -> Iterator[str]:
    """Complaints about how vttm_form ends."""
    if subtests_of(program) != list(FORM):
        yield "not the subtests that are expected"
    for name, status in FORM.items():
        yield from unexpected(status, program, "--run-subtest", name)
    yield from unexpected(FAILURE, program)
    yield from unexpected(SUCCESS, program, "--run-subtest", "*pass")


def symbols(*command: str) -> Set[str]:
    """Names that are defined for others."""
    return {line.split()[-1] for line in run("nm", "--defined-only", *command).stdout.splitlines()
            if " " in line}


def library_of(program: str) -> str:
    """The path of the library that it loads."""
    match = re.search(r"libigt\S* => (\S+)", run("ldd", program).stdout)
    if not match:
        raise LookupError(f"{program} does not load libigt: install intel-gpu-tools")
    return match[1]


def clashes(program: str) -> Iterator[str]:
    """Names of the library's."""
    library = symbols("-D", library_of(program)) - SHARED
    if not library:
        yield "the library has no names"
    own = symbols("--extern-only", program)
    # What every program has is no name of ours.
    yield from (f"{name} is also the library's" for name in sorted(own & library)
                if not name.startswith("_"))


def complaints(program: str) -> Iterator[str]:
    """All about one program."""
    yield from lists(program)
    yield from options(program)
    yield from clashes(program)
    name = Path(program).name
    if name == "vttm_form":
        yield from ends(program)
    elif not name.startswith("i915_"):
        # A real device of i915's may be there.
        yield from without_device(program)


def main(arguments: List[str]) -> int:
    if len(arguments) != 1:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    count = 0
    for name in PROGRAMS:
        for complaint in complaints(str(Path(arguments[0]) / name)):
            print(f"error: {name}: {complaint}")
            count += 1
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
