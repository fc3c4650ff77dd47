#!/usr/bin/env python3
"""How fast `mxwarden replay` is, and what memory it takes; each goal with `ok` or `MISSED`.

    bench_replay.py [EVENTS] [TIMES]      default 4000000 10

Replays EVENTS outcomes of 100,000 customers from a file (the best of three runs: a machine has other things to do),
then TIMES as many from a pipe. Beside it the same file read line by line into trees of values (jansson), which is what
a reader of JSON does before it judges anything. Ends with 1 when a goal was missed. TIMES 1 leaves the long stream
out."""
import os
import pathlib
import subprocess
import sys
import tempfile
import time

BUILD = pathlib.Path(os.environ.get("MXWARDEN_BUILD", pathlib.Path(__file__).resolve().parents[2] / "build"))
TOOL, PROGRAM = BUILD / "tests" / "bench_replay", BUILD / "mxwarden"
A_SECOND, MEMORY, GROWTH, RUNS = 2_000_000, 200, 0.10, 3


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


def best_of(words, file):
    """Of several runs the one that took the least processor time; memory is the most of them."""
    results = []
    for _ in range(RUNS):
        with open(file, "rb") as f:
            results.append(measured(words, f))
    cpu, took, _, text = min(results, key=lambda r: r[0])
    return cpu, took, max(r[2] for r in results), text


def show(name, events, result):
    cpu, took, memory, _ = result
    print(f"{name:28} {events / cpu:12,.0f} events/s of processor {events / took:12,.0f} events/s  {memory:7.1f} MiB",
          flush=True)


def long_stream(events):
    writer = subprocess.Popen([TOOL, "write", str(events)], stdout=subprocess.PIPE)
    result = measured([PROGRAM, "replay", "-"], writer.stdout)
    writer.stdout.close()
    assert writer.wait() == 0
    return result


def judged(goals):
    """Prints each goal's line; whether all are met."""
    for what, is_met in goals:
        print(f"{'ok' if is_met else 'MISSED':8}{what}")
    return all(is_met for _, is_met in goals)


def main():
    events, times = (int(a) for a in (sys.argv[1:] + ["4000000", "10"][len(sys.argv) - 1:]))
    with tempfile.TemporaryDirectory() as home:
        file = pathlib.Path(home) / "events.ndjson"
        with open(file, "wb") as f:
            subprocess.run([TOOL, "write", str(events)], stdout=f, check=True)
        print(f"{events:,} events, {file.stat().st_size / events:.0f} bytes each, best of {RUNS}", flush=True)
        results = {}
        for name, words in (("jansson", [TOOL, "jansson"]), ("scan alone", [TOOL, "scan"]),
                            ("replay", [PROGRAM, "replay", "-"])):
            results[name] = best_of(words, file)
            show(name, events, results[name])
    cpu, _, memory, text = results["replay"]
    goals = [(f"{events / cpu:,.0f} events a second of one core, at least {A_SECOND:,}", events / cpu >= A_SECOND),
             (f"{memory:.1f} MiB, less than {MEMORY}", memory < MEMORY)]
    if times > 1:
        longer = long_stream(events * times)
        show(f"replay, {times} times as long", events * times, longer)
        growth = longer[2] / memory - 1
        speed = events * times / longer[0]
        goals += [(f"{speed:,.0f} events a second of one core for {times} times as many", speed >= A_SECOND),
                  (f"{longer[2]:.1f} MiB for {times} times as many, less than {MEMORY}", longer[2] < MEMORY),
                  (f"{growth:+.1%} memory for {times} times as many, at most {GROWTH:.0%}", growth <= GROWTH)]
    print(f"replay judges {results['jansson'][0] / cpu:.1f} times as fast as jansson reads")
    print(text, end="")
    return 0 if judged(goals) else 1


if __name__ == "__main__":
    sys.exit(main())
