#!/usr/bin/env python3
"""docs/http-conformance.md keeps its word: every row names a test that exists or a reason, and the counts are those of the rows.

usage: tools/testing/conformance.py [--update]
  --update   writes the counts and puts each section's rows into order

docs/http-conformance-sentences.md beside it says which row holds each sentence of the specifications: each of a section's sentences has
an entry, and each row that is named exists. The heads of the pages say what they look like. tools/lint runs this check.
"""
import builtins
import os
import re
import sys

PAGE = "docs/http-conformance.md"
SENTENCES = "docs/http-conformance-sentences.md"
OTHERS = {"authors", "resources"}  # whom a sentence binds that has no row
ROLES = {"client", "server", "intermediary"}
RFC = re.compile(r"^## RFC (\d+)\b")
SECTION = re.compile(r"^### (\d+) ([\d.A-Z]+)\s+(.*?)(?:: (\d+) rows?)?$")
ROW = re.compile(r"^\| (\d+) ([\d.A-Z]+)-(\d+) \|")
TOTAL = re.compile(r"^\| (\d+) \|")
LISTED = re.compile(r"^\| (\d+) ([\d.A-Z]+) \| (\d+) \| (.*) \|$")
NAMED = re.compile(r"`(//[\w/.-]*:[\w.-]+)(?: ([\w.]+))?`")
CASE = re.compile(r"\bTEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\s*\)")


def test_rules(path):
    """{test target: its files} of a BUILD file, which is nearly Python: calls of rules are kept, everything else is nothing."""
    tests = {}

    def rule_of(kind):
        def rule(*_, name=None, srcs=(), data=(), **__):
            if name and kind.endswith("_test"):
                tests[name] = [f for f in [*srcs, *data] if isinstance(f, str) and f.endswith((".cc", ".py")) and ":" not in f]
            return []  # of glob and its like
        return rule

    if os.path.isfile(path):
        text = open(path).read()
        called = set(re.findall(r"\b(\w+)\(", text)) - set(dir(builtins))
        exec(compile(text, path, "exec"), {kind: rule_of(kind) for kind in called})
    return tests


class Tests:
    """The tests of the tree: which target exists, and which cases its sources hold."""

    def __init__(self, root="."):
        self.root, self.rules, self.cases = root, {}, {}

    def sources(self, target):
        """The files that the target's rule names, or None where there is no such test."""
        package, _, name = target[2:].partition(":")
        if package not in self.rules:
            self.rules[package] = test_rules(os.path.join(self.root, package, "BUILD"))
        return self.rules[package].get(name)

    def of(self, target):
        package = target[2:].partition(":")[0]
        if target not in self.cases:
            found = set()
            for source in self.sources(target):
                path = next((p for p in (os.path.join(self.root, package, source), os.path.join(self.root, source)) if os.path.isfile(p)),
                            None)
                text = open(path).read() if path else ""
                found.update(f"{suite}.{case}" for suite, case in CASE.findall(text))
                for suite, body in re.findall(r"^class (\w+)\(.*?\):\n(.*?)(?=^\S|\Z)", text, re.S | re.M):
                    found.update(f"{suite}.{case}" for case in re.findall(r"^    def (test\w*)\(", body, re.M))
            self.cases[target] = found
        return self.cases[target]


def cells_of(line):
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip())[1:-1]]


def test_problem(cell, tests):
    """What is wrong with the cell that names tests or a reason, or None."""
    if not cell:
        return "no test and no reason"
    if cell.startswith("not applicable"):
        return None if re.match(r"not applicable: \S.{9,}", cell) else "`not applicable` without a reason"
    named = NAMED.findall(cell)
    if not named or cell.count("`") != 2 * len(named) or re.sub(r"[\s,]", "", NAMED.sub("", cell)):
        return "the cell is `//target Suite.Case`, several with commas between, or `not applicable: reason`"
    for target, case in named:
        if tests.sources(target) is None:
            return f"no test target {target}"
        cases = tests.of(target)
        if case and case not in cases:
            return f"{target} has no test {case}"
        if not case and cases:
            return f"which test of {target}?"
    return None


def row_problem(line, tests):
    cells = cells_of(line)
    if len(cells) != 5:
        return f"{len(cells)} cells instead of 5: id, requirement, role, test, status"
    _, requirement, role, test, status = cells
    if len(requirement) < 10:
        return "no requirement"
    if not role or not set(role.split(", ")) <= ROLES:
        return f"role `{role}`: client, server, intermediary, several with commas between"
    problem = test_problem(test, tests)
    if problem:
        return problem
    wanted = "not applicable" if test.startswith("not applicable") else "ok"
    return None if status == wanted else f"status `{status}` instead of `{wanted}`"


def counted(lines):
    """{RFC: [rows, not applicable]}, {line of a section's heading: rows}."""
    totals, sections, heading, rfc = {}, {}, None, None
    for number, line in enumerate(lines, 1):
        if RFC.match(line):
            rfc, heading = RFC.match(line).group(1), None
            totals[rfc] = [0, 0]
        elif SECTION.match(line):
            heading = number
            sections[heading] = 0
        elif ROW.match(line) and rfc:
            totals[rfc][0] += 1
            totals[rfc][1] += line.rstrip().endswith("| not applicable |")
            if heading:
                sections[heading] += 1
    return totals, sections


def total_row(rfc, rows, inapplicable):
    return f"| {rfc} | {rows} | {rows - inapplicable} | {inapplicable} |"


def check(text, tests):
    """[(line, problem)] of a page."""
    lines = text.split("\n")
    totals, sections = counted(lines)
    problems, seen, announced, rfc, section = [], {}, set(), None, None
    for number, line in enumerate(lines, 1):
        if RFC.match(line):
            rfc, section = RFC.match(line).group(1), None
        elif line.startswith("## "):
            rfc = section = None
        elif SECTION.match(line):
            found = SECTION.match(line)
            section = found.group(2)
            if found.group(1) != rfc:
                problems.append((number, f"a section of RFC {found.group(1)} under RFC {rfc}"))
            if found.group(4) != str(sections[number]):
                problems.append((number, f"the heading says {found.group(4)} rows, there are {sections[number]}"))
        elif rfc is None and TOTAL.match(line):
            announced.add(TOTAL.match(line).group(1))
            wanted = total_row(TOTAL.match(line).group(1), *totals.get(TOTAL.match(line).group(1), (0, 0)))
            if line != wanted:
                problems.append((number, f"the counts are {wanted}"))
        elif line.startswith("| ") and rfc and not line.startswith(("| row |", "| --- |")):
            found = ROW.match(line)
            if not found:
                problems.append((number, "a row begins with `| RFC SECTION-NUMBER |`"))
                continue
            name = "%s %s-%s" % found.groups()
            if found.group(1) != rfc or found.group(2) != section:
                problems.append((number, f"row {name} stands under RFC {rfc}, section {section}"))
            if name in seen:
                problems.append((number, f"row {name} is there twice, first in line {seen[name]}"))
            seen[name] = number
            problem = row_problem(line, tests)
            if problem:
                problems.append((number, f"row {name}: {problem}"))
    for missing in sorted(set(totals) - announced):
        problems.append((1, f"RFC {missing} is not in the table of counts"))
    return problems


def updated(text):
    lines = text.split("\n")
    totals, sections = counted(lines)
    for number, line in enumerate(lines):
        if SECTION.match(line):
            found, rows = SECTION.match(line), sections[number + 1]
            lines[number] = f"### {found.group(1)} {found.group(2)} {found.group(3)}: {rows} row{'s' if rows != 1 else ''}"
        elif TOTAL.match(line):
            lines[number] = total_row(TOTAL.match(line).group(1), *totals.get(TOTAL.match(line).group(1), (0, 0)))
    start = None
    for number in range(len(lines) + 1):
        if number < len(lines) and ROW.match(lines[number]):
            start = number if start is None else start
        elif start is not None:
            lines[start:number] = sorted(lines[start:number], key=lambda row: int(ROW.match(row).group(3)))
            start = None
    return "\n".join(lines)


def sentence_totals(lines):
    """{RFC: [sentences, those that bind others]} of the page of sentences."""
    totals = {}
    for line in lines:
        found = LISTED.match(line)
        if found:
            entries = [entry.partition(": ")[2] for entry in found.group(4).split("; ")]
            total = totals.setdefault(found.group(1), [0, 0])
            total[0] += len(entries)
            total[1] += sum(entry in OTHERS for entry in entries)
    return totals


def check_sentences(text, page):
    """[(line, problem)] of the page of sentences, for the page with the rows."""
    rows = {"%s %s-%s" % ROW.match(line).groups() for line in page.split("\n") if ROW.match(line)}
    lines = text.split("\n")
    totals, problems, seen, announced = sentence_totals(lines), [], set(), set()
    for number, line in enumerate(lines, 1):
        found = LISTED.match(line)
        if TOTAL.match(line):
            rfc = TOTAL.match(line).group(1)
            announced.add(rfc)
            wanted = total_row(rfc, *totals.get(rfc, (0, 0)))
            if line != wanted:
                problems.append((number, f"the totals are {wanted}"))
        if not found:
            continue
        rfc, section, count, entries = found.groups()
        entries = entries.split("; ")
        if (rfc, section) in seen:
            problems.append((number, f"section {rfc} {section} is there twice"))
        seen.add((rfc, section))
        if int(count) != len(entries):
            problems.append((number, f"{rfc} {section}: {count} sentences, {len(entries)} entries"))
        for ordinal, entry in enumerate(entries, 1):
            place, _, named = entry.partition(": ")
            if place != str(ordinal):
                problems.append((number, f"{rfc} {section}: entry `{entry}` is not the {ordinal}th"))
            for name in [] if named in OTHERS else named.split(", "):
                if (name if " " in name else f"{rfc} {name}") not in rows:
                    problems.append((number, f"{rfc} {section}, sentence {ordinal}: no row {name}"))
    for missing in sorted(set(totals) - announced):
        problems.append((1, f"RFC {missing} is not in the table of totals"))
    return problems


def updated_sentences(text):
    lines = text.split("\n")
    totals = sentence_totals(lines)
    return "\n".join(total_row(TOTAL.match(line).group(1), *totals.get(TOTAL.match(line).group(1), (0, 0)))
                     if TOTAL.match(line) else line for line in lines)


def main(arguments):
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
    if "--help" in arguments or "-h" in arguments:
        print(__doc__)
        return 0
    texts = {path: open(path).read() for path in (PAGE, SENTENCES)}
    for path, update in ((PAGE, updated), (SENTENCES, updated_sentences)):
        if "--update" in arguments and update(texts[path]) != texts[path]:
            texts[path] = update(texts[path])
            with open(path, "w") as page:
                page.write(texts[path])
    problems = [(PAGE, *problem) for problem in check(texts[PAGE], Tests())]
    problems += [(SENTENCES, *problem) for problem in check_sentences(texts[SENTENCES], texts[PAGE])]
    for path, line, problem in problems:
        print(f"{path}:{line}: {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
