#!/usr/bin/env python3
"""The engine among strangers: clients that trickle, chat, reset and smuggle; next hops that say 421 to all,
answer nonsense or hang up in every phase; states that it can't use."""
import contextlib
import json
import pathlib
import signal
import socket
import sqlite3
import struct
import subprocess
import tempfile
import threading
import time
import unittest

import world

EHLO, MAIL, RCPT, DATA, QUIT = b"EHLO x\r\n", b"MAIL FROM:<a@shop.test>\r\n", b"RCPT TO:<b@big.test>\r\n", b"DATA\r\n", b"QUIT\r\n"
BODY = b"Subject: x\r\n\r\nhi\r\n.\r\n"


class Hop:
    """A next hop on an address of its own that answers as it is told: `replies` by verb (and DOT, BANNER), None hangs up."""

    def __init__(self, replies, address):
        self.replies, self.connections, self.heard, self.bodies = replies, 0, [], 0
        self.listener = socket.create_server((address, 0), backlog=100)
        self.at = f"{address}:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                conn, _ = self.listener.accept()
                self.connections += 1
                threading.Thread(target=self.serve, args=(conn,), daemon=True).start()

    def say(self, conn, verb, usual):
        reply = self.replies.get(verb, usual)
        if reply is None:
            raise OSError("hangs up")
        conn.sendall(reply)

    def serve(self, conn):
        with contextlib.suppress(OSError), conn, conn.makefile("rb") as lines:
            self.say(conn, "BANNER", b"220 hop\r\n")
            for line in lines:
                verb = line[:4].decode("latin-1").strip().upper()
                self.heard.append(line.strip())
                self.say(conn, verb, {"EHLO": b"250-hop\r\n250-PIPELINING\r\n250 8BITMIME\r\n", "DATA": b"354 go\r\n"}.get(verb, b"250 ok\r\n"))
                if verb == "QUIT":
                    return
                if verb == "DATA":
                    while (text := lines.readline()) not in (b".\r\n", b""):
                        pass
                    self.bodies += text != b""
                    self.say(conn, "DOT", b"250 ok\r\n")

    def stop(self):
        self.listener.close()


class Case(unittest.TestCase):
    def setUp(self):
        self.home = tempfile.TemporaryDirectory()
        self.addCleanup(self.home.cleanup)
        self.sink = world.Sink(self.home.name)
        self.addCleanup(self.sink.stop)

    def engine(self, **kwargs):
        engine = world.Engine(self.home.name, self.sink, **kwargs)
        self.addCleanup(engine.stop, signal.SIGKILL)
        return engine.start()

    def hop(self, address="127.0.0.3", **replies):
        hop = Hop(replies, address)
        self.addCleanup(hop.stop)
        return hop

    def talk(self, engine, *pieces, half_closed=False):
        """Sends, and gives all that is answered until the engine closes."""
        with socket.create_connection(("127.0.0.1", engine.port), timeout=10) as s:
            for piece in pieces:
                s.sendall(piece)
            if half_closed:
                s.shutdown(socket.SHUT_WR)
            said = b""
            while more := s.recv(65536):
                said += more
            return said

    def events(self, engine):
        return [json.loads(line) for line in engine.run("events", "--json").splitlines()]


class Clients(Case):
    def test_all_in_one_packet_and_then_only_listening_is_served_whole(self):
        engine = self.engine()
        said = self.talk(engine, EHLO + (MAIL + RCPT + DATA + BODY) * 3, half_closed=True)
        self.assertEqual(said.count(b"queued as"), 3)
        world.wait_until(lambda: len(self.sink.messages()) == 3, what="three messages")

    def test_no_false_end_of_text_is_believed(self):
        engine = self.engine()
        for end in (b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r\n.\n", b"\r\n.\r", b"\r.\r\n", b"\r\n\0.\r\n", b"\r\n.\0\r\n", b"\r\r\n.\r\r\n"):
            said = self.talk(engine, EHLO + MAIL + RCPT + DATA + b"Subject: x\r\n\r\na" + end + b"MAIL FROM:<evil@x.test>\r\nb", b"\r\n.\r\n" + QUIT)
            self.assertIn(b"550 5.6.11", said, end)
            self.assertEqual(said.count(b"sender ok"), 1, end)
        self.assertEqual(self.sink.messages(), {})

    def test_a_client_that_trickles_is_ended_in_time(self):
        engine = self.engine(more="limits: {session_idle: 2s}\n")
        began = time.monotonic()
        with socket.create_connection(("127.0.0.1", engine.port), timeout=10) as s:
            with contextlib.suppress(OSError):
                while time.monotonic() - began < 10:
                    s.sendall(b"N")
                    time.sleep(0.2)
            self.assertLess(time.monotonic() - began, 6)

    def test_a_client_that_only_chats_is_ended_and_makes_no_heap(self):
        engine = self.engine()
        with contextlib.suppress(ConnectionError):
            said = self.talk(engine, EHLO * 5000)
            self.assertIn(b"421 4.7.0", said)
        with socket.create_connection(("127.0.0.1", engine.port), timeout=10) as s, s.makefile("rb") as f:
            n = 0
            with contextlib.suppress(OSError):
                while n < 1000 and not f.readline().startswith(b"421"):
                    s.sendall(b"NOOP\r\n")
                    n += 1
            self.assertLess(n, 300)

    def test_resets_in_every_phase_leave_it_well(self):
        engine = self.engine()
        steps = (b"", EHLO, MAIL, RCPT, DATA, b"Subject: x\r\n", b"\r\nhi\r\n.\r\n")
        for n in range(1, len(steps) + 1):
            with socket.create_connection(("127.0.0.1", engine.port), timeout=10) as s:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                for step in steps[:n]:
                    s.sendall(step)
                    time.sleep(0.02)
        self.assertEqual(world.swaks(engine.port)[0], 0)

    def test_the_longest_prefix_of_trust_wins(self):
        engine = self.engine(trust='{"127.0.0.0/8": shop, "127.0.0.4/32": acme/spring, "127.0.0.0/24": mid}')
        for source in ("127.0.0.1", "127.0.0.4", "127.0.1.1"):
            with socket.create_connection(("127.0.0.1", engine.port), timeout=10, source_address=(source, 0)) as s:
                s.sendall(EHLO + MAIL + RCPT + DATA + BODY + QUIT)
                while s.recv(65536):
                    pass
        accepted = [(e["customer"], e.get("list"), e["stream"]) for e in self.events(engine) if e["kind"] == "accepted"]
        self.assertEqual(accepted, [("mid", None, "transactional"), ("acme", "spring", "list"), ("shop", None, "transactional")])


class Hops(Case):
    def submit(self, engine, n, to):
        subprocess.run([world.SMTP_SOURCE, "-m", str(n), "-s", "5", "-f", "", "-t", to, f"127.0.0.1:{engine.port}"], check=True, timeout=60)

    def test_a_hop_that_says_421_is_not_asked_by_each_message(self):
        hops = {verb: self.hop(f"127.0.0.{20 + i}", **{verb: b"421 4.7.0 later\r\n"}) for i, verb in enumerate(("BANNER", "MAIL", "RCPT", "DOT"))}
        routes = ", ".join(f'{verb.lower()}.test: "{hop.at}"' for verb, hop in hops.items())
        engine = self.engine(routes=f"{{{routes}}}")
        for verb in hops:
            self.submit(engine, 100, f"x@{verb.lower()}.test")
        time.sleep(3)
        for verb, hop in hops.items():
            self.assertLess(hop.connections, 50, verb)
        self.assertEqual(engine.json("status")["queued"], 400)

    def test_nonsense_and_hanging_up_defer_and_send_nothing_twice(self):
        kinds = {"banner": {"BANNER": b"x" * 9999}, "many": {"BANNER": b"220-x\r\n" * 999}, "codes": {"RCPT": b"250-a\r\n550 b\r\n"}, "go": {"DATA": b"250 huh\r\n"},
                 "dot": {"DOT": b"\0garbage\r\n"}, "cut": {"RCPT": None}, "late": {"DOT": None}, "low": {"MAIL": b"199 x\r\n"}}
        hops = {name: self.hop(f"127.0.0.{40 + i}", **replies) for i, (name, replies) in enumerate(kinds.items())}
        good = self.hop("127.0.0.60")
        routes = ", ".join(f'{name}.test: "{hop.at}"' for name, hop in {**hops, "good": good}.items())
        engine = self.engine(routes=f"{{{routes}}}")
        for name in (*hops, "good"):
            self.assertEqual(world.swaks(engine.port, "<>", f"x@{name}.test")[0], 0)
        world.wait_until(lambda: good.bodies, what="the good one")
        time.sleep(1)
        ends = {(e["recipient"], e["kind"]) for e in self.events(engine) if e["kind"] in ("delivered", "bounced", "expired")}
        self.assertEqual(ends, {("x@good.test", "delivered")})
        self.assertEqual(engine.json("status")["queued"], len(hops))
        self.assertEqual(good.bodies, 1)

    def test_eight_bits_are_not_sent_where_they_are_not_taken(self):
        hop = self.hop(EHLO=b"250-hop\r\n250 PIPELINING\r\n")
        engine = self.engine(routes=f'{{"*": "{hop.at}"}}')
        said = self.talk(engine, EHLO + b"MAIL FROM:<> BODY=8BITMIME\r\n" + RCPT + DATA + b"Subject: x\r\n\r\nh\xc3\xa9\r\n.\r\n" + QUIT)
        self.assertIn(b"queued as", said)
        end = world.wait_until(lambda: [e for e in self.events(engine) if e["kind"] == "bounced"], what="the bounce")
        self.assertIn("5.6.3", end[0]["reply"])
        self.assertEqual(hop.bodies, 0)


class Loops(Case):
    def test_mail_that_would_come_back_is_not_sent(self):
        records = ["loop.test. MX 10 self.test.", "self.test. A 127.0.0.1", "half.test. MX 10 good.test.", "half.test. MX 20 self.test.", "good.test. A 127.0.0.2"]
        engine = world.Engine(self.home.name, self.sink, routes='{none.test: "127.0.0.9:25"}',
                              more=f"  port: {self.sink.port}\ndns: {{local: {json.dumps(records)}}}\n")
        engine.port = self.sink.port  # at another address
        engine.write()
        self.addCleanup(engine.stop, signal.SIGKILL)
        engine.start()
        for domain in ("loop.test", "half.test"):
            self.assertEqual(world.swaks(engine.port, "<>", f"x@{domain}")[0], 0)
        world.wait_until(lambda: engine.json("status")["queued"] == 0, what="an empty queue")
        ends = {e["recipient"]: (e["kind"], e["class"]) for e in self.events(engine) if e["kind"] != "accepted"}
        self.assertEqual(ends, {"x@loop.test": ("bounced", "protocol"), "x@half.test": ("delivered", "delivered")})


class States(Case):
    def refused(self, state, **more):
        """Starts on that state; what it said when it would not."""
        engine = world.Engine(self.home.name, self.sink)
        engine.config.write_text(engine.config.read_text().replace(f"{engine.home}/state", str(state)))
        done = subprocess.run([world.BUILD / "mxwardend", "-c", engine.config], capture_output=True, text=True, timeout=20, **more)
        self.assertEqual(done.returncode, 1, done.stderr)
        return done.stderr

    def test_what_is_no_state_is_named_once(self):
        home = pathlib.Path(self.home.name)
        for name in ("garbage", "foreign", "folder"):
            (home / name).mkdir(mode=0o700)
        (home / "garbage/mxwarden.db").write_text("garbage\n" * 1000)
        (home / "folder/mxwarden.db").mkdir()
        with contextlib.closing(sqlite3.connect(home / "foreign/mxwarden.db")) as db:
            db.execute("CREATE TABLE t(x)")
        for name in ("garbage", "foreign", "folder"):
            self.assertRegex(self.refused(home / name), rf"mxwardend: {home / name}/mxwarden\.db: (is no database of mxwarden|can't be opened)")
        (home / "file").write_text("x")
        self.assertRegex(self.refused(home / "file"), rf"mxwardend: {home / 'file'}: is no directory")
        self.assertRegex(self.refused(home / "a/b"), rf"mxwardend: {home / 'a/b'}: can't be made")

    def test_a_state_of_a_newer_version_is_left_alone(self):
        state = self.engine_once()
        with contextlib.closing(sqlite3.connect(state / "mxwarden.db")) as db:
            db.execute("PRAGMA user_version=999")
        self.assertRegex(self.refused(state), rf"mxwardend: {state}/mxwarden\.db: was written by a newer mxwarden")

    def engine_once(self):
        engine = self.engine()
        self.assertEqual(engine.stop(), 0)
        return engine.home / "state"


if __name__ == "__main__":
    unittest.main(verbosity=2)
