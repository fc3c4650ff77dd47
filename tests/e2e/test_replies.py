#!/usr/bin/env python3
"""A provider answers what no rule knows: it is shown, kept, and known once an operator has added the rule."""
import contextlib
import json
import pathlib
import signal
import tempfile
import unittest

import provider
import world

STRANGE = "550 5.9.9 Moon of {} forbids <{}> to read, see https://big.test/moon?day={}"
RULE = """  replies:
    - is: rate-limited
      of: ip
      from: tests, 2026
      says: ["{}"]
"""


class Unknown(unittest.TestCase):
    def setUp(self):
        self.stack = contextlib.ExitStack()
        self.addCleanup(self.stack.close)
        self.home = pathlib.Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        self.said = 0
        self.big = provider.Provider("127.0.0.2", self.answer)
        self.stack.callback(self.big.stop)
        self.shipped = (world.ROOT / "config" / "providers.yaml").read_text()
        (self.home / "providers.yaml").write_text(self.shipped)
        self.engine = world.Engine(self.home, None, trust='{"127.0.0.21": acme}', routes=f'{{"*": "127.0.0.2:{self.big.port}"}}',
                                   more="providers: providers.yaml\n").start()
        self.stack.callback(self.engine.log.close)
        self.stack.callback(self.engine.stop, signal.SIGKILL)
        self.acme = provider.Customer(self.engine, "127.0.0.21")
        self.stack.callback(self.acme.close)

    def answer(self, recipient):
        self.said += 1
        if recipient.startswith("gone"):
            return f"550 5.1.1 <{recipient}>: user unknown"
        return STRANGE.format(self.said, recipient, self.said) if recipient.startswith("odd") else None

    def send(self, recipient):
        """One message; what became of its recipient."""
        self.assertTrue(self.acme.send(recipient).startswith("250"))
        return world.wait_until(lambda: next((e for e in map(json.loads, self.engine.run("events", "--json").splitlines())
                                              if e["recipient"] == recipient and e["kind"] != "accepted"), None),
                                what="an outcome")

    def unknown(self, *words):
        return self.engine.json("replies", "unknown", *words)

    def restart(self, sig=signal.SIGTERM):
        self.acme.close()
        self.assertEqual(self.engine.stop(sig), 0)
        self.engine.start()

    def test_an_unknown_reply_is_shown_kept_and_known_by_a_rule_that_is_added(self):
        self.assertEqual(self.unknown(), [])
        self.assertIsNone(self.engine.json("status")["undetermined_rate_1h"])
        self.assertEqual(self.send("fine@big.test")["kind"], "delivered")
        self.assertEqual(self.send("gone@big.test")["class"], "unknown-user")
        self.assertEqual(self.unknown(), [])
        for name in ("odd1@big.test", "odd2@other.test"):
            outcome = self.send(name)
            self.assertEqual((outcome["kind"], outcome["class"]), ("bounced", "undetermined"))
        row, = self.unknown()
        self.assertEqual((row["count"], row["code"], row["phase"], row["class"]), (2, 550, "rcpt", "undetermined"))
        self.assertEqual(row["shape"], "moon of * forbids * to read see *")
        self.assertIn("<…>", row["sample"])
        self.assertNotIn("odd1", json.dumps(row))
        self.assertTrue(row["first_at"] < row["last_at"])
        self.assertTrue(row["providers"])
        # of four answers, and of those to the reports that three failures are worth to the sender
        world.wait_until(lambda: round(self.engine.json("status")["undetermined_rate_1h"] or 0, 4) == round(2 / 7, 4), what="2 of 7")
        self.assertIn("28.6 % of 1 h undetermined", self.engine.run("status"))
        text = self.engine.run("replies", "unknown")
        self.assertIn(row["shape"], text)
        self.assertEqual(self.unknown("--filter", "class:transient"), [])
        self.assertEqual(len(self.unknown("--filter", "count>1 moon", "--sort", "-last", "--limit", "5")), 1)

        self.restart()
        self.assertEqual(self.unknown(), [row])
        (self.home / "providers.yaml").write_text(self.shipped.replace("  replies:\n", RULE.format(row["shape"]), 1))
        self.engine.run("reload", "-r", "the moon is known")
        self.assertEqual(self.unknown(), [])
        outcome = self.send("odd3@big.test")
        self.assertEqual((outcome["kind"], outcome["class"]), ("deferred", "rate-limited"))
        self.assertEqual(self.unknown(), [])
        self.assertIn("known by a rule or by its codes", self.engine.run("replies", "unknown"))
        self.restart()
        self.assertEqual(self.unknown(), [])

    def test_a_kill_after_a_while_loses_nothing(self):
        self.send("odd1@big.test")
        world.wait_until((self.home / "state" / "unknown-replies").exists, 20, "the file")
        rows = self.unknown()
        self.acme.close()
        self.engine.stop(signal.SIGKILL)
        self.engine.start()
        self.assertEqual(self.unknown(), rows)


if __name__ == "__main__":
    unittest.main()
