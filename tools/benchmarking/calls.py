"""System calls per request, counted by strace in a run of its own."""
import signal
import subprocess
import tempfile
import time

WAITS = ("epoll_wait", "epoll_pwait", "poll", "select", "futex")


def read(lines):
    """Calls by name from the table of strace -c."""
    counts = {}
    for line in lines:
        fields = line.split()
        if len(fields) >= 5 and fields[0].replace(".", "").isdigit() and fields[-1] != "total":
            counts[fields[-1]] = int(fields[3])
    return counts


def split(counts):
    """(calls, those of them that wait)"""
    waits = sum(n for name, n in counts.items() if name.startswith(WAITS))
    return sum(counts.values()) - waits, waits


def count(pids, load):
    """Runs load(), which says how many requests were answered, under strace of these processes; (calls, waits) per request."""
    with tempfile.NamedTemporaryFile("r") as out:
        attach = [word for pid in pids for word in ("-p", str(pid))]
        tracer = subprocess.Popen(["strace", "-f", "-c", "-o", out.name] + attach, stderr=subprocess.DEVNULL)
        time.sleep(0.5)  # until it is attached: it does not say so
        answered = load()
        tracer.send_signal(signal.SIGINT)
        tracer.wait()
        calls, waits = split(read(out))
    return calls / max(answered, 1), waits / max(answered, 1)
