#!/usr/bin/env python3
"""The console as an operator has it, on a real engine with real mail."""
import signal
import tempfile
import termios
import time
import unittest

import terminal
import world


class Console(unittest.TestCase):
    def setUp(self):
        self.home = tempfile.TemporaryDirectory()
        self.addCleanup(self.home.cleanup)
        self.sink = world.Sink(self.home.name)
        self.addCleanup(self.sink.stop)
        self.engine = world.Engine(self.home.name, self.sink).start()
        self.addCleanup(self.engine.stop, signal.SIGKILL)

    def console(self):
        t = terminal.Terminal(world.BUILD / "mxwarden", "-s", self.engine.socket)
        self.addCleanup(t.close)
        t.until(r"mta1\.example\.net")
        return t

    def submit(self):
        return world.swaks(self.engine.port)

    def test_numbers_move_while_one_looks(self):
        t = self.console()
        t.until(r"Nothing is wrong\.")  # home is what is wrong
        t.until(r" calm ")
        t.keys("3")
        t.until(r"shop +good")
        for n in (1, 2):
            self.assertEqual(self.submit()[0], 0)
            t.until(rf"shop +good .* {n} +0 +0", 5)
        t.keys("7")
        t.until(r"delivered .*b@big\.test|b@big\.test.*delivered", 5)
        t.keys("2")
        t.until(r"127\.0\.0\.1[12] +shared +active")

    def test_a_customer_is_suspended_and_taken_back_by_keys(self):
        self.assertEqual(self.submit()[0], 0)
        t = self.console()
        t.keys("3")
        t.until(r"shop +good")
        t.keys("s")
        t.until(r"Suspend customer shop on mta1\.example\.net")
        self.assertEqual(self.engine.customer("shop")["standing"], "good")  # a preview does nothing
        t.until(r"Enter suspend")
        time.sleep(0.5)  # what comes too soon was not meant for this picture
        t.keys("\r")
        t.until("a reason is needed")  # a customer that does nothing bad offers none
        t.keys("e")
        t.until("Enter ends the field")
        t.keys("\t")
        t.keys("tried by hand\r")
        t.until(r"Enter suspend")
        t.keys("\r")
        t.until(r"done: suspend shop \(\d+\)")
        code, said = self.submit()
        self.assertNotEqual(code, 0)
        self.assertRegex(said, r"450 4\.7\.1 .*tried by hand")
        t.until(r"shop +suspended")
        t.keys("u")
        t.until(r"Enter undo")
        time.sleep(0.5)
        t.keys("\r")
        t.until(r"done: undo")
        t.until(r"shop +good")
        self.assertEqual(self.submit()[0], 0)
        self.assertEqual([e["kind"] for e in self.engine.json("log", "--limit", "2")], ["undo", "suspend"])

    def test_however_it_ends_the_terminal_is_as_before(self):
        for number in (None, signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGSEGV, signal.SIGABRT):
            with self.subTest(signal=number):
                t = self.console()
                self.assertTrue(t.screen.is_alternate)
                self.assertNotEqual(termios.tcgetattr(t.slave), t.modes)
                if number:
                    t.process.send_signal(number)
                else:
                    t.keys("q")
                    t.until("q again leaves")
                    t.keys("q")
                self.assertEqual(t.ends(), -number if number else 0)
                self.assertFalse(t.screen.is_alternate)
                self.assertEqual(termios.tcgetattr(t.slave), t.modes)

    def test_an_engine_that_is_gone_is_said_and_one_that_is_back_is_found(self):
        t = self.console()
        began = time.monotonic()
        self.engine.stop(signal.SIGKILL)
        t.until("DISCONNECTED|ENGINE DOWN", 3)
        self.assertLess(time.monotonic() - began, 3.5)
        t.keys("3s")
        t.until("Acting is off|Suspend .*off|is not there", 5)
        self.engine.start()
        t.until(r"\n(?s:(?!.*(?:DISCONNECTED|ENGINE DOWN|STALE)).*live)", 15)
        self.assertEqual(self.submit()[0], 0)
        t.keys("\x1b3")
        t.until(r"shop +good .* 1 +0 +0", 5)


if __name__ == "__main__":
    unittest.main(verbosity=2)
