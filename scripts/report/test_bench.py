#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""Tests of the benchmark's report, on made-up samples."""

import contextlib
import io
import json
import os
import tempfile
import unittest
import xml.etree.ElementTree as ET
from unittest import mock

import bench
import bench_samples
import chart

SIZES = (4096, 65536, 8 << 20, 64 << 20)


def kernel_log(slow=1):
    """A console: the worker copies as fast as TTM, blocks a hundredth as long, and is slow
    times slower per job with a thousand in flight."""
    lines = ["Linux version 6.12"]

    def say(**sample):
        lines.append("[ 1.0] ttm_move_bench: "
                     + " ".join(f"{name}={value}" for name, value in sample.items()))

    for turn in range(3):
        for direction in ("in", "out"):
            for size in SIZES:
                for way, ns in (("worker", 100), ("ttm", 110), ("plain", 100)):
                    say(bench="copy", dir=direction, bytes=size, way=way, n=2,
                        ns=2 * ns * size // 4096 + turn)
                for way, ns in (("worker", 10), ("ttm", 1000)):
                    say(bench="move", dir=direction, bytes=size, way=way, n=1, hook_ns=ns,
                        call_ns=2 * ns, done_ns=2000, all_ns=2100)
                    say(bench="several", dir=direction, bytes=size, way=way, n=4,
                        hook_ns=4 * ns if way == "worker" else 8000 * ns, call_ns=8 * ns)
        for window, ns in ((1, 400), (8, 105)):
            for way, each in (("worker", ns), ("ttm", 100)):
                say(bench="rate", window=window, bytes=4096, way=way, n=10, ns=10 * each)
        for count in (1, 1000):
            ns = slow * 500 if count > 1 else 500
            say(bench="burst", in_flight=count, n=10, submit_ns=1000, finish_ns=2000)
            say(bench="beside", in_flight=count, n=10, ns=10 * ns)
    return "\n".join(lines) + "\n"


def guest_log(cpus, end=True):
    """The samples of a guest: two CPUs are twice as fast as one."""
    samples = [{"bench": "device", "way": "all", "cpus": cpus, "vram_bytes": 1 << 25}]
    for direction in ("in", "out"):
        for count in range(1, cpus + 1):
            samples.append({"bench": "big", "way": "worker", "dir": direction, "cpus": count,
                            "bytes": 1 << 24, "blocked_ns": 10, "done_ns": 4000 // count})
        samples.append({"bench": "big", "way": "ttm", "dir": direction, "cpus": 1,
                        "bytes": 1 << 24, "blocked_ns": 4000, "done_ns": 4000})
    for beside in (0, 1 << 24):
        samples.append({"bench": "latency", "way": "worker", "bytes": 65536, "beside": beside,
                        "blocked_ns": 5, "done_ns": 1000 if beside else 100})
    for ahead in (0, 4):
        for way in ("worker", "ttm"):
            samples.append({"bench": "fill", "way": way, "ahead": ahead, "bytes": 1 << 26,
                            "buffer_bytes": 1 << 20, "ns": 1000 if way == "worker" else 1600})
    if end:
        samples.append({"bench": "end", "way": "all"})
    return "\n".join(json.dumps(sample) for sample in samples) + "\n"


class Samples(unittest.TestCase):
    def test_kernel(self):
        line = "x ttm_move_bench: bench=copy dir=in bytes=4096 n=2 ns=7\n"
        self.assertEqual(bench_samples.parse_kernel(["ttm_move_bench: max_bytes=1\n", line]), [
            {"bench": "copy", "dir": "in", "bytes": 4096, "n": 2, "ns": 7}])

    def test_cut_off(self):
        with self.assertRaisesRegex(bench_samples.SampleError, "did not finish"):
            bench_samples.parse_guest(guest_log(1, end=False).splitlines())

    def test_quantiles(self):
        self.assertEqual(bench_samples.median([3, 1, 2, 100]), 2.5)
        self.assertEqual(bench_samples.spread([1, 2, 3, 4, 5]), 2 / 3)

    def test_ratio_is_of_pairs(self):
        # All twice as slow in the second turn: no matter to the ratio.
        row = bench_samples.compare("x", "us", [100, 200, 100], [300, 600, 300])
        self.assertEqual((row.ours, row.peer, row.ratio, row.spread), (0.1, 0.3, 3, 0))
        # That of the medians would be 1.5.
        row = bench_samples.compare("x", "us", [100, 300, 200], [200, 300, 800])
        self.assertEqual(row.ratio, 2)

    def test_amount(self):
        row = bench_samples.compare("x", "GB/s", [100], [200], amount=400)
        self.assertEqual((row.ours, row.peer, row.ratio), (4, 2, 2))

    def test_turns_that_do_not_pair(self):
        with self.assertRaisesRegex(bench_samples.SampleError, "2 samples of ours, 1"):
            bench_samples.compare("x", "us", [1, 2], [1])


class Run(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def put(self, path, text):
        path = os.path.join(self.folder, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def put_all(self, **more):
        self.put("uml/console.log", kernel_log(**more))
        for cpus in (1, 2):
            self.put(f"qemu-{cpus}/share/bench.jsonl", guest_log(cpus))

    def command(self, *arguments):
        out, err = io.StringIO(), io.StringIO()
        with mock.patch("sys.argv", ["bench.py", *arguments, self.folder]), \
                contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = bench.main()
        return status, out.getvalue(), err.getvalue()

    def report(self):
        with open(os.path.join(self.folder, "report.json"), encoding="utf-8") as file:
            return json.load(file)

    def reached(self):
        return {target["what"]: target["reached"] for target in self.report()["targets"]}

    def test_everything(self):
        self.put_all()
        status, out, _ = self.command()
        self.assertEqual(status, 0)
        rows = {row["name"]: row for row in self.report()["rows"]}
        row = rows["caller blocked in move() out 64 MiB"]
        self.assertEqual((row["unit"], row["ours"], row["peer"], row["ratio"], row["spread"]),
                         ("us", 0.01, 1, 100, 0))
        self.assertEqual(rows["big move in 16 MiB, 2 vCPU, by 2 / by 1"]["ratio"], 2)
        self.assertEqual(rows["latency of 64 KiB beside 16 MiB / alone, 1 vCPU"]["ratio"], 0.1)
        self.assertEqual(rows["whole life of a job beside 1000"]["ratio"], 1)
        self.assertIn("copy in 8 MiB / memcpy", out)
        self.assertIn("copy: skipped: PARTS leaves it out", out)

    def test_targets(self):
        self.put_all()
        self.command()
        reached = self.reached()
        self.assertEqual(reached["caller blocked, 64 MiB: times shorter"], "no")
        self.assertEqual(reached["copy, 8 MiB and more, of ttm_move_memcpy"], "yes")
        self.assertEqual(reached["4 KiB moves, one by one, of synchronous"], "no")
        self.assertEqual(reached["4 KiB moves, eight in flight, of synchronous"], "yes")
        self.assertEqual(reached["cost per job, flat within 20 %"], "yes")
        self.assertEqual(reached["big move, two CPUs against one"], "yes")
        self.assertEqual(reached["allocate and fill, 2 vCPUs, of synchronous"], "yes")

    def test_jobs_that_cost_more_when_there_are_many(self):
        self.put_all(slow=2)
        self.command()
        self.assertEqual(self.reached()["cost per job, flat within 20 %"], "no")

    def test_one_part(self):
        self.put("uml/console.log", kernel_log())
        status, out, _ = self.command()
        self.assertEqual(status, 0)
        self.assertEqual(self.reached()["big move, two CPUs against one"], "not measured")
        self.assertIn("qemu: skipped: PARTS leaves it out", out)

    def test_small_judges_nothing(self):
        self.put_all()
        _, out, _ = self.command("--small", "1")
        self.assertEqual(self.report()["targets"], [])
        self.assertIn("compare nothing", out)

    def test_copy_table(self):
        self.put("copy/report.json", json.dumps({"skipped": {"aperture": "no GPU"}, "rows": [
            {"name": "avx2", "unit": "GB/s", "ours": 2, "peer": 1, "ratio": 2, "spread": 0.1}]}))
        status, out, _ = self.command()
        self.assertEqual(status, 0)
        self.assertIn("user space: avx2", out)
        self.assertIn("copy, aperture: skipped: no GPU", out)

    def test_what_is_missing_is_said(self):
        self.put("copy.skipped", "there is no bench-copy\n")
        self.put("uml/console.log", kernel_log())
        self.assertIn("copy: skipped: there is no bench-copy", self.command()[1])
        self.put("uml/console.log", kernel_log().replace("bench=rate", "bench=other"))
        status, _, err = self.command()
        self.assertEqual(status, 1)
        self.assertIn("has no samples of 'rate'", err)

    def test_guest_that_died(self):
        self.put("qemu-1/share/bench.jsonl", guest_log(1, end=False))
        status, _, err = self.command()
        self.assertEqual(status, 1)
        self.assertIn("did not finish", err)

    def test_nothing(self):
        status, _, err = self.command()
        self.assertEqual(status, 1)
        self.assertIn("run scripts/bench first", err)

    def test_plots(self):
        self.put_all()
        self.command()
        for name, lines in (("copy", 6), ("blocked", 4), ("flight", 3)):
            root = ET.parse(os.path.join(self.folder, f"{name}.svg")).getroot()
            found = root.findall("{http://www.w3.org/2000/svg}polyline")
            self.assertEqual(len(found), lines, name)


class Chart(unittest.TestCase):
    def test_marks_surround_the_values(self):
        self.assertEqual(chart.powers(4096, 65536, 4), [4096, 16384, 65536])
        self.assertEqual(chart.powers(3, 200, 10), [1, 10, 100, 1000])
        self.assertEqual(chart.powers(10, 10, 10), [10, 100])

    def test_axis(self):
        axis = chart.Axis([1, 100], 10, 0, 200)
        self.assertEqual([axis.at(value) for value in (1, 10, 100)], [0, 100, 200])


if __name__ == "__main__":
    unittest.main()
