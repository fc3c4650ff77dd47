#!/usr/bin/env python3
"""An incident from the first bad answer to the operator's last word: real SMTP on both sides, the policy as
shipped, and nobody touching a key until the engine has acted."""
import json
import signal
import socket
import socketserver
import tempfile
import threading
import unittest

import world

PROVIDERS = {"big.test": "127.0.0.21", "small.test": "127.0.0.22", "old.test": "127.0.0.23"}
CUSTOMERS = {"127.0.0.31": "acme", "127.0.0.32": "shop", "127.0.0.33": "news", "127.0.0.34": "club", "127.0.0.35": "bank"}
FIVE = "what cause done next you".split()
FIELDS = "id severity opened_at closed_at state what cause done next you has_it seen_by culprits replies story report".split()


class Provider(socketserver.ThreadingTCPServer):
    """Refuses recipients that begin with `dead` as unknown, and everybody while `blocks` is set."""
    allow_reuse_address, daemon_threads = True, True

    def __init__(self, address):
        super().__init__((address, 0), Session)
        self.blocks = False
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Session(socketserver.StreamRequestHandler):
    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")

    def handle(self):
        self.say("220 mx.test ESMTP")
        for line in self.rfile:
            verb = line[:4].upper()
            if verb == b"EHLO":
                self.say("250 mx.test")
            elif verb == b"RCPT" and self.server.blocks:
                self.say("550 5.7.1 Service unavailable; client host [127.0.0.11] blocked using our block list (S3140)")
            elif verb == b"RCPT" and b"<dead" in line:
                self.say("550 5.1.1 The email account that you tried to reach does not exist")
            elif verb == b"DATA":
                self.say("354 go on")
                while self.rfile.readline() not in (b".\r\n", b""):
                    pass
                self.say("250 2.0.0 taken")
            elif verb == b"QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 2.1.0 fine")


def submit(port, source, recipients):
    """One message a recipient, from the address that says which customer it is; how many were taken."""
    taken = 0
    with socket.create_connection(("127.0.0.1", port), timeout=30, source_address=(source, 0)) as sock:
        file = sock.makefile("rb")

        def ask(text):
            sock.sendall(text.encode() + b"\r\n")
            line = file.readline()
            while line[3:4] == b"-":
                line = file.readline()
            return line[:1] in b"23" and line != b""

        file.readline()
        ask("EHLO client.test")
        for address in recipients:
            good = ask("MAIL FROM:<a@sender.test>") and ask(f"RCPT TO:<{address}>") and ask("DATA")
            if good and ask("Subject: hello\r\n\r\ntext\r\n."):
                taken += 1
            elif not good:
                ask("RSET")
    return taken


class Incidents(unittest.TestCase):
    mode = "enforce"

    def setUp(self):
        home = tempfile.TemporaryDirectory()
        self.addCleanup(home.cleanup)
        self.providers = {domain: Provider(address) for domain, address in PROVIDERS.items()}
        for p in self.providers.values():
            self.addCleanup(p.server_close)
            self.addCleanup(p.shutdown)
        routes = ", ".join(f'{d}: "{PROVIDERS[d]}:{p.server_address[1]}"' for d, p in self.providers.items())
        trust = ", ".join(f'"{address}/32": {name}' for address, name in CUSTOMERS.items())
        policy = f"{home.name}/policy.yaml"
        with open(policy, "w") as f:
            f.write(f"mode: {self.mode}\n")
        self.engine = world.Engine(home.name, None, trust=f"{{{trust}}}", routes=f"{{{routes}}}", more=f"policy: {policy}\n")
        self.engine.start()
        self.addCleanup(self.engine.log.close)
        self.addCleanup(self.engine.stop, signal.SIGKILL)
        self.n = 0

    def addresses(self, count, prefix):
        for _ in range(count):
            self.n += 1
            yield f"{prefix}{self.n}@{list(PROVIDERS)[self.n % len(PROVIDERS)]}"

    def good_mail(self, count=20):
        for source in list(CUSTOMERS)[1:]:
            submit(self.engine.port, source, self.addresses(count, "r"))

    def bad_mail(self, count=60):
        return submit(self.engine.port, "127.0.0.31", [a for pair in zip(self.addresses(count, "dead"), self.addresses(count, "r")) for a in pair])

    def incidents(self, *words):
        return self.engine.json("incidents", *words)

    def harm(self, standing):
        self.good_mail()
        self.bad_mail()
        return world.wait_until(lambda: self.engine.customer("acme")["standing"] == standing and self.incidents(), 30, "the engine's decision")


class Acting(Incidents):
    def test_a_bad_list_becomes_one_incident_that_people_handle(self):
        row = self.harm("suspended")[0]
        self.assertEqual(len(self.incidents()), 1)
        self.assertEqual(row["culprit"], "customer:acme")
        self.assertEqual(row["what"], "acme sends to dead addresses")
        self.assertLessEqual(len(row["what"]), 38)
        self.assertIn("limit", row["cause"])
        self.assertEqual(row["has_it"], "engine")
        number = str(row["number"])
        self.assertEqual(self.engine.customer("acme")["incident"], row["number"])
        for name in list(CUSTOMERS.values())[1:]:
            self.assertEqual(self.engine.customer(name)["standing"], "good", name)

        page = self.engine.json("show", f"incident:{number}")
        self.assertEqual(set(FIELDS) - set(page), set())
        self.assertEqual(page["culprits"][0]["customer"], "acme")
        self.assertTrue(any("5.1.1" in r["reply"] for r in page["replies"]), page["replies"])
        kinds = [line["kind"] for line in page["story"]]
        self.assertEqual(kinds[0], "incident")
        self.assertIn("suspend", kinds)
        self.assertNotIn("@big.test", json.dumps([page[name] for name in FIVE]))

        done = self.engine.run("ack", number)
        self.assertRegex(done, r"^done: \d+ ack incident:\d+\n$")
        me = self.incidents()[0]["has_it"]
        self.assertNotIn(me, ("nobody", "engine"))
        self.assertEqual(self.incidents()[0]["state"], "acknowledged")
        self.engine.run("note", number, "asked", "acme", "where the list is from")
        report = self.engine.run("show", f"incident:{number}")
        for part in (f"Incident {number} on mta1.example.net, ", f"{me} has it", "\nwhat   acme sends to dead addresses", "\nyou    nothing: acme is suspended until",
                     "engine suspends acme: ", f"{me} notes: asked acme where the list is from"):
            self.assertIn(part, report)
        self.engine.run("ack", number)
        self.assertNotEqual(self.incidents()[0]["has_it"], me)
        self.engine.run("resolve", number, "-r", "they removed it")
        self.assertEqual(self.incidents(), [])
        self.assertEqual(self.incidents("--filter", "state:resolved")[0]["seen_by"], [me])
        self.assertIn("is resolved already", self.engine.run("ack", number, code=1))
        self.assertIn("Nothing is wrong", self.engine.run("incidents"))

    def test_it_is_there_again_after_a_kill_and_ends_when_what_was_done_is_lifted(self):
        before = self.harm("suspended")[0]
        self.engine.run("ack", str(before["number"]))
        self.engine.stop(signal.SIGKILL)
        self.engine.start()
        after = self.incidents()[0]
        self.assertEqual([after[k] for k in ("number", "what", "cause", "opened_at")], [before[k] for k in ("number", "what", "cause", "opened_at")])
        self.assertEqual(after["state"], "acknowledged")
        status = self.engine.json("status")
        self.assertEqual(status["incidents_open"], 1)
        self.assertGreaterEqual(status["automatic"], 1)
        self.engine.run("restore", "acme", "-r", "the list is clean now")
        world.wait_until(lambda: self.incidents() == [], 10, "the end")
        closed = self.incidents("--filter", "state:closed")[0]
        self.assertEqual(closed["number"], before["number"])
        self.assertIn("restores acme", json.dumps(self.engine.json("show", f"incident:{before['number']}")["story"]))

    def test_a_block_is_an_incident_of_its_lane(self):
        self.good_mail(5)
        self.providers["big.test"].blocks = True
        self.good_mail(3)
        row = world.wait_until(lambda: [i for i in self.incidents() if i["subject"].startswith("lane:")], 20, "a lane's incident")[0]
        self.assertEqual(row["severity"], "critical")
        self.assertIn(row["ip"], self.engine.ips)
        self.assertIn(" blocks 127.0.0.1", row["what"])
        self.assertIn("one probe to ", row["next"])
        provider = next(p for p in self.engine.json("providers") if p["id"] == row["provider"])
        self.assertEqual(provider["state"], "block")
        self.assertGreaterEqual(provider["blocked_24h"], 1)
        self.assertIn("S3140", provider["last_reply"])
        self.assertIn("probe", json.dumps(self.engine.json("status")["coming"]))
        self.assertIn("S3140", self.engine.run("explain", f"ip:{row['ip']}"))

    def test_explain_says_why_mail_waits_and_what_speaks_against_somebody(self):
        self.harm("suspended")
        text = self.engine.run("explain", "customer:acme")
        for part in ("suspended until", "dead recipients", "limits: warn 2 %, throttle 4 %, suspend 5 %", "incident "):
            self.assertIn(part, text)
        self.engine.run("hold", "--customer", "shop", "-r", "wait")
        submit(self.engine.port, "127.0.0.32", ["oma@big.test"])
        text = world.wait_until(lambda: "waits for oma@big.test" in (t := self.engine.run("explain", "oma@big.test", code=None)) and t, 10, "it waits")
        self.assertIn("held", text)
        self.assertIn("nothing of it waits", self.engine.run("explain", "nobody@big.test", code=1))


class Observing(Incidents):
    mode = "observe"

    def test_what_would_be_done_is_an_incident_too(self):
        row = self.harm("good")[0]
        page = world.wait_until(lambda: (p := self.engine.json("show", f"incident:{row['number']}")) and
                                any("would suspend acme" in line["text"] for line in p["story"]) and p, 20, "the decision")
        self.assertIn("only observed", page["cause"])
        self.assertIn("would be", page["done"])
        self.assertTrue(page["you"]["command"].startswith("suspend acme"), page["you"])
        self.assertEqual(page["has_it"], "nobody")
        self.assertEqual(self.engine.customer("acme")["standing"], "good")
        self.assertEqual(self.engine.json("status")["mode"], "observe")


if __name__ == "__main__":
    unittest.main()
