#!/usr/bin/env python3
"""A million waiting recipients: memory of the engine, and from a start to the first delivery.

    million.py [RECIPIENTS] [PER_MESSAGE]      default 1000000 100

Everything is held while it is submitted, so that it waits; then the engine is stopped, started and released. Beside the
goals: at most 1 GiB, and the first delivery in under 10 s; without a queue at most 64 MiB at 50 sessions."""
import signal
import socket
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(__import__("pathlib").Path(__file__).resolve().parents[1] / "e2e"))
import world  # noqa: E402

CUSTOMERS = 4


def memory(engine):
    """Resident MiB: now, and at most."""
    lines = dict(line.split(":", 1) for line in open(f"/proc/{engine.process.pid}/status") if ":" in line)
    return tuple(int(lines[key].split()[0]) / 1024 for key in ("VmRSS", "VmHWM"))


def fill(port, source, messages, per_message, first):
    with socket.create_connection(("127.0.0.1", port), timeout=60, source_address=(source, 0)) as s, s.makefile("rb") as f:
        def replies(n):
            while n:
                line = f.readline()
                assert line[:1] in b"23", line
                n -= line[3:4] == b" "
        replies(1)
        s.sendall(b"EHLO x\r\n")
        replies(1)
        for m in range(messages):
            rcpt = b"".join(b"RCPT TO:<r%d@big.test>\r\n" % (first + m * per_message + i) for i in range(per_message))
            s.sendall(b"MAIL FROM:<a@shop.test>\r\n" + rcpt + b"DATA\r\n")
            replies(per_message + 2)
            s.sendall(b"Subject: x\r\n\r\nhello\r\n.\r\n")
            replies(1)


def main():
    recipients, per_message = (int(a) for a in (sys.argv[1:] + ["1000000", "100"][len(sys.argv) - 1:]))
    with tempfile.TemporaryDirectory() as home:
        sink = world.Sink(home)
        trust = "{" + ", ".join(f'"127.0.0.{40 + i}/32": c{i}' for i in range(CUSTOMERS)) + "}"
        engine = world.Engine(home, sink, trust=trust,
                              more=f"limits: {{sessions_per_client: 100, recipients: {per_message}}}\n").start()
        try:
            crowd = [socket.create_connection(("127.0.0.1", engine.port)) for _ in range(50)]
            time.sleep(1)
            quiet = memory(engine)[0]
            for s in crowd:
                s.close()
            engine.run("hold", "--all", "-r", "the benchmark collects first")
            began, each = time.monotonic(), recipients // CUSTOMERS // per_message
            clients = [threading.Thread(target=fill, args=(engine.port, f"127.0.0.{40 + i}", each, per_message, i * each * per_message))
                       for i in range(CUSTOMERS)]
            for c in clients:
                c.start()
            for c in clients:
                c.join()
            filled = time.monotonic() - began
            time.sleep(3)
            waiting, full = engine.json("status")["queued"], memory(engine)
            engine.stop(seconds=60)
            began = time.monotonic()
            engine.start(60)
            up = time.monotonic() - began
            held, again = engine.json("status")["held"], memory(engine)
            engine.run("release", "--all", "-r", "the benchmark goes on")
            world.wait_until(lambda: any(sink.dir.iterdir()), 60, "the first delivery")
            first = time.monotonic() - began
            time.sleep(5)
            end, arrived = memory(engine), len(list(sink.dir.iterdir()))
        finally:
            engine.stop(signal.SIGKILL)
            sink.stop()
    most = max(full[1], end[1])
    good = quiet <= 64 and most <= 1024 and first < 10
    print(f"50 sessions without a queue: {quiet:.0f} MiB (goal 64)\n"
          f"{waiting} waiting, taken in {filled:.0f} s: {full[0]:.0f} MiB, at most {full[1]:.0f} (goal 1024)\n"
          f"restart: up in {up:.1f} s with {held} held, {again[0]:.0f} MiB; first delivery after {first:.1f} s (goal 10)\n"
          f"5 s later: {arrived} messages delivered, {end[0]:.0f} MiB, at most {end[1]:.0f}\n{'kept' if good else 'missed'}")
    return not good


if __name__ == "__main__":
    sys.exit(main())
