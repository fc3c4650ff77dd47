#!/usr/bin/env python3
"""A reply that no rule knows: it is listed, an operator adds a rule, and the next one means something."""
import signal
import tempfile
import unittest

import provider
import world


class UnknownReplies(unittest.TestCase):
    def setUp(self):
        self.home = tempfile.TemporaryDirectory()
        self.addCleanup(self.home.cleanup)
        self.provider = provider.Provider("127.0.0.2", lambda r: "550 5.7.1 <%s>: the moon is wrong (x%d)" % (r, len(r)))
        self.addCleanup(self.provider.stop)
        self.rules = world.ROOT / "config" / "providers.yaml"
        self.copy = f"{self.home.name}/providers.yaml"
        with open(self.copy, "w", encoding="utf-8") as f:
            f.write(self.rules.read_text("utf-8"))
        self.engine = world.Engine(self.home.name, None, more=f"providers: {self.copy}\n",
                                   routes=f'{{"*": "127.0.0.2:{self.provider.port}"}}')
        self.engine.start()
        self.addCleanup(self.engine.stop, signal.SIGKILL)

    def bounce(self, to):
        """Sends to somebody; the outcome's class."""
        self.assertEqual(world.swaks(self.engine.port, to=to)[0], 0)
        return world.wait_until(lambda: next((e["class"] for e in self.events() if e.get("recipient") == to and e["kind"] == "bounced"), None),
                                what="the bounce")

    def events(self):
        return [world.json.loads(line) for line in self.engine.run("events", "--json").splitlines()]

    def add_rule(self):
        text = self.rules.read_text("utf-8")
        with open(self.copy, "w", encoding="utf-8") as f:
            f.write(text.replace("  replies:\n", "  replies:\n    - {is: content-spam, of: message, says: [the moon is wrong]}\n", 1))

    def test_a_rule_ends_it(self):
        self.assertEqual(self.engine.json("replies", "unknown"), [])
        self.assertIn("Every answer is known", self.engine.run("replies", "unknown"))
        self.assertIsNone(self.engine.json("status")["replies_unknown_1h"])
        self.assertEqual(self.bounce("ann@big.test"), "undetermined")
        self.assertEqual(self.bounce("bob.smith@other.test"), "undetermined")
        rows = self.engine.json("replies", "unknown")
        self.assertEqual([(r["count"], r["code"], r["phase"], r["class"], r["providers"]) for r in rows],
                         [(2, 550, "rcpt", "undetermined", self.provider.name)])
        self.assertIn("the moon is wrong", rows[0]["shape"])
        self.assertNotIn("bob.smith", world.json.dumps(rows))
        self.assertIn("the moon is wrong", self.engine.run("replies", "unknown"))
        self.assertEqual(self.engine.json("status")["replies_unknown_1h"], 1)
        self.assertIn("mxwarden replies unknown", self.engine.run("status"))

        self.assertEqual(self.engine.stop(), 0)  # kept over a restart
        self.engine.start()
        self.assertEqual([r["count"] for r in self.engine.json("replies", "unknown")], [2])

        self.add_rule()
        self.engine.run("reload")
        self.assertEqual(self.engine.json("replies", "unknown"), [])
        self.assertEqual(self.bounce("carl@big.test"), "content-spam")
        self.assertEqual(self.engine.json("replies", "unknown"), [])


if __name__ == "__main__":
    unittest.main()
