"""The judgement of tools/http-corpus: its strict reader, its corpus and its comparison, without a proxy."""
import os
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.abspath("tools"))
from http_corpus import corpus, judge, limits, reader  # noqa: E402
from http_corpus.cases import INVALID, OPEN, VALID, Case, Expected  # noqa: E402


def read(text):
    return reader.read(text.replace("\n", "\r\n").encode("latin-1"))


class ReaderTest(unittest.TestCase):
    def test_reads_one_whole_request(self):
        request = read("POST /x?y HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n3\nabc\n0\nT: v\n\nGET /")
        self.assertEqual((request.method, request.target, request.host, request.body), (b"POST", b"/x?y", b"a", b"abc"))
        self.assertEqual((request.trailers, request.raw_target), ([(b"t", b"v")], False))

    def test_refuses_what_could_be_read_in_two_ways(self):
        for text in ("GET / HTTP/1.1\n\n", "GET  / HTTP/1.1\nHost: a\n\n", "GET / HTTP/1.0\nHost: a\n\n", "GET a HTTP/1.1\nHost: a\n\n",
                     "GET /# HTTP/1.1\nHost: a\n\n", "GET / HTTP/1.1\nHost: a\nHost: a\n\n", "GET / HTTP/1.1\nHost: a b\n\n",
                     "GET / HTTP/1.1\nHost: a\nX : b\n\n", "GET / HTTP/1.1\nHost: a\n X: b\n\n", "GET / HTTP/1.1\nHost: a\nX: \x00\n\n",
                     "GET / HTTP/1.1\nHost: a\nContent-Length: 1\nTransfer-Encoding: chunked\n\n", "GET / HTTP/1.1\nHost: a\nContent-Length: +1\n\nx",
                     "GET / HTTP/1.1\nHost: a\nTransfer-Encoding: gzip\n\n", "GET / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n1;x\na\n0\n\n",
                     "GET / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n1\nab\n0\n\n"):
            with self.assertRaises(reader.Refused, msg=text):
                read(text)
        with self.assertRaises(reader.Refused):
            reader.read(b"GET / HTTP/1.1\nHost: a\n\n")

    def test_a_beginning_is_no_request(self):
        whole = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab"
        for size in range(len(whole)):
            with self.assertRaises(reader.Incomplete, msg=size):
                reader.read(whole[:size])


class CorpusTest(unittest.TestCase):
    def test_one_seed_gives_one_corpus(self):
        self.assertEqual(corpus.digest(corpus.make(7, 50, 50, 50)), corpus.digest(corpus.make(7, 50, 50, 50)))
        self.assertNotEqual(corpus.digest(corpus.make(7, 50, 50, 50)), corpus.digest(corpus.make(8, 50, 50, 50)))

    def test_labels_are_counted(self):
        cases = corpus.make(1, 20, 30, 40)
        counts = {label: sum(case.label == label for case in cases) for label in (VALID, INVALID, OPEN)}
        seeds = {label: sum(case.label == label for case in corpus.SEEDS) for label in (VALID, INVALID, OPEN)}
        self.assertEqual(counts, {VALID: seeds[VALID] + 20, INVALID: seeds[INVALID] + 30, OPEN: seeds[OPEN] + 40})


class FakeConnection:
    def __init__(self, raw):
        self.raw, self.problem, self.between, self.requests = raw, None, True, [reader.read(raw)]


class FakeOutcome:
    closed, statuses = True, [200]

    def __init__(self, case, *raw):
        self.case, self.connections = case, [FakeConnection(one) for one in raw]
        self.forwarded = [(one.requests[0], one.raw) for one in self.connections]
        self.records = [{"method": one.method.decode(), "path": one.target.decode(), "authority": one.host.decode(), "body": len(one.body),
                         "status": 200, "upstream": "x"} for one, _ in self.forwarded]


GET = b"GET /a HTTP/1.1\r\nhost: a\r\nx: 1\r\n\r\n"


class JudgeTest(unittest.TestCase):
    def findings(self, outcome):
        return [finding.what for finding in judge.judge(outcome)]

    def test_what_was_meant_is_no_finding(self):
        expected = Expected(b"GET", b"/a", b"a", b"", [(b"x", b"1")])
        self.assertEqual(self.findings(FakeOutcome(Case(VALID, "k", GET, [expected]), GET)), [])

    def test_each_difference_is_a_finding(self):
        for expected in (Expected(b"PUT", b"/a", b"a", b"", [(b"x", b"1")]), Expected(b"GET", b"/b", b"a", b"", [(b"x", b"1")]),
                         Expected(b"GET", b"/a", b"b", b"", [(b"x", b"1")]), Expected(b"GET", b"/a", b"a", b"z", [(b"x", b"1")]),
                         Expected(b"GET", b"/a", b"a", b"", [(b"x", b"2")]), Expected(b"GET", b"/a", b"a", b"", [(b"x", b"1")], [(b"t", b"")])):
            self.assertEqual(len(self.findings(FakeOutcome(Case(VALID, "k", GET, [expected]), GET))), 1, expected)

    def test_what_is_lost_or_too_much_is_a_finding(self):
        expected = Expected(b"GET", b"/a", b"a", b"", [(b"x", b"1")])
        self.assertIn("2 valid requests, 1 arrived", self.findings(FakeOutcome(Case(VALID, "k", GET, [expected] * 2), GET))[0])
        self.assertIn("1 more arrived", self.findings(FakeOutcome(Case(INVALID, "k", GET), GET))[0])
        unlogged = FakeOutcome(Case(OPEN, "k", GET), GET)
        unlogged.records[0]["path"] = "/other"
        self.assertTrue(self.findings(unlogged))

    def verdict(self, *seen, closed=True, raw=GET):
        verdicts = judge.Verdicts()
        verdicts.add("python", raw, reader.read(raw), list(seen), closed)
        return verdicts

    def test_a_backend_must_see_the_message_and_the_one_behind_it(self):
        empty = "da39a3ee5e6b4b0d3255bfef95601890afd80709"
        mine = (200, {"method": "GET", "target": "/a", "host": "a", "size": 0, "sha1": empty})
        after = (200, {"method": "GET", "target": "/after", "host": "after.test", "size": 0, "sha1": empty})
        self.assertEqual(self.verdict(mine, after).same, 1)
        for answers in ((mine,), (mine, mine, after), (mine, (400, None)), (after,), ((400, None),), ()):
            self.assertEqual(len(self.verdict(*answers).findings), 1, answers)
        self.assertEqual(len(self.verdict(mine, closed=False).findings), 1)

    def test_known_limits_are_narrow(self):
        trace = reader.read(b"TRACE / HTTP/1.1\r\nhost: a\r\n\r\n")
        self.assertTrue(limits.reason("nginx", trace, 405))
        for backend, status in (("nginx", 400), ("node", 405), ("nginx", 0)):
            self.assertIsNone(limits.reason(backend, trace, status))
        self.assertTrue(limits.climbs(b"/a/%2e%2e/../x") and not limits.climbs(b"/a/../x?/../.."))


if __name__ == "__main__":
    unittest.main()
