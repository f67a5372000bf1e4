#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""Tries mutants: plants one after the other, builds it, and runs the tests.

usage: trial.py NAME=VALUE... -- MAKE...

  ONLY=GLOB      mutants to try
  SEED=N         of the tests that are random
  JOBS=N         so many at once
  FULL=0|1       what survives, and what only they can tell, meets the programs in user space
  KERNEL=FOLDER  a UML kernel with what UML needs to load modules
  WORK=FOLDER    a folder for each of those at once, with what is built there
  OUT=FOLDER     for logs, and for trials.json, which results.py reads
  MAKE           the command that builds modules for that kernel, but for its M=FOLDER

Exit status 1 where the unmodified sources do not pass, or a mutant does not apply.
"""

import concurrent.futures
import json
import os
import queue
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import List, NamedTuple, Set

import plant
from judge import Cases, Judge, Verdict

import tap

HERE = Path(__file__).resolve().parent
TOP = HERE.parent.parent

# What a build of the modules takes of a checkout, and what its scripts take.
MODULE_FOLDERS = ("drivers/gpu/drm/ttm/move", "drivers/gpu/drm/vttm", "include")
SCRIPT_FOLDERS = ("scripts", "tools")
MODULES = ("drivers/gpu/drm/ttm/move/ttm_move.ko",
           "drivers/gpu/drm/ttm/move/tests/ttm_move_kunit.ko")

# A kernel may take so much more time than the unmodified sources need: of the CPU, which
# a hang takes as well since nobody sleeps for long there, and for those who do, by the clock.
CPU_FACTOR, CPU_MORE = 6, 20
CLOCK_FACTOR, CLOCK_MORE = 30, 300


class Trial(NamedTuple):
    """What came of one mutant; result is caught, survived, broken, or skipped."""
    name: str
    result: str
    by: str
    how: str
    seconds: float


class Options(NamedTuple):
    """The command line."""
    only: str
    seed: int
    jobs: int
    full: bool
    kernel: Path
    work: Path
    out: Path
    make: List[str]


class Failure(Exception):
    """Nothing can be tried; the text says why and what to do."""


def say(text: str) -> None:
    print(f"==> {text}", file=sys.stderr, flush=True)


# Kernels that run, each in a session of its own: they do not end with this program.
running: "Set[subprocess.Popen[bytes]]" = set()


def stop(number: int, _: object) -> None:
    """Somebody ends this program: end what it has started."""
    for process in list(running):
        kill(process)
    os._exit(128 + number)


class Bench:
    """A folder to build in, and a kernel to run what was built."""

    def __init__(self, options: Options, number: int) -> None:
        self.options = options
        self.folder = options.work / str(number)
        self.console = self.folder / "console.log"
        self.log = self.folder / "build.log"

    def prepare(self) -> None:
        """A copy of the checkout; what is the same there stays, with its time."""
        for name in MODULE_FOLDERS + SCRIPT_FOLDERS:
            for source in sorted((TOP / name).rglob("*")):
                copy = self.folder / source.relative_to(TOP)
                if source.is_file() and "__pycache__" not in source.parts:
                    copy.parent.mkdir(parents=True, exist_ok=True)
                    if not copy.exists() or copy.read_bytes() != source.read_bytes():
                        shutil.copy(source, copy)
        (self.folder / "Kbuild").write_text(
            f"subdir-ccflags-y += -DCONFIG_DRM_TTM_MOVE_MODULE=1 -I{self.folder}/include\n"
            # Who is not called any more is no mistake that the compiler has found.
            "subdir-ccflags-y += -Wno-unused-function\n"
            f"obj-m += {MODULE_FOLDERS[0]}/ {MODULE_FOLDERS[0]}/tests/\n")

    def build(self) -> str:
        """What the compiler complains about; empty where it does not."""
        command = [*self.options.make, f"M={self.folder}", "KCFLAGS=-Werror",
                   "CONFIG_DRM_TTM_MOVE=m", "CONFIG_DRM_TTM_MOVE_KUNIT_TEST=m", "modules"]
        with open(self.log, "w", encoding="utf-8") as log:
            status = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log,
                                    stderr=subprocess.STDOUT, check=False).returncode
        if not status:
            return ""
        lines = self.log.read_text(errors="replace").splitlines()
        return next((line for line in lines if "error" in line), lines[-1] if lines else "make fails")

    def root(self) -> Path:
        """The guest's file system: what its first process needs, and the modules."""
        root = self.folder / "root"
        for name in ("bin", "dev", "proc", "sys"):
            (root / name).mkdir(parents=True, exist_ok=True)
        shutil.copy("/bin/busybox", root / "bin/busybox")
        shutil.copy(HERE / "uml-job", root / "init")
        for name in MODULES:
            shutil.copy(self.folder / name, root)
        return root

    def command(self, root: Path) -> List[str]:
        return [str(self.options.kernel / "linux"), "mem=512M", "console=tty",
                "time-travel", "root=/dev/root", "rootfstype=hostfs",
                f"rootflags={root}", "ro", "init=/init", "panic=-1", "panic_on_oops=1",
                "printk.devkmsg=on", "kunit.filter_glob=ttm_move*",
                f"SEED={self.options.seed}", "MODULES="]

    def boot(self, judge: Judge, cpu: int, clock: float) -> Verdict:
        """Run the tests until the judge has decided or the time is over."""
        process = subprocess.Popen(
            self.command(self.root()), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, start_new_session=True)
        resource.prlimit(process.pid, resource.RLIMIT_CPU, (cpu, cpu + 5))
        running.add(process)
        alarm = threading.Timer(clock, kill, [process])
        alarm.start()
        started = time.monotonic()
        assert process.stdout
        with open(self.console, "wb") as console:
            for line in process.stdout:
                console.write(line)
                judge.feed(line.decode(errors="replace"))
                if judge.decided and not judge.decided.passed:
                    break
        alarm.cancel()
        late = time.monotonic() - started >= clock
        if judge.decided:
            kill(process)
        late |= process.wait() in (-signal.SIGXCPU, 128 + signal.SIGXCPU)
        kill(process)
        running.discard(process)
        return judge.end_of_console(late)

    def keep(self, name: str) -> None:
        """The logs, for whoever wants to know more."""
        for log in (self.console, self.log):
            if log.exists():
                shutil.copy(log, self.options.out / f"{name}.{log.name}")


def kill(process: "subprocess.Popen[bytes]") -> None:
    """End a kernel with all its processes, which are in a session of their own."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


class Baseline(NamedTuple):
    """What the unmodified sources did."""
    cases: Cases
    cpu: int
    clock: float


def cpu_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def baseline(bench: Bench) -> Baseline:
    """Run the unmodified sources, which must pass; how long they take sets the limits."""
    complaint = bench.build()
    if complaint:
        raise Failure(f"the modules do not build: {complaint}; see {bench.log}")
    judge, started, before = Judge(), time.monotonic(), cpu_of_children()
    verdict = bench.boot(judge, 600, 1800)
    bench.keep("unmodified")
    if not verdict.passed:
        raise Failure(f"the unmodified sources do not pass: {verdict.by}: {verdict.how};"
                      f" see {bench.options.out}/unmodified.console.log")
    cpu, clock = cpu_of_children() - before, time.monotonic() - started
    say(f"the unmodified sources pass {sum(map(len, judge.ran.values()))} tests in {clock:.1f} s")
    return Baseline(judge.ran, int(cpu * CPU_FACTOR) + CPU_MORE, clock * CLOCK_FACTOR + CLOCK_MORE)


def attempt(bench: Bench, mutant: plant.Mutant, base: Baseline) -> Trial:
    """Try one mutant on the kernel."""
    started = time.monotonic()
    plant.plant(mutant, bench.folder)
    try:
        complaint = bench.build()
        if complaint:
            verdict, result = Verdict("the compiler", complaint), "broken"
        else:
            verdict = bench.boot(Judge(base.cases), base.cpu, base.clock)
            result = "survived" if verdict.passed else "caught"
    finally:
        plant.restore(mutant, bench.folder)
    bench.keep(mutant.name)
    return Trial(mutant.name, result, verdict.by, verdict.how, time.monotonic() - started)


class Progress:
    """A line for each mutant, with how long the others will take."""

    def __init__(self, total: int) -> None:
        self.total, self.done, self.started = total, 0, time.monotonic()
        self.lock = threading.Lock()

    def tell(self, trial: Trial) -> None:
        with self.lock:
            self.done += 1
            passed = time.monotonic() - self.started
            left = passed / self.done * (self.total - self.done)
            say(f"{self.done} of {self.total}, {minutes(passed)}, {minutes(left)} left:"
                f" {trial.result} {trial.name}" + f" by {trial.by}" * bool(trial.by))


def minutes(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def try_all(benches: List[Bench], mutants: List[plant.Mutant], base: Baseline) -> List[Trial]:
    """Try the mutants, on as many benches as there are."""
    free: "queue.SimpleQueue[Bench]" = queue.SimpleQueue()
    progress = Progress(len(mutants))
    for bench in benches:
        free.put(bench)

    def one(mutant: plant.Mutant) -> Trial:
        bench = free.get()
        try:
            trial = attempt(bench, mutant, base)
        finally:
            free.put(bench)
        progress.tell(trial)
        return trial

    with concurrent.futures.ThreadPoolExecutor(len(benches)) as pool:
        return list(pool.map(one, mutants))


# The programs in user space, for what the tests in the kernel cannot tell


def guest(bench: Bench) -> Verdict:
    """Run them on the distribution's kernel, with the modules as they are in the copy."""
    out = bench.folder / "out"
    with open(bench.log, "w", encoding="utf-8") as log:
        status = subprocess.run([bench.folder / "scripts/guest-test", f"OUT={out}",
                                 f"SEED={bench.options.seed}"], stdin=subprocess.DEVNULL,
                                stdout=log, stderr=subprocess.STDOUT, check=False).returncode
    if not status:
        return Verdict("", "")
    bad = next((row for row in tap.all_rows(out) if row.result == "fail"), None)
    last = bench.log.read_text(errors="replace").splitlines()[-1:]
    return Verdict(f"vttm-test: {bad.name}" if bad else "scripts/guest-test",
                   bad.reason if bad else "".join(last))


def attempt_guest(bench: Bench, mutant: plant.Mutant) -> Trial:
    """Try one mutant on the programs in user space."""
    started = time.monotonic()
    plant.plant(mutant, bench.folder)
    try:
        verdict = guest(bench)
    finally:
        plant.restore(mutant, bench.folder)
    say(f"in user space: {mutant.name}: {verdict.by or 'survived'}")
    return Trial(mutant.name, "survived" if verdict.passed else "caught", verdict.by,
                 verdict.how, time.monotonic() - started)


def try_guest(bench: Bench, mutants: List[plant.Mutant]) -> List[Trial]:
    """Try the mutants on the programs in user space, which the unmodified sources pass."""
    if not bench.options.full:
        return [Trial(mutant.name, "skipped", "", "only the programs in user space can tell:"
                      " run with FULL=1", 0.0) for mutant in mutants]
    if not mutants:
        return []
    say(f"the programs in user space, on {len(mutants)} mutants")
    verdict = guest(bench)
    if not verdict.passed:
        raise Failure(f"the unmodified sources do not pass: {verdict.by}: {verdict.how};"
                      f" see {bench.log}")
    return [attempt_guest(bench, mutant) for mutant in mutants]


def second_chance(bench: Bench, mutants: List[plant.Mutant], trials: List[Trial]) -> List[Trial]:
    """The trials, where those of survivors are replaced by what user space says of them."""
    names = {trial.name for trial in trials if trial.result == "survived"}
    if not bench.options.full:
        return trials
    again = {trial.name: trial
             for trial in try_guest(bench, [each for each in mutants if each.name in names])}
    return [again.get(trial.name, trial) for trial in trials]


def run(options: Options) -> None:
    mutants = plant.select(plant.read(), options.only)
    if not mutants:
        raise Failure(f"no mutant matches ONLY={options.only}: scripts/mutants.d/plant.py list")
    for mutant in mutants:
        plant.planted(mutant, (TOP / mutant.file).read_text(encoding="utf-8"))
    benches = [Bench(options, number) for number in range(1, options.jobs + 1)]
    for bench in benches:
        bench.prepare()
    base = baseline(benches[0])
    for bench in benches[1:]:
        bench.build()
    fast = [mutant for mutant in mutants if mutant.level == "kunit"]
    trials = second_chance(benches[0], fast, try_all(benches, fast, base))
    trials += try_guest(benches[0], [mutant for mutant in mutants if mutant.level == "guest"])
    (options.out / "trials.json").write_text(
        json.dumps({"seed": options.seed, "trials": [trial._asdict() for trial in trials]}))


def parse(arguments: List[str]) -> Options:
    split = arguments.index("--")
    words = dict(word.split("=", 1) for word in arguments[:split])
    return Options(words["ONLY"], int(words["SEED"]), int(words["JOBS"]), words["FULL"] == "1",
                   Path(words["KERNEL"]), Path(words["WORK"]), Path(words["OUT"]),
                   arguments[split + 1:])


def main(arguments: List[str]) -> int:
    try:
        options = parse(arguments)
    except (ValueError, KeyError):
        print((__doc__ or "").strip(), file=sys.stderr)
        return 2
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    try:
        run(options)
    except (Failure, plant.MutantError) as error:
        print(f"mutants: error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
