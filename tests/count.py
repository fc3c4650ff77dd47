#!/usr/bin/env python3
"""Counts single cases for run.sh: each result is a line `pass N`, `fail N` or `skip N` appended to a file.

    count.py TESTLOG.json RESULTS        of meson's test programs (cmocka's lines inside)
    count.py --unittest DIR RESULTS      runs DIR/test_*.py, three files at a time: most of it is waiting
    count.py --module FILE.py            one of them; its last line has the counts
"""
import concurrent.futures
import json
import pathlib
import re
import subprocess
import sys
import unittest

AT_ONCE = 3


def of_meson(path):
    total = {"pass": 0, "fail": 0, "skip": 0}
    for line in open(path, encoding="utf-8", errors="replace"):
        test = json.loads(line)
        said = (test.get("stdout") or "") + (test.get("stderr") or "")
        passed = len(re.findall(r"^\[       OK \]", said, re.M))
        skipped = len(re.findall(r"^\[  SKIPPED \] (?!\d+ test)", said, re.M))
        # cmocka names a failure twice: where it happens, and in its summary
        failed = len(set(re.findall(r"^\[  FAILED  \] (?!\d+ test)(?:\S+: )?(\w+)$", said, re.M)))
        if test["result"] == "SKIP":
            skipped += 1
        elif test["result"] != "OK":
            failed = max(failed, 1)
            print(f"FAILED: {test['name']} ({test['result']})\n{said[-6000:]}")
        elif passed + failed + skipped == 0:
            passed = 1
        total["pass"] += passed
        total["fail"] += failed
        total["skip"] += skipped
    return total


def of_module(path):
    path = pathlib.Path(path)
    sys.path.insert(0, str(path.parent))
    suite = unittest.defaultTestLoader.discover(str(path.parent), pattern=path.name)
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite)
    bad, skipped = len(result.failures) + len(result.errors), len(result.skipped)
    return {"pass": max(result.testsRun - bad - skipped, 0), "fail": bad, "skip": skipped}


def run_module(path):
    """What a module printed, and its counts; one that does not get to its end failed."""
    done = subprocess.run([sys.executable, __file__, "--module", path], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace")
    said, _, last = done.stdout.rstrip().rpartition("\n")
    try:
        return said, json.loads(last)
    except ValueError:
        return f"{done.stdout}\n{path.name} ended with {done.returncode}", {"pass": 0, "fail": 1, "skip": 0}


def of_unittest(folder):
    total = {"pass": 0, "fail": 0, "skip": 0}
    files = sorted(pathlib.Path(folder).glob("test_*.py"))
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        for said, counts in pool.map(run_module, files):
            print(said)
            for k, n in counts.items():
                total[k] += n
    return total


if sys.argv[1] == "--module":
    print(json.dumps(of_module(sys.argv[2])))
    sys.exit()
total = of_unittest(sys.argv[2]) if sys.argv[1] == "--unittest" else of_meson(sys.argv[1])
with open(sys.argv[-1], "a") as results:
    results.writelines(f"{k} {n}\n" for k, n in total.items())
print(f"   {total['pass']} passed, {total['fail']} failed, {total['skip']} skipped")
