#!/usr/bin/env python3
"""How well `mxwarden classify` reads bounces, complaints, auto-replies and SMTP replies, against labelled ones.

    feedback.py [--recall 98] [--class 95] [--wrong 0] [--strict] [--quiet] MXWARDEN DIR…

DIR has `labels.tsv`: `file<TAB>recipient<TAB>class<TAB>scope<TAB>note`, one line per recipient that a mail reports on.
Of `a@x|b@x` either will do, an empty one is hidden in the mail; the class `none` is a mail that reports on nobody; an
empty scope is not judged. It may have `replies.tsv`: `provider<TAB>reply<TAB>class<TAB>scope<TAB>note`. Where the last
column ends with `?` one could argue: that line's class and scope count in no bar, unless `--strict`.

A recipient found but not labelled is false. A wrong suppression is one where the program would stop mail to somebody
whom the label does not: both stand in the row of the class that the program gave. Ends with 1 when a bar is missed."""
import argparse
import collections
import pathlib
import subprocess
import sys
import time

NONE, BATCH = "none", 200
DEAD, UNWILLING = {"unknown-user", "inactive-mailbox", "domain-not-found"}, {"complaint", "unsubscribe"}
COLUMNS = ("labelled", "found", "class right", "scope right", "false", "wrong suppr.")

Label = collections.namedtuple("Label", "key among class_ scope arguable")  # key: file or reply; any of among will do
Answer = collections.namedtuple("Answer", "recipient class_ scope")


class Score:
    """Counts per class, and the misses as text."""

    def __init__(self, strict):
        self.rows, self.misses, self.strict = collections.defaultdict(collections.Counter), [], strict

    def miss(self, what, label, answer, expected=None):
        expected = expected or f"{'|'.join(label.among)} {label.class_} {label.scope}"
        got = " ".join(answer) if answer else "nothing"
        self.misses.append(f"{what}{' ?' * label.arguable}: {label.key}: expected {expected}, got {got}")

    def judge(self, label, answer):
        """A labelled one and what the program says of it, or None."""
        row = self.rows[label.class_]
        row["labelled"] += 1
        if not answer:
            self.miss("not found", label, None)
            return
        row["found"] += 1
        is_right = answer.class_ == label.class_
        if is_wrong(answer.class_, label.class_):
            self.miss("WRONG SUPPRESSION", label, answer)
        elif not is_right:
            self.miss("class", label, answer)
        elif label.scope and answer.scope != label.scope:
            self.miss("scope", label, answer)
        if label.arguable and not self.strict:
            return
        row["judged"] += 1
        row["class right"] += is_right
        row["scoped"] += bool(label.scope)
        row["scope right"] += bool(label.scope) and answer.scope == label.scope
        self.rows[answer.class_]["wrong"] += is_wrong(answer.class_, label.class_)

    def extra(self, label, answer):
        """Found, though nobody labelled it; `label` is the first of that mail."""
        is_none = label.class_ == NONE
        suppresses = answer.class_ in DEAD | UNWILLING
        self.miss("WRONG SUPPRESSION" if suppresses else "false", label, answer, "nobody" if is_none else "nobody more")
        if is_none and label.arguable and not self.strict:
            return
        self.rows[answer.class_]["false"] += 1
        self.rows[answer.class_]["wrong"] += suppresses

    def totals(self):
        return sum((row for name, row in self.rows.items() if name != NONE), collections.Counter())

    def table(self, title):
        rows = sorted((name, row) for name, row in self.rows.items() if name != NONE)
        rows += [(NONE, row) for name, row in self.rows.items() if name == NONE] + [("all", self.totals())]
        print(f"{title:20}" + "".join(f"{column:>14}" for column in COLUMNS))
        for name, row in rows:
            cells = [row["labelled"], share(row["found"], row["labelled"]), share(row["class right"], row["judged"]),
                     share(row["scope right"], row["scoped"]), row["false"], row["wrong"]]
            if name == NONE:
                cells[1:] = ["–"] * 5
            print(f"{name:20}" + "".join(f"{c:>14}" for c in cells))


def share(part, whole):
    return f"{part} {100 * part / whole:5.1f}%" if whole else "–"


def is_wrong(given, labelled):
    return (given in DEAD and labelled not in DEAD) or (given in UNWILLING and labelled not in UNWILLING)


def lines_of(file):
    """The fields of each line that is neither empty nor a comment, at least five."""
    for line in file.read_text(encoding="utf-8", errors="surrogateescape").split("\n"):
        if line and not line.startswith("#"):
            fields = line.split("\t")
            yield fields + [""] * (5 - len(fields))


def run(words, stdin=None, cwd=None):
    """The fields of the lines that it prints; a failure is said and leaves what was printed."""
    p = subprocess.run(words, input=stdin, cwd=cwd, capture_output=True)
    if p.returncode:
        print(f"{words[0]} {words[1]} ended with {p.returncode}: {p.stderr.decode(errors='replace').strip()}")
    return [line.split("\t") for line in p.stdout.decode(errors="surrogateescape").split("\n") if line]


def same(label, answers):
    """The answer of a label: the first of those that will do which is there."""
    for recipient in label.among:
        for answer in answers:
            if answer.recipient.lower() == recipient.lower():
                return answer
    return None


def judge_mail(score, labels, answers):
    """The labels of one mail against what was found in it."""
    left = list(answers)
    for label in labels:
        if label.class_ == NONE:
            score.rows[NONE]["labelled"] += 1
            continue
        answer = same(label, left)
        score.judge(label, answer)
        if answer:
            left.remove(answer)
    for answer in left:
        score.extra(labels[0], answer)


def mails(program, folder, score):
    """Reads all labelled mails of a folder; how many, and in how many seconds."""
    labels, answers = collections.defaultdict(list), collections.defaultdict(list)
    for file, recipient, class_, scope, *note in lines_of(folder / "labels.tsv"):
        labels[file].append(Label(file, tuple(recipient.split("|")), class_, scope, note[-1].endswith("?")))
    files, began = list(labels), time.monotonic()
    for at in range(0, len(files), BATCH):
        for file, recipient, class_, _, scope in run([program, "classify", *files[at:at + BATCH]], cwd=folder):
            answers[file].append(Answer(recipient, class_, scope))
    took = time.monotonic() - began
    for file in files:
        judge_mail(score, labels[file], answers[file])
    return len(files), took


def replies(program, file, score):
    """Judges all labelled replies of a file."""
    labels, text = [], []
    for provider, reply, class_, scope, *note in lines_of(file):
        labels.append(Label(reply, ("",), class_, scope, note[-1].endswith("?")))
        text.append(f"{provider}\t{reply}\n" if provider else f"{reply}\n")
    said = run([program, "classify", "--replies", "-"], "".join(text).encode(errors="surrogateescape"))
    if len(said) != len(labels):
        print(f"{file}: {len(labels)} replies, {len(said)} answers")
    answers = [Answer("", fields[0], fields[-1]) for fields in said]
    for label, answer in zip(labels, answers + [None] * (len(labels) - len(answers))):
        score.judge(label, answer)


def bars(what, score, limits):
    """Prints a line per bar; whether all are met."""
    row = score.totals()
    found = 100 * row["found"] / max(row["labelled"], 1)
    right = 100 * row["class right"] / max(row["judged"], 1)
    goals = [(f"{what}: {found:.1f} % found, at least {limits.recall:g}", found >= limits.recall),
             (f"{what}: {right:.1f} % of class right, at least {limits.class_:g}", right >= limits.class_),
             (f"{what}: {row['wrong']} wrong suppressions, at most {limits.wrong}", row["wrong"] <= limits.wrong)]
    for text, is_met in goals:
        print(f"{'ok' if is_met else 'MISSED':8}{text}")
    return all(is_met for _, is_met in goals)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--recall", type=float, default=98, help="recipients found, per cent")
    options.add_argument("--class", type=float, default=95, dest="class_", help="class right of those found, per cent")
    options.add_argument("--wrong", type=int, default=0, help="wrong suppressions")
    options.add_argument("--strict", action="store_true", help="judge what one could argue about, too")
    options.add_argument("--quiet", action="store_true", help="name no miss")
    options.add_argument("program", type=pathlib.Path)
    options.add_argument("folders", type=pathlib.Path, nargs="+")
    chosen = options.parse_args()
    program, score, answered, n, took = str(chosen.program.resolve()), Score(chosen.strict), Score(chosen.strict), 0, 0
    for folder in chosen.folders:
        if (folder / "labels.tsv").exists():
            read, seconds = mails(program, folder, score)
            n, took = n + read, took + seconds
        if (folder / "replies.tsv").exists():
            replies(program, folder / "replies.tsv", answered)
    judged = [(what, s) for what, s in (("mails", score), ("replies", answered)) if s.rows]
    if not judged:
        sys.exit("no labels.tsv and no replies.tsv in any of the folders")
    for what, s in judged:
        s.table(what)
        print()
    for line in [] if chosen.quiet else [line for _, s in judged for line in sorted(s.misses)]:
        print(line)
    if n:
        print(f"{n} mails, {n / max(took, 1e-9):,.0f} a second")
    return 0 if all([bars(what, s, chosen) for what, s in judged]) else 1


if __name__ == "__main__":
    sys.exit(main())
