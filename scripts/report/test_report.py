#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""Tests of the log scanner and of the report, on made-up runs."""

import json
import os
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ET

import kernel_log
import report
from records import RecordError, jobs_of, own_job, parse_records, parse_trace
from timeline import draw
from ttm_move_picture import tick_ns

MIB = 2**20
CLEAN_LOG = """[    0.000000] Linux version 6.12.0
[    0.100000] ERST DISABLE: Error Record Serialization Table is disabled
[    3.100000] ttm_move: loading out-of-tree module taints kernel.
[    3.100001] ttm_move: module verification failed: signature and/or required key missing - tainting kernel
[    3.200000] job: sync: 96 MiB verified, 0 bytes differ
[    9.000000] reboot: Power down
"""
WARNING_BLOCK = """[    4.0] ------------[ cut here ]------------
[    4.0] refcount_t: underflow; use-after-free.
[    4.0] WARNING: CPU: 1 PID: 77 at lib/refcount.c:28 refcount_warn_saturate+0x12/0x20
[    4.0] Call Trace:
[    4.0]  <TASK>
[    4.0] ---[ end trace 0000000000000000 ]---
"""

RACE = """[   41.3] BUG: KCSAN: data-race in process_one_work+0x163/0x7c0
[   41.3]
[   41.3] race at unknown origin, with read to 0xffff9adc812bc220 of 8 bytes by task 504 on cpu 0:
[   41.3]  process_one_work+0x163/0x7c0
[   41.3]  worker_thread+0x3a1/0x620
[   41.3]  kthread+0x17e/0x1b0
[   41.3]
[   41.3] value changed: 0x000000001787dbee -> 0x0000000017893b17
[   41.3]
[   41.3] Reported by Kernel Concurrency Sanitizer on:
"""


def scan(text):
    return kernel_log.scan(text.splitlines(keepends=True))


class KernelLog(unittest.TestCase):
    def test_clean_log(self):
        self.assertEqual(scan(CLEAN_LOG), [])

    def test_block_counts_once(self):
        self.assertEqual([f.kind for f in scan(CLEAN_LOG + WARNING_BLOCK + CLEAN_LOG)],
                         ["corruption"])
        self.assertEqual(len(scan(WARNING_BLOCK * 2)), 2)

    def test_every_kind_is_found(self):
        samples = {
            "kasan": "BUG: KASAN: slab-use-after-free in ttm_move_run+0x1/0x2",
            "lockdep": "WARNING: possible circular locking dependency detected",
            "sleep in atomic": "BUG: sleeping function called from invalid context at x.c:1",
            "hang": "INFO: task vttm-walk:88 blocked for more than 20 seconds.",
            "leak": "unreferenced object 0xffff8881 (size 64):",
            "corruption": "list_del corruption. prev->next should be 0",
            "memory": "kworker/0:1: page allocation failure: order:9",
            "fault": "BUG: unable to handle page fault for address: 0000000000000008",
            "panic": "Kernel panic - not syncing: Fatal exception",
            "warning": "WARNING: CPU: 0 PID: 1 at kernel/workqueue.c:1 check_flush()",
            "undefined behaviour": "UBSAN: shift-out-of-bounds in x.c:1:2",
            "graphics error": "[drm:vttm_move [vttm]] *ERROR* no",
            "module": "vttm: Unknown symbol ttm_move_job_create (err -2)",
            "taint": "other: loading out-of-tree module taints kernel.",
            "stack trace": "Call Trace:",
            "name": "sysfs: cannot create duplicate filename '/bus/pci'",
            "debugfs": "debugfs: Directory 'mock' with parent 'dri' already present!",
        }
        for kind, text in samples.items():
            with self.subTest(kind):
                self.assertEqual([f.kind for f in scan(f"<4>[   12.5] {text}\r\n")], [kind])

    def test_other_words_for_the_same(self):
        for text, kind in (("INFO: trying to register non-static key.", "lockdep"),
                           ("turning off the locking correctness validator.", "lockdep"),
                           ("Disabling lock debugging due to kernel taint", "lockdep"),
                           ("job: lockdep has found something and is off: x", "lockdep"),
                           ("vmap allocation for size 2101248 failed: use vmalloc=", "warning"),
                           ("ttm_move: there is no tracepoint 'kmalloc'", "warning")):
            with self.subTest(text):
                self.assertEqual([f.kind for f in scan(text)], [kind])

    def test_only_the_exact_taint_message_is_expected(self):
        for text in ("vttm: loading out-of-tree module taints kernel. Really",
                     "xvttm: loading out-of-tree module taints kernel."):
            self.assertEqual(len(scan(text)), 1)

    def test_only_the_provoked_warning_is_expected(self):
        provoked = ("------------[ cut here ]------------\n"
                    "WARNING: CPU: 0 PID: 9 at ../tree/drivers/gpu/drm/ttm/ttm_device.c:195"
                    " ttm_device_init+0x17/0x19\nCall Trace:\n---[ end trace 00 ]---\n")
        self.assertEqual(scan(provoked), [])
        self.assertEqual(len(scan(provoked.replace("ttm_device_init", "ttm_device_fini"))), 1)
        self.assertEqual(len(scan(provoked + "WARNING: CPU: 0\n")), 1)

    def test_only_the_race_with_the_scheduler_is_expected(self):
        self.assertEqual(scan(RACE), [])
        for old, new in ((" in process_one_work", " in ttm_move_run"),
                         ("0x7c0\n", "0x7c0 / ttm_move_run+0x1/0x2\n"),
                         ("of 8 bytes", "of 4 bytes"), ("at unknown origin", "by task 1"),
                         ("0x0000000017893b17", "0x0000000007893b17"),
                         ("0x0000000017893b17", "0x0000000077893b17"),
                         ("0x000000001787dbee", "0xffff9adc812bc220"),
                         ("value changed", "value kept")):
            self.assertNotEqual(RACE, RACE.replace(old, new))
            self.assertEqual(len(scan(RACE.replace(old, new))), 1, (old, new))

    def test_trace_belongs_to_the_complaint_before(self):
        complaint = "INFO: task x:1 blocked for more than 20 seconds.\n"
        self.assertEqual(len(scan(complaint + "Call Trace:\n")), 1)
        self.assertEqual(len(scan(complaint + "quiet\n" * 100 + "Call Trace:\n")), 2)


def move(mode, number, start, blocked, latency, to="vram"):
    return {"type": "move", "mode": mode, "to": to, "round": number // 40, "buffer": number % 96,
            "bytes": 8 * MIB, "evicted_bytes": 8 * MIB if number > 31 and to == "vram" else 0,
            "start_ns": start, "blocked_ns": blocked, "signalled_ns": start + latency, "phase": "measured"}


def made_up_run(verified=768 * MIB, mismatched=0):
    records = [{"type": "device", "vram_bytes": 256 * MIB, "buffer_bytes": 8 * MIB,
                "vram": "bar", "manager": "buddy", "seed": 1}]
    for number in range(80):
        records.append(move("async", number, 10**9 + number * 10**7, 50_000, 6 * 10**7))
        records.append(move("sync", number, 9 * 10**9 + number * 10**7, 9_900_000, 9_900_000))
    records += [{"type": "mode", "mode": mode, "verified_bytes": verified,
                 "mismatched_bytes": mismatched} for mode in ("async", "sync")]
    return records + [{"type": "end"}]


def event(stage, time_us, context, seqno, direction, task="vttm-walk-80"):
    return (f"  {task:>20}   [001] ...1. {time_us // 10**6:5d}.{time_us % 10**6:06d}:"
            f" ttm_move_{stage}: context={context} seqno={seqno} dir={direction}"
            " bytes=8388608 ns=5 error=0\n")


def made_up_trace():
    lines = ["# tracer: nop\n", "#\n"]
    for number in range(80):
        start = 10**6 + number * 10**4
        for context, direction, late in ((7, "out", 0), (8, "in", 20_000)):
            lines.append(event("queued", start + 10, context, number, direction))
            lines.append(event("ready", start + 20 + late, context, number, direction))
            for stage, after in (("copy_begin", 30), ("copy_end", 20_000), ("retired", 40_000)):
                lines.append(event(stage, start + after + late, context, number, direction,
                                   f"kworker/u8:{context}-33"))
    return lines


def json_lines(records):
    return [json.dumps(record) + "\n" for record in records]


class Records(unittest.TestCase):
    def test_cut_off_file_is_incomplete(self):
        lines = json_lines(made_up_run())
        self.assertTrue(parse_records(lines).complete)
        self.assertFalse(parse_records(lines[:-1] + ['{"type": "e']).complete)

    def test_broken_line_is_named(self):
        with self.assertRaisesRegex(RecordError, "line 2"):
            parse_records(['{"type": "end"}\n', "nonsense\n"])

    def test_jobs_belong_to_the_call_that_queued_them(self):
        records = parse_records(json_lines(made_up_run()))
        jobs = parse_trace(made_up_trace())
        self.assertEqual(len(jobs), 160)
        found = jobs_of(records.moves["async"][3], jobs)
        self.assertEqual([(job.context, job.seqno) for job in found], [(7, 3), (8, 3)])
        self.assertEqual(own_job(records.moves["async"][3], found).direction, "in")
        self.assertEqual(found[0].worker, "kworker/u8:7-33")


class Numbers(unittest.TestCase):
    def test_percentile_is_a_value_that_occurred(self):
        values = list(range(1, 101))
        self.assertEqual(report.percentile(values, 50), 50)
        self.assertEqual(report.percentile(values, 99), 99)
        self.assertEqual(report.percentile([7], 99), 7)

    def test_time_between_rounds_does_not_count(self):
        moves = parse_records(json_lines([move("sync", 0, 0, 10, 10),
                                          move("sync", 40, 10**9, 30, 20)])).moves["sync"]
        self.assertEqual(report.copy_seconds(moves), 40 / 1e9)

    def test_ticks(self):
        self.assertEqual(tick_ns(9_000), 1000)
        self.assertEqual(tick_ns(30 * 10**6), 5 * 10**6)


class Runs(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        os.mkdir(os.path.join(self.folder, "share"))
        self.write("console.log", CLEAN_LOG)
        self.write("share/status", "0\n")
        self.write("share/kernel", "6.12.0\n")
        self.write("share/ttm_move.txt", "job_bytes: 640\njobs: 3\n")
        self.write("share/cmdline", "console=ttyS0\n")
        self.write("share/trace.txt", "".join(made_up_trace()))
        self.write("share/walk.jsonl", "".join(json_lines(made_up_run())))

    def write(self, name, text):
        report.write(os.path.join(self.folder, name), text)

    def judge(self):
        return report.make_report(self.folder, "tcg")

    def test_good_run(self):
        made = self.judge()
        self.assertEqual(made["problems"], [])
        self.assertEqual(made["kernel_warnings"], 0)
        self.assertEqual(made["async"]["moves"], 80)
        self.assertEqual(made["async"]["blocked_us"], {"p50": 50.0, "p99": 50.0, "max": 50.0})
        self.assertEqual(made["blocked_ratio"]["p50"], 198.0)
        self.assertEqual(made["verified_bytes"], 2 * 768 * MIB)
        self.assertIn("640 bytes allocated per move", report.table(made))
        ET.parse(os.path.join(self.folder, "timeline.svg"))

    def test_unfinished_guest(self):
        os.remove(os.path.join(self.folder, "share/status"))
        self.assertIn("did not finish", self.judge()["problems"][0])

    def test_guest_that_left_nothing(self):
        for name in os.listdir(os.path.join(self.folder, "share")):
            os.remove(os.path.join(self.folder, "share", name))
        made = self.judge()
        self.assertTrue(made["problems"])
        self.assertIn("unknown kernel", report.table(made))

    def test_wrong_bytes(self):
        self.write("share/walk.jsonl", "".join(json_lines(made_up_run(mismatched=3))))
        self.assertIn("6 bytes are wrong", self.judge()["problems"])

    def test_too_little_verified(self):
        self.write("share/walk.jsonl", "".join(json_lines(made_up_run(verified=767 * MIB))))
        self.assertEqual(len(self.judge()["problems"]), 2)

    def test_kernel_warning(self):
        self.write("console.log", CLEAN_LOG + WARNING_BLOCK)
        made = self.judge()
        self.assertEqual(made["kernel_warnings"], 1)
        self.assertIn("refcount_t", made["problems"][0])

    def test_picture_without_trace_or_moves(self):
        records = parse_records(json_lines(made_up_run()))
        ET.fromstring(draw("no trace", records.moves, []))
        ET.fromstring(draw("nothing", {"async": [], "sync": []}, []))

    def test_command_line(self):
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "report.py")

        def status(*arguments):
            return subprocess.run([sys.executable, script, *arguments], check=False,
                                  capture_output=True).returncode
        self.assertEqual(status(self.folder), 0)
        self.assertEqual(status(os.path.join(self.folder, "nowhere")), 1)
        self.assertEqual(status("--bogus"), 2)


if __name__ == "__main__":
    unittest.main()
