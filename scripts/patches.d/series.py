#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""Cuts the overlay into the patches of a series.

usage: series.py cut OVERLAY FILES HOOKS AUTHOR FOLDER
       series.py insert FOLDER/PATCH TREE
       series.py page FILE

cut: FILES lists what OVERLAY, a checkout, has for a kernel tree, HOOKS is all its hooks in
their order. FOLDER gets a folder for each patch, in their order, with what the patch adds
(files, semantic) and what there is of hooks when it is applied (hooks), its commit message
(message), the types of checkpatch's complaints that do not apply to it (ignore), and what
it inserts into the kernel's texts (insert.json). Exit status 1 where a part of the overlay
is in no patch, or in two.

insert: do the latter in TREE.

page: print a page of the documentation as the series has it: without what is between two
lines '.. make patches leaves out: begin' and '.. make patches leaves out: end', which is
about this repository. What remains must refer to nothing that is not in the series.

A patch is described in a file NN-NAME beside this script: headers, an empty line, and the
text of its commit message.

  Subject: TEXT            of the commit message
  Takes: GLOB              files that the patch adds, or semantic patches that it applies;
                           ** stands for more than one folder
  Hooks: GLOB              lines of HOOKS
  Insert: FILE: LINE after OTHER     in a list, with the same indentation
  Entries: FILE            of this folder, into MAINTAINERS
  Ignore: TYPE...          complaints of checkpatch
  Each: GLOB               a patch for each such semantic patch: {name} stands for what the
                           * in GLOB does, {folder} for a folder that it changes something
                           in, {comment} for its first comment. Gets what is left over.

A patch for which there is nothing is none of the series.
"""

import json
import re
import sys
import textwrap
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Dict, Iterable, List, NamedTuple

HERE = Path(__file__).parent
KINDS = ("Takes", "Hooks", "Insert", "Entries", "Ignore", "Each", "Subject")
APPLIES = "// Applies to:"

MARK = ".. make patches leaves out:"
LEFT_OUT = re.compile(rf"^{re.escape(MARK)} begin\n.*?^{re.escape(MARK)} end\n+", re.M | re.S)

# What a page may refer to: another page, or a command or folder of this repository, of which
# a kernel has some that are called the same.
PAGE = re.compile(r":doc:`(?:[^`<]*<)?([\w-]+)>?`|Documentation/gpu/([\w-]+)\.rst")
OURS = re.compile(r"(?:``|^\t)((?:make [a-z]|scripts/|tools/|out/)[^`\n]*)", re.M)


class SeriesError(Exception):
    """A series that cannot be cut; the text says what to do."""


class Description(NamedTuple):
    """A patch as it is described."""
    name: str
    headers: Dict[str, List[str]]
    body: str
    left_over: bool = False

    def all(self, kind: str) -> List[str]:
        """All headers of a kind."""
        return self.headers.get(kind, [])

    @property
    def subject(self) -> str:
        """The first line of the message."""
        return self.all("Subject")[0]


class Part(NamedTuple):
    """Something that one of the patches has to take."""
    kind: str
    text: str


def wrap(text: str) -> str:
    """Paragraphs as a commit message has them."""
    return "\n\n".join(textwrap.fill(paragraph, 72, break_on_hyphens=False)
                       for paragraph in text.split("\n\n"))


def without_licence(text: str) -> str:
    """A file of this folder without its first comment."""
    return re.sub(r"\A(#.*\n)+", "", text)


def parse(name: str, text: str) -> Description:
    """A description."""
    head, _, body = without_licence(text).partition("\n\n")
    headers: Dict[str, List[str]] = {}
    for line in head.splitlines():
        kind, colon, value = line.partition(": ")
        if not colon or kind not in KINDS:
            raise SeriesError(f"{name}: '{line}' is none of the headers {', '.join(KINDS)}")
        headers.setdefault(kind, []).append(value)
    if len(headers.get("Subject", [])) != 1 or not body.strip():
        raise SeriesError(f"{name}: needs one 'Subject: ' and a text below an empty line")
    return Description(name, headers, body.strip())


def matches(glob: str, path: str) -> bool:
    """Whether a path matches, where * is one folder's and ** any."""
    pattern = re.escape(glob).replace(r"\*\*", ".*").replace(r"\*", "[^/]*")
    return re.fullmatch(pattern, path) is not None


def comment_of(semantic: str) -> str:
    """What a semantic patch says of itself, but for the driver's name."""
    lines = []
    for line in semantic.splitlines():
        if not line.startswith("//"):
            break
        if not line.startswith((APPLIES, "// SPDX-")):
            lines.append(line[2:].strip())
    return re.sub(r"\A\w+\. ", "", "\n".join(lines).strip())


def folders_of(semantic: str) -> List[str]:
    """In which folders a semantic patch changes something."""
    files = re.findall(rf"^{APPLIES} *(.*)$", semantic, re.M)
    return sorted({str(Path(file).parent) for line in files for file in line.split()})


def fill(pattern: str, values: Dict[str, str]) -> str:
    """Replace {name} and the like."""
    for key, value in values.items():
        pattern = pattern.replace("{" + key + "}", value)
    return pattern.strip()


def instance(template: Description, glob: str, path: str, text: str) -> Description:
    """The patch that a template describes, for one semantic patch."""
    before, _, after = glob.partition("*")
    name = path[len(before):len(path) - len(after)].replace("_", "-")
    values = {"name": name, "comment": comment_of(text)}
    headers = {kind: [fill(line, {**values, "folder": folder}) for line in lines
                      for folder in (folders_of(text) if "{folder}" in line else [""])]
               for kind, lines in template.headers.items() if kind != "Each"}
    headers.setdefault("Takes", []).append(path)
    return Description(f"{template.name}-{name}", headers, fill(template.body, values), True)


def takes(patch: Description, part: Part) -> bool:
    """Whether a patch asks for a part."""
    if part.kind == "Hooks":
        return any(fnmatchcase(part.text, glob) for glob in patch.all("Hooks"))
    return any(matches(glob, part.text) for glob in patch.all("Takes"))


def expand(described: List[Description], overlay: Path, files: Iterable[str]) -> List[Description]:
    """The patches that are described, with one for each semantic patch that only a template
    asks for."""
    patches = []
    for description in described:
        if not description.all("Each"):
            patches.append(description)
        for glob in description.all("Each"):
            patches += [instance(description, glob, file,
                                 (overlay / file).read_text(encoding="utf-8"))
                        for file in files if matches(glob, file)
                        and not any(takes(other, Part("Takes", file)) for other in described)]
    return patches


def owner(part: Part, patches: List[Description], left_out: List[str]) -> str:
    """The patch that takes a part; empty where it is left out."""
    firm = [patch.name for patch in patches if not patch.left_over and takes(patch, part)]
    spare = [patch.name for patch in patches if patch.left_over and takes(patch, part)]
    names = firm or spare[:1]
    if len(names) > 1:
        raise SeriesError(f"{part.text} is in {' and '.join(names)}: let only one take it")
    if names:
        return names[0]
    if part.kind == "Takes" and any(matches(glob, part.text) for glob in left_out):
        return ""
    raise SeriesError(f"no patch has {part.text}: let one in {HERE} take it, "
                      "or name it in left-out, with a reason")


def left_out_globs(text: str) -> List[str]:
    """What no patch needs to take."""
    return [line.partition(": ")[0] for line in without_licence(text).splitlines() if line]


def read_descriptions(folder: Path) -> List[Description]:
    """All descriptions, in their order."""
    return [parse(path.name, path.read_text(encoding="utf-8"))
            for path in sorted(folder.glob("[0-9][0-9]-*"))]


def insertions(patch: Description, author: str) -> Dict:
    """What a patch inserts into texts of the kernel."""
    entries = "\n\n".join(without_licence((HERE / name).read_text(encoding="utf-8"))
                          for name in patch.all("Entries"))
    lines = []
    for header in patch.all("Insert"):
        match = re.fullmatch(r"(\S+): (.*) after (.*)", header)
        if not match:
            raise SeriesError(f"{patch.name}: 'Insert: {header}' is not 'FILE: LINE after OTHER'")
        lines.append(match.groups())
    return {"entries": fill(entries, {"author": author}), "lines": lines}


def write(folder: Path, patch: Description, mine: List[Part], hooks: str, author: str) -> None:
    """A patch's folder."""
    folder.mkdir(parents=True)
    paths = [part.text for part in mine if part.kind == "Takes"]
    for name, lines in {
            "files": [path for path in paths if not path.endswith(".cocci")],
            "semantic": [path for path in paths if path.endswith(".cocci")],
            "ignore": " ".join(patch.all("Ignore")).split()}.items():
        (folder / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    (folder / "hooks").write_text(hooks, encoding="utf-8")
    (folder / "message").write_text(f"{patch.subject}\n\n{wrap(patch.body)}\n", encoding="utf-8")
    (folder / "insert.json").write_text(json.dumps(insertions(patch, author)), encoding="utf-8")


def check_maintained(patches: List[Description], files: List[str], author: str) -> None:
    """Every file has somebody. What is added to a driver has the driver's maintainers."""
    entries = "".join(insertions(patch, author)["entries"] + "\n" for patch in patches)
    globs = [glob + "**" if glob.endswith("/") else glob
             for glob in re.findall(r"^F:\t(.*)$", entries, re.M)]
    for file in files:
        if entries.strip() and not any(matches(glob, file) for glob in globs):
            raise SeriesError(f"{file} has no maintainer: give an entry of {HERE}/maintainers "
                              "a line 'F:' for it")


def page(name: str, text: str) -> str:
    """A page of the documentation without what is about this repository."""
    text = LEFT_OUT.sub("", text).rstrip("\n") + "\n"
    if MARK in text:
        raise SeriesError(f"{name}: a line '{MARK} begin' and one with 'end' belong together")
    return text


def read_pages(overlay: Path, files: Iterable[str]) -> Dict[str, str]:
    """The pages among the files, as the series has them."""
    return {file: page(file, (overlay / file).read_text(encoding="utf-8"))
            for file in files if file.startswith("Documentation/")}


def check_pages(pages: Dict[str, str], patches: List[Description]) -> None:
    """The pages are whole: each is in a list, and refers to what is in the series."""
    names = {Path(file).stem for file in pages}
    listed = {line.partition(": ")[2].partition(" after ")[0]
              for patch in patches for line in patch.all("Insert")}
    for file, text in pages.items():
        if Path(file).stem not in listed:
            raise SeriesError(f"{file} is in no list: give its patch an 'Insert: '")
        foreign = [name for both in PAGE.findall(text) for name in both if name not in names | {""}]
        for name in foreign + OURS.findall(text):
            raise SeriesError(f"{file} refers to {name}, which is not in the series: let a patch "
                              f"take that, or leave out the sentence, by '{MARK} begin'")


def cut(overlay: Path, files: List[str], hooks: List[str], author: str, folder: Path) -> None:
    """Cut the overlay into patches."""
    left_out = left_out_globs((HERE / "left-out").read_text(encoding="utf-8"))
    patches = expand(read_descriptions(HERE), overlay, files)
    parts = [Part("Takes", file) for file in files] + [Part("Hooks", hook) for hook in hooks]
    owners = {part: owner(part, patches, left_out) for part in parts}
    ours = {patch.name for patch in patches if not patch.left_over}
    check_maintained(patches, [part.text for part, name in owners.items() if name in ours
                               and part.kind == "Takes" and not part.text.endswith(".cocci")],
                     author)
    check_pages(read_pages(overlay, [part.text for part, name in owners.items()
                                     if name and part.kind == "Takes"]), patches)
    patches = [patch for patch in patches if patch.name in owners.values()
               or patch.all("Insert") or patch.all("Entries")]
    applied = set()
    for number, patch in enumerate(patches, 1):
        applied.add(patch.name)
        mine = [part for part in parts if owners[part] == patch.name]
        present = "".join(f"{hook}\n" for hook in hooks
                          if owners[Part("Hooks", hook)] in applied)
        write(folder / f"{number:02d}-{patch.name.partition('-')[2]}", patch, mine, present, author)


def insert_line(text: str, line: str, anchor: str, where: str) -> str:
    """A line into a list."""
    found = re.findall(rf"^([ \t]*){re.escape(anchor)}$", text, re.M)
    if len(found) != 1:
        raise SeriesError(f"{where} has {len(found)} lines '{anchor}', behind which '{line}' "
                          "belongs: name another one in its Insert")
    return re.sub(rf"^([ \t]*){re.escape(anchor)}\n", rf"\g<0>\g<1>{line}\n", text, flags=re.M)


def place(title: str, titles: List[str]) -> int:
    """Where a title belongs in a list that is almost in alphabetical order: where most are
    on the right side of it."""
    wrong = sum(other < title for other in titles)
    best, where = wrong, 0
    for number, other in enumerate(titles, 1):
        wrong += 1 if other > title else -1
        if wrong < best:
            best, where = wrong, number
    return where


def insert_entries(text: str, entries: str) -> str:
    """Entries into MAINTAINERS, each in its place of the alphabet."""
    start = text.rfind("\n\n", 0, text.index("\nM:\t")) + 2
    blocks = text[start:].rstrip("\n").split("\n\n")
    for entry in entries.split("\n\n"):
        titles = [block.partition("\n")[0] for block in blocks]
        blocks.insert(place(entry.partition("\n")[0], titles), entry.strip())
    return text[:start] + "\n\n".join(blocks) + "\n"


def edit(path: Path, change) -> None:
    """Change a text of the kernel."""
    if not path.exists():
        raise SeriesError(f"this kernel has no {path.name}, where the series inserts something")
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")


def insert(patch: Path, tree: Path) -> None:
    """What a patch inserts."""
    wanted = json.loads((patch / "insert.json").read_text(encoding="utf-8"))
    for file, line, anchor in wanted["lines"]:
        edit(tree / file, lambda text, l=line, a=anchor, f=file: insert_line(text, l, a, f))
    if wanted["entries"]:
        edit(tree / "MAINTAINERS", lambda text: insert_entries(text, wanted["entries"]))


def read_lines(path: str) -> List[str]:
    """The lines of a file."""
    return Path(path).read_text(encoding="utf-8").splitlines()


def main(arguments: List[str]) -> int:
    """The command."""
    try:
        if arguments[:1] == ["cut"] and len(arguments) == 6:
            overlay, files, hooks, author, folder = arguments[1:]
            cut(Path(overlay), read_lines(files), read_lines(hooks), author, Path(folder))
        elif arguments[:1] == ["insert"] and len(arguments) == 3:
            insert(Path(arguments[1]), Path(arguments[2]))
        elif arguments[:1] == ["page"] and len(arguments) == 2:
            print(page(arguments[1], Path(arguments[1]).read_text(encoding="utf-8")), end="")
        else:
            print(__doc__.strip(), file=sys.stderr)
            return 2
    except SeriesError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
