#!/usr/bin/env python3
"""Figures of the tree: functions, files, lines, and with a coverage build the lines that tests reach, per room.

    figures.py                     functions, files, lines
    figures.py --coverage DIR      builds DIR with coverage, runs the tests, then all of it (needs gcovr)"""
import json
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/lint"))
import check


def of_code():
    lengths, lines, rooms = [], [], {}
    for path in sorted([*ROOT.glob("src/**/*.[ch]"), *ROOT.glob("ui/**/*.[ch]")]):
        text = path.read_text()
        name = path.relative_to(ROOT).as_posix()
        room = name.split("/")[1].removesuffix(".c") if name.startswith("src/") else "ui"
        here = [n for _, n in check.functions(check.without_comments(text))]
        lengths += [(n, name) for n in here]
        lines.append((text.count("\n"), name))
        row = rooms.setdefault(room, [0, 0, 0])
        row[0] += 1
        row[1] += text.count("\n")
        row[2] += len(here)
    tests = sum(f.read_text().count("\n") for f in ROOT.glob("tests/**/*") if f.suffix in (".c", ".h", ".py", ".sh"))
    sizes = sorted(n for n, _ in lengths)
    print(f"functions {len(sizes)}: median {statistics.median(sizes):.0f} lines, 95th percentile {sizes[len(sizes) * 95 // 100]}, longest {max(lengths)}")
    print(f"files {len(lines)}: median {statistics.median(n for n, _ in lines):.0f} lines, longest {max(lines)}")
    print(f"lines of code {sum(n for n, _ in lines)}, of tests {tests}")
    return rooms


def of_coverage(build):
    if not (build / "build.ninja").exists():
        subprocess.run(["meson", "setup", build, "-Db_coverage=true"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["ninja", "-C", build], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["meson", "test", "-C", build, "--timeout-multiplier", "3"], check=False, stdout=subprocess.DEVNULL)
    subprocess.run([sys.executable, ROOT / "tests/count.py", "--unittest", ROOT / "tests/e2e", "/dev/null"], env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "MXWARDEN_BUILD": str(build)},
                   check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    told = json.loads(subprocess.run(["gcovr", "-r", ROOT, "--json-summary", "-f", "src/", "-f", "ui/", build], cwd=ROOT, check=True,
                                     capture_output=True, text=True).stdout)
    rooms = {}
    for f in told["files"]:
        room = f["filename"].split("/")[1].removesuffix(".c") if f["filename"].startswith("src/") else "ui"
        row = rooms.setdefault(room, [0, 0])
        row[0] += f["line_covered"]
        row[1] += f["line_total"]
    return rooms


rooms = of_code()
covered = of_coverage(pathlib.Path(sys.argv[2]).resolve()) if sys.argv[1:2] == ["--coverage"] else {}
for room, (files, lines, functions) in sorted(rooms.items()):
    reached = f"{100 * covered[room][0] / covered[room][1]:5.1f} % of lines" if covered.get(room, [0, 0])[1] else ""
    print(f"  {room:10} {files:3} files {lines:6} lines {functions:4} functions  {reached}")
