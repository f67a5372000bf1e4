#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""Tests of the tools for users, on handwritten traces."""

import contextlib
import importlib.machinery
import importlib.util
import io
import json
import os
import tempfile
import unittest
import xml.etree.ElementTree as ET
from unittest import mock

import ttm_move_figures
import ttm_move_live
import ttm_move_perfetto
import ttm_move_trace

HERE = os.path.dirname(os.path.abspath(__file__))

# As the kernel prints it: a job that goes well, and one of the same timeline that fails and
# one of another that waits.
KERNEL = """# tracer: nop
#
#           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION
#              | |         |   |||||     |         |
       vttm-walk-81      [001] .....    10.000000: ttm_move_queued: context=7 seqno=1 dir=out bytes=1048576 ns=0 error=0
       vttm-walk-81      [001] .....    10.000010: ttm_move_ready: context=7 seqno=1 dir=out bytes=1048576 ns=10000 error=0
  kworker/u9:2-55        [000] ...1.    10.000030: ttm_move_copy_begin: context=7 seqno=1 dir=out bytes=1048576 ns=20000 error=0
       vttm-walk-81      [001] .....    10.000040: ttm_move_queued: context=9 seqno=1 dir=in bytes=4096 ns=0 error=0
  kworker/u9:2-55        [000] ...1.    10.001030: ttm_move_copy_end: context=7 seqno=1 dir=out bytes=1048576 ns=1000000 error=0
  kworker/u9:2-55        [000] d..1.    10.001040: ttm_move_retired: context=7 seqno=1 dir=out bytes=1048576 ns=1040000 error=0
       vttm-walk-81      [001] .....    10.001100: ttm_move_queued: context=7 seqno=2 dir=clear bytes=8192 ns=0 error=0
           <...>-56      [000] .....    10.001200: ttm_move_copy_begin: context=7 seqno=2 dir=clear bytes=8192 ns=1 error=0
           <...>-56      [000] .....    10.001300: ttm_move_copy_end: context=7 seqno=2 dir=clear bytes=8192 ns=500000 error=-5
           <...>-56      [000] .....    10.002000: ttm_move_retired: context=7 seqno=2 dir=clear bytes=8192 ns=900000 error=-5
"""

# As trace-cmd reports it, with nanoseconds, without flags, and with them.
TRACE_CMD = """cpus=2
       vttm-walk-81    [001]    10.000000001: ttm_move_queued:      context=7 seqno=1 dir=out bytes=4096 ns=0 error=0
    kworker/u9:2-55    [000] .....    10.000000501: ttm_move_copy_begin:  context=7 seqno=1 dir=out bytes=4096 ns=20 error=0
    kworker/u9:2-55    [000]    10.000000901: ttm_move_copy_end:    context=7 seqno=1 dir=out bytes=4096 ns=400 error=0
"""

DEBUGFS = """job_bytes: 912
jobs: 12
write_aperture: plain
in_flight:
job      timeline     context    state    dir            bytes   age_us
13       evict        7          copying  out           524288       40
"""


def load(name):
    """A tool, which has no suffix, as a module."""
    loader = importlib.machinery.SourceFileLoader(name.replace("-", "_"),
                                                  os.path.join(HERE, name))
    module = importlib.util.module_from_spec(
        importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


def events():
    return ttm_move_trace.parse_events(KERNEL.splitlines())


class Trace(unittest.TestCase):
    def test_kernel(self):
        found = events()
        self.assertEqual(len(found), 10)
        self.assertEqual(found[2], ttm_move_trace.Event(
            "kworker/u9:2-55", 10_000_030_000, "copy_begin", 7, 1, "out", 1048576, 20000, 0))

    def test_trace_cmd(self):
        found = ttm_move_trace.parse_events(TRACE_CMD.splitlines())
        self.assertEqual([event.time_ns - 10**10 for event in found], [1, 501, 901])
        self.assertEqual({event.task for event in found}, {"vttm-walk-81", "kworker/u9:2-55"})

    def test_jobs(self):
        first, waiting, failed = ttm_move_trace.jobs_of_events(events())
        self.assertEqual((first.context, first.seqno, first.worker), (7, 1, "kworker/u9:2-55"))
        self.assertEqual(set(waiting.stage_ns), {"queued"})
        self.assertEqual((failed.worker, failed.error, failed.bytes), ("kworker-56", -5, 8192))

    def test_a_job_without_its_beginning_is_none(self):
        text = "".join(line for line in KERNEL.splitlines(True) if "queued" not in line)
        self.assertEqual(ttm_move_trace.parse_trace(text.splitlines()), [])

    def test_others_events_are_none(self):
        self.assertEqual(ttm_move_trace.parse_events(
            ["  bash-1 [000] ..... 1.000000: sched_switch: context=1 seqno=1 dir=in bytes=1"]), [])


class Figures(unittest.TestCase):
    def setUp(self):
        self.figures = ttm_move_figures.Figures()

    def test_report(self):
        self.figures.add_all(events())
        self.assertEqual(self.figures.span_s(), 0.002)
        self.assertEqual(self.figures.report(0.5), {
            "seconds": 0.5, "in_flight": 1, "jobs": 2, "jobs_per_s": 4.0, "errors": 1,
            "gb_per_s": {"clear": 0.000016, "out": 0.002097},
            "bytes": {"clear": 8192, "out": 1048576}, "saved_s": 0.0015,
            "latency_us": [{"below": 1024, "jobs": 1}, {"below": 2048, "jobs": 1}]})

    def test_what_is_in_flight_outlives_a_stretch(self):
        self.figures.add_all(events()[:4])
        self.figures.reset()
        self.assertEqual(self.figures.report(1)["in_flight"], 2)
        self.figures.add_all(events()[4:6])
        self.assertEqual(self.figures.report(1)["in_flight"], 1)
        self.assertEqual(self.figures.report(1)["jobs"], 1)

    def test_nothing(self):
        text = ttm_move_figures.show(self.figures.report(0), "title")
        self.assertIn("nothing was copied", text)
        self.assertIn("no job has ended", text)

    def test_buckets(self):
        self.assertEqual([ttm_move_figures.bucket_of(us) for us in (0.5, 1, 1.9, 2, 1023, 1024)],
                         [0, 1, 1, 2, 10, 11])

    def test_histogram_has_no_gaps(self):
        lines = ttm_move_figures.histogram([{"below": 1, "jobs": 1}, {"below": 8, "jobs": 80}])
        self.assertEqual([line.split()[-1] for line in lines], ["#", "0", "0", "#" * 40])

    def test_show(self):
        self.figures.add_all(events())
        report = self.figures.report(1)
        report.update(lost_events=3, workers=[{"device": "card0",
                                               **ttm_move_live.parse_debugfs(DEBUGFS)}])
        text = ttm_move_figures.show(report, "title")
        for part in ("in flight          1", "1 with an error", "3 events were lost", "card0",
                     "jobs 12", "evict"):
            self.assertIn(part, text)


class Live(unittest.TestCase):
    def reader(self):
        """A trace whose events come from the test."""
        trace = ttm_move_live.LiveTrace.__new__(ttm_move_live.LiveTrace)
        trace.pipe, write_end = os.pipe()
        os.set_blocking(trace.pipe, False)
        trace.rest, trace.lost = b"", 0
        self.addCleanup(os.close, trace.pipe)
        self.addCleanup(os.close, write_end)
        return trace, write_end

    def test_a_line_may_come_in_pieces(self):
        trace, write_end = self.reader()
        text = KERNEL.encode()
        cut = text.index(b"ttm_move_ready") + 3
        os.write(write_end, text[:cut])
        self.assertEqual([event.stage for event in trace.take()], ["queued"])
        os.write(write_end, text[cut:])
        self.assertEqual(len(trace.take()), 9)
        self.assertEqual(trace.take(), [])

    def test_lost_events(self):
        trace, write_end = self.reader()
        os.write(write_end, b"CPU:1 [LOST 250 EVENTS]\nCPU:0 [LOST 5")
        self.assertEqual((trace.take(), trace.lost), ([], 250))
        os.write(write_end, b"0 EVENTS]\n")
        self.assertEqual((trace.take(), trace.lost), ([], 300))

    def test_debugfs(self):
        worker = ttm_move_live.parse_debugfs(DEBUGFS)
        self.assertEqual(worker["totals"], {"job_bytes": "912", "jobs": "12",
                                            "write_aperture": "plain"})
        self.assertEqual(ttm_move_live.jobs_in_flight([worker, worker]), 2)

    def test_a_device_has_several_names(self):
        with tempfile.TemporaryDirectory() as folder:
            os.mkdir(os.path.join(folder, "0000:00:03.0"))
            with open(os.path.join(folder, "0000:00:03.0/ttm_move"), "w",
                      encoding="ascii") as file:
                file.write(DEBUGFS)
            os.symlink("0000:00:03.0", os.path.join(folder, "128"))
            with mock.patch.object(ttm_move_live, "DEBUGFS", f"{folder}/*/ttm_move"):
                self.assertEqual([worker["device"] for worker in ttm_move_live.workers()],
                                 ["0000:00:03.0"])

    def refusal(self, root, uid):
        with mock.patch.object(ttm_move_live, "TRACEFS", (root,)), \
                mock.patch("os.geteuid", return_value=uid), \
                self.assertRaises(ttm_move_trace.TraceError) as caught:
            ttm_move_live.find_tracefs()
        return str(caught.exception)

    def test_what_is_missing_is_said(self):
        self.assertIn("sudo", self.refusal("/nonexistent", 1000))
        self.assertIn("mount -t tracefs", self.refusal("/nonexistent", 0))
        with tempfile.TemporaryDirectory() as folder:
            os.makedirs(os.path.join(folder, "instances"))
            self.assertIn("modprobe ttm_move", self.refusal(folder, 0))
            os.makedirs(os.path.join(folder, "events/ttm_move"))
            with mock.patch.object(ttm_move_live, "TRACEFS", ("/nonexistent", folder)):
                self.assertEqual(ttm_move_live.find_tracefs(), folder)


class Perfetto(unittest.TestCase):
    def test_slices(self):
        found = ttm_move_perfetto.convert(ttm_move_trace.jobs_of_events(events()))["traceEvents"]
        copies = [event for event in found if event["ph"] == "X"]
        self.assertEqual([(copy["name"], copy["ts"], copy["dur"]) for copy in copies],
                         [("out 1048576 bytes", 10000030.0, 1000.0),
                          ("clear 8192 bytes", 10001200.0, 100.0)])
        threads = {event["tid"]: event["args"]["name"] for event in found
                   if event["name"] == "thread_name" and event["pid"] == 1}
        self.assertEqual([threads[copy["tid"]] for copy in copies],
                         ["kworker/u9:2-55", "kworker-56"])

    def test_parts_begin_and_end(self):
        found = ttm_move_perfetto.convert(ttm_move_trace.jobs_of_events(events()))["traceEvents"]
        begun = [event["name"] for event in found if event["ph"] == "b" and event["id"] == "7:1"]
        self.assertEqual(begun, ["waiting", "ready", "copying", "done"])
        ends = [event["ts"] for event in found if event["ph"] == "e" and event["id"] == "7:1"]
        self.assertEqual(ends, [10000010.0, 10000030.0, 10001030.0, 10001040.0])
        self.assertEqual(len([event for event in found if event["ph"] == "b"]),
                         len([event for event in found if event["ph"] == "e"]))


class Commands(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.trace = self.put("trace.txt", KERNEL)

    def put(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "wb" if isinstance(text, bytes) else "w") as file:
            file.write(text)
        return path

    def command(self, name, *arguments):
        out, err = io.StringIO(), io.StringIO()
        with mock.patch("sys.argv", [name, *arguments]), contextlib.redirect_stdout(out), \
                contextlib.redirect_stderr(err):
            try:
                status = load(name).main()
            except SystemExit as end:
                status = end.code
        return status, out.getvalue(), err.getvalue()

    def test_top(self):
        status, out, _ = self.command("ttm-move-top", "--file", self.trace)
        self.assertEqual(status, 0)
        self.assertIn("jobs ended              2", out)

    def test_top_json(self):
        status, out, _ = self.command("ttm-move-top", "--json", "--file", self.trace)
        self.assertEqual(status, 0)
        self.assertEqual(json.loads(out)["jobs"], 2)

    def test_top_without_a_kernel_that_knows_it(self):
        with mock.patch.object(ttm_move_live, "TRACEFS", ("/nonexistent",)):
            status, _, err = self.command("ttm-move-top", "--once")
        self.assertEqual(status, 1)
        self.assertRegex(err, "^ttm-move-top: error: .*(mount|sudo)")

    def test_wrong_options(self):
        self.assertEqual(self.command("ttm-move-top", "--interval", "0")[0], 2)
        self.assertEqual(self.command("ttm-move-timeline", self.trace)[0], 2)

    def test_wrong_files(self):
        status, _, err = self.command("ttm-move-top", "--file", "/nonexistent")
        self.assertEqual(status, 1)
        self.assertIn("name a trace", err)
        status, _, err = self.command("ttm-move-top", "--file", self.put("empty", "nothing\n"))
        self.assertEqual(status, 1)
        self.assertIn("trace-cmd record -e ttm_move", err)

    def test_timeline(self):
        svg, perfetto = (os.path.join(self.folder, name) for name in ("a.svg", "a.json"))
        status, _, err = self.command("ttm-move-timeline", self.trace, "--svg", svg,
                                      "--perfetto", perfetto)
        self.assertEqual((status, err), (0, ""))
        text = "".join(ET.parse(svg).getroot().itertext())
        for part in ("jobs 1 to 3 of 3", "7:1 out", "9:1 in", "7:2 clear", "out copying: 1,000"):
            self.assertIn(part, text)
        with open(perfetto, encoding="utf-8") as file:
            self.assertIn("traceEvents", json.load(file))

    def test_timeline_of_some_jobs(self):
        svg = os.path.join(self.folder, "a.svg")
        self.command("ttm-move-timeline", self.trace, "--svg", svg, "--skip", "1", "--jobs", "1")
        text = "".join(ET.parse(svg).getroot().itertext())
        self.assertIn("9:1 in", text)
        self.assertNotIn("7:1 out", text)
        status, _, err = self.command("ttm-move-timeline", self.trace, "--svg", svg, "--skip", "3")
        self.assertEqual((status, err),
                         (1, "ttm-move-timeline: error: there are only 3 jobs: skip fewer\n"))

    def test_file_of_trace_cmd(self):
        data = self.put("trace.dat", ttm_move_trace.TRACE_CMD_MAGIC + b"more")
        with mock.patch.dict(os.environ, PATH="/nonexistent"):
            status, _, err = self.command("ttm-move-top", "--file", data)
        self.assertEqual(status, 1)
        self.assertIn("install trace-cmd", err)

        tool = self.put("trace-cmd", f"#!/bin/sh\ncat <<'END'\n{TRACE_CMD}END\n")
        os.chmod(tool, 0o755)
        with mock.patch.dict(os.environ, PATH=f"{self.folder}:{os.environ['PATH']}"):
            status, out, _ = self.command("ttm-move-top", "--json", "--file", data)
        self.assertEqual(status, 0)
        self.assertEqual(json.loads(out)["bytes"], {"out": 4096})

        self.put("trace-cmd", "#!/bin/sh\necho no such version >&2\nexit 1\n")
        with mock.patch.dict(os.environ, PATH=f"{self.folder}:{os.environ['PATH']}"):
            status, _, err = self.command("ttm-move-top", "--file", data)
        self.assertEqual(status, 1)
        self.assertIn("no such version", err)


if __name__ == "__main__":
    unittest.main()
