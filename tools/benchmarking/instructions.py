"""Instructions per iteration of each micro-benchmark (exact, whatever else the machine does), against a stored baseline.

usage: tools/micro-bench [--write] [--only REGEX] [--binaries FOLDER] [--limit PERCENT]
  --write      stores what was counted as the new baseline (of those that ran)
  --only       benchmarks whose BINARY/NAME matches
  --binaries   where the built benchmarks are, instead of building them
  --limit      what is flagged (default 5); the exit code is 1 if anything costs that much more

Callgrind counts between the first and the last pass through a benchmark's loop. The baseline is that of the default build (-O2,
assertions on) by Debian 12's compiler: after a change of either, write it anew.
"""
import argparse
import glob
import json
import os
import re
import subprocess
import sys
import tempfile

BASELINE = "test/benchmark/instructions.txt"
BUILT = "bazel-bin/test/benchmark"
# How long a benchmark may run, one after the other until ENOUGH was counted: what happens once (pages, symbols found) must
# not show, and on a busy machine time runs out early.
SECONDS = ("0.05", "0.5", "5")
ENOUGH = 5_000_000


def names(binary):
    listed = subprocess.run([binary, "--benchmark_list_tests"], capture_output=True, text=True, check=True)
    return listed.stdout.split()


def last_count(lines):
    """The instructions of a callgrind dump."""
    for line in lines:
        if line.startswith("summary:"):
            return int(line.split()[1])
    return 0


def run(binary, name, seconds):
    """(instructions, iterations) of the last and longest run, or None if there is none."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out",
                 "--zero-before=benchmark::State::StartKeepRunning()", "--dump-before=benchmark::State::FinishKeepRunning()",
                 binary, f"--benchmark_filter=^{re.escape(name)}$", f"--benchmark_min_time={seconds}",
                 "--benchmark_format=json"]
        out = subprocess.run(words, capture_output=True, text=True)
        if out.returncode != 0 or not out.stdout.strip():
            return None
        runs = json.loads(out.stdout)["benchmarks"]
        dumps = sorted(glob.glob(folder + "/out.*"), key=lambda path: int(path.rsplit(".", 1)[1]))
        if not runs or not dumps:
            return None
        with open(dumps[-1]) as f:
            return last_count(f), runs[-1]["iterations"]


def count(binary, name):
    """Instructions per iteration, or None if it did not run."""
    result = None
    for seconds in SECONDS:
        result = run(binary, name, seconds)
        if result is None:
            return None
        if result[0] >= ENOUGH:
            break
    return result[0] / result[1]


def read(text):
    """Counts by benchmark: lines of a count and a name."""
    stored = {}
    for line in text.splitlines():
        fields = line.split()
        if len(fields) == 2 and not line.startswith("#"):
            stored[fields[1]] = float(fields[0])
    return stored


def write(stored):
    head = "# Instructions per iteration, default build (tools/micro-bench --write).\n"
    return head + "".join(f"{stored[name]:.1f} {name}\n" for name in sorted(stored))


def compare(counted, stored, limit):
    """(lines of a report, whether something costs `limit` percent more)"""
    lines, worse = [], False
    for name in sorted(counted):
        now, before = counted[name], stored.get(name)
        if before is None:
            lines.append(f"  {now:12.1f}                        {name}  new")
            continue
        change = (now - before) / max(before, 1) * 100
        mark = "WORSE" if change >= limit else "better" if change <= -limit else ""
        worse |= change >= limit
        lines.append(f"  {now:12.1f}  {before:12.1f}  {change:+6.1f} %  {name}  {mark}".rstrip())
    return lines, worse


def main():
    parser = argparse.ArgumentParser(prog="tools/micro-bench", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--binaries")
    parser.add_argument("--limit", type=float, default=5)
    options = parser.parse_args()
    if not options.binaries:
        subprocess.run(["bazel", "build", "//test/benchmark:all"], check=True)
    counted = {}
    for binary in sorted(glob.glob((options.binaries or BUILT) + "/*_benchmark")):
        short = os.path.basename(binary)[:-len("_benchmark")]
        for name in names(binary):
            if re.search(options.only, f"{short}/{name}"):
                result = count(binary, name)
                if result is None:
                    sys.exit(f"tools/micro-bench: {short}/{name} did not run to its end")
                counted[f"{short}/{name}"] = result
    stored = {}
    if os.path.exists(BASELINE):
        with open(BASELINE) as f:
            stored = read(f.read())
    lines, worse = compare(counted, stored, options.limit)
    print("           now        stored   change\n" + "\n".join(lines))
    if options.write:
        with open(BASELINE, "w") as f:
            f.write(write({**stored, **counted}))
    elif worse:
        sys.exit(1)


if __name__ == "__main__":
    main()
