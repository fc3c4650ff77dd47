#!/usr/bin/env python3
"""Reputation at work: real SMTP before and behind the engine, nobody touching a key."""
import contextlib
import pathlib
import signal
import tempfile
import time
import unittest

import provider
import world

TRUST = "{127.0.0.21: acme, 127.0.0.22: grandma, 127.0.0.23: c3, 127.0.0.24: c4, 127.0.0.25: c5}"
LADDER = ("warn", "throttle", "suspend", "restore", "pool")


def refuse_the_dead(recipient):
    return f"550 5.1.1 <{recipient}>: no such user" if recipient.startswith("dead") else None


class Case(unittest.TestCase):
    policy = "mode: enforce\n"
    ips = ("127.0.0.11", "127.0.0.12")

    def setUp(self):
        self.stack = contextlib.ExitStack()
        self.addCleanup(self.stack.close)
        self.begin()

    def begin(self):
        """A fresh world: a state of its own, two providers, five customers."""
        self.stack.close()
        self.home = pathlib.Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        self.big = provider.Provider("127.0.0.2", refuse_the_dead)
        self.small = provider.Provider("127.0.0.3")
        self.stack.callback(self.big.stop)
        self.stack.callback(self.small.stop)
        (self.home / "policy.yaml").write_text(self.policy)
        routes = f'{{"big.test": "127.0.0.2:{self.big.port}", "*": "127.0.0.3:{self.small.port}"}}'
        self.engine = world.Engine(self.home, None, ips=self.ips, trust=TRUST, routes=routes,
                                   more="  retry_first: 1s\npolicy: policy.yaml\n").start()
        self.stack.callback(self.engine.stop, signal.SIGKILL)
        self.acme, self.grandma, *self.others = [provider.Customer(self.engine, f"127.0.0.{i}") for i in range(21, 26)]
        self.stack.callback(self.hang_up)
        self.stack.callback(self.engine.log.close)

    def restart(self, sig=signal.SIGKILL):
        self.engine.stop(sig)
        self.hang_up()
        self.engine.start()

    def hang_up(self):
        for customer in (self.acme, self.grandma, *self.others):
            customer.close()

    def settle(self, seconds=10):
        world.wait_until(lambda: self.engine.json("status")["queued"] == 0, seconds, "the queue's end")

    def step(self, i, domain="big.test"):
        """One message of everybody; acme's is dead every third time. What acme heard."""
        for n, customer in enumerate((self.grandma, *self.others)):
            said = customer.send(f"u{i}.{n}@{domain}")
            self.assertTrue(said.startswith("250"), said)
        said = self.acme.send(f"{'live' if i % 3 else 'dead'}{i}@{domain}")
        self.settle()
        return said

    def entries(self, *kinds):
        """The engine's own entries, oldest first."""
        return [e for e in reversed(self.engine.json("log", "--limit", "500"))
                if e["actor"] == "engine" and e["kind"] in kinds]

    def steps_until_suspended(self, kills=(), most=90):
        for i in range(most):
            if i in kills:
                self.restart()
            if self.step(i).startswith("450 4.7.1"):
                return i
        return None


class Enforcing(Case):
    def test_a_kill_in_the_middle_changes_no_decision(self):
        without = self.steps_until_suspended()
        self.assertIsNotNone(without)
        kinds = [e["kind"] for e in self.entries(*LADDER)]
        self.assertEqual(kinds[-1], "suspend")
        self.assertEqual(self.engine.customer("grandma")["standing"], "good")
        self.begin()
        with_kills = self.steps_until_suspended(kills=(4, without // 2, without - 1))
        self.assertIn(with_kills, (without, without + 1))
        self.assertEqual([e["kind"] for e in self.entries(*LADDER)], kinds)
        self.restart()  # what stands is not decided again
        self.assertEqual([e["kind"] for e in self.entries(*LADDER)], kinds)
        self.assertTrue(self.acme.send("x@big.test").startswith("450 4.7.1"))
        self.assertTrue(self.grandma.send("x@big.test").startswith("250"))
        self.engine.run("verify")

    def test_what_was_kept_at_a_gentle_end_is_gone_on_from(self):
        without = self.steps_until_suspended()
        self.begin()
        for i in range(without // 2):
            self.step(i)
        self.restart(signal.SIGTERM)
        self.assertTrue((self.home / "state" / "reputation").exists())
        for i in range(without // 2, without + 2):
            if self.step(i).startswith("450"):
                break
        self.assertIn(i, (without, without + 1))

    def test_the_customer_is_told_once_with_numbers_and_no_address(self):
        self.engine.run("customer", "set", "acme", "--contact", "ops@contact.test", "--language", "de", "-r", "test")
        half = self.steps_until_suspended() // 2
        letters = lambda: [m[2] for m in self.small.messages if m[0] == ("ops@contact.test",)]
        world.wait_until(lambda: any("angehalten" in text for text in letters()), what="the letter")
        texts = letters()
        self.assertEqual(len(texts), 1)  # the milder steps of the same minute are no news beside it
        self.assertIn("5.1.1", texts[0])
        self.assertNotIn("dead", texts[0])
        evidence = self.entries("suspend")[0]["evidence"]
        self.assertEqual(evidence["culprits"][0]["customer"], "acme")
        self.assertNotIn("@", str(evidence))
        self.engine.run("restore", "acme", "-r", "list cleaned")
        world.wait_until(lambda: any("wieder frei" in text for text in letters()), what="the letter")
        self.settle()
        self.restart()
        before = len(letters())
        for i in range(200, 200 + 3 * half):
            self.step(i)
        again = [e for e in self.entries("warn", "throttle", "suspend") if e["fields"].get("told") == "no"]
        self.assertTrue(again, "acme goes on, and is not told of the same cause again")
        self.assertEqual(len(letters()), before)

    def test_what_an_operator_lifts_begins_anew(self):
        n = self.steps_until_suspended()
        self.engine.run("restore", "acme", "-r", "a mistake")
        for i in range(300, 300 + n // 4):
            self.assertTrue(self.step(i).startswith("250"))

    def test_an_ip_that_is_blocked_pauses_there_and_mail_goes_over_the_other(self):
        self.big.blocked = {"127.0.0.11"}
        for i in range(20):
            self.step(3 * i + 1)
        lane = f"lane:127.0.0.11/{self.big.name}"
        world.wait_until(lambda: [e["target"] for e in self.entries("pause")] == [lane], what="the pause")
        before = len(self.big.turned_away)
        for i in range(20):
            self.step(3 * i + 100)
        self.assertEqual(len(self.big.turned_away), before)
        self.assertEqual({ip for _, ip in self.big.rcpts}, {"127.0.0.12"})
        self.restart()
        self.step(400)
        self.assertEqual(len(self.big.turned_away), before)
        self.assertEqual(len(self.entries("pause")), 1)
        self.engine.run("resume", lane[5:], "-r", "they say it is clean")
        self.big.blocked = set()
        self.big.delay = 0.1
        for i in range(400):  # sooner or later more than the other's connections bear at a time
            self.grandma.send(f"late{i}@big.test")
            if "127.0.0.11" in {ip for _, ip in self.big.rcpts}:
                break
        self.settle()
        self.assertIn("127.0.0.11", {ip for _, ip in self.big.rcpts})

    def test_an_ip_that_two_providers_block_is_pulled_and_the_last_one_never(self):
        self.big.blocked = self.small.blocked = {"127.0.0.11"}
        for i in range(12):
            self.step(3 * i + 1, "big.test")
            self.step(3 * i + 1, "small.test")
        world.wait_until(lambda: [e["target"] for e in self.entries("pull")] == ["ip:127.0.0.11"], what="the pull")
        self.big.blocked = self.small.blocked = {"127.0.0.11", "127.0.0.12"}
        for n, customer in enumerate((self.grandma, *self.others)):
            for i in range(5):
                customer.send(f"late{n}.{i}@big.test")
                customer.send(f"late{n}.{i}@small.test")
        world.wait_until(lambda: self.entries("call-operator"), 20, "the call")
        self.assertEqual(len(self.entries("pull")), 1)
        active = [ip["address"] for ip in self.engine.json("ips") if ip["rotation"] == "active"]
        self.assertEqual(active, ["127.0.0.12"])


class Observing(Case):
    policy = "mode: observe\n"

    def test_the_same_is_decided_and_nothing_applied(self):
        enforced = Enforcing("test_what_an_operator_lifts_begins_anew")
        enforced.stack = contextlib.ExitStack()
        self.addCleanup(enforced.stack.close)
        enforced.begin()
        n = enforced.steps_until_suspended()
        kinds = [e["kind"] for e in enforced.entries(*LADDER)]
        for i in range(n + 1):
            if i == n // 2:
                self.restart()
            self.assertTrue(self.step(i).startswith("250"))
        observed = [e for e in self.entries("observed") if e["target"] == "customer:acme"]
        self.assertEqual([e["fields"]["would"] for e in observed], kinds)
        self.assertEqual(self.entries(*LADDER), [])
        self.assertEqual(self.engine.customer("acme")["standing"], "good")
        (self.home / "policy.yaml").write_text("mode: enforce\n")  # what was only observed is not in force
        self.engine.run("reload", "-r", "from now on")
        self.assertTrue(self.acme.send("live@big.test").startswith("250"))
        for i in range(600, 600 + 3 * n):
            if self.step(i).startswith("450 4.7.1"):
                break
        self.assertEqual(self.engine.customer("acme")["standing"], "suspended")


if __name__ == "__main__":
    unittest.main()
