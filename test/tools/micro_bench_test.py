"""The comparison of tools/micro-bench: what it flags, and that its baseline reads as it was written."""
import os
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.abspath("tools"))
from benchmarking import instructions  # noqa: E402


class ComparisonTest(unittest.TestCase):
    def test_flags_what_costs_five_percent_more(self):
        for now, worse in ((104.9, False), (105.0, True), (90.0, False)):
            lines, flagged = instructions.compare({"a/B": now}, {"a/B": 100.0}, 5)
            self.assertEqual(flagged, worse)
            self.assertEqual("WORSE" in lines[0], worse)

    def test_something_new_is_no_regression(self):
        lines, flagged = instructions.compare({"a/B": 7.0}, {}, 5)
        self.assertFalse(flagged)
        self.assertIn("new", lines[0])

    def test_reads_what_it_writes(self):
        stored = {"a/B/10": 12.5, "c/D": 3.0}
        self.assertEqual(instructions.read(instructions.write(stored)), stored)

    def test_reads_a_dump(self):
        self.assertEqual(instructions.last_count(["events: Ir\n", "summary: 175824\n", "totals: 9\n"]), 175824)


if __name__ == "__main__":
    unittest.main()
