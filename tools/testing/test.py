"""Lints, builds everything and runs every test (tools/setup has installed what is missing). Ends with a line `N passed, N failed`.

usage: tools/test [--quick] [TARGET...]
  --quick   unit tests only: leaves out integration, interop, simulation and demonstrations
  TARGET    Bazel targets to test instead of all

Counted are test cases (of GoogleTest) and other test programs, the lint run, and the build as one case.
"""
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.parse
import xml.etree.ElementTree as xml

os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))

SLOW = ["-//test/integration/...", "-//test/interop/...", "-//test/simulation/...", "-//examples/..."]


def cases_of(path):
    """(passed, failed) by one test.xml; a program that is no GoogleTest counts as one case."""
    try:
        root = xml.parse(path).getroot()
    except (OSError, xml.ParseError):
        return None
    total = failed = 0
    for case in root.iter("testcase"):
        if case.get("status") == "notrun" or case.find("skipped") is not None:
            continue
        total += 1
        failed += case.find("failure") is not None or case.find("error") is not None
    return total - failed, failed


def read_results(events):
    """Passed and failed cases, the failed targets, and whether everything was built, from Bazel's event file."""
    passed = failed = 0
    broken = []
    attempts = {}
    built = True
    for line in open(events):
        event = json.loads(line)
        if "testResult" in event.get("id", {}):
            label = event["id"]["testResult"]["label"]
            attempts[label] = event["testResult"]  # the last attempt counts
        elif "targetCompleted" in event.get("id", {}) and not event.get("completed", {}).get("success"):
            built = False
    for label, result in sorted(attempts.items()):
        outputs = {o["name"]: urllib.parse.unquote(o.get("uri", "")[len("file://"):]) for o in result.get("testActionOutput", [])}
        counts = cases_of(outputs.get("test.xml", "")) or (1, 0)
        if result.get("status") in ("PASSED", "FLAKY"):
            passed += max(counts[0], 1)
        else:
            passed += counts[0] if counts[1] else 0
            failed += max(counts[1], 1)
            broken.append(f"{label}: {result.get('status')}")
    return passed, failed, broken, built


def main(arguments):
    if "--help" in arguments or "-h" in arguments:
        print(__doc__)
        return 0
    quick = "--quick" in arguments
    targets = [a for a in arguments if not a.startswith("--")] or ["//..."] + (SLOW if quick else [])
    started = time.monotonic()
    passed = failed = 0
    notes = []
    print("== lint", flush=True)
    if subprocess.run(["tools/lint"]).returncode == 0:
        passed += 1
    else:
        failed += 1
        notes.append("tools/lint found problems")
    print("== build and test", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        events = folder + "/events.json"
        whole = ["--nobuild_tests_only"] if targets == ["//..."] else []
        code = subprocess.run(["bazel", "test", "--keep_going", f"--build_event_json_file={events}"] + whole + ["--"] +
                              targets).returncode
        cases, broken, labels, built = read_results(events) if os.path.exists(events) else (0, 0, [], False)
    # Bazel: 0 all passed, 3 a test failed, 4 no tests; anything else is a build that did not work.
    if code in (0, 3, 4) and built:
        passed += 1
    else:
        failed += 1
        notes.append(f"the build failed (bazel exit code {code})")
    passed, failed = passed + cases, failed + broken
    for note in notes + labels:
        print(f"FAILED {note}")
    print(f"== {int(time.monotonic() - started)} s")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
