#!/usr/bin/env python3
"""`mxwarden replay`: what small histories are judged as, what hostile ones do (nothing), and that a node's own events
can be read."""
import json
import os
import pathlib
import random
import signal
import subprocess
import tempfile
import time
import unittest

import world

PROGRAM = world.BUILD / "mxwarden"
START = 1764000000
PROVIDERS = ["google", "yahoo", "gmx", "t-online", "orange"]


def replay(lines, *words, code=0, env=None):
    """(decisions, stderr) of lines: dicts, text or bytes."""
    data = b"".join(line if isinstance(line, bytes) else (line if isinstance(line, str) else json.dumps(line)).encode() + b"\n"
                    for line in lines)
    done = subprocess.run([PROGRAM, "replay", *words, "-"], input=data, capture_output=True, timeout=120,
                          env={**os.environ, **(env or {})})
    text = done.stdout.decode("utf-8")
    assert done.returncode == code, f"exit {done.returncode}: {done.stderr.decode('utf-8', 'replace')}"
    return ([json.loads(line) for line in text.splitlines()] if "--explain" not in words else text), done.stderr.decode("utf-8")


def outcome(t, kind, customer, recipient, provider="google", ip="198.51.100.10", **more):
    return {"t": round(t, 3), "kind": kind, "customer": customer, "ip": ip, "provider": provider, "recipient": recipient, **more}


class History:
    """A small fleet that goes on all the time; who is bad is added to it."""

    def __init__(self, customers=20, seed=1):
        self.dice, self.t, self.n, self.lines = random.Random(seed), float(START), 0, []
        self.good = [f"good-{i}" for i in range(customers)]

    def one(self, customer, dead=0.005, provider=None, **more):
        self.n += 1
        recipient = f"u{self.n}@d{self.dice.randrange(400)}.test"
        provider = provider or self.dice.choice(PROVIDERS)
        if self.dice.random() < dead:
            self.lines.append(outcome(self.t, "bounced", customer, recipient, provider, scope="recipient", code=550,
                                      **{"class": "unknown-user", "reply": "550 5.1.1 no such user", **more}))
        else:
            self.lines.append(outcome(self.t, "delivered", customer, recipient, provider))

    def fleet(self, seconds, each=0.25, bad=None, dead=0.0, every=1.0):
        """Everybody sends; `bad` beside them, one message every so often."""
        end, due = self.t + seconds, self.t
        while self.t < end:
            self.one(self.dice.choice(self.good))
            if bad and self.t >= due:
                self.one(bad, dead)
                due += every
            self.t += each
        return self


class Judged(unittest.TestCase):
    def actions(self, decisions, target):
        return [d["action"] for d in decisions if d["target"] == target]

    def test_a_bad_list_is_suspended_and_nobody_else_is_touched(self):
        decisions, said = replay(History().fleet(600).fleet(600, bad="spring", dead=0.3).lines)
        self.assertIn("suspend", self.actions(decisions, "customer:spring"), said)
        self.assertEqual({d["target"] for d in decisions if d["action"] in ("warn", "throttle", "suspend")}, {"customer:spring"})
        suspended = next(d for d in decisions if d["action"] == "suspend")
        self.assertLess(suspended["t"], START + 900)
        self.assertGreater(suspended["evidence"]["bad"], 4)
        self.assertTrue(suspended["reason"])

    def test_a_good_fleet_hears_nothing(self):
        decisions, said = replay(History(seed=2).fleet(2000).lines)
        self.assertEqual(decisions, [])
        self.assertIn("decisions: none", said)

    def test_a_providers_outage_is_an_incident_and_nobodys_fault(self):
        history = History(seed=3).fleet(1200)
        for _ in range(600):  # everybody's mail there bounces for ten minutes
            history.one(history.dice.choice(history.good), dead=1.0, provider="yahoo")
            history.one(history.dice.choice(history.good), provider="google")
            history.t += 1
        decisions, said = replay(history.fleet(1200).lines)
        self.assertIn("incident", self.actions(decisions, "provider:yahoo"), said)
        self.assertEqual([d for d in decisions if d["action"] in ("warn", "throttle", "suspend", "pull")], [])
        self.assertIn("incident-end", self.actions(decisions, "provider:yahoo"))

    def test_a_block_pauses_the_lane_as_long_as_the_provider_asks(self):
        lines = History(seed=4).fleet(300).lines
        lines.append(outcome(START + 301, "deferred", "good-1", "x@y.test", "yahoo", code=421, scope="ip",
                             **{"class": "ip-reputation-block", "reply": "421 4.7.0 [TSS04] temporarily deferred"}))
        with tempfile.TemporaryDirectory() as home:
            config = pathlib.Path(home) / "c.yaml"
            config.write_text('node: n1\nstate: s\nlisteners: [{address: "127.0.0.1:2525"}]\n'
                              "pools: {shared: {ips: [198.51.100.10, 198.51.100.11]}}\nproviders: p.yaml\n")
            (config.parent / "p.yaml").write_text("yahoo: {mx: [.yahoodns.net], pause: 2h}\n")
            spans = []
            for words in ((), ("--config", str(config))):
                decisions, said = replay(lines, *words)
                pause = next(d for d in decisions if d["target"] == "lane:198.51.100.10/yahoo")
                self.assertEqual(pause["action"], "pause", said)
                spans.append(round(pause["until"] - pause["t"]))
        self.assertEqual(spans, [3600, 7200])

    def test_a_listing_pulls_and_a_resolvers_error_does_not(self):
        lines = History(seed=5).fleet(300).lines + [outcome(START + 300, "delivered", "good-1", "z@y.test", ip=f"198.51.100.{i}") for i in range(11, 14)]
        listed = {"t": START + 301, "kind": "listed", "ip": "198.51.100.10", "zone": "zen.spamhaus.org"}
        for code, actions in (("127.0.0.2", ["pull"]), ("127.255.255.254", [])):
            decisions, said = replay(lines + [{**listed, "code": code}])
            self.assertEqual(self.actions(decisions, "ip:198.51.100.10"), actions, said)

    def test_the_policy_that_is_named_judges(self):
        lines = History().fleet(600).fleet(600, bad="spring", dead=0.3).lines
        with tempfile.TemporaryDirectory() as home:
            policy = pathlib.Path(home) / "p.yaml"
            policy.write_text("dead: {warn: none, throttle: none, suspend: none}\n")
            self.assertEqual(replay(lines, "--policy", str(policy))[0], [])
            policy.write_text("dead: {suspend: 1%}\n")
            _, said = replay(lines, "--policy", str(policy), code=1)
            self.assertIn(f"{policy}:1:17: `suspend` takes less than `throttle` (over)", said)

    def test_the_same_history_is_judged_alike_in_any_form(self):
        lines = History().fleet(600).fleet(400, bad="spring", dead=0.3).lines
        expected, _ = replay(lines)
        self.assertTrue(expected)
        turned = [dict(reversed(line.items())) for line in lines]
        self.assertEqual(replay(turned)[0], expected)
        spaced = [json.dumps(line, indent=None, separators=(" , ", " : ")) + " \r" for line in lines]
        self.assertEqual(replay(spaced)[0], expected)
        more = [{"x": {"t": [1, {}]}, **line, "took": 1.5, "zone": None, "list": ""} for line in lines]
        self.assertEqual(replay(more)[0], expected)
        with tempfile.NamedTemporaryFile("w") as f:
            f.write("\n".join(json.dumps(line) for line in lines))  # no line end at the end
            f.flush()
            done = subprocess.run([PROGRAM, "replay", f.name], capture_output=True, text=True)
        self.assertEqual([json.loads(line) for line in done.stdout.splitlines()], expected)

    def test_what_comes_twice_counts_once(self):
        lines = History().fleet(600).fleet(400, bad="spring", dead=0.3).lines
        once, _ = replay(lines)
        twice, _ = replay([line for line in lines for _ in range(2)])
        self.assertEqual([(d["t"], d["action"], d["target"]) for d in twice], [(d["t"], d["action"], d["target"]) for d in once])

    def test_a_wrong_clock_moves_nothing(self):
        lines = History().fleet(600).fleet(400, bad="spring", dead=0.3).lines
        once, _ = replay(lines)
        odd = [line for i, line in enumerate(lines) for line in ([{**line, "t": line["t"] + 10 ** 8}] if i % 500 == 499 else [line])]
        self.assertEqual({(d["action"], d["target"]) for d in replay(odd)[0]}, {(d["action"], d["target"]) for d in once})


class Said(unittest.TestCase):
    def test_lines_that_are_wrong_are_told_and_the_rest_judged(self):
        lines = History().fleet(600).fleet(400, bad="spring", dead=0.3).lines
        expected, _ = replay(lines)
        bad = [b"{\n", b"\xff\xfe\x00\n", b"[]\n", b'{"t":1}\n', b'{"t":"x","kind":"bounced"}\n', b'{"t":1,"kind":"bounced","customer":1}\n',
               b'{"a":' * 1000 + b"\n", b'{"t":1,"kind":"bounced","customer":"' + b"a" * 100 + b'"}\n', b"\n", b"\r\n",
               b'{"t":1,"kind":"of tomorrow"}\n', b"x" * (3 << 20) + b"\n", b'"\n', b"}" * 50 + b"\n", b'{"t":1e400,"kind":"trap","customer":"a"}\n',
               b'{"t":-5,"kind":"trap","customer":"a"}\n']
        mixed = list(lines)
        for i, line in enumerate(bad):
            mixed.insert(1 + i * len(lines) // len(bad), line)
        decisions, said = replay(mixed)
        self.assertEqual([(d["action"], d["target"]) for d in decisions], [(d["action"], d["target"]) for d in expected])
        self.assertIn("-:2: expected a key", said)
        self.assertIn("13 lines wrong, 3 of no meaning here", said)
        self.assertIn("3 more lines are wrong", said)

    def test_a_line_of_a_mebibyte_is_read_and_a_longer_one_skipped(self):
        head = '{"t":1764000000,"kind":"delivered","customer":"a","x":"'
        fits = head + "y" * ((1 << 20) - len(head) - 2) + '"}'
        _, said = replay([fits, fits[:-2] + 'y"}', fits.replace("\n", "")[:-2] + '"}'])
        self.assertIn("2 events", said)
        self.assertIn("-:2: a line of more than 1 MiB", said)
        _, said = replay([b"z" * (5 << 20)])
        self.assertIn("-:1: a line of more than 1 MiB", said)

    def test_random_bytes_do_no_harm(self):
        dice = random.Random(7)
        lines = [json.dumps(line).encode() for line in History().fleet(100).lines]
        for _ in range(20):
            broken = []
            for line in lines:
                line = bytearray(line)
                for _ in range(dice.randrange(4)):
                    line[dice.randrange(len(line))] = dice.randrange(256)
                broken.append(bytes(line) + b"\n")
            replay(broken)
        _, said = replay([dice.randbytes(1 << 20)])
        self.assertIn("0 events", said)

    def test_what_strangers_wrote_is_shown_visibly(self):
        nasty = "\x1b[2J\u202egoogle\u0007"
        lines = History().fleet(600).lines
        for i in range(400):
            lines.append(outcome(START + 600 + i, "bounced", "spring", f"q{i}@d{i}.test", PROVIDERS[i % 5], reply=nasty + " no such user",
                                 scope="recipient", list=nasty, **{"class": "unknown-user"}))
            lines.append(outcome(START + 600 + i, "delivered", f"good-{i % 20}", f"w{i}@d{i}.test", PROVIDERS[i % 5]))
        decisions, _ = replay(lines)
        self.assertTrue(decisions)
        for words in ((), ("--explain", "customer:spring")):
            done = subprocess.run([PROGRAM, "replay", *words, "-"], input="\n".join(map(json.dumps, lines)), capture_output=True, text=True)
            self.assertNotRegex(done.stdout + done.stderr, "[\x00-\x09\x0b-\x1f\x7f\u202a-\u202e]")
            self.assertNotIn("\\u001b", done.stdout)

    def test_what_cannot_be_done_is_said(self):
        for words, code, said in ((["replay"], 2, "usage: mxwarden replay FILE|-"), (["replay", "a", "b"], 2, "takes one argument"),
                                  (["replay", "/nowhere"], 1, "/nowhere: No such file"), (["replay", "/"], 1, "/: Is a directory"),
                                  (["replay", "--policy", "/nowhere", "-"], 1, "/nowhere:1:1: `/nowhere` can't be read"),
                                  (["replay", "--config", "/nowhere", "-"], 1, "can't be read"), (["replay", "--policy"], 2, "--policy: expected a file"),
                                  (["replay", "--explain", "acme", "-"], 2, "customer:ID, ip:ADDR or provider:ID"),
                                  (["replay", "--explain", "log:5", "-"], 2, "customer:ID"), (["replay", "-r", "x", "-"], 2, "takes no --reason")):
            done = subprocess.run([PROGRAM, *words], capture_output=True, text=True, stdin=subprocess.DEVNULL)
            self.assertEqual(done.returncode, code, words)
            self.assertIn(said, done.stderr)
            self.assertEqual(done.stdout, "")

    def test_nothing_is_an_empty_history(self):
        decisions, said = replay([])
        self.assertEqual(decisions, [])
        self.assertIn("0 events;", said)

    def test_who_reads_no_further_ends_it_quietly(self):
        lines = History().fleet(600).fleet(300, bad="spring", dead=0.3).lines * 3
        with tempfile.TemporaryFile() as file, subprocess.Popen([PROGRAM, "replay", "-"], stdin=file, stdout=subprocess.PIPE,
                                                                stderr=subprocess.PIPE, text=True) as process:
            process.stdout.close()
            file.write("\n".join(map(json.dumps, lines)).encode())
            file.seek(0)
            said = process.stderr.read()
            self.assertEqual(process.wait(20), 0, said)
        self.assertIn("decisions: ", said)
        self.assertNotIn("cannot write", said)

    def test_decisions_come_while_the_input_still_does(self):
        lines = History().fleet(600).fleet(400, bad="spring", dead=0.3).lines
        with subprocess.Popen([PROGRAM, "replay", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            process.stdin.write("\n".join(map(json.dumps, lines)).encode() + b"\n")
            process.stdin.flush()
            began = time.monotonic()
            self.assertIn("customer:spring", json.loads(process.stdout.readline())["target"])
            self.assertLess(time.monotonic() - began, 10)
            process.stdin.close()
            process.stdout.read()


class Explained(unittest.TestCase):
    def setUp(self):
        self.lines = History().fleet(600).fleet(3000, bad="spring", dead=0.3).lines

    def test_a_customers_path_is_readable(self):
        text, _ = replay(self.lines, "--explain", "customer:spring", env={"LC_ALL": "C.UTF-8"})
        rows = text.splitlines()
        self.assertLess(len(rows), 110, text)
        self.assertGreater(len(rows), 20, text)
        self.assertTrue(rows[0].startswith("customer:spring"))
        self.assertRegex(text, r"==> suspend until 20\d\d-\d\d-\d\d ")
        self.assertIn("unknown-user u", text)
        self.assertIn("\u2588", text)
        self.assertRegex(text, r"suspend +\u2504+ alarm at ")
        self.assertRegex(text, r"decided .*s")

    def test_without_utf_8_it_is_drawn_in_ascii(self):
        text, _ = replay(self.lines, "--explain", "customer:spring", env={"LC_ALL": "C"})
        self.assertTrue(text.isascii(), text)
        self.assertRegex(text, r"suspend +-+ alarm at ")
        self.assertIn("#", text)

    def test_ips_and_providers_have_a_path_too(self):
        lines = self.lines + [outcome(START + 4000, "deferred", "good-1", "x@y.test", "yahoo", scope="ip", code=421,
                                      **{"class": "ip-reputation-block", "reply": "421 4.7.0 [TSS04]"})]
        text, _ = replay(lines, "--explain", "ip:198.51.100.10")
        self.assertIn("==> pause until", text)
        self.assertLess(len(text.splitlines()), 110)
        text, _ = replay(lines, "--explain", "provider:yahoo")
        self.assertIn("lane:198.51.100.10/yahoo: ", text)
        self.assertIn("ip-reputation-block", text)

    def test_who_never_came_has_no_path(self):
        text, _ = replay(self.lines, "--explain", "customer:nobody")
        self.assertIn("nothing was seen of it", text)


class RoundTrip(unittest.TestCase):
    def test_a_nodes_own_events_are_read_back(self):
        with tempfile.TemporaryDirectory() as home:
            sink = world.Sink(home)
            self.addCleanup(sink.stop)
            engine = world.Engine(home, sink)
            engine.start()
            self.addCleanup(engine.stop, signal.SIGKILL)
            for i in range(5):
                self.assertEqual(world.swaks(engine.port, to=f"b{i}@big.test")[0], 0)
            world.wait_until(lambda: engine.run("events", "--json", "--since", "1h").count('"delivered"') >= 5, what="deliveries")
            for words in (("--since", "1h"), ()):
                events = engine.run("events", "--json", *words)
                _, said = replay([events.encode()])
                self.assertIn(f"{len(events.splitlines())} events from", said)
                self.assertIn("0 lines wrong, 0 of no meaning here", said)

    def test_a_listing_pulls_the_ip_here_and_in_the_replay_of_its_own_events(self):
        records = ["11.0.0.127.bl.test. A 127.0.0.4", "11.0.0.127.bl.test. A 127.0.0.11"]  # two lists in one
        with tempfile.TemporaryDirectory() as home:
            (pathlib.Path(home) / "policy.yaml").write_text("mode: enforce\nips: {probe_every: 1m}\nblocklists: {bl.test: 1}\n")
            sink = world.Sink(home)
            self.addCleanup(sink.stop)
            engine = world.Engine(home, sink, more=f"policy: policy.yaml\ndns: {{local: {json.dumps(records)}}}\n")
            engine.start()
            self.addCleanup(engine.stop, signal.SIGKILL)
            state = lambda: {ip["address"]: ip["rotation"] for ip in engine.json("ips")}
            self.assertEqual(world.swaks(engine.port)[0], 0)
            engine.run("suspend", "shop", "-r", "to see what the door says")
            self.assertNotEqual(world.swaks(engine.port)[0], 0)
            world.wait_until(lambda: state() == {"127.0.0.11": "pulled", "127.0.0.12": "active"}, 90, "the pull")
            self.assertIn("127.0.0.11 is on bl.test", [i["what"] for i in engine.json("incidents")])
            events = engine.run("events", "--json", "--since", "1h")
            kinds = [json.loads(line)["kind"] for line in events.splitlines()]
            for kind in ("accepted", "refused", "listed"):
                self.assertIn(kind, kinds)
            decisions, said = replay([events.encode()], "--config", str(engine.config))
            self.assertEqual([(d["action"], d["target"]) for d in decisions], [("pull", "ip:127.0.0.11")])
            self.assertIn("0 lines wrong", said)


if __name__ == "__main__":
    unittest.main()
