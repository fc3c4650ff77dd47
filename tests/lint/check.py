#!/usr/bin/env python3
"""The promises of the house that a grep can keep: include direction, words that stand in one place only, the code map."""
import pathlib
import re
import sys

ROOT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[2]).resolve()
INCLUDE = re.compile(r'^\s*#\s*include\s+"([a-z]+)/', re.M)
MOST_LINES, MOST_FUNCTION = 1200, 100

# (what must not stand there, where it may stand, why)
WORDS = [
    (r"#\s*include\s+<sqlite3", r"src/store/", "SQLite is store's"),
    (r'"[^"\n]*\b(SELECT .* FROM|INSERT INTO|INSERT OR|DELETE FROM|UPDATE \w+ SET|CREATE TABLE)\b', r"src/store/", "SQL is store's"),
    (r"\b(clock_gettime|gettimeofday|clock_nanosleep)\s*\(|[^_\w.>]time\s*\(\s*(NULL|0|&)", r"src/base/clock\.c", "one reader of clocks: base/clock.c"),
    (r"#\s*include\s+<(ncursesw?/|n?curses\.h|term\.h)", r"ui/screen\.c", "ncurses is ui/screen.c's"),
    (r"\buv_\w+\s*\(", r"src/(net|store|intake|delivery|warden|control|engine|sim)/|src/cli/demo\.c", "no event loop here"),
    (r"\b(strcpy|strcat|sprintf|vsprintf|gets|strtok|atoi|system|popen)\s*\(", r"^$", "unbounded, unchecked or a shell"),
    (r"\b(TODO|FIXME|XXX|HACK)\b", r"^$", "do it, or say it in docs/"),
]


def without_comments(text):
    """The code alone, line numbers kept."""
    keep = lambda m: m.group(0) if m.group(0)[0] in "\"'" else re.sub(r"[^\n]", " ", m.group(0))
    return re.sub(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', keep, text, flags=re.S)


def functions(text):
    """(line, length) of each function: from the line of its name to the closing brace in column 0."""
    lines, start = text.split("\n"), None
    for number, line in enumerate(lines, 1):
        if re.match(r"[a-z_].*\(", line) and not line.rstrip().endswith(";"):
            start = number
        elif line == "}" and start:
            yield start, number - start + 1
            start = None


def map_faults(files):
    """What docs/code-map.md says and the tree does not, and the other way round. A heading is a folder."""
    text = (ROOT / "docs/code-map.md").read_text()
    there, said, folder = {f.relative_to(ROOT).with_suffix("").as_posix() for f in files}, set(), ""
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("## "):
            folder = line.split()[1]
        for name in re.findall(r"^- `([^`]+)` — ", line):
            path = f"{folder}/{name}"
            if path in said:
                yield f"docs/code-map.md:{number}: {path} stands there twice"
            if path not in there and not (ROOT / path).exists():
                yield f"docs/code-map.md:{number}: there is no {path}"
            said.add(path)
    for path in sorted(there - said):
        yield f"{path}: no line for it in docs/code-map.md"


def link_faults(files):
    """Pages that somebody is sent to and that are not there."""
    pages = sorted(ROOT.glob("docs/*.md"))
    for path in [*files, *pages, *sorted(ROOT.glob("config/*"))]:
        if not path.is_file():
            continue
        text = path.read_text()
        named = [(m.start(), m.group(1)) for m in re.finditer(r"\bdocs/([a-z0-9-]+\.md)\b", text)]
        if path in pages:
            named += [(m.start(), m.group(1)) for m in re.finditer(r"\]\(([a-z0-9-]+\.md)[)#]", text)]
        for at, page in named:
            if not (ROOT / "docs" / page).exists():
                yield f"{path.relative_to(ROOT).as_posix()}:{text.count(chr(10), 0, at) + 1}: there is no docs/{page}"


def main():
    faults = []
    rules = dict(l.split(":", 1) for l in (ROOT / "tests/lint/rooms.txt").read_text().splitlines() if l and l[0] != "#")
    rooms = {name: set(rest.split()) | {"base"} for name, rest in rules.items()}
    files = sorted([*ROOT.glob("src/**/*.[ch]"), *ROOT.glob("ui/**/*.[ch]")])
    for path in files:
        name = path.relative_to(ROOT).as_posix()
        room = name.split("/")[1] if name.startswith("src/") else "ui"
        text = path.read_text()
        code = without_comments(text)
        if room not in rooms:
            faults.append(f"{name}: no line for it in tests/lint/rooms.txt")
            continue
        for m in INCLUDE.finditer(text):
            if m.group(1) not in rooms[room] | {room}:
                faults.append(f"{name}:{text.count(chr(10), 0, m.start()) + 1}: {room} may not include {m.group(1)}")
        for pattern, allowed, why in WORDS:
            hay = text if "TODO" in pattern else code
            for m in re.finditer(pattern, hay):
                if not re.search(allowed, name):
                    faults.append(f"{name}:{hay.count(chr(10), 0, m.start()) + 1}: {m.group(0).strip()}: {why}")
        if text.count("\n") > MOST_LINES:
            faults.append(f"{name}: {text.count(chr(10))} lines, at most {MOST_LINES}")
        for line, length in functions(code):
            if length > MOST_FUNCTION:
                faults.append(f"{name}:{line}: a function of {length} lines, at most {MOST_FUNCTION}")
    faults += [*map_faults(files), *link_faults(files)]
    print("\n".join(faults) if faults else f"lint: {len(files)} files, no fault")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
