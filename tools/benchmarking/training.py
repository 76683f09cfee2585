"""The profile that the release build is compiled with: an instrumented build serves some of every scenario's requests."""
import glob
import os
import re
import shutil
import tempfile

from benchmarking.measure import send
from benchmarking.peers import outrigger
from benchmarking.running import Backend, Proxies

PROFILE = "tools/build/profile"
WRITTEN_TO = "/outrigger-profile"  # below GCOV_PREFIX
RELEASE = re.compile(r"^build:release --per_file_copt=(\S+)@\S*-fprofile-use=", re.MULTILINE)
REQUESTS = 2000
CONNECTIONS = 500  # of the idle scenarios' thousands


def instrumented(bazelrc):
    """Options for a build that counts in the files that the release build has a profile of."""
    files = RELEASE.search(bazelrc).group(1)
    return [f"--per_file_copt={files}@-fno-lto,-fno-profile-use,-fprofile-generate={WRITTEN_TO}", "--linkopt=-fprofile-generate"]


def serve(scenario, backend, certificates):
    with Backend(backend, scenario, certificates) as behind, Proxies(outrigger, scenario, behind.port, certificates) as proxies:
        return send(scenario, proxies.port, REQUESTS if scenario.kind == "requests" else CONNECTIONS, certificates)[0]


def train(scenarios, backend, certificates):
    """Writes the profile anew; the Outrigger that the peer's module names was built with the options above."""
    with tempfile.TemporaryDirectory(prefix="outrigger-profile-") as folder:
        os.environ["GCOV_PREFIX"] = folder
        for scenario in scenarios:
            if scenario.kind != "idle":
                print(f"  {scenario.name}: {serve(scenario, backend, certificates)} requests", flush=True)
        written = glob.glob(folder + WRITTEN_TO + "/*.gcda")
        if not written:
            raise SystemExit("tools/bench: the instrumented build has written no profile")
        shutil.rmtree(PROFILE, ignore_errors=True)
        os.makedirs(PROFILE)
        for path in written:
            shutil.copy(path, PROFILE)
    print(f"tools/bench: wrote {PROFILE}: {len(written)} files")
