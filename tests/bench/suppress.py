#!/usr/bin/env python3
"""Five million suppressed addresses beside none: start-up, memory, CPU per RCPT, import and export.

    suppress.py [ADDRESSES [DIRECTORY]]      default 5000000; what was imported into DIRECTORY before is used again

Two engines run beside each other; real SMTP on loopback, in turn, many RCPT a MAIL, all of them to addresses that mail
goes to. CPU is that of the engine's process, as the scheduler counts it. Goals: 1.10 times the CPU at most, the first
220 in less than 3 s; exit 1 when one is missed."""
import pathlib
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import world  # noqa: E402

ROUNDS, MAILS, RECIPIENTS, STARTS = 60, 10, 1000, 5
CPU_MOST, START_MOST = 1.10, 3.0


def cpu(engine):
    """Seconds of CPU of all threads so far."""
    tasks = pathlib.Path(f"/proc/{engine.process.pid}/task").glob("*/schedstat")
    return sum(int(t.read_text().split()[0]) for t in tasks) / 1e9


def memory(engine):
    lines = dict(line.split(":", 1) for line in open(f"/proc/{engine.process.pid}/status") if ":" in line)
    return int(lines["VmRSS"].split()[0]) / 1024


def first_220(engine):
    """Starts it; seconds until it greets."""
    began = time.monotonic()
    engine.process = subprocess.Popen([world.BUILD / "mxwardend", "-c", engine.config], stdout=engine.log, stderr=engine.log)
    while time.monotonic() - began < 60:
        try:
            with socket.create_connection(("127.0.0.1", engine.port), timeout=60) as s:
                if s.recv(4) == b"220 ":
                    return time.monotonic() - began
        except ConnectionRefusedError:
            time.sleep(0.005)
    raise SystemExit("the engine does not greet")


class Client:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.file = self.socket.makefile("rb", buffering=1 << 16)
        self.replies(1)
        self.send(b"EHLO bench\r\n", 1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()

    def replies(self, n):
        while n:
            line = self.file.readline()
            assert line[:1] in b"23", line
            n -= line[3:4] == b" "

    def send(self, data, n):
        self.socket.sendall(data)
        self.replies(n)

    def rcpt(self, addresses):
        self.send(b"MAIL FROM:<a@shop.test>\r\n", 1)
        self.send(b"".join(b"RCPT TO:<%s>\r\n" % a for a in addresses), len(addresses))
        self.send(b"RSET\r\n", 1)


def one_round(engine, dice):
    before = cpu(engine)
    with Client(engine.port) as client:
        for _ in range(MAILS):
            client.rcpt([b"alive%d@big.test" % dice.randrange(10**9) for _ in range(RECIPIENTS)])
    return (cpu(engine) - before) / (MAILS * RECIPIENTS)


def fill(engine, home, n):
    """Imports them; seconds."""
    path = home / "addresses"
    with open(path, "w", encoding="ascii") as f:
        f.writelines(f"dead{i * 2654435761 % 2**32}.{i}@big{i % 1000}.test\n" for i in range(n))
    began = time.monotonic()
    subprocess.run([world.BUILD / "mxwarden", "-s", engine.socket, "suppress", "import", path, "-r", "benchmark"], check=True,
                   stdout=subprocess.DEVNULL)
    path.unlink()
    return time.monotonic() - began


def export(engine):
    began = time.monotonic()
    with subprocess.Popen([world.BUILD / "mxwarden", "-s", engine.socket, "suppress", "export"], stdout=subprocess.PIPE) as p:
        n = sum(1 for _ in p.stdout) - 1
    return n, time.monotonic() - began


def rounds(none, full):
    """CPU per RCPT of both, in turn."""
    dice = random.Random(1)
    for e in (none, full):
        one_round(e, dice)
    return list(zip(*([one_round(e, dice) for e in (none, full)] for _ in range(ROUNDS))))


def main():
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 5_000_000
    with tempfile.TemporaryDirectory() as text:
        home = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else text)
        is_filled = (home / "full" / "state").exists()
        engines = []
        for name in ("none", "full"):
            (home / name).mkdir(parents=True, exist_ok=True)
            sink = world.Sink(str(home / name))
            engines.append((world.Engine(home / name, sink), sink))
        none, full = engines[0][0], engines[1][0]
        try:
            exported = n
            full.start()
            if not is_filled:
                print(f"import of {n:,}: {fill(full, home, n):.1f} s")
                exported, span = export(full)
                print(f"export of {exported:,}: {span:.1f} s")
            full.stop(seconds=60)
            size = sum(f.stat().st_size for f in (home / "full" / "state").glob("mxwarden.db*")) / 2**20
            starts = {"none": [], "full": []}
            for _ in range(STARTS):
                for name, engine in (("none", none), ("full", full)):
                    starts[name].append(first_220(engine))
                    engine.stop(seconds=60)
            first_220(none), first_220(full)
            base, cost = (statistics.median(x) for x in rounds(none, full))
            slow, quick = statistics.median(starts["full"]), statistics.median(starts["none"])
            print(f"database: {size:,.0f} MiB; resident: {memory(full):,.0f} MiB, without any {memory(none):,.0f} MiB")
            print(f"first 220 after {slow:.2f} s ({max(starts['full']):.2f} at most), without any {quick:.2f} s")
            print(f"CPU per RCPT: {cost * 1e6:.2f} µs, without any {base * 1e6:.2f} µs: {cost / base:.3f} times")
            missed = [what for what, bad in (("exported", exported != n), ("start", slow > START_MOST),
                                             ("CPU", cost / base > CPU_MOST)) if bad]
            print("MISSED: " + ", ".join(missed) if missed else "ok")
            return 1 if missed else 0
        finally:
            for engine, sink in engines:
                engine.stop(signal.SIGKILL)
                sink.stop()


if __name__ == "__main__":
    sys.exit(main())
