"""Running processes: which belong to a proxy, and what they used of CPU and memory."""
import os
import subprocess

PROXY_CPU, LOAD_CPU = "0", "1"


def pinned(cpu, command):
    return ["taskset", "-c", cpu] + command


def tree(pid):
    """The process and everything below it."""
    pids, frontier = [], [pid]
    while frontier:
        at = frontier.pop()
        pids.append(at)
        for task in tasks(at):
            try:
                with open(f"/proc/{at}/task/{task}/children") as f:
                    frontier += [int(child) for child in f.read().split()]
            except OSError:
                pass
    return pids


def tasks(pid):
    try:
        return os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []


def cpu_seconds(pid):
    """User and system time of the tree, from the scheduler's nanosecond account of each thread."""
    total = 0
    for at in tree(pid):
        for task in tasks(at):
            try:
                with open(f"/proc/{at}/task/{task}/schedstat") as f:
                    total += int(f.read().split()[0])
            except OSError:
                pass
    return total / 1e9


def resident(pid):
    """(KiB resident, KiB of them that no other process shares)"""
    fields = {}
    try:
        with open(f"/proc/{pid}/smaps_rollup") as f:
            for line in f:
                name, _, rest = line.partition(":")
                if rest.endswith("kB\n"):
                    fields[name] = int(rest.split()[0])
    except OSError:
        pass
    return fields.get("Rss", 0), fields.get("Private_Clean", 0) + fields.get("Private_Dirty", 0)


def memory_kib(pid):
    """Resident memory of the tree: all of its largest process, and what the others have for themselves."""
    sizes = sorted((resident(at) for at in tree(pid)), reverse=True)
    return sum(rss if i == 0 else private for i, (rss, private) in enumerate(sizes))


def version_of(command, pattern):
    """What a program says of its version, the first group of the pattern; None if it is not installed."""
    try:
        out = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        return None
    found = pattern.search(out.stdout + out.stderr)
    return found.group(1) if found else "?"
