# SPDX-License-Identifier: MIT
"""Tests of screens.py: one wrong pixel is seen, and so is a worker that did nothing."""

import json
import tempfile
import unittest
from pathlib import Path

import screens


class JudgeTest(unittest.TestCase):
    """A run of one screenshot."""

    def setUp(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.out = Path(self.folder.name)

    def run_of(self, name: str, pixels: bytes, totals: str = "", wrong: int = 0) -> screens.Run:
        """A run that showed picture 7, or was to."""
        (self.out / name / "shots").mkdir(parents=True)
        (self.out / name / "share").mkdir()
        size = f"P6\n{screens.WIDTH} {screens.HEIGHT}\n255\n".encode()
        (self.out / name / "shots" / "000-7.ppm").write_bytes(size + pixels)
        (self.out / name / "share" / "result").write_text(
            json.dumps({"shots": 1, "wrong": wrong}), encoding="utf-8")
        if totals:
            (self.out / name / "share" / "ttm_move").write_text(totals, encoding="utf-8")
        return screens.read_run(self.out, name)

    def test_right(self) -> None:
        """The picture that was to be shown, by a driver without the worker."""
        self.assertEqual(self.run_of("bochs-kernel", screens.expected(7)).errors, [])

    def test_one_pixel(self) -> None:
        """One pixel of another colour."""
        pixels = bytearray(screens.expected(7))
        pixels[3 * 1000] ^= 0x10
        run = self.run_of("bochs-kernel", bytes(pixels))
        self.assertEqual(run.errors, ["000-7: 1 pixels wrong"])

    def test_another_picture(self) -> None:
        """A picture that was there before: nearly every pixel."""
        run = self.run_of("bochs-kernel", screens.expected(8))
        self.assertGreater(run.shots["000-7"], screens.WIDTH * screens.HEIGHT * 9 // 10)

    def test_read_by_cpu(self) -> None:
        """Bytes that the guest itself found wrong."""
        run = self.run_of("bochs-kernel", screens.expected(7), wrong=3)
        self.assertEqual(run.errors, ["3 pixels wrong as the CPU reads them"])

    def test_converted(self) -> None:
        """A converted driver that moves by the worker."""
        run = self.run_of("bochs-converted", screens.expected(7), "jobs: 2\ncopied_bytes: 9\n")
        self.assertEqual(run.errors, [])

    def test_nothing_copied(self) -> None:
        """A converted driver that does not."""
        self.assertTrue(self.run_of("bochs-converted", screens.expected(7)).errors)
        self.assertTrue(self.run_of("qxl-converted", screens.expected(7),
                                    "jobs: 2\ncopied_bytes: 0\n").errors)

    def test_worker_unasked(self) -> None:
        """A driver that should be the kernel's own."""
        run = self.run_of("qxl-kernel", screens.expected(7), "copied_bytes: 9\n")
        self.assertEqual(len(run.errors), 1)


if __name__ == "__main__":
    unittest.main()
