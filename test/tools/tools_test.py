"""The tools' own judgement: what lint finds and lets pass, how load generators' reports and test results are read, what a load counts."""
import importlib.machinery
import importlib.util
import os
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

sys.dont_write_bytecode = True
TOOLS = os.path.abspath("tools")
sys.path.insert(0, TOOLS)


def load_script(name):
    loader = importlib.machinery.SourceFileLoader(name, os.path.join(TOOLS, name))
    spec = importlib.util.spec_from_loader(name, loader)
    module = importlib.util.module_from_spec(spec)
    here = os.getcwd()
    loader.exec_module(module)  # changes to the folder it lives in
    os.chdir(here)
    return module


lint, tests, conformance = (load_script(name) for name in ("lint", "testing/test.py", "testing/conformance.py"))
from benchmarking import calls, connections, load, report, scenarios, training  # noqa: E402
from benchmarking.measure import Result  # noqa: E402
from benchmarking.peers import h2o, haproxy, nghttpx, nginx, outrigger  # noqa: E402
from demonstration.load import Load  # noqa: E402


class LintTest(unittest.TestCase):
    def problems(self, path, text):
        with tempfile.TemporaryDirectory() as folder:
            os.makedirs(os.path.join(folder, "tools"))
            os.makedirs(os.path.join(folder, os.path.dirname(path)))
            open(os.path.join(folder, "tools/lint-exceptions.txt"), "w").close()
            with open(os.path.join(folder, path), "w") as f:
                f.write(text)
            here = os.getcwd()
            os.chdir(folder)
            try:
                checker = lint.Lint()
                checker.file(path)
            finally:
                os.chdir(here)
        return sorted({p.split("[")[1].split("]")[0] for p in checker.problems})

    def test_finds_what_is_banned(self):
        for text, check in (("int f() { return map.at(1); }\n", "at"), ("int n = std::stoi(text);\n", "sto"),
                            ("std::string_view v;\n", "string_view"), ("try {\n", "throw"), ("class FooImpl {};\n", "name"),
                            ("std::filesystem::path p;\n", "filesystem"), ("<<<<<<< main\n", "conflict"),
                            ("absl::StatusOr<int> n = F();\nreturn n.value();\n", "value")):
            self.assertEqual(self.problems("source/room/a.cc", text), [check], text)

    def test_effects_belong_to_the_engine(self):
        for text in ("int fd = ::open(path, 0);\n", "auto now = std::chrono::steady_clock::now();\n", "n = read(fd, p, 1);\n"):
            self.assertEqual(self.problems("source/room/a.cc", text), ["effect"], text)
        for text in ("engine.Open(path);\n", "stream.read(1);\n", "// calls read(fd)\n", 'Log("read(fd)");\n',
                     "const Socket& socket() const { return s_; }\n", "void F(Sort&& accept) { accept(1); }\n"):
            self.assertEqual(self.problems("source/room/a.cc", text), [], text)

    def test_a_value_that_was_asked_for_passes(self):
        self.assertEqual(self.problems("source/room/a.cc", "absl::StatusOr<int> n = F();\nif (n.ok()) G(n.value());\n"), [])

    def test_tests_do_not_sleep(self):
        self.assertEqual(self.problems("test/room/a_test.cc", "std::this_thread::sleep_for(s);\n"), ["sleep"])

    def test_pages_name_files_that_are_there(self):
        text = ("`net/listener.h` `listener.h` [map](map.md#top) [web](https://x.example/y.md) `source/ROOM/BUILD` tools/lint\n"
                "`net/gone.h` `gone.h` [gone](gone.md) tools/gone `net/`\n")
        with tempfile.TemporaryDirectory() as folder:
            for path in ("source/net/listener.h", "docs/map.md", "docs/page.md", "tools/lint", "tools/lint-exceptions.txt"):
                os.makedirs(os.path.join(folder, os.path.dirname(path)), exist_ok=True)
                with open(os.path.join(folder, path), "w") as f:
                    f.write(text if path == "docs/page.md" else "")
            here = os.getcwd()
            os.chdir(folder)
            try:
                checker = lint.Lint()
                checker.pages(["source/net/listener.h", "docs/map.md", "docs/page.md", "tools/lint"])
            finally:
                os.chdir(here)
        self.assertEqual(checker.problems, [f"docs/page.md:2: [page] {name} is not there"
                                            for name in ("net/gone.h", "gone.h", "gone.md", "tools/gone")])

    def test_headers_have_a_thread_and_a_size(self):
        self.assertEqual(self.problems("source/room/a.h", "#pragma once\n"), ["thread"])
        self.assertEqual(self.problems("source/room/a.h", "// Thread: any\n#pragma once\n"), [])
        self.assertEqual(self.problems("source/room/a.h", "// Thread: any\n#pragma once\n" + "int a;\n" * 249), ["size"])


class ConformanceTest(unittest.TestCase):
    """What the checker of docs/http-conformance.md finds and lets pass."""
    PAGE = ("| 9112 | 3 | 2 | 1 |\n\n## RFC 9112: HTTP/1.1\n\n### 9112 2.2 Parsing: 3 rows\n\n| row | requirement | role | test | status |\n"
            "| 9112 2.2-1 | Bare CR is refused | server, client | `//test/room:a_test SuiteTest.Case`, `//test/room:a_test OtherTest.Second`, `//test/room:d_test ListedTest.Third` | ok |\n"
            "| 9112 2.2-2 | Something for caches | intermediary | not applicable: there is no cache | not applicable |\n"
            "| 9112 2.2-3 | A program proves it | client | `//test/room:b_test PeerTest.test_it` | ok |\n")

    def problems(self, *changes):
        page = self.PAGE
        for old, new in changes:
            self.assertIn(old, page)
            page = page.replace(old, new)
        with tempfile.TemporaryDirectory() as folder:
            os.makedirs(os.path.join(folder, "test/room"))
            for path, text in (("BUILD", 'outrigger_test(\n    name = "a_test",\n    srcs = ["a_test.cc"],\n)\n\n'
                                'sh_test(\n    name = "b_test",\n    data = ["b_test.py"],\n)\n\n'
                                'outrigger_library(\n    name = "c",\n    srcs = ["a_test.cc"],\n)\n\n'
                                '[outrigger_test(\n    name = n,\n    srcs = [n + ".cc"],\n) for n in [\n    "d_test",\n]]\n'),
                               ("d_test.cc", "TEST(ListedTest, Third) {}\n"),
                               ("a_test.cc", "TEST_F(SuiteTest, Case) {\n}\nTEST(OtherTest,\n     Second) {}\n"),
                               ("b_test.py", "class PeerTest(unittest.TestCase):\n    def test_it(self):\n        pass\n")):
                with open(os.path.join(folder, "test/room", path), "w") as f:
                    f.write(text)
            return [text for _, text in conformance.check(page, conformance.Tests(folder))]

    def test_a_page_that_keeps_its_word_passes(self):
        self.assertEqual(self.problems(), [])

    def test_tests_exist(self):
        for old, new, said in (("SuiteTest.Case", "SuiteTest.Gone", "//test/room:a_test has no test SuiteTest.Gone"),
                               ("room:b_test", "room:gone_test", "no test target //test/room:gone_test"),
                               ("room:b_test", "gone:b_test", "no test target //test/gone:b_test"),
                               ("room:b_test", "room:c", "no test target //test/room:c"),
                               (" PeerTest.test_it", "", "which test of //test/room:b_test?"),
                               ("`//test/room:b_test PeerTest.test_it`", "", "no test and no reason"),
                               ("`//test/room:b_test PeerTest.test_it`", "soon", "the cell is"),
                               (": there is no cache", "", "`not applicable` without a reason")):
            self.assertIn(said, "".join(self.problems((old, new))), new)

    def test_counts_ids_and_words_are_right(self):
        for old, new, said in (("Parsing: 3 rows", "Parsing: 2 rows", "the heading says 2 rows, there are 3"),
                               ("| 9112 | 3 | 2 | 1 |", "| 9112 | 3 | 3 | 0 |", "the counts are | 9112 | 3 | 2 | 1 |"),
                               ("| 9112 | 3 | 2 | 1 |", "", "RFC 9112 is not in the table of counts"),
                               ("2.2-2", "2.2-1", "row 9112 2.2-1 is there twice"),
                               ("| 9112 2.2-2", "| 9112 3-2", "row 9112 3-2 stands under RFC 9112, section 2.2"),
                               ("| 9112 2.2-2", "| 2.2-2", "a row begins with"),
                               ("| intermediary |", "| cache |", "role `cache`"),
                               ("test_it` | ok |", "test_it` | failing |", "status `failing` instead of `ok`"),
                               ("cache | not applicable |", "cache | ok |", "status `ok` instead of `not applicable`")):
            self.assertIn(said, "".join(self.problems((old, new))), new)

    SENTENCES = ("| 9112 | 4 | 3 | 1 |\n\n## RFC 9112\n\n| section | sentences | rows |\n| 9112 2.2 | 3 | 1: 2.2-1, 2.2-2; 2: 9112 2.2-3; 3: 2.2-1 |\n"
                 "| 9112 7.3 | 1 | 1: authors |\n")

    def test_each_sentence_has_an_entry(self):
        self.assertEqual(conformance.check_sentences(self.SENTENCES, self.PAGE), [])
        for old, new, said in (("2.2 | 3 |", "2.2 | 4 |", "9112 2.2: 4 sentences, 3 entries"),
                               ("2.2-2;", "2.2-9;", "9112 2.2, sentence 1: no row 2.2-9"),
                               ("9112 2.2-3", "9110 2.2-3", "sentence 2: no row 9110 2.2-3"),
                               ("3: 2.2-1", "4: 2.2-1", "entry `4: 2.2-1` is not the 3th"),
                               ("1: authors", "1: nobody", "no row nobody"),
                               ("| 9112 7.3 |", "| 9112 2.2 |", "section 9112 2.2 is there twice"),
                               ("| 9112 | 4 | 3 | 1 |", "| 9112 | 4 | 4 | 0 |", "the totals are | 9112 | 4 | 3 | 1 |"),
                               ("| 9112 | 4 | 3 | 1 |", "", "RFC 9112 is not in the table of totals")):
            self.assertIn(old, self.SENTENCES)
            found = conformance.check_sentences(self.SENTENCES.replace(old, new, 1), self.PAGE)
            self.assertIn(said, "".join(text for _, text in found), new)
        wrong = self.SENTENCES.replace("| 9112 | 4 | 3 | 1 |", "| 9112 | 0 | 0 | 0 |")
        self.assertEqual(conformance.updated_sentences(wrong), self.SENTENCES)

    def test_counts_are_written(self):
        wrong = self.PAGE.replace("3 rows", "9 rows").replace("| 9112 | 3 | 2 | 1 |", "| 9112 | 0 | 0 | 0 |")
        lines = wrong.split("\n")
        lines[7], lines[9] = lines[9], lines[7]
        self.assertEqual(conformance.updated("\n".join(lines)), self.PAGE)


class BenchTest(unittest.TestCase):
    SCENARIO = scenarios.SCENARIOS["h1"]

    def test_reads_the_load_generator(self):
        report = ("requests: 50 total, 50 started, 50 done, 49 succeeded, 1 failed, 0 errored, 0 timeout\n"
                  "status codes: 49 2xx, 0 3xx, 0 4xx, 1 5xx\n")
        self.assertEqual(load.read(report), (49, 1))
        self.assertEqual(load.read("nothing"), (0, 1))
        self.assertEqual(load.percentiles(f"1\t200\t{n}\n" for n in range(100, 0, -1)), (51, 100))
        self.assertEqual(load.percentiles([]), (0, 0))

    def test_reads_strace_and_keeps_waits_apart(self):
        table = ("% time     seconds  usecs/call     calls    errors syscall\n"
                 " 60.00    0.000010           1        40         2 recvfrom\n"
                 " 40.00    0.000010           1        10           epoll_wait\n"
                 "100.00    0.000020           1        50         2 total\n")
        self.assertEqual(calls.split(calls.read(table.splitlines())), (40, 10))

    def test_reads_answers_on_raw_connections(self):
        self.assertFalse(connections.h1_ended(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na"))
        self.assertTrue(connections.h1_ended(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab"))
        headers, end = connections.h2_frame(1, 4, 1, b"\x88"), connections.h2_frame(0, 1, 1, b"body")
        self.assertFalse(connections.h2_ended(headers + end[:-1]))
        self.assertTrue(connections.h2_ended(headers + end))

    def test_compares_with_the_cheapest_of_the_same_round(self):
        results = {"outrigger": [Result(8), Result(30)], "a": [Result(10), Result(40)], "b": [Result(20), Result(20)]}
        self.assertEqual(report.ratios(results, "outrigger"), [0.8, 1.5])
        self.assertEqual(report.summary_row(self.SCENARIO, results), "| h1 | 19.00 CPU us per request | b 20.00 | 1.15 | 0.85 |")

    def test_compares_tails_where_the_rate_is_fixed(self):
        paced = scenarios.SCENARIOS["h1-paced"]
        self.assertIn(f"--rps={paced.rate // paced.connections}", load.command(paced, 1, 10))
        self.assertFalse([word for word in load.command(self.SCENARIO, 1, 10) if word.startswith("--rps")])
        results = {"outrigger": [Result(8, p99=30), Result(8, p99=20)], "a": [Result(9, p99=20), Result(9, p99=40)], "b": []}
        self.assertEqual(report.p99_line(results), ["- p99 of outrigger: 1.00 times the least of the others in the same round (goal 1.30)"])
        self.assertEqual(report.p99_line({"outrigger": [Result(8, p99=30)]}), [])

    def test_trains_what_the_release_build_has_a_profile_of(self):
        bazelrc = "build:release --copt=-O2\nbuild:release --per_file_copt=^a/(b|c).*$@-flto,-fprofile-use=p,-Wno-x\n"
        self.assertEqual(training.instrumented(bazelrc)[0],
                         "--per_file_copt=^a/(b|c).*$@-fno-lto,-fno-profile-use,-fprofile-generate=/outrigger-profile")

    def test_replaces_one_scenario_only(self):
        text = ("top\n<!-- summary -->\n<!-- end of summary -->\nmiddle\n"
                "<!-- sections -->\n<!-- end of sections -->\nbottom\n")
        order = ["one", "two"]
        for name, new in (("two", "old"), ("one", "1"), ("two", "2")):
            text = report.replace_section(text, name, f"### {name}: title\n\n{new}\n", order)
            text = report.replace_summary(text, name, f"| {name} | {new} |", order)
        self.assertLess(text.index("### one: title\n\n1\n"), text.index("### two: title\n\n2\n"))
        self.assertLess(text.index("| one | 1 |\n"), text.index("| two | 2 |\n"))
        self.assertNotIn("old", text)
        self.assertTrue(text.startswith("top\n") and text.endswith("bottom\n") and "middle" in text)

    def test_every_scenario_names_what_a_peer_cannot_do(self):
        peers = (outrigger, nginx, haproxy, nghttpx, h2o)
        for scenario in scenarios.SCENARIOS.values():
            self.assertIsNone(outrigger.cannot(scenario), scenario.name)
            self.assertTrue(any(p.cannot(scenario) is None for p in peers[1:]), scenario.name)
        self.assertIsNotNone(nghttpx.cannot(scenarios.SCENARIOS["tcp-64k"]))
        self.assertEqual([s.name for s in scenarios.chosen(["many-routes"])],
                         ["many-routes-20", "many-routes-1000", "many-routes-20000"])


class ResultsTest(unittest.TestCase):
    def test_counts_cases_and_skips_those_that_did_not_run(self):
        with tempfile.NamedTemporaryFile("w", suffix=".xml") as f:
            f.write('<testsuites><testsuite><testcase name="a" status="run"/><testcase name="b" status="run"><failure/></testcase>'
                    '<testcase name="c" status="notrun"/></testsuite></testsuites>')
            f.flush()
            self.assertEqual(tests.cases_of(f.name), (1, 1))
        self.assertIsNone(tests.cases_of("/no/such/file"))


class SetupTest(unittest.TestCase):
    def run_setup(self, packages, known, times=1, flags=()):
        """tools/setup with a dpkg-query, an apt-get and an npm of our own; what the last two were asked for."""
        with tempfile.TemporaryDirectory() as folder:
            os.mkdir(folder + "/tools")
            os.mkdir(folder + "/bin")
            os.makedirs(folder + "/test/interop/node")
            open(folder + "/test/interop/node/package-lock.json", "w").close()
            with open(TOOLS + "/setup") as original, open(folder + "/tools/setup", "w") as copy:
                copy.write(original.read())
            with open(folder + "/tools/packages.txt", "w") as f:
                f.write(packages)
            query = f'case " {known} " in *" $3 "*) echo "install ok installed" ;; *) exit 1 ;; esac'
            for name, body in (("dpkg-query", query), ("apt-get", f'echo "$*" >> {folder}/asked'), ("id", "echo 0"),
                               ("npm", f'echo "npm $*" >> {folder}/asked; mkdir -p {folder}/test/interop/node/node_modules')):
                with open(f"{folder}/bin/{name}", "w") as f:
                    f.write("#!/bin/sh\n" + body + "\n")
                os.chmod(f"{folder}/bin/{name}", 0o755)
            for _ in range(times):
                result = subprocess.run(["bash", folder + "/tools/setup", *flags], env={"PATH": f"{folder}/bin:/usr/bin:/bin"}, capture_output=True)
                self.assertEqual(result.returncode, 0, result.stderr)
            try:
                return open(folder + "/asked").read()
            except FileNotFoundError:
                return ""

    def test_asks_for_what_is_missing_only(self):
        asked = self.run_setup("# comment\n\nhere\nmissing\n", "here")
        self.assertIn("update", asked)
        self.assertRegex(asked, r"install .* missing\n")
        self.assertNotIn(" here", asked)

    def test_does_nothing_when_all_is_there(self):
        self.assertNotIn("install ", self.run_setup("here\nthere\n", "here there"))

    def test_needs_no_package_for_a_command_that_is_there(self):
        asked = self.run_setup("shell sh\nnowhere no-such-command\n", "")
        self.assertRegex(asked, r"install .* nowhere\n")

    def test_installs_the_npm_packages_of_the_lock_file_once(self):
        self.assertEqual(self.run_setup("", "", times=2).count("npm ci --prefix test/interop/node"), 1)

    def test_leaves_npm_alone_where_no_test_is_run(self):
        self.assertNotIn("npm ci", self.run_setup("", "", flags=["--no-npm"]))


class LoadTest(unittest.TestCase):
    """Against a server that answers a connection's requests with what the test gives."""

    def serve(self, answer):
        listener = socket.create_server(("127.0.0.1", 0))

        def talk(connection):
            with connection, connection.makefile("rb") as file:
                while file.readline().strip():
                    length = 0
                    for line in iter(file.readline, b"\r\n"):
                        if line.lower().startswith(b"content-length:"):
                            length = int(line.split(b":")[1])
                    body = answer(file.read(length).decode())
                    if body is None:
                        return
                    connection.sendall(body)

        def accept():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=talk, args=(connection,), daemon=True).start()
        threading.Thread(target=accept, daemon=True).start()
        self.addCleanup(listener.close)
        return listener.getsockname()[1]

    def run_load(self, answer):
        with Load(self.serve(answer), "h", rate=2000, threads=2, timeout=2) as load:
            load.wait_for(100)
        return load

    @staticmethod
    def ok(text):
        return f"HTTP/1.1 200 OK\r\ncontent-length: {len(text)}\r\n\r\n{text}".encode()

    def test_counts_by_version(self):
        load = self.run_load(lambda body: self.ok('{"version": "v1", "body": "%s"}' % body))
        self.assertEqual((load.failed, load.versions["v1"]), (0, load.sent))

    def test_everything_else_is_a_failure(self):
        for answer in (lambda body: b"HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n", lambda body: None,
                       lambda body: self.ok('{"version": "v1", "body": "of another"}'),
                       lambda body: b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\ncut"[:45], lambda body: self.ok("no json")):
            try:
                load = Load(self.serve(answer), "h", rate=2000, threads=2, timeout=0.2).start()
                load.wait_for(6)
            finally:
                load.stop()
            self.assertEqual(load.failed, load.sent)


if __name__ == "__main__":
    unittest.main()
