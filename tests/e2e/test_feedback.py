#!/usr/bin/env python3
"""What comes back by mail: a real engine sends to a sink, and the sink's side answers with bounces and complaints, to the
addresses that the mail left from, at the feedback listener."""
import json
import os
import pathlib
import re
import signal
import smtplib
import socket
import tempfile
import time
import unittest

import world

DOMAINS = "domains: {bounce: bounces.test, complaints: [fbl@shop.test]}\n"

BOUNCE = """From: Mail Delivery System <MAILER-DAEMON@mx.big.test>\r
To: {to}\r
Subject: Undelivered Mail Returned to Sender\r
MIME-Version: 1.0\r
Content-Type: multipart/report; report-type=delivery-status; boundary=frontier\r
\r
--frontier\r
Content-Type: text/plain; charset=iso-8859-1\r
\r
The mailbox that you wrote to does not exist.\r
\r
--frontier\r
Content-Type: message/delivery-status\r
\r
Reporting-MTA: dns; mx.big.test\r
\r
Final-Recipient: rfc822; {recipient}\r
Action: {action}\r
Status: {status}\r
Diagnostic-Code: smtp; {said}\r
\r
--frontier--\r
"""

ARF = """From: Complaints <fbl@big.test>\r
Subject: FW: offer\r
MIME-Version: 1.0\r
Content-Type: multipart/report; report-type=feedback-report; boundary=frontier\r
\r
--frontier\r
Content-Type: text/plain\r
\r
This is an abuse report.\r
\r
--frontier\r
Content-Type: message/feedback-report\r
\r
Feedback-Type: abuse\r
User-Agent: ReportGenerator/1.0\r
Version: 1\r
{fields}\r
--frontier\r
Content-Type: message/rfc822\r
\r
{original}\r
--frontier--\r
"""

JMRP = """From: <staff@hotmail.com>\r
Subject: complaint about message from 127.0.0.11\r
MIME-Version: 1.0\r
Content-Type: multipart/mixed; boundary=frontier\r
\r
--frontier\r
Content-Type: message/rfc822\r
Content-Disposition: inline\r
\r
X-HmXmrOriginalRecipient: {recipient}\r
{original}\r
--frontier--\r
"""


def processes(parent):
    """The pids whose parent it is."""
    found = []
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent:
            found.append(int(stat.parent.name))
    return found


class Feedback(unittest.TestCase):
    def setUp(self):
        self.home = tempfile.TemporaryDirectory()
        self.addCleanup(self.home.cleanup)
        self.sink = world.Sink(self.home.name)
        self.addCleanup(self.sink.stop)
        self.engine = world.Engine(self.home.name, self.sink, more=DOMAINS, is_feedback=True)
        self.addCleanup(self.engine.stop, signal.SIGKILL)
        self.engine.start()

    def send(self, *recipients, sender="a@shop.test"):
        """Submits one message; what arrived of it, by recipient: return path and text."""
        before = len(self.sink.messages())
        with smtplib.SMTP("127.0.0.1", self.engine.port) as s:
            s.sendmail(sender, recipients, "From: a@shop.test\r\nSubject: offer\r\n\r\nhello\r\n")
        world.wait_until(lambda: len(self.sink.messages()) == before + len(recipients), what="the deliveries")
        arrived = {}
        for text in self.sink.messages().values():
            path = re.search(r"^X-Mail-Args: <([^>]*)>", text, re.M).group(1)
            for to in re.findall(r"^X-Rcpt-Args: <([^>]*)>", text, re.M):
                arrived[to] = (path, text)
        world.wait_until(lambda: all(any(e["kind"] == "delivered" and e["recipient"] == r for e in self.events()) for r in recipients),
                         what="the outcomes")
        return arrived

    def report(self, to, text, sender=""):
        with smtplib.SMTP("127.0.0.1", self.engine.feedback_port) as s:
            s.sendmail(sender, [to], text)

    def refusal(self, to):
        with self.assertRaises(smtplib.SMTPRecipientsRefused) as refused:
            self.report(to, "Subject: x\r\n\r\nx\r\n")
        return next(iter(refused.exception.recipients.values()))

    def events(self):
        return [json.loads(line) for line in self.engine.run("events", "--json", "--since", "1h").splitlines()]

    def late(self, kind):
        return world.wait_until(lambda: [e for e in self.events() if e["kind"] == kind and e.get("delivered_at")], what=kind)

    def figures(self):
        return self.engine.json("status")["feedback"]

    def bounce(self, recipient, status="5.1.1", action="failed", said="550 5.1.1 no such user here"):
        return BOUNCE.format(to="x", recipient=recipient, status=status, action=action, said=said)

    def original(self, text):
        """The mail as its recipient has it: without what the sink put in front."""
        return re.sub(r"^X-(Client|Helo|Mail|Rcpt|Client-Addr|Client-Proto)[^\n]*\n", "", text, flags=re.M).replace("\n", "\r\n")

    def test_a_late_bounce_turns_its_delivery_bad(self):
        arrived = self.send("a@big.test", "nobody@big.test")
        paths = {to: path for to, (path, _) in arrived.items()}
        self.assertEqual(len(set(paths.values())), 2, "a return path of its own for each recipient")
        for path in paths.values():
            self.assertRegex(path, r"^[0-9a-z]{60}@bounces\.test$")
        self.assertEqual(self.engine.customer("shop")["unknown_user_rate_24h"], 0)

        self.report(paths["nobody@big.test"], self.bounce("nobody@big.test"))
        (event,) = self.late("bounced")
        self.assertEqual((event["recipient"], event["class"], event["customer"]), ("nobody@big.test", "unknown-user", "shop"))
        delivered = next(e for e in self.events() if e["kind"] == "delivered" and e["recipient"] == "nobody@big.test")
        self.assertAlmostEqual(event["delivered_at"], delivered["t"], places=2)
        self.assertEqual(event["ip"], delivered["ip"])
        self.assertEqual(event["provider"], delivered["provider"])
        self.assertEqual(self.engine.customer("shop")["unknown_user_rate_24h"], 0.5)

        # The sender hears of it, from the null return path; a second report changes nothing.
        world.wait_until(lambda: any("X-Rcpt-Args: <a@shop.test>" in m and "X-Mail-Args: <>" in m for m in self.sink.messages().values()),
                         what="the sender's report")
        self.report(paths["nobody@big.test"], self.bounce("nobody@big.test"))
        self.assertEqual(self.figures()["bounces"], 2)
        self.assertEqual(len(self.late("bounced")), 1)
        self.assertEqual(self.engine.customer("shop")["unknown_user_rate_24h"], 0.5)

        # It stands like this after a kill, too.
        self.engine.stop(signal.SIGKILL)
        self.engine.start()
        self.assertEqual(self.engine.customer("shop")["unknown_user_rate_24h"], 0.5)
        self.assertEqual(len(self.late("bounced")), 1)
        self.report(paths["nobody@big.test"], self.bounce("nobody@big.test"))  # the keys are the same
        self.assertEqual(len(self.late("bounced")), 1)

    def test_the_door_relays_nothing_and_believes_no_forged_token(self):
        path = self.send("a@big.test")["a@big.test"][0]
        forged = ("0" if path[30] != "0" else "1").join((path[:30], path[31:]))
        for to in (forged, "a@big.test", "a@shop.test", "postmaster@bounces.test", path.replace("bounces.test", "big.test"), "x" + path):
            code, said = self.refusal(to)
            self.assertEqual(code, 550, to)
            self.assertIn(b"5.1.1", said)
        self.assertEqual(self.figures()["forged"], 1)
        with socket.create_connection(("127.0.0.1", self.engine.feedback_port), timeout=10) as s, s.makefile("rb") as lines:
            lines.readline()
            for command, code in ((b"EHLO x", b"250"), (b"VRFY a", b"252"), (b"AUTH PLAIN x", b"50"), (b"RCPT TO:<a@big.test>", b"503")):
                s.sendall(command + b"\r\n")
                while (line := lines.readline())[3:4] == b"-":
                    pass
                self.assertTrue(line.startswith(code), line)
        time.sleep(0.5)
        self.assertEqual(len(self.sink.messages()), 1)

    def test_complaints_find_their_delivery(self):
        arrived = self.send("one@big.test")
        self.report("fbl@shop.test", ARF.format(fields="Source-IP: 127.0.0.11\r\n", original=self.original(arrived["one@big.test"][1])), "fbl@big.test")
        (event,) = self.late("complained")
        self.assertEqual((event["recipient"], event["class"], event["customer"]), ("one@big.test", "complaint", "shop"))
        arrived = self.send("two@big.test", "three@big.test")
        self.report("fbl@shop.test", JMRP.format(recipient="three@big.test", original=self.original(arrived["two@big.test"][1])), "staff@hotmail.com")
        world.wait_until(lambda: len(self.late("complained")) == 2, what="the second complaint")
        self.assertEqual({e["recipient"] for e in self.late("complained")}, {"one@big.test", "three@big.test"})
        self.report("fbl@shop.test", ARF.format(fields="", original="From: x@y.test\r\nMessage-ID: <none@of.ours>\r\n\r\nx\r\n"), "fbl@big.test")
        figures = self.figures()
        self.assertEqual((figures["complaints"], figures["unmatched"]), (3, 1))
        # Who complained is written to no more by this customer.
        with smtplib.SMTP("127.0.0.1", self.engine.port) as s:
            s.ehlo()
            s.mail("a@shop.test")
            self.assertEqual(s.rcpt("one@big.test")[0], 550)
            self.assertEqual(s.rcpt("two@big.test")[0], 250)

    def test_what_is_no_failure_changes_nothing(self):
        path = self.send("a@big.test")["a@big.test"][0]
        self.report(path, "From: a@big.test\r\nAuto-Submitted: auto-replied\r\nSubject: Out of office\r\n\r\nI am away until Monday.\r\n")
        self.report(path, self.bounce("a@big.test", "4.4.1", "delayed", "451 4.4.1 connection timed out"))
        self.report(path, self.bounce("a@big.test", "2.0.0", "delivered", "250 2.0.0 ok"))
        self.report(path, "From: a@big.test\r\nSubject: Lunch?\r\n\r\nAt noon?\r\n")
        figures = self.figures()
        self.assertEqual((figures["auto_replies"], figures["bounces"], figures["others"]), (1, 2, 1))
        self.assertEqual({e["kind"] for e in self.events()}, {"accepted", "delivered"})
        self.assertEqual(self.engine.customer("shop")["unknown_user_rate_24h"], 0)

    def reader(self):
        (template,) = processes(self.engine.process.pid)
        return world.wait_until(lambda: processes(template), what="a reader")[0]

    def test_a_report_that_ends_its_reader_costs_itself_alone(self):
        path = self.send("a@big.test")["a@big.test"][0]
        self.report(path, "Subject: x\r\n\r\nx\r\n")  # read by the one that knows the rules, which stays
        first = self.reader()
        os.kill(first, signal.SIGSTOP)  # so that it has the mail, and is not done with it
        with smtplib.SMTP("127.0.0.1", self.engine.feedback_port) as s:
            s.ehlo()
            s.mail("")
            s.rcpt(path)
            s.putcmd("data")
            self.assertEqual(s.getreply()[0], 354)
            s.send(self.bounce("a@big.test").encode() + b".\r\n")
            time.sleep(0.3)
            os.kill(first, signal.SIGKILL)
            self.assertEqual(s.getreply()[0], 250)  # kept as it came
        self.assertEqual(self.figures()["died"], 1)
        self.assertNotEqual(self.reader(), first)
        self.report(path, self.bounce("a@big.test"))
        self.assertEqual(len(self.late("bounced")), 1)

    def test_nested_parts_cost_nothing(self):
        path = self.send("a@big.test")["a@big.test"][0]
        nested = "MIME-Version: 1.0\r\n" + "".join(f"Content-Type: multipart/mixed; boundary=b{i}\r\n\r\n--b{i}\r\n" for i in range(10000))
        with smtplib.SMTP("127.0.0.1", self.engine.feedback_port) as s:
            s.sendmail("", [path], "Subject: warm\r\n\r\nx\r\n")
            began = time.monotonic()
            s.sendmail("", [path], nested)
            took = time.monotonic() - began
        self.assertLess(took, 2)  # that it does not explode; the figure is 25 ms (docs/feedback.md)
        self.assertEqual(self.figures()["died"], 0)

    def test_the_reader_goes_with_its_engine(self):
        (template,) = processes(self.engine.process.pid)
        reader = self.reader()
        self.engine.stop(signal.SIGKILL)
        world.wait_until(lambda: not pathlib.Path(f"/proc/{reader}").exists() and not pathlib.Path(f"/proc/{template}").exists(),
                         what="the end of its processes")


class Keys(unittest.TestCase):
    def test_a_bad_key_file_is_a_clear_error_and_a_good_one_is_taken(self):
        with tempfile.TemporaryDirectory() as home:
            sink = world.Sink(home)
            self.addCleanup(sink.stop)
            engine = world.Engine(home, sink, more=DOMAINS, is_feedback=True)
            self.addCleanup(engine.stop, signal.SIGKILL)
            keys = pathlib.Path(home) / "state" / "token.keys"
            keys.parent.mkdir(mode=0o700)
            keys.write_text("1 " + "ab" * 32 + "\n1 " + "cd" * 32 + "\n")
            keys.chmod(0o600)
            with self.assertRaises(AssertionError):
                engine.start()
            log = (pathlib.Path(home) / "engine.log").read_text()
            self.assertIn(f"{keys}:2: this ID is here already", log)
            self.assertNotIn("cdcd", log)
            keys.write_text("# two\n2 " + "ab" * 32 + "\n1 " + "cd" * 32 + "\n")
            engine.start()
            self.assertEqual(engine.stop(), 0)
            keys.unlink()
            engine.start()
            self.assertEqual(keys.stat().st_mode & 0o777, 0o600)
            self.assertRegex(keys.read_text(), r"(?m)^1 [0-9a-f]{64}$")


if __name__ == "__main__":
    unittest.main(verbosity=2)
