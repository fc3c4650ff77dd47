#!/usr/bin/env python3
"""`mxwarden demo`: a world in a box that keeps its promises and leaves nothing behind, however it ends."""
import contextlib
import json
import os
import pathlib
import pty
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

import world

KEYS = {"submitted", "delivered", "bounced", "deferred", "complained", "optin_pending", "actions_automatic",
        "customers_suspended", "ips_pulled", "lost"}


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


class Demo(unittest.TestCase):
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
        import socket
        with socket.socket(socket.AF_UNIX) as s:
            return s.connect_ex(str(dir / "control.sock")) == 0

    def is_gone(self, tree, seconds=10):
        world.wait_until(lambda: not tree & set(parents()), seconds, f"the end of {tree}")

    def left(self):
        return {f.name for f in self.dir.iterdir()} - self.programs

    def test_headless_ends_with_a_line_of_json_and_leaves_nothing(self):
        process = self.start("--headless", "--seconds", "12", stdout=subprocess.PIPE, text=True)
        tree = self.tree(process, 2)
        said = process.communicate(timeout=90)[0]
        self.assertEqual(process.returncode, 0, said)
        line = json.loads(said.splitlines()[-1])
        self.assertEqual(KEYS - set(line), set())
        self.assertGreater(line["submitted"], 500)
        self.assertGreaterEqual(line["delivered"], 0.95 * line["existing"])
        self.assertGreater(line["bounced"], 0)
        self.assertGreater(line["reports"], 0)
        self.assertEqual(line["submitted"], line["delivered"] + line["bounced"] + line["deferred"])
        self.assertEqual(line["lost"], 0)
        self.is_gone(tree, 1)
        self.assertEqual(self.left(), set())

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

    def test_the_engine_stops_who_harms_and_nobody_else(self):
        log, events, incidents, line = self.live()
        did = [(e["kind"], e["target"]) for e in log if e["actor"] == "engine"]
        for decision in [("suspend", "customer:acme-news"), ("suspend", "customer:shop-42"), ("pull", "ip:127.0.2.7")]:
            self.assertIn(decision, did)
        self.assertEqual({t for k, t in did if k in ("warn", "throttle", "suspend")},
                         {"customer:acme-news", "customer:shop-42"})
        self.assertEqual((line["customers_suspended"], line["ips_pulled"], line["lost"]),
                         (["acme-news", "shop-42"], ["127.0.2.7"], 0))
        self.assertGreaterEqual(line["actions_automatic"], 3)
        self.assertGreaterEqual(line["delivered"], 0.95 * line["existing"])
        # A grandchild's mail goes on as ever, also while all that happens.
        home = [e for e in events if e.get("customer") == "home-mail" and e["kind"] == "accepted"]
        arrived = {e["message"] for e in events if e.get("customer") == "home-mail" and e["kind"] in ("delivered", "bounced")}
        self.assertGreater(len(home), 10)
        self.assertGreater(len(arrived), 0.8 * len(home))
        whats = " ".join(i["what"] + " " + i["cause"] for i in incidents)
        self.assertIn("acme-news", whats)
        self.assertIn("old or bought list", whats)
        self.assertIn("looks like a stolen password: ", whats)

    def test_observing_it_decides_the_same_and_does_nothing(self):
        log, _, _, line = self.live("--observe")
        would = {(e["fields"]["would"], e["target"]) for e in log if e["kind"] == "observed"}
        for decision in [("suspend", "customer:acme-news"), ("suspend", "customer:shop-42"), ("pull", "ip:127.0.2.7")]:
            self.assertIn(decision, would)
        self.assertEqual({e["kind"] for e in log if e["actor"] == "engine"} & {"warn", "throttle", "suspend", "pull", "pause"}, set())
        self.assertEqual((line["customers_suspended"], line["ips_pulled"], line["lost"]), ([], [], 0))

    def test_a_signal_ends_it_in_order(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            process = self.start("--headless", "--seconds", "300", stdout=subprocess.PIPE, text=True)
            tree = self.tree(process, 2)
            time.sleep(1)
            process.send_signal(number)
            said = process.communicate(timeout=60)[0]
            self.assertEqual(process.returncode, 0, said)
            self.assertEqual(json.loads(said.splitlines()[-1])["lost"], 0)
            self.is_gone(tree, 1)
            self.assertEqual(self.left(), set())

    def test_left_while_it_begins_it_leaves_nothing(self):
        process = self.start("--headless", "--seconds", "300", stdout=subprocess.DEVNULL)
        world.wait_until(self.left, what="its directory")
        tree = tree_of(process.pid)
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        self.is_gone(tree, 1)
        self.assertEqual(self.left(), set())

    def test_killed_it_takes_its_engine_along(self):
        process = self.start("--headless", "--seconds", "300", stdout=subprocess.DEVNULL)
        tree = self.tree(process, 2)
        time.sleep(1)
        process.kill()
        process.wait(10)
        self.is_gone(tree)

    def test_an_engine_that_dies_makes_it_fail(self):
        process = self.start("--headless", "--seconds", "5", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        tree = self.tree(process, 2)
        time.sleep(1)
        for pid in tree - {process.pid}:
            os.kill(pid, signal.SIGKILL)
        said = process.communicate(timeout=90)[1]
        self.assertEqual(process.returncode, 1)
        self.assertIn("did not end well", said)
        self.assertEqual(self.left(), set())

    def with_console(self):
        terminal, theirs = pty.openpty()
        self.addCleanup(os.close, terminal)
        process = self.start(stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
                             env={**os.environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"})
        os.close(theirs)
        os.set_blocking(terminal, False)
        tree = self.tree(process, 3)
        return process, terminal, tree

    def drain(self, terminal, true, seconds, what):
        """Reads what the console draws, so that it never waits for us."""
        seen = b""

        def look():
            nonlocal seen
            with contextlib.suppress(OSError):
                seen += os.read(terminal, 65536)
            return true(seen)
        return world.wait_until(look, seconds, what)

    def test_the_console_left_ends_the_world(self):
        process, terminal, tree = self.with_console()
        self.drain(terminal, lambda seen: b"demo.mxwarden.test" in seen, 20, "the console")
        os.write(terminal, b"q")
        self.drain(terminal, lambda seen: b"q again leaves" in seen, 5, "the question back")
        os.write(terminal, b"q")
        self.drain(terminal, lambda _: process.poll() is not None, 20, "the end")
        self.assertEqual(process.returncode, 0)
        self.is_gone(tree, 1)
        self.assertEqual(self.left(), set())

    def test_the_console_killed_ends_the_world(self):
        process, terminal, tree = self.with_console()
        self.drain(terminal, lambda seen: b"demo.mxwarden.test" in seen, 20, "the console")
        process.kill()
        process.wait(10)
        self.is_gone(tree, 20)
        self.assertEqual(self.left(), set())


if __name__ == "__main__":
    unittest.main(verbosity=2)
