#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""The mutants: what they are, and how one is planted.

usage: plant.py list [GLOB]
       plant.py plant NAME FOLDER

list    prints the names that match GLOB, and what each mutant breaks
plant   changes the mutant's source in FOLDER, a copy of this checkout

A mutant is a small fault, written like a part of a diff in one of the files *.mutants
beside this script:

    file PATH               for this mutant and those that follow
    mutant NAME
    breaks RULE: TEXT       what is no longer true; RULE is one of those below
    level guest             only the programs in user space can tell (optional)
    survives TEXT           why no test can tell it from the original (optional)
     LINE                   lines of PATH that stay,
    -LINE                   go
    +LINE                   and come
    @@                      what follows is elsewhere in PATH (optional)

The lines that stay or go must be in PATH once, as they are here.
"""

import fnmatch
import sys
from pathlib import Path
from typing import Iterable, Iterator, List, NamedTuple, Tuple

HERE = Path(__file__).resolve().parent
TOP = HERE.parent.parent

RULES = {
    "section": "from publication to signal nothing allocates or waits, on queues of our own",
    "order": "the fences of a timeline signal in order, evictions on that of their manager",
    "signal": "every fence signals",
    "bytes": "the right bytes, or zeroes and an error",
    "hold": "nothing is touched that is not held, and all that is held comes back",
    "wait": "no byte is touched before everybody who has to be awaited is done",
    "answer": "callers and users are told what the documentation says",
}
LEVELS = ("kunit", "guest")


class Edit(NamedTuple):
    """One place of a file: the lines that must be there, and those that replace them."""
    before: str
    after: str


class Mutant(NamedTuple):
    """One fault."""
    name: str
    file: str
    rule: str
    breaks: str
    level: str
    survives: str
    edits: Tuple[Edit, ...]


class MutantError(Exception):
    """A mutant that makes no sense; the text says where and what to do."""


def edits_of(lines: Iterable[str]) -> Iterator[Edit]:
    """The edits in the lines of a mutant, which are like those of a diff."""
    before: List[str] = []
    after: List[str] = []
    for line in [*lines, "@@"]:
        if line == "@@":
            yield Edit("".join(before), "".join(after))
            before, after = [], []
            continue
        if line[0] in " -":
            before.append(line[1:] + "\n")
        if line[0] in " +":
            after.append(line[1:] + "\n")


class Parser:
    """Reads one file of mutants."""

    def __init__(self, name: str) -> None:
        self.where = name
        self.file = ""
        self.fields: dict = {}
        self.lines: List[str] = []

    def error(self, text: str) -> MutantError:
        return MutantError(f"{self.where}: {text}")

    def end(self) -> Iterator[Mutant]:
        """The mutant that has been read, if there was one."""
        if not self.fields:
            return
        rule, _, text = self.fields.get("breaks", "").partition(": ")
        if rule not in RULES or not text:
            raise self.error(f"{self.fields['mutant']}: 'breaks' takes RULE: TEXT, and RULE is"
                             f" one of {', '.join(RULES)}")
        level = self.fields.get("level", "kunit")
        if level not in LEVELS:
            raise self.error(f"{self.fields['mutant']}: 'level' takes one of {', '.join(LEVELS)}")
        edits = tuple(edits_of(self.lines))
        if any(not edit.before or edit.before == edit.after for edit in edits):
            raise self.error(f"{self.fields['mutant']}: it changes nothing")
        yield Mutant(self.fields["mutant"], self.file, rule, text, level,
                     self.fields.get("survives", ""), edits)
        self.fields, self.lines = {}, []

    def feed(self, line: str) -> Iterator[Mutant]:
        word, _, text = line.partition(" ")
        if not line or line.startswith("#"):
            return
        if word in ("file", "mutant"):
            yield from self.end()
        if word == "file":
            self.file = text
        elif word == "mutant" and self.file:
            self.fields = {"mutant": text}
        elif word in ("breaks", "level", "survives") and self.fields:
            self.fields[word] = text
        elif self.fields and (line[0] in " -+" or line == "@@"):
            self.lines.append(line)
        else:
            raise self.error(f"no line of a mutant: {line!r}")


def parse(name: str, text: str) -> Iterator[Mutant]:
    """The mutants in a file of that name."""
    parser = Parser(name)
    for number, line in enumerate(text.split("\n"), 1):
        parser.where = f"{name}:{number}"
        yield from parser.feed(line)
    yield from parser.end()


def read(folder: Path = HERE) -> List[Mutant]:
    """All mutants, in the order in which they are tried."""
    mutants: List[Mutant] = []
    for path in sorted(folder.glob("*.mutants")):
        mutants += parse(path.name, path.read_text(encoding="utf-8"))
    names = [mutant.name for mutant in mutants]
    for name in names:
        if names.count(name) > 1:
            raise MutantError(f"two mutants are called {name}: rename one")
    return mutants


def select(mutants: Iterable[Mutant], pattern: str) -> List[Mutant]:
    """The mutants whose names match one of the patterns, between which are commas."""
    return [mutant for mutant in mutants
            if any(fnmatch.fnmatch(mutant.name, each) for each in pattern.split(","))]


def planted(mutant: Mutant, source: str) -> str:
    """The source with the fault in it."""
    text = "\n" + source
    for edit in mutant.edits:
        count = text.count("\n" + edit.before)
        if count != 1:
            raise MutantError(f"{mutant.name} does not apply to {mutant.file}: its lines are there"
                              f" {count} times; write them as the source has them now, or take"
                              f" the mutant out: {edit.before.strip()!r}")
        text = text.replace("\n" + edit.before, "\n" + edit.after)
    return text[1:]


def plant(mutant: Mutant, folder: Path, top: Path = TOP) -> None:
    """Put the fault into the copy of the checkout in that folder."""
    source = (top / mutant.file).read_text(encoding="utf-8")
    (folder / mutant.file).write_text(planted(mutant, source), encoding="utf-8")


def restore(mutant: Mutant, folder: Path, top: Path = TOP) -> None:
    """Take the fault out again."""
    (folder / mutant.file).write_bytes((top / mutant.file).read_bytes())


def main(arguments: List[str]) -> int:
    command, *words = arguments or [""]
    try:
        if command == "list" and len(words) <= 1:
            for mutant in select(read(), words[0] if words else "*"):
                print(f"{mutant.name}: {mutant.rule}: {mutant.breaks}")
            return 0
        if command == "plant" and len(words) == 2:
            for mutant in select(read(), words[0]):
                plant(mutant, Path(words[1]))
            return 0
    except (MutantError, OSError) as error:
        print(f"plant.py: {error}", file=sys.stderr)
        return 1
    print((__doc__ or "").strip(), file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
