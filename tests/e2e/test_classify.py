"""`mxwarden classify FILE…`: what scripts rely on: the line, its order, exit codes, mbox and standard input."""
import os
import pathlib
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).parents[2]
PROGRAM = pathlib.Path(os.environ.get("MXWARDEN_BUILD", ROOT / "build")) / "mxwarden"

REPORT = """From: MAILER-DAEMON@mx.far.example
Subject: Undelivered
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary=cut

--cut

It did not arrive.
--cut
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.far.example

Final-Recipient: rfc822; %s@far.example
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 No such user here
--cut--
"""
PERSON = "From: ann@far.example\nSubject: hello\n\nHow are you?\n"
LINE = "%s\t%s@far.example\tunknown-user\t5.1.1\trecipient\n"


class Classify(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def write(self, name, text):
        path = pathlib.Path(self.folder.name) / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    def run_it(self, *words, stdin=b""):
        done = subprocess.run([PROGRAM, "classify", *words], input=stdin, capture_output=True, timeout=60)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def test_a_line_a_recipient_in_the_order_of_the_files(self):
        one, two = self.write("one", REPORT % "ann"), self.write("two", REPORT % "bob")
        person = self.write("person", PERSON)
        code, out, err = self.run_it(two, person, one)
        self.assertEqual((code, out, err), (0, LINE % (two, "bob") + LINE % (one, "ann"), ""))

    def test_line_ends_make_no_difference(self):
        path = self.write("crlf", (REPORT % "ann").replace("\n", "\r\n"))
        self.assertEqual(self.run_it(path)[:2], (0, LINE % (path, "ann")))

    def test_an_mbox_is_read_mail_by_mail(self):
        separator = "From MAILER-DAEMON Mon Nov 23 10:00:00 2026\n"
        path = self.write("mbox", "\n".join(separator + m for m in (REPORT % "ann", PERSON, REPORT % "bob")))
        self.assertEqual(self.run_it(path)[:2], (0, LINE % (path, "ann") + LINE % (path, "bob")))

    def test_standard_input(self):
        self.assertEqual(self.run_it("-", stdin=(REPORT % "ann").encode())[:2], (0, LINE % ("-", "ann")))

    def test_what_cannot_be_read_is_said_and_the_others_are_read(self):
        path = self.write("one", REPORT % "ann")
        code, out, err = self.run_it(self.folder.name, path, path + ".none")
        self.assertEqual((code, out), (1, LINE % (path, "ann")))
        self.assertIn(f"{self.folder.name}: Is a directory", err)
        self.assertIn(f"{path}.none: No such file", err)

    def test_an_empty_file_and_noise_are_no_answers(self):
        paths = [self.write("empty", ""), self.write("noise", bytes(range(256)) * 1000)]
        self.assertEqual(self.run_it(*paths), (0, "", ""))

    def test_the_line_must_make_sense(self):
        self.assertEqual(self.run_it()[0], 2)
        self.assertEqual(self.run_it("--replies", "-", "x")[0], 2)
        self.assertEqual(self.run_it("--json", "x")[0], 2)

    def test_replies_still_go(self):
        code, out, _ = self.run_it("--replies", "-", stdin=b"550 5.1.1 No such user\n")
        self.assertEqual((code, out), (0, "unknown-user\t550 5.1.1 No such user\trecipient\n"))

    def test_a_tab_inside_a_reply_names_no_provider(self):
        code, out, _ = self.run_it("--replies", "-", stdin=b"550 5.1.1\tNo such user\n550-No such user\there\ngoogle\t550 5.1.1 No such user\n")
        self.assertEqual([line.split("\t")[0] for line in out.splitlines()], ["unknown-user"] * 3)
        self.assertEqual(out.splitlines()[0].split("\t")[1], "550 5.1.1\\x09No such user")


if __name__ == "__main__":
    unittest.main()
