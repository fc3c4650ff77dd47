#!/usr/bin/env python3
"""Counts single cases for run.sh: each result is a line `pass N`, `fail N` or `skip N` appended to a file.

    count.py TESTLOG.json RESULTS        of meson's test programs (cmocka's lines inside)
    count.py --unittest DIR RESULTS      runs DIR/test_*.py
"""
import json
import re
import sys
import unittest


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


def of_unittest(folder):
    sys.path.insert(0, folder)
    suite = unittest.defaultTestLoader.discover(folder, pattern="test_*.py")
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite)
    bad, skipped = len(result.failures) + len(result.errors), len(result.skipped)
    return {"pass": max(result.testsRun - bad - skipped, 0), "fail": bad, "skip": skipped}


total = of_unittest(sys.argv[2]) if sys.argv[1] == "--unittest" else of_meson(sys.argv[1])
with open(sys.argv[-1], "a") as results:
    results.writelines(f"{k} {n}\n" for k, n in total.items())
print(f"   {total['pass']} passed, {total['fail']} failed, {total['skip']} skipped")
