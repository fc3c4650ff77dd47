"""What the tests of `mxwarden demo` share: a world of one's own, and whether anything of it is left."""
import contextlib
import json
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time
import unittest

import world


def parents():
    """Parent by process id, of all that run (a zombie runs no more)."""
    found = {}
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            if fields[0] not in "ZX":
                found[int(stat.parent.name)] = int(fields[1])
    return found


def tree_of(pid):
    """The ids of a process and all below it."""
    all_of_them, tree = parents(), {pid}
    while more := {p for p, parent in all_of_them.items() if parent in tree} - tree:
        tree |= more
    return tree


class DemoCase(unittest.TestCase):
    def setUp(self):
        # Copies of the programs, so that what it makes beside them can be seen.
        self.home = tempfile.TemporaryDirectory(prefix="mxd")
        self.addCleanup(self.home.cleanup)
        self.dir = pathlib.Path(self.home.name)
        self.programs = {"mxwarden", "mxwardend"}
        for name in self.programs:
            shutil.copy(world.BUILD / name, self.dir)

    def start(self, *words, **kwargs):
        process = subprocess.Popen([self.dir / "mxwarden", "demo", *words], **kwargs)
        self.addCleanup(lambda: process.poll() is None and process.kill())
        return process

    def tree(self, process, n, seconds=20):
        """The ids of its tree, once that has n and the engine answers."""
        world.wait_until(lambda: any(self.answers(d) for d in self.dir.glob("demo.*")), seconds, "the demo's engine")
        return world.wait_until(lambda: len(tree := tree_of(process.pid)) >= n and tree, seconds, f"{n} processes")

    @staticmethod
    def answers(dir):
        with socket.socket(socket.AF_UNIX) as s:
            return s.connect_ex(str(dir / "control.sock")) == 0

    def is_gone(self, tree, seconds=10):
        world.wait_until(lambda: not tree & set(parents()), seconds, f"the end of {tree}")

    def left(self):
        return {f.name for f in self.dir.iterdir()} - self.programs

    def told(self, directory, *words):
        """What the command line says of the demo's engine, as JSON."""
        said = subprocess.run([self.dir / "mxwarden", "-s", directory / "control.sock", *words, "--json"],
                              capture_output=True, text=True, check=True)
        return json.loads(said.stdout)

    def live(self, *words):
        """A world of 30 s in which nobody touches a key: its ledger just before the last mail, and its last line."""
        process = self.start("--headless", "--seconds", "30", *words, stdout=subprocess.PIPE, text=True)
        self.tree(process, 2)
        directory, = self.dir.glob("demo.*")
        time.sleep(21)
        log = self.told(directory, "log", "--limit", "500")
        events = subprocess.run([self.dir / "mxwarden", "-s", directory / "control.sock", "events", "--since", "60s", "--json"],
                                capture_output=True, text=True, check=True).stdout
        incidents = self.told(directory, "incidents")
        line = json.loads(process.communicate(timeout=90)[0].splitlines()[-1])
        return log[::-1], [json.loads(e) for e in events.splitlines()], incidents, line
