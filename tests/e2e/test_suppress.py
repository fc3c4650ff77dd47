#!/usr/bin/env python3
"""Addresses that no mail goes to: entered by hand and from files, refused at RCPT in words, kept over a
restart, and taken back."""
import csv
import io
import json
import pathlib
import signal
import smtplib
import tempfile
import unittest

import provider
import world


class Suppression(unittest.TestCase):
    def setUp(self):
        self.home = tempfile.TemporaryDirectory()
        self.addCleanup(self.home.cleanup)
        self.sink = world.Sink(self.home.name)
        self.addCleanup(self.sink.stop)
        self.engine = world.Engine(self.home.name, self.sink, trust='{"127.0.0.1/32": shop, "127.0.0.3/32": acme/spring}')
        self.engine.start()
        self.addCleanup(self.engine.stop, signal.SIGKILL)

    def rcpt(self, *addresses, source="127.0.0.1"):
        """The answers to RCPT, and the mail that goes to those that were accepted."""
        with smtplib.SMTP("127.0.0.1", self.engine.port, source_address=(source, 0)) as s:
            s.ehlo()
            s.mail("a@shop.test")
            replies = [s.rcpt(a) for a in addresses]
            if any(code == 250 for code, _ in replies):
                s.data("Subject: hello\r\n\r\nhello\r\n")
        return [f"{code} {text.decode()}" for code, text in replies]

    def events(self, kind):
        lines = self.engine.run("events", "--json", "--since", "1h").splitlines()
        return [e for e in map(json.loads, lines) if e["kind"] == kind]

    def check(self, address):
        return self.engine.json("suppress", "check", address)[0]

    def test_by_hand_and_back(self):
        done = self.engine.json("suppress", "add", "Dead@Big.test", "gone.test", "-r", "asked us to")
        self.assertEqual((done["kind"], done["fields"]["addresses"], done["reason"]), ("suppress", "2", "asked us to"))
        answers = self.rcpt("dead@big.test", "alive@big.test", "x@gone.test")
        self.assertRegex(answers[0], r"550 5\.7\.1 <dead@big\.test>: no mail goes there: recipient-refused since \d+ \w+ "
                                     r"\d{4} \(until .*\); if that is wrong, ask .*suppress rm dead@big\.test")
        self.assertTrue(answers[1].startswith("250"))
        self.assertIn("no mail goes to gone.test", answers[2])
        world.wait_until(lambda: len(self.sink.messages()) == 1, what="the message to who is left")
        refused = world.wait_until(lambda: len(self.events("refused")) == 2 and self.events("refused"), what="the events")
        self.assertEqual(refused[0]["class"], "recipient-refused")
        self.assertEqual(refused[0]["recipient"], "dead@big.test")
        self.assertTrue(self.check("dead@big.test")["suppressed"])
        self.assertIn("no mail goes there", self.engine.run("suppress", "check", "y@gone.test"))
        self.assertIn("suppressed", self.engine.run("explain", "dead@big.test"))
        self.engine.run("suppress", "rm", "dead@big.test", "-r", "is back")
        self.assertTrue(self.rcpt("dead@big.test")[0].startswith("250"))
        self.assertIn("nothing of it stands", self.engine.run("suppress", "rm", "dead@big.test", code=1))
        self.assertFalse(self.check("dead@big.test")["suppressed"])

    def test_a_span_is_never_cut_short(self):
        self.engine.run("suppress", "add", "a@big.test", "--for", "30s")
        self.engine.run("suppress", "import", self.file("list", "b@big.test\n"), "--for", "30s")
        self.assertEqual([a[:3] for a in self.rcpt("a@big.test", "b@big.test")], ["550", "550"])

    def test_what_rcpt_takes_can_be_named(self):
        odd = ['"a b, c"@big.test', "a@[127.0.0.9]", '"dead"@big.test']
        self.assertTrue(all(a.startswith("250") for a in self.rcpt(*odd)))
        self.engine.run("suppress", "add", *odd[:2], "dead@big.test")
        answers = self.rcpt(*odd)
        self.assertEqual([a[:3] for a in answers], ["550"] * 3)
        exported = self.engine.run("suppress", "export")
        self.engine.run("suppress", "rm", *odd)
        self.assertEqual([a[:3] for a in self.rcpt(*odd)], ["250"] * 3)
        self.engine.run("suppress", "import", self.file("back", exported))
        self.assertEqual([a[:3] for a in self.rcpt(*odd)], ["550"] * 3)

    def test_of_one_customer_or_list_alone(self):
        self.engine.run("suppress", "add", "a@big.test", "--customer", "acme/spring", "--for", "never")
        self.engine.run("suppress", "add", "b@big.test", "--customer", "shop")
        self.assertRegex(self.rcpt("a@big.test", source="127.0.0.3")[0], r"since \d+ \w+ \d{4}; if")
        self.assertTrue(self.rcpt("a@big.test")[0].startswith("250"))
        self.assertTrue(self.rcpt("b@big.test", source="127.0.0.3")[0].startswith("250"))
        self.assertTrue(self.rcpt("b@big.test")[0].startswith("550"))
        row = self.check("a@big.test")["rows"][0]
        self.assertEqual((row["customer"], row["until"]), ("acme/spring", None))
        self.assertIn("nothing of it stands", self.engine.run("suppress", "rm", "a@big.test", code=1))

    def test_a_trap_is_an_event_and_refused_like_any_other(self):
        self.engine.run("suppress", "add", "trap@big.test", "--trap")
        self.engine.run("suppress", "add", "other@big.test", "--for", "never")
        trap, other = self.rcpt("trap@big.test", "other@big.test")
        self.assertEqual(trap.replace("trap@", "other@"), other)
        hit = world.wait_until(lambda: self.events("trap"), what="the event")[0]
        self.assertEqual((hit["recipient"], hit["customer"]), ("trap@big.test", "shop"))
        self.assertEqual([e["recipient"] for e in self.events("refused")], ["other@big.test"])

    def test_a_list_takes_no_trap_and_no_wish_away(self):
        self.engine.run("suppress", "add", "trap@big.test", "--trap")
        self.engine.run("suppress", "import", self.file("old", "address,customer,class,until\na@big.test,acme,complaint,never\n"))
        self.assertIn("each stands already", self.engine.run("suppress", "add", "trap@big.test", code=1))
        told = self.engine.run("suppress", "import", self.file("list", "trap@big.test\nb@big.test\n"))
        self.assertIn("done: 1 addresses", told)
        self.assertIn("1 stood already as a spam trap or a person's wish: left so", told)
        told = self.engine.run("suppress", "import", self.file("list", "a@big.test\n"), "--customer", "acme")
        self.assertIn("1 stood already", told)
        rows = [self.check(a)["rows"][0] for a in ("trap@big.test", "a@big.test")]
        self.assertEqual([(r["trap"], r["class"], r["until"]) for r in rows],
                         [(True, "recipient-refused", None), (False, "complaint", None)])
        self.engine.run("suppress", "rm", "trap@big.test")
        self.engine.run("suppress", "add", "trap@big.test")
        self.assertFalse(self.check("trap@big.test")["rows"][0]["trap"])

    def test_many_come_and_go_as_files(self):
        lines = [f"r{i}@big.test" for i in range(25000)] + ["@gone.test", "no address", "", "also,bad"]
        told = self.engine.run("suppress", "import", self.file("list", "\n".join(lines) + "\n"), "-r", "from the old system",
                               code=1)
        self.assertIn("done: 25001 addresses", told)
        self.assertIn("list:25002: expected a mail address", told)
        self.assertIn("2 lines were wrong", told)
        self.assertTrue(self.rcpt("r24999@big.test")[0].startswith("550"))
        entries = [e for e in self.engine.json("log") if e["kind"] == "suppress"]
        self.assertEqual(sum(int(e["fields"]["addresses"]) for e in entries), 25001)
        self.assertEqual(len(entries), 3)
        rows = list(csv.DictReader(io.StringIO(self.engine.run("suppress", "export"))))
        self.assertEqual({r["address"] for r in rows}, set(lines[:25001]))
        self.assertEqual({r["reason"] for r in rows}, {"from the old system"})

    def test_a_line_without_its_sign_suppresses_no_domain(self):
        told = self.engine.run("suppress", "import", self.file("list", "big.test\nana\n@gone.test\n"), code=1)
        self.assertIn("list:1: expected a mail address or @domain", told)
        self.assertIn("done: 1 addresses", told)
        self.assertEqual([a[:3] for a in self.rcpt("b@big.test", "b@gone.test")], ["250", "550"])

    def test_an_import_leaves_the_reserve_of_the_disk_alone(self):
        self.engine.stop()
        self.engine.more = "limits: {disk_reserve: 9999G}\n"
        self.engine.write()
        self.engine.start()
        told = self.engine.run("suppress", "import", self.file("list", "a@big.test\n"), code=1)
        self.assertIn("no space", told)
        self.engine.run("suppress", "add", "a@big.test")

    def test_wrong_fields_of_a_file_are_said_and_leave_the_rest(self):
        table = ("\ufeffaddress,since,until,reason,trap\n"
                 "a@big.test,never,,,\n"
                 "b@big.test,2026-01-02,2026-13-02,,\n"
                 "c@big.test,2026-01-02,never,,perhaps\n"
                 "d@big.test,2026-01-02,never,\x1b[31mred,\n" +
                 f"e@big.test,2026-01-02,never,{'x' * 900000},\n" * 3 +
                 "f@big.test,2026-01-02,never,a \u202e b,no\n"
                 "g@big.test,,,,yes\n")
        told = self.engine.run("suppress", "import", self.file("table", table), code=1)
        self.assertIn("done: 2 addresses", told)
        for line, why in ((2, "since: expected a date"), (3, "until: expected a date"), (4, "trap: expected yes or no"),
                          (5, "control character"), (6, "at most 1,000 bytes"), (8, "at most 1,000 bytes")):
            self.assertRegex(told, rf"table:{line}: .*{why}")
        rows = {r["address"]: r for r in self.engine.json("suppress", "export")}
        self.assertEqual((rows["f@big.test"]["reason"], rows["f@big.test"]["trap"]), ("a U+202E b", False))
        self.assertEqual((rows["g@big.test"]["until"], rows["g@big.test"]["trap"]), (None, True))
        self.assertIn("done: 1 addresses", self.engine.run("suppress", "import", self.file("list", "\ufeffh@big.test\r\n")))

    def test_a_round_trip_keeps_everything(self):
        table = ("address,customer,class,since,until,reason,trap\n"
                 "a@big.test,,unknown-user,2026-01-02,never,\"he said \"\"no\"\", twice\",\n"
                 "a@big.test,acme,complaint,2026-03-04T05:06:00.000Z,2999-01-01T00:00:00.000Z,,\n"
                 "@gone.test,,domain-not-found,2026-01-02,2999-01-01,,\n"
                 "t@big.test,,recipient-refused,2026-01-02,never,,yes\n")
        self.engine.run("suppress", "import", self.file("table", table))
        first = self.engine.run("suppress", "export")
        self.assertIn('"he said ""no"", twice"', first)
        self.assertIn("a@big.test,acme,complaint,2026-03-04T05:06:00.000Z,2999-01-01T00:00:00.000Z,,", first)
        self.engine.run("suppress", "rm", "a@big.test", "gone.test", "t@big.test")
        self.engine.run("suppress", "rm", "a@big.test", "--customer", "acme")
        self.assertEqual(self.engine.run("suppress", "export").count("\n"), 1)
        self.engine.run("suppress", "import", self.file("again", first))
        self.assertEqual(sorted(self.engine.run("suppress", "export").splitlines()), sorted(first.splitlines()))
        self.assertEqual(len(self.engine.json("suppress", "export", "--customer", "acme")), 1)

    def test_a_restart_keeps_it_and_undo_takes_it_back(self):
        seq = self.engine.json("suppress", "add", "a@big.test", "b@big.test")["seq"]
        self.engine.stop(signal.SIGKILL)
        self.engine.start()
        self.assertEqual([a[:3] for a in self.rcpt("a@big.test", "b@big.test", "c@big.test")], ["550", "550", "250"])
        self.assertIn("mail may go again", self.engine.run("undo", str(seq), "--dry-run"))
        undone = self.engine.json("undo", str(seq), "-r", "wrong list")
        self.assertEqual((undone["kind"], undone["undoes"], undone["fields"]["addresses"]), ("unsuppress", seq, "2"))
        self.assertEqual([a[:3] for a in self.rcpt("a@big.test", "b@big.test")], ["250", "250"])
        self.assertIn("nothing of it stands", self.engine.run("undo", str(seq), "-r", "again", code=1))
        self.assertIn("holds", self.engine.run("verify"))
        self.assertIn("no action 99999", self.engine.run("undo", "99999", "-r", "x", code=1))

    def test_what_is_wrong_is_said(self):
        self.assertIn("expected a mail address or a domain", self.engine.run("suppress", "add", "a b@c", code=2))
        self.assertIn("expected a customer", self.engine.run("suppress", "add", "a@b.test", "--customer", "A/b/c", code=2))
        self.assertIn("--for", self.engine.run("suppress", "add", "a@b.test", "--for", "soon", code=2))
        self.assertIn("takes no --trap", self.engine.run("suppress", "rm", "a@b.test", "--trap", code=2))
        self.assertIn("acts", self.engine.run("--read-only", "suppress", "add", "a@b.test", code=2))
        self.assertIn("No such file", self.engine.run("suppress", "import", "/nowhere/list", code=1))

    def file(self, name, text):
        path = f"{self.home.name}/{name}"
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path


class WhatTheWorldSays(unittest.TestCase):
    def setUp(self):
        self.home = tempfile.TemporaryDirectory()
        self.addCleanup(self.home.cleanup)
        self.sink = provider.Provider("127.0.0.2", lambda a: "550 5.1.1 no such user" if a.startswith("dead") else None)
        self.addCleanup(self.sink.listener.close)
        files = pathlib.Path(self.home.name)
        (files / "providers.yaml").write_text(f"{self.sink.name}: {{mx: [.big.test], unknown_user: sure}}\n")
        (files / "policy.yaml").write_text("mode: enforce\nsuppression: {unknown_user: 7d}\n")
        self.engine = world.Engine(self.home.name, self.sink, more="providers: providers.yaml\npolicy: policy.yaml\n")
        self.engine.start()
        self.addCleanup(self.engine.stop, signal.SIGKILL)

    def test_a_dead_address_is_tried_once(self):
        self.assertEqual(world.swaks(self.engine.port, to="dead1@big.test,alive@big.test")[0], 0)
        entry = world.wait_until(lambda: [e for e in self.engine.json("log") if e["kind"] == "suppress"], what="the entry")[0]
        self.assertEqual((entry["actor"], entry["reason"]), ("engine", f"1 address: unknown-user, said by {self.sink.name}"))
        self.assertEqual(entry["evidence"], {"class": "unknown-user", "addresses": 1, "providers": {self.sink.name: 1}})
        code, said = world.swaks(self.engine.port, to="dead1@big.test")
        self.assertNotEqual(code, 0)
        self.assertRegex(said, rf"550.5\.1\.1 <dead1@big\.test>: no mail goes there: unknown-user since .* \(until .*\), as {self.sink.name} said")
        row = self.engine.json("suppress", "check", "dead1@big.test")[0]["rows"][0]
        self.assertEqual((row["class"], row["manual"], row["provider"]), ("unknown-user", False, self.sink.name))
        self.assertIn("no such user", row["reason"])
        self.engine.run("suppress", "rm", "dead1@big.test")
        self.assertEqual(world.swaks(self.engine.port, to="dead1@big.test")[0], 0)
        self.assertTrue(world.wait_until(lambda: sum(a == "dead1@big.test" for a, _ in self.sink.rcpts) == 2, what="another try"))


if __name__ == "__main__":
    unittest.main()
