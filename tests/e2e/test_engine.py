#!/usr/bin/env python3
"""The engine as its users meet it: swaks before it, smtp-sink behind it, the command line beside it."""
import contextlib
import os
import re
import resource
import signal
import subprocess
import tempfile
import time
import unittest

import world


class EngineCase(unittest.TestCase):
    sink_options, more = (), ""

    def setUp(self):
        self.home = tempfile.TemporaryDirectory()
        self.addCleanup(self.home.cleanup)
        self.sink = world.Sink(self.home.name, options=self.sink_options)
        self.addCleanup(self.sink.stop)
        self.engine = world.Engine(self.home.name, self.sink, more=self.more).start()
        self.addCleanup(self.engine.stop, signal.SIGKILL)

    def submit(self, *more, **kwargs):
        return world.swaks(self.engine.port, *more, **kwargs)

    def arrived(self, n, seconds=10):
        return world.wait_until(lambda: len(self.sink.messages()) >= n, seconds, f"message {n} at the sink")


class FirstMessage(EngineCase):
    def test_a_message_arrives_and_is_counted(self):
        code, said = self.submit()
        self.assertEqual(code, 0, said)
        self.assertRegex(said, r"250 2\.0\.0 .*queued as [0-9A-Z]{26}")
        self.arrived(1)
        text = next(iter(self.sink.messages().values()))
        self.assertIn("X-Rcpt-Args: <b@big.test>", text)
        self.assertIn("by mta1.example.net", text)
        self.assertRegex(text, r"X-Client-Addr: 127\.0\.0\.1[12]")
        world.wait_until(lambda: (self.engine.customer("shop") or {}).get("sent_24h") == 1, what="the customer's count")
        self.assertEqual(sum(ip["sent_1h"] for ip in self.engine.json("ips")), 1)
        self.assertEqual(self.engine.json("status")["queued"], 0)

    def test_suspend_refuses_in_words_and_undo_accepts_again(self):
        entry = self.engine.json("suspend", "shop", "-r", "test of the morning")
        self.assertEqual(entry["kind"], "suspend")
        self.assertEqual(entry["target"], "customer:shop")
        code, said = self.submit()
        self.assertNotEqual(code, 0)
        self.assertRegex(said, r"450 4\.7\.1 .*suspended.*test of the morning")
        self.engine.run("undo", str(entry["seq"]), "-r", "test over")
        code, said = self.submit()
        self.assertEqual(code, 0, said)
        self.arrived(1)
        self.engine.run("verify")

    def test_a_suspended_customers_queue_is_held_until_restored(self):
        self.engine.run("hold", "--all", "-r", "collect first")
        self.assertEqual(self.submit()[0], 0)
        self.engine.run("suspend", "shop", "-r", "stop")
        self.engine.run("release", "--all", "-r", "the rest may go")
        time.sleep(1)
        self.assertEqual(self.sink.messages(), {})
        self.assertEqual(self.engine.customer("shop")["held"], 1)
        self.engine.run("restore", "shop", "-r", "go on")
        self.arrived(1)

    def test_a_pulled_ip_sends_nothing_and_the_other_sends_all(self):
        self.engine.run("pull", "127.0.0.11", "-r", "test")
        for _ in range(5):
            self.assertEqual(self.submit()[0], 0)
        self.arrived(5)
        self.assertEqual(set(self.sink.values("X-Client-Addr")), {"127.0.0.12"})
        self.engine.run("return", "127.0.0.11", "-r", "test over")
        self.assertEqual({ip["rotation"] for ip in self.engine.json("ips")}, {"active"})

    def test_all_that_acts_wants_a_reason_and_an_existing_target(self):
        self.engine.run("suspend", "shop", code=2)
        self.engine.run("suspend", "nobody-here", "-r", "x", code=1)
        self.engine.run("pull", "192.0.2.1", "-r", "x", code=1)
        self.engine.run("no-such-command", code=2)
        before = self.engine.json("log")
        self.engine.run("suspend", "shop", "-r", "x", "--dry-run")
        self.assertEqual(self.engine.json("log"), before)

    def test_smuggled_line_ends_are_refused(self):
        import socket
        with socket.create_connection(("127.0.0.1", self.engine.port)) as s, s.makefile("rb") as f:
            for line in (b"", b"EHLO x\r\n", b"MAIL FROM:<a@b.test>\r\n", b"RCPT TO:<c@d.test>\r\n", b"DATA\r\n"):
                if line:
                    s.sendall(line)
                while f.readline()[3:4] == b"-":
                    pass
            s.sendall(b"Subject: x\r\n\r\none\n.\nMAIL FROM:<evil@b.test>\r\ntwo\r\n.\r\n")
            self.assertRegex(f.readline(), rb"550 5\.6\.11")
        self.assertEqual(self.sink.messages(), {})


class Conversation(EngineCase):
    sink_options = ("-f", "rcpt")

    def test_what_was_said_to_a_refused_recipient_is_shown_in_its_order(self):
        code, said = self.submit()
        self.assertEqual(code, 0, said)
        message = "message:" + re.search(r"queued as ([0-9A-Z]{26})", said).group(1)
        world.wait_until(lambda: "bounced" in self.engine.run("explain", message, code=None), what="the bounce")
        steps = [r"said .* to 127\.0\.0\.2:%d" % self.sink.port, r"\d+ ms < 220 ", r"\d+ ms > EHLO mta1\.example\.net",
                 r"\d+ ms < 250 .*", r"\d+ ms > MAIL FROM:<a@shop\.test>", r"\d+ ms < 250 ", r"\d+ ms > RCPT TO:<b@big\.test>",
                 r"\d+ ms < 5\d\d "]
        for what in (message, "b@big.test"):
            text = self.engine.run("explain", what)
            self.assertRegex(text, "(?s)" + ".*\n.*?".join(steps))
        self.assertRegex(self.engine.run("show", message), r"ms > RCPT TO:<b@big\.test>")
        said = self.engine.json("explain", message)["conversations"]
        self.assertEqual(len(said), 1)
        self.assertEqual((said[0]["address"], said[0]["port"]), ("127.0.0.2", self.sink.port))
        times = [line["ms"] for line in said[0]["lines"] if line["ms"] is not None]
        self.assertEqual(times, sorted(times))

    def test_a_delivered_message_has_none(self):
        self.sink.stop()
        self.sink.words = [w for w in self.sink.words if w not in ("-f", "rcpt")]
        self.sink.start()
        _, said = self.submit()
        self.arrived(1)
        message = "message:" + re.search(r"queued as ([0-9A-Z]{26})", said).group(1)
        world.wait_until(lambda: "delivered" in self.engine.run("explain", message, code=None), what="the outcome")
        self.assertEqual(self.engine.json("show", message)["conversations"], [])


class Refusals(EngineCase):
    sink_options = ("-f", "rcpt")  # 500
    more = "  retry_first: 1s\n"

    def test_a_refused_recipient_is_a_bounce_and_its_sender_is_told(self):
        self.assertEqual(self.submit()[0], 0)
        world.wait_until(lambda: (self.engine.customer("shop") or {}).get("bounce_rate_24h") == 1.0, what="the bounce")
        bounced = [e for e in map(world.json.loads, self.engine.run("events", "--json").splitlines()) if e["kind"] == "bounced"]
        self.assertEqual(bounced[0]["recipient"], "b@big.test")
        self.assertEqual(bounced[0]["customer"], "shop")
        # the report to a@shop.test is the engine's own mail; this sink refuses it too, and that is the end of it
        world.wait_until(lambda: self.engine.json("status")["queued"] == 0, what="an empty queue")


class Deferrals(EngineCase):
    sink_options = ("-r", "rcpt")  # 450
    more = "  retry_first: 2s\n"

    def test_what_cannot_go_waits_and_says_why(self):
        self.assertEqual(self.submit()[0], 0)
        row = world.wait_until(lambda: [q for q in self.engine.json("queue") if q["waiting"] and q["last_reply"]], what="a reason")
        self.assertEqual(row[0]["customer"], "shop")
        self.assertEqual(self.engine.json("status")["queued"], 1)


class Life(EngineCase):
    def test_sigterm_ends_with_0_and_nothing_is_sent_twice(self):
        subprocess.run([world.SMTP_SOURCE, "-m", "200", "-s", "10", "-l", "4096", "-f", "a@shop.test", "-t", "b@big.test",
                        f"127.0.0.1:{self.engine.port}"], check=True, timeout=60)
        began = time.monotonic()
        self.assertEqual(self.engine.stop(), 0)
        self.assertLess(time.monotonic() - began, 15)
        self.engine.start()
        self.arrived(200, 20)
        time.sleep(1)
        self.assertEqual(len(self.sink.messages()), 200)

    def test_a_second_engine_names_the_state_and_its_holder(self):
        second = subprocess.run([world.BUILD / "mxwardend", "-c", self.engine.config], capture_output=True, text=True, timeout=20)
        self.assertEqual(second.returncode, 1)
        self.assertIn(str(self.engine.home / "state"), second.stderr)
        self.assertIn(str(self.engine.process.pid), second.stderr)

    def test_a_reload_is_all_or_nothing(self):
        self.engine.more = "limts: {recipients: 3}\n"
        self.engine.write()
        said = self.engine.run("reload", code=1)
        self.assertRegex(said, r"mxwarden\.yaml:\d+:\d+: .*limits")
        self.engine.more = "limits: {recipients: 1}\n"
        self.engine.write()
        self.engine.run("reload")
        code, said = self.submit("a@shop.test", "b@big.test,c@big.test")
        self.assertIn("452", said)
        self.engine.more = ""
        self.engine.write()
        self.engine.process.send_signal(signal.SIGHUP)
        world.wait_until(lambda: "452" not in self.submit("a@shop.test", "b@big.test,c@big.test")[1], what="the reload by SIGHUP")

    def test_ten_mistakes_are_told_in_one_go_and_nothing_starts(self):
        bad = world.ROOT / "tests/data/settings/ten-mistakes.yaml"
        for words in (["--check"], []):
            done = subprocess.run([world.BUILD / "mxwardend", "-c", bad, *words], capture_output=True, text=True, timeout=20)
            self.assertEqual(done.returncode, 1)
            lines = [l for l in done.stderr.splitlines() if l.startswith(f"{bad}:")]
            self.assertEqual(len(lines), 10, done.stderr)
            for line in lines:
                self.assertRegex(line[len(str(bad)):], r"^:\d+:\d+: \S")

    def test_state_and_socket_modes_are_those_of_the_contract(self):
        state = self.engine.home / "state"
        self.assertEqual(os.stat(state).st_mode & 0o777, 0o700)
        for f in state.rglob("*"):
            if f.is_file():
                self.assertEqual(f.stat().st_mode & 0o777, 0o600, f)
        self.assertEqual(os.stat(self.engine.socket).st_mode & 0o777, 0o666)

    def test_without_an_engine_the_exit_code_is_3(self):
        self.engine.stop()
        self.engine.run("status", code=3)


class Reload(EngineCase):
    def reload(self, **changes):
        for name, value in changes.items():
            setattr(self.engine, name, value)
        self.engine.write()
        return self.engine.run("reload")

    def said(self):
        return (self.engine.home / "engine.log").read_text("utf-8", "replace")

    def test_an_ip_that_is_added_is_used_and_one_that_is_gone_is_not(self):
        self.reload(ips=("127.0.0.13",))
        for _ in range(5):
            self.assertEqual(self.submit()[0], 0)
        self.arrived(5)
        self.assertEqual(set(self.sink.values("X-Client-Addr")), {"127.0.0.13"})
        self.reload(ips=("127.0.0.11", "127.0.0.13"))
        self.engine.run("pull", "127.0.0.13", "-r", "the other one's turn")
        self.assertEqual(self.submit()[0], 0)
        self.arrived(6)
        self.assertIn("127.0.0.11", self.sink.values("X-Client-Addr"))

    def test_a_pool_that_is_added_serves_the_customers_given_to_it(self):
        text = self.engine.config.read_text()
        self.engine.config.write_text(text.replace("delivery:", "  own: {ips: [127.0.0.15]}\ndelivery:"))
        self.engine.run("customer", "set", "shop", "--pool", "own", code=1)  # not yet
        self.engine.run("reload")
        self.engine.run("customer", "set", "shop", "--pool", "own")
        self.assertEqual(self.submit()[0], 0)
        self.arrived(1)
        self.assertEqual(set(self.sink.values("X-Client-Addr")), {"127.0.0.15"})

    def test_an_ip_that_the_machine_lacks_is_said_and_not_used(self):
        self.reload(ips=("127.0.0.11", "192.0.2.77"))
        self.assertIn("this machine does not have 192.0.2.77 (pool shared): it is not used", self.said())
        for _ in range(3):
            self.assertEqual(self.submit()[0], 0)
        self.arrived(3)
        self.assertEqual(set(self.sink.values("X-Client-Addr")), {"127.0.0.11"})

    def open_incidents(self):
        return [i["what"] for i in self.engine.json("incidents") if not i["closed_at"]]

    def test_an_ip_that_the_machine_lacks_is_one_incident_until_it_is_configured_no_more(self):
        self.reload(ips=("127.0.0.11", "192.0.2.77"))
        world.wait_until(self.open_incidents, what="the incident")
        self.assertEqual(self.open_incidents(), ["192.0.2.77 is not here"])
        self.engine.stop()
        self.engine.ips = ("127.0.0.11",)
        self.engine.write()
        self.engine.start()
        world.wait_until(lambda: not self.open_incidents(), what="the incident's end")

    def test_a_listener_that_is_gone_closes_its_port_and_a_new_one_opens(self):
        old, new = self.engine.port, world.free_port()
        self.reload(port=new)
        self.assertFalse(world.answers("127.0.0.1", old))
        self.assertEqual(self.submit()[0], 0)
        self.arrived(1)

    def test_a_port_that_is_taken_leaves_everything_as_it_was(self):
        import socket
        old = self.engine.port
        with socket.create_server(("127.0.0.1", 0)) as other:
            self.engine.port = other.getsockname()[1]
            self.engine.write()
            self.assertIn(f"cannot listen on 127.0.0.1:{self.engine.port}", self.engine.run("reload", code=1))
        self.engine.port = old
        self.assertEqual(self.submit()[0], 0)
        self.arrived(1)

    def test_what_an_engine_is_for_its_life_is_refused_in_words(self):
        text = self.engine.config.read_text()
        for old, new, key in (("node: mta1", "node: mta2", "node"), ("/state\n", "/other\n", "state"),
                              ("control.sock", "other.sock", "control: socket")):
            self.engine.config.write_text(text.replace(old, new))
            said = self.engine.run("reload", code=1)
            self.assertRegex(said, rf"mxwarden\.yaml:1:1: `{key}` can't change while the engine runs")
            self.assertIn(f"`{key}` can't change", self.said())
        self.assertEqual(self.engine.json("status")["node"], "mta1.example.net")
        self.assertEqual([e["kind"] for e in self.engine.json("log")], ["start"])
        self.engine.config.write_text(text)
        self.engine.run("reload")

    def test_a_reload_at_the_very_end_is_in_the_ledger(self):
        self.engine.process.send_signal(signal.SIGHUP)
        self.assertEqual(self.engine.stop(), 0)
        self.engine.start()
        kinds = ["start", "reload", "start"]  # the newest once it is committed
        world.wait_until(lambda: [e["kind"] for e in self.engine.json("log")] == kinds, what="the ledger")
        self.engine.run("verify")


class Bounds(unittest.TestCase):
    def setUp(self):
        self.home = tempfile.TemporaryDirectory()
        self.addCleanup(self.home.cleanup)
        self.sink = world.Sink(self.home.name)
        self.addCleanup(self.sink.stop)

    def engine(self, **kwargs):
        engine = world.Engine(self.home.name, self.sink, **kwargs)
        self.addCleanup(engine.stop, signal.SIGKILL)
        return engine

    def test_with_few_descriptors_it_serves_fewer_and_answers_421(self):
        import socket
        engine = self.engine(more="limits: {sessions_per_client: 200}\n")
        engine.limits = {resource.RLIMIT_NOFILE: (64, 64)}
        engine.start()
        crowd, greetings = [], []
        for _ in range(80):
            s = socket.create_connection(("127.0.0.1", engine.port), timeout=10)
            crowd.append(s)
            with contextlib.suppress(OSError):
                greetings.append(s.recv(200)[:3])
        self.assertIn(b"220", greetings)
        self.assertIn(b"421", greetings)
        for s in crowd:
            s.close()
        world.wait_until(lambda: world.swaks(engine.port)[0] == 0, 20, "room again")
        world.wait_until(lambda: self.sink.messages(), what="the message")

    def test_one_client_gets_its_share_of_sessions_and_no_more(self):
        import socket
        engine = self.engine(more="limits: {sessions_per_client: 3}\n").start()
        crowd = [socket.create_connection(("127.0.0.1", engine.port), timeout=10) for _ in range(5)]
        greetings = [s.recv(200)[:3] for s in crowd]
        for s in crowd:
            s.close()
        self.assertEqual(sorted(greetings), [b"220"] * 3 + [b"421"] * 2)

    @unittest.skipUnless(os.getuid() == 0, "mounting a small disk needs root")
    def test_with_a_full_disk_new_mail_gets_452_and_delivery_goes_on(self):
        engine = self.engine(more="  retry_first: 1s\nlimits: {disk_reserve: 32M}\n")
        state = engine.home / "state"
        state.mkdir(mode=0o700)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96m,mode=0700", "tmpfs", state], check=False).returncode:
            self.skipTest("no mount here")
        self.addCleanup(subprocess.run, ["umount", "-l", state], check=False)
        engine.start()
        self.sink.stop()
        self.assertEqual(world.swaks(engine.port)[0], 0)
        time.sleep(2.5)  # deferred, and folded into the index
        filler = state / "filler"
        with contextlib.suppress(OSError), filler.open("wb") as f:
            while True:
                f.write(b"\0" * (1 << 20))
        world.wait_until(lambda: "452" in world.swaks(engine.port)[1], what="452")
        self.sink.start()
        world.wait_until(lambda: self.sink.messages(), 30, what="the delivery")
        filler.unlink()
        world.wait_until(lambda: world.swaks(engine.port)[0] == 0, what="accepting again")

    @unittest.skipUnless(os.getuid() == 0, "giving up root needs root")
    def test_root_becomes_the_user_and_keeps_only_the_right_to_bind(self):
        engine = self.engine(more="user: nobody\n")
        os.chmod(self.home.name, 0o777)
        engine.start()
        status = open(f"/proc/{engine.process.pid}/status").read()
        self.assertNotRegex(status, r"Uid:\s+0")
        self.assertRegex(status, r"CapEff:\s+0000000000000400")
        self.assertRegex(status, r"NoNewPrivs:\s+1")
        for task in os.listdir(f"/proc/{engine.process.pid}/task"):
            self.assertRegex(open(f"/proc/{engine.process.pid}/task/{task}/status").read(), r"CapEff:\s+0000000000000400")
        self.assertEqual(world.swaks(engine.port)[0], 0)
        world.wait_until(lambda: self.sink.messages(), what="the message")


if __name__ == "__main__":
    unittest.main(verbosity=2)
