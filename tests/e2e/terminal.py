"""A program in a terminal of ours: keys in, what is on the screen out. Knows as much of xterm as ncurses uses."""
import contextlib
import fcntl
import os
import pty
import re
import struct
import subprocess
import tempfile
import termios
import time
import unicodedata

import world

SEQUENCE = re.compile(r"\x1b(?:\[([?>=]?)([0-9;]*)[ !]?([@-~])|\][^\x07\x1b]*(?:\x07|\x1b\\)|[()][A-Z0-9]|([=>78MDEc]))")


class Screen:
    """The cells, fed with what the program wrote."""

    def __init__(self, rows, columns):
        self.rows, self.columns = rows, columns
        self.cells = [[" "] * columns for _ in range(rows)]
        self.row = self.column = 0
        self.top, self.bottom = 0, rows - 1
        self.is_alternate = False
        self.last, self.rest = " ", ""

    def text(self):
        return "\n".join("".join(line).rstrip() for line in self.cells)

    def feed(self, text):
        text, self.rest = self.rest + text, ""
        at = 0
        while at < len(text):
            if text[at] != "\x1b":
                self.put(text[at])
                at += 1
                continue
            found = SEQUENCE.match(text, at)
            if found:
                self.sequence(found)
                at = found.end()
            elif len(text) - at < 40:  # the rest comes with the next bytes
                self.rest = text[at:]
                return
            else:
                at += 1

    def put(self, c):
        if c == "\r":
            self.column = 0
        elif c == "\n":
            self.down()
        elif c == "\b":
            self.column = max(self.column - 1, 0)
        elif c >= " " and c != "\x7f" and not unicodedata.combining(c):
            if self.column == self.columns:
                self.column = 0
                self.down()
            self.cells[self.row][self.column] = self.last = c
            self.column += 1

    def down(self):
        if self.row == self.bottom:
            self.scroll(1)
        else:
            self.row = min(self.row + 1, self.rows - 1)

    def scroll(self, n):
        """Up by n, or down by -n, between top and bottom."""
        for _ in range(abs(n)):
            gone, new = (self.top, self.bottom) if n > 0 else (self.bottom, self.top)
            del self.cells[gone]
            self.cells.insert(new, [" "] * self.columns)

    def sequence(self, found):
        private, numbers, final, short = found.groups()
        n = [int(x or 0) for x in (numbers or "").split(";")]
        first, line = n[0] or 1, self.cells[self.row]
        if short == "M":
            self.scroll(-1) if self.row == self.top else self.to(self.row - 1, self.column)
        if private == "?" and final in ("h", "l") and 1049 in n:
            self.is_alternate = final == "h"
        if private or not final:
            return
        column = min(self.column, self.columns - 1)
        if final in "Hf":
            self.to(first - 1, (n[1] or 1) - 1 if len(n) > 1 else 0)
        elif final in "ABCD":
            down, right = {"A": (-1, 0), "B": (1, 0), "C": (0, 1), "D": (0, -1)}[final]
            self.to(self.row + down * first, column + right * first)
        elif final == "d":
            self.to(first - 1, column)
        elif final == "G":
            self.to(self.row, first - 1)
        elif final == "J":
            self.erase(self.row if n[0] == 0 else 0, column if n[0] == 0 else 0, self.rows if n[0] in (0, 2) else self.row)
        elif final == "K":
            begin, end = {0: (column, self.columns), 1: (0, column + 1), 2: (0, self.columns)}[n[0]]
            line[begin:end] = [" "] * (end - begin)
        elif final == "X":
            end = min(column + first, self.columns)
            line[column:end] = [" "] * (end - column)
        elif final == "P":
            line[column:] = (line[column + first:] + [" "] * first)[:self.columns - column]
        elif final == "@":
            line[column:] = ([" "] * first + line[column:])[:self.columns - column]
        elif final == "b":
            for _ in range(first):
                self.put(self.last)
        elif final == "r":
            self.top, self.bottom = first - 1, (n[1] if len(n) > 1 and n[1] else self.rows) - 1
            self.to(0, 0)
        elif final in "ST":
            self.scroll(first if final == "S" else -first)
        elif final in "LM":
            top, self.top = self.top, self.row
            self.scroll(-first if final == "L" else first)
            self.top = top

    def to(self, row, column):
        self.row, self.column = min(max(row, 0), self.rows - 1), min(max(column, 0), self.columns - 1)

    def erase(self, row, column, end):
        for r in range(row, end):
            self.cells[r][column if r == row else 0:] = [" "] * (self.columns - (column if r == row else 0))


class Terminal:
    def __init__(self, *words, rows=24, columns=80):
        self.ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.slave = theirs  # stays open: the modes that are left behind stand there
        self.modes = termios.tcgetattr(theirs)
        self.screen = Screen(rows, columns)
        os.set_blocking(self.ours, False)
        self.pending = b""
        self.home = tempfile.TemporaryDirectory()  # a console remembers when one looked last
        self.process = subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
                                        env={**os.environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8",
                                             "XDG_STATE_HOME": self.home.name})

    def look(self):
        """What stands on the screen now."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self.pending += os.read(self.ours, 65536)
        for keep in range(min(4, len(self.pending) + 1)):  # a character may come in two pieces
            with contextlib.suppress(UnicodeDecodeError):
                text = self.pending[:len(self.pending) - keep].decode()
                self.pending = self.pending[len(self.pending) - keep:]
                self.screen.feed(text)
                break
        return self.screen.text()

    def keys(self, text):
        os.write(self.ours, text.encode())

    def until(self, pattern, seconds=10):
        """Waits until a regular expression is on the screen; its match."""
        try:
            return world.wait_until(lambda: re.search(pattern, self.look()), seconds, f"`{pattern}`")
        except AssertionError as missing:
            raise AssertionError(f"{missing}; the screen:\n{self.look()}") from None

    def ends(self, seconds=10):
        """Waits for the program's end; its return code."""
        world.wait_until(lambda: (self.look(), self.process.poll() is not None)[1], seconds, "the program's end")
        time.sleep(0.05)
        self.look()
        return self.process.returncode

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        os.close(self.ours)
        os.close(self.slave)
        self.home.cleanup()
