#!/usr/bin/env python3
"""`mxwarden demo`: a world in a box that keeps its promises and leaves nothing behind, however it ends."""
import contextlib
import json
import os
import pty
import signal
import subprocess
import time
import unittest

import world
from demo import DemoCase as _DemoCase
from demo import parents, tree_of

KEYS = {"submitted", "delivered", "bounced", "deferred", "complained", "optin_pending", "actions_automatic",
        "customers_suspended", "ips_pulled", "lost"}


class Demo(_DemoCase):
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
