#!/usr/bin/env python3
"""How fast `mxwarden replay` is, and what memory it takes.

    bench_replay.py [EVENTS] [TIMES]      default 4000000 10

Replays EVENTS outcomes of 100,000 customers from a file, then TIMES as many from a pipe. Beside it the same file read
line by line into trees of values (jansson), which is what a reader of JSON does before it judges anything. Goals: two
million events a second on one core, less than 200 MiB, and within 10 % of that for the longer stream."""
import os
import pathlib
import subprocess
import sys
import tempfile
import time

BUILD = pathlib.Path(os.environ.get("MXWARDEN_BUILD", pathlib.Path(__file__).resolve().parents[2] / "build"))
TOOL, PROGRAM = BUILD / "tests" / "bench_replay", BUILD / "mxwarden"


def measured(words, stdin=None):
    """(seconds of processor, seconds, MiB at most, what it said on stderr)"""
    with tempfile.TemporaryFile("w+") as said:
        began = time.monotonic()
        process = subprocess.Popen(words, stdin=stdin, stdout=subprocess.DEVNULL, stderr=said)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        took = time.monotonic() - began
        said.seek(0)
        text = said.read()
    assert process.returncode == 0, text
    return usage.ru_utime + usage.ru_stime, took, usage.ru_maxrss / 1024, text


def show(name, events, result):
    cpu, took, memory, _ = result
    print(f"{name:34} {events / cpu:12,.0f} events/s of processor {events / took:12,.0f} events/s  {memory:7.1f} MiB")


def main():
    events, times = (int(a) for a in (sys.argv[1:] + ["4000000", "10"][len(sys.argv) - 1:]))
    with tempfile.TemporaryDirectory() as home:
        file = pathlib.Path(home) / "events.ndjson"
        with open(file, "wb") as f:
            subprocess.run([TOOL, "write", str(events)], stdout=f, check=True)
        print(f"{events:,} events, {file.stat().st_size / events:.0f} bytes each")
        results = {}
        for name, words in (("jansson", [TOOL, "jansson"]), ("scan alone", [TOOL, "scan"])):
            with open(file, "rb") as f:
                results[name] = measured(words, f)
            show(name, events, results[name])
        first = measured([PROGRAM, "replay", file])
        show("replay", events, first)
    if times > 1:
        writer = subprocess.Popen([TOOL, "write", str(events * times)], stdout=subprocess.PIPE)
        longer = measured([PROGRAM, "replay", "-"], writer.stdout)
        writer.stdout.close()
        assert writer.wait() == 0
        show(f"replay, {times} times as long", events * times, longer)
        print(f"memory: {longer[2] / first[2] - 1:+.1%} for the longer stream")
    print(f"replay / jansson: {results['jansson'][0] / first[0]:.1f} times as fast")
    print(first[3], end="")


if __name__ == "__main__":
    main()
