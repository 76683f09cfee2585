"""The tables of docs/performance.md: a section per scenario, replaced on its own, and a summary of their ratios."""
import datetime
import os
import platform
import re
import statistics

PATH = "docs/performance.md"
COLUMNS = {
    "requests": ("CPU us per request: median (least to most)", "ratio", "requests/s", "p50 us", "p99 us",
                 "calls per request", "waits", "MiB before", "MiB peak", "errors"),
    "idle": ("KiB per connection: median (least to most)", "ratio", "MiB before", "MiB held", "errors"),
}


def ratios(results, name):
    """Of one proxy to the cheapest other one of the same round, round by round."""
    rounds = []
    for i, result in enumerate(results[name]):
        others = [rows[i].cost for other, rows in results.items() if other != name and i < len(rows)]
        if others and min(others) > 0:
            rounds.append(result.cost / min(others))
    return rounds


def ratio_text(results, name):
    found = ratios(results, name)
    return f"{statistics.median(found):.2f}" if found else "-"


def row(scenario, peer, results, calls):
    rows = results[peer.NAME]
    costs = [r.cost for r in rows]

    def middle(field):
        return statistics.median(getattr(r, field) for r in rows)
    cells = [peer.NAME, peer.version(), f"{statistics.median(costs):.2f} ({min(costs):.2f} to {max(costs):.2f})",
             ratio_text(results, peer.NAME)]
    memory = [f"{middle('memory') / 1024:.1f}", f"{middle('peak') / 1024:.1f}"]
    if scenario.kind != "idle":
        count = ["-", "-"] if peer.NAME not in calls else [f"{n:.2f}" for n in calls[peer.NAME]]
        cells += [f"{middle('rate'):.0f}", f"{middle('p50'):.0f}", f"{middle('p99'):.0f}"] + count
    return cells + memory + [str(sum(r.errors for r in rows))]


def p99_line(results):
    """Of the scenario with a fixed rate: Outrigger's p99 beside the best other proxy's, round by round."""
    rounds = []
    for i, mine in enumerate(results.get("outrigger", [])):
        others = [rows[i].p99 for other, rows in results.items() if other != "outrigger" and i < len(rows)]
        if others and min(others) > 0:
            rounds.append(mine.p99 / min(others))
    if not rounds:
        return []
    return [f"- p99 of outrigger: {statistics.median(rounds):.2f} times the least of the others in the same round (goal 1.30)"]


def line(cells):
    return "| " + " | ".join(cells) + " |"


def machine():
    with open("/proc/cpuinfo") as f:
        cpu = next((l.split(":")[1].strip() for l in f if l.startswith("model name")), "unknown")
    return f"{datetime.date.today().isoformat()}, {os.cpu_count()} x {cpu}, Linux {platform.release()}"


def section(scenario, peers, results, calls, cannot, note):
    """One scenario's text; cannot is what each absent peer lacks."""
    columns = ("proxy", "version") + COLUMNS["idle" if scenario.kind == "idle" else "requests"]
    lines = [f"### {scenario.name}: {scenario.title}", "", line(columns), line(["---"] * len(columns))]
    lines += [line(row(scenario, p, results, calls)) for p in peers if results.get(p.NAME)]
    lines += [""] + [f"- {name} cannot: {why}" for name, why in cannot.items()]
    lines += p99_line(results) if scenario.rate else []
    rounds = max((len(rows) for rows in results.values()), default=0)
    lines.append(f"- {machine()}; {rounds} round{'' if rounds == 1 else 's'}{note}")
    return "\n".join(lines) + "\n"


def summary_row(scenario, results):
    """The scenario's line of the summary; None where there is nothing to compare."""
    if not results.get("outrigger"):
        return None
    others = {name: statistics.median(r.cost for r in rows) for name, rows in results.items() if name != "outrigger" and rows}
    best = min(others, key=others.get) if others else "-"
    mine = statistics.median(r.cost for r in results["outrigger"])
    return line([scenario.name, f"{mine:.2f} {scenario.unit}", f"{best} {others[best]:.2f}" if others else "-",
                 ratio_text(results, "outrigger"), f"{scenario.goal:.2f}" if scenario.goal else "-"])


def replace_section(text, name, new, order):
    """The document with this scenario's section in place, sections kept in the order of the scenarios."""
    begin, end = "<!-- sections -->\n", "<!-- end of sections -->"
    head, _, rest = text.partition(begin)
    body, _, tail = rest.partition(end)
    parts = {part.split(":")[0][4:].strip(): part.strip() + "\n" for part in re.split(r"(?m)^(?=### )", body) if part.strip()}
    parts[name] = new
    kept = [parts[n] for n in order if n in parts]
    return head + begin + "\n" + "\n".join(kept) + "\n" + end + tail


def replace_summary(text, name, new, order):
    begin, end = "<!-- summary -->\n", "<!-- end of summary -->"
    head, _, rest = text.partition(begin)
    body, _, tail = rest.partition(end)
    rows = {l.split("|")[1].strip(): l for l in body.split("\n") if l.startswith("| ") and not l.startswith(("| scenario", "| ---"))}
    if new:
        rows[name] = new
    title = [line(["scenario", "Outrigger", "cheapest peer", "ratio", "goal"]), line(["---"] * 5)]
    return head + begin + "\n".join([""] + title + [rows[n] for n in order if n in rows] + ["", ""]) + end + tail


def write(scenario, new, summary, order, path=PATH):
    with open(path) as f:
        text = f.read()
    text = replace_summary(replace_section(text, scenario.name, new, order), scenario.name, summary, order)
    with open(path, "w") as f:
        f.write(text)
