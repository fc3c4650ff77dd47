#!/usr/bin/env python3
"""The operator's door: the command line's promises to scripts, and the socket itself."""
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

import world

FIELDS = {
    "ips": "address pool rotation health providers sent_1h bounced_1h complained_24h listed reasons",
    "customers": "id standing pool sent_24h bounce_rate_24h unknown_user_rate_24h complaint_rate_24h queued held optin_pending reasons",
    "queue": "customer provider ip waiting held oldest_at next_try_at last_reply",
    "log": "seq node at actor kind target reason evidence expires_at undoes undone_by hash",
}
STATUS = "node version started_at queued held sent_1h bounced_1h incidents_open coming"


class Door(unittest.TestCase):
    def setUp(self):
        self.home = tempfile.TemporaryDirectory()
        self.addCleanup(self.home.cleanup)
        self.sink = world.Sink(self.home.name)
        self.addCleanup(self.sink.stop)
        self.engine = world.Engine(self.home.name, self.sink)
        self.prepare()
        self.engine.start()
        self.addCleanup(self.engine.stop, signal.SIGKILL)

    def prepare(self):
        pass

    def connect(self):
        s = socket.socket(socket.AF_UNIX)
        self.addCleanup(s.close)
        s.settimeout(10)
        s.connect(str(self.engine.socket))
        return s


class CommandLine(Door):
    def test_lists_have_the_fields_that_scripts_rely_on(self):
        self.engine.run("hold", "--all", "-r", "keep it")
        self.assertEqual(world.swaks(self.engine.port)[0], 0)
        world.wait_until(lambda: self.engine.json("queue"), what="a queue")
        for table, names in FIELDS.items():
            rows = self.engine.json(table)
            self.assertTrue(rows, table)
            for row in rows:
                self.assertEqual(set(names.split()) - set(row), set(), table)
        self.assertEqual(set(STATUS.split()) - set(self.engine.json("status")), set())
        self.assertIsNone(self.engine.json("ips")[0]["health"])

    def test_events_are_lines_that_replay_can_read(self):
        self.assertEqual(world.swaks(self.engine.port)[0], 0)
        seen = world.wait_until(lambda: [e for e in map(json.loads, self.engine.run("events", "--json").splitlines())
                                         if e["kind"] == "delivered"], what="an event")
        self.assertEqual(seen[0]["customer"], "shop")
        self.assertAlmostEqual(seen[0]["t"], time.time(), delta=60)
        since = world.wait_until(lambda: self.engine.run("events", "--json", "--since", "1h").splitlines(), what="history")
        self.assertEqual({json.loads(line)["kind"] for line in since}, {"accepted", "delivered"})

    def test_following_goes_on_until_interrupted(self):
        follower = subprocess.Popen([world.BUILD / "mxwarden", "-s", self.engine.socket, "events", "--follow", "--json"],
                                    stdout=subprocess.PIPE, text=True)
        self.addCleanup(follower.kill)
        time.sleep(0.3)
        self.assertEqual(world.swaks(self.engine.port)[0], 0)
        kinds = [json.loads(follower.stdout.readline())["kind"] for _ in range(2)]
        self.assertEqual(kinds, ["accepted", "delivered"])
        follower.send_signal(signal.SIGINT)
        self.assertEqual(follower.wait(5), 130)
        follower.stdout.close()

    def test_every_action_is_an_entry_that_undo_takes_back(self):
        for words in (["warn", "shop"], ["throttle", "shop", "--rate", "100/h"], ["suspend", "shop", "--for", "2h"],
                      ["pull", "127.0.0.11"], ["drain", "127.0.0.12"], ["hold", "--customer", "shop"]):
            entry = self.engine.json(*words, "-r", "test")
            self.assertEqual(entry["kind"], words[0])
            self.assertIsNotNone(entry["expires_at"], words)
            undo = self.engine.json("undo", str(entry["seq"]), "-r", "test over")
            self.assertEqual(undo["undoes"], entry["seq"])
            self.engine.run("undo", str(entry["seq"]), "-r", "twice", code=1)
        self.assertEqual(self.engine.customer("shop")["standing"], "good")
        self.assertEqual({ip["rotation"] for ip in self.engine.json("ips")}, {"active"})
        self.engine.run("verify")

    def test_several_targets_make_several_entries_and_say_what_was_not_done(self):
        self.engine.run("customer", "add", "nord", "--contact", "ops@nord.example")
        said = self.engine.run("suspend", "shop", "nord", "nobody", "-r", "test", code=1)
        self.assertIn("there is no customer nobody", said)
        for name in ("shop", "nord"):
            self.assertEqual(self.engine.customer(name)["standing"], "suspended")

    def test_customers_are_added_changed_and_removed(self):
        self.engine.run("customer", "add", "nord", "--pool", "shared")
        self.engine.run("customer", "add", "nord", code=1)
        self.engine.run("customer", "set", "nord", "--contact", "ops@nord.example", "--rate", "500/h")
        nord = self.engine.customer("nord")
        self.assertEqual((nord["contact"], nord["rate"]), ("ops@nord.example", "500/h"))
        self.assertNotIn("ops@nord.example", json.dumps(self.engine.json("log")))
        self.engine.run("customer", "rm", "nord")
        self.assertIsNone(self.engine.customer("nord"))

    def test_a_long_ledger_is_listed_whole(self):
        for i in range(30):
            self.engine.run("customer", "add", f"c{i}")
        log = self.engine.json("log")
        self.assertEqual([e["seq"] for e in log], list(range(log[0]["seq"], 0, -1)))
        self.assertEqual(len(self.engine.json("log", "--limit", "3")), 3)
        self.assertEqual(len(self.engine.json("log", "--filter", "to:customer:c29")), 1)

    def test_sort_and_filter_work_on_any_column_and_mistakes_have_a_column(self):
        ips = self.engine.json("ips", "--sort", "-address")
        self.assertEqual([ip["address"] for ip in ips], ["127.0.0.12", "127.0.0.11"])
        self.assertEqual(len(self.engine.json("ips", "--filter", "address:127.0.0.11")), 1)
        self.assertIn("column 1", self.engine.run("ips", "--filter", "adress:x", code=2))
        self.engine.run("ips", "--sort", "nothing", code=2)

    def test_show_says_all_about_one_thing(self):
        self.assertEqual(world.swaks(self.engine.port)[0], 0)
        for target in ("customer:shop", "ip:127.0.0.11", "log:1", "queue:customer=shop"):
            self.assertIsInstance(self.engine.json("show", target), dict)
            self.engine.run("show", target)
        self.engine.run("show", "customer:nobody", code=1)
        self.engine.run("show", "shop", code=2)

    def test_status_is_written_for_people(self):
        self.engine.run("suspend", "shop", "--for", "2h", "-r", "test")
        said = self.engine.run("status")
        self.assertIn("queue      0 waiting, 0 held", said)
        self.assertIn("0 warned, 0 throttled, 1 suspended", said)
        self.assertIn("shop restored", said)
        self.assertNotIn("started_at", said)
        coming = self.engine.json("status")["coming"]
        self.assertEqual([c["what"] for c in coming], ["shop restored"])
        shown = self.engine.run("show", "customer:shop")
        self.assertIn("standing until", shown)
        self.assertNotIn("sent_24h", shown)

    def test_what_was_done_shows_in_the_status_at_once(self):
        for _ in range(5):
            self.engine.run("suspend", "shop", "-r", "test")
            self.assertEqual(self.engine.json("status")["customers"]["suspended"], 1)
            self.engine.run("restore", "shop", "-r", "test")
            self.assertEqual(self.engine.json("status")["customers"]["suspended"], 0)

    def test_a_preview_says_a_thing_once_and_offers_a_reason_to_take_back(self):
        pull = self.engine.json("pull", "127.0.0.11", "127.0.0.12", "--dry-run")
        self.assertEqual(len(pull["guard"]), len(set(pull["guard"])))
        self.assertEqual(len(pull["guard"]), 2)
        seq = self.engine.json("pull", "127.0.0.11", "-r", "test")["seq"]
        self.assertIn(f"lifts pull {seq} of ", self.engine.json("return", "127.0.0.11", "--dry-run")["reason"])

    def test_exit_codes_tell_what_went_wrong(self):
        self.engine.run("version")
        self.engine.run("suspend", "shop", code=2)
        self.engine.run("undo", "999", "-r", "x", code=1)
        self.engine.run("--read-only", "suspend", "shop", "-r", "x", code=2)
        self.engine.stop()
        self.engine.run("status", code=3)
        os.remove(self.engine.socket) if self.engine.socket.exists() else None
        self.engine.run("status", code=3)


@unittest.skipUnless(os.getuid() == 0, "only root can be somebody else")
class Roles(Door):
    def prepare(self):
        text = self.engine.config.read_text()
        self.engine.config.write_text(text.replace("control.sock}", "control.sock, viewers: [daemon]}"))
        os.chmod(self.home.name, 0o755)
        self.program = shutil.copy(world.BUILD / "mxwarden", self.home.name)
        os.chmod(self.program, 0o755)

    def as_user(self, name, *words):
        done = subprocess.run([self.program, "-s", self.engine.socket, *words], user=name, group=pwd.getpwnam(name).pw_gid,
                              extra_groups=[], capture_output=True, text=True, timeout=30)
        return done.returncode, done.stdout + done.stderr

    def test_a_viewer_looks_but_does_not_act(self):
        self.assertEqual(self.as_user("daemon", "status")[0], 0)
        self.assertEqual(self.as_user("daemon", "verify")[0], 0)
        for words in (["suspend", "shop", "-r", "x"], ["suspend", "shop", "--dry-run"], ["reload"], ["customer", "add", "x"]):
            code, said = self.as_user("daemon", *words)
            self.assertEqual(code, 4, said)
        self.assertEqual(self.engine.customer("shop")["standing"], "good")

    def test_anybody_unnamed_is_told_so(self):
        code, said = self.as_user("nobody", "status")
        self.assertEqual(code, 4)
        self.assertIn("no role", said)


class Socket(Door):
    def test_hello_needs_nothing(self):
        s = self.connect()
        s.sendall(b'{"id":1,"method":"hello","params":{}}\n')
        answer = json.loads(s.makefile().readline())
        self.assertEqual(answer["id"], 1)
        self.assertEqual(answer["result"]["node"], "mta1.example.net")

    def test_every_wrong_request_is_answered_or_the_connection_ends(self):
        s = self.connect()
        f = s.makefile()
        for line in (b"x", b"[]", b"{}", b'{"id":7}', b'{"id":7,"method":"fly"}', b'{"id":7,"method":"list","params":3}', b"\xff\xfe", b""):
            s.sendall(line + b"\n")
            answer = json.loads(f.readline())
            self.assertIn("code", answer["error"])
            self.assertEqual(answer["id"], 7 if b"7" in line else None)

    def test_what_is_sent_before_the_half_close_is_answered(self):
        s = self.connect()
        s.sendall(b'{"id":1,"method":"show","params":{"target":"customer:shop"}}\n' * 20)
        s.shutdown(socket.SHUT_WR)
        self.assertEqual(len(s.makefile().readlines()), 20)

    def test_an_endless_line_ends_the_connection(self):
        s = self.connect()
        with self.assertRaises(OSError):
            for _ in range(64):
                s.sendall(b" " * 65536)
                time.sleep(0.005)
        self.engine.run("status")

    def test_one_that_never_reads_costs_bounded_memory(self):
        before = self.memory()
        for _ in range(5):
            s = self.connect()
            s.settimeout(1)
            try:
                for _ in range(2000):
                    s.sendall(b'{"id":1,"method":"list","params":{"table":"customers"}}\n' * 50)
            except OSError:
                pass
        self.engine.run("status")
        room = 1 << 30 if "asan" in world.BUILD.name else 64 << 20  # the sanitizer keeps what was freed
        self.assertLess(self.memory() - before, room)

    def test_two_hundred_connections_and_no_more(self):
        many = [self.connect() for _ in range(210)]
        time.sleep(0.5)
        refused = 0
        for s in many[200:]:
            refused += b"refused" in s.recv(4096)
        self.assertEqual(refused, 10)
        for s in many:
            s.close()
        world.wait_until(lambda: self.engine.run("status", code=None), what="room again")

    def memory(self):
        with open(f"/proc/{self.engine.process.pid}/status") as f:
            return next(int(line.split()[1]) << 10 for line in f if line.startswith("VmRSS"))


if __name__ == "__main__":
    unittest.main()
