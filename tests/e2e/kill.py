#!/usr/bin/env python3
"""SIGKILL at any moment loses no acknowledged message and leaves none half.

    kill.py [MESSAGES] [CONNECTIONS] [KILLS]      default 2000 20 5

Clients submit, the engine is killed and started again meanwhile; in the end every acknowledged message stands in
smtp-sink whole, and the surplus is at most outbound connections + one commit for each kill."""
import random
import signal
import sys
import tempfile
import time

import world

OUTBOUND = 20 * 2  # connections: 20 an IP for a fixed next hop, two IPs


def main():
    messages, connections, kills = (int(a) for a in (sys.argv[1:] + ["2000", "20", "5"][len(sys.argv) - 1:]))
    with tempfile.TemporaryDirectory() as home:
        sink = world.Sink(home)
        engine = world.Engine(home, sink, more="  retry_first: 1s\nlimits: {sessions_per_client: 100}\n").start()
        clients = [world.Client(engine.port, range(c, messages, connections)) for c in range(connections)]
        for c in clients:
            c.start()
        dice, done, began = random.Random(7), 0, time.monotonic()
        while done < kills:
            # spread over the whole run, not over a time that this machine may not need
            world.wait_until(lambda: sum(len(c.acknowledged) for c in clients) >= messages * (done + 1) // (kills + 1),
                             300, "the clients' progress")
            time.sleep(dice.uniform(0, 0.05))
            engine.stop(signal.SIGKILL)
            engine.start()
            done += 1
        for c in clients:
            c.join(300)
        acknowledged = {str(i) for c in clients for i in c.acknowledged}
        world.wait_until(lambda: len(list(sink.dir.iterdir())) >= messages and engine.json("status")["queued"] == 0, 120, "an empty queue")
        time.sleep(0.5)
        code = engine.stop()
        arrived, half = sink.values("X-Test-Id"), 0
        for text in sink.messages().values():
            i = text.split("X-Test-Id: ", 1)[1].split("\n", 1)[0].strip() if "X-Test-Id: " in text else "?"
            half += not text.rstrip().endswith(f"end {i}")
        lost = acknowledged - set(arrived)
        surplus = sum(arrived.values()) - len(arrived)
        sink.stop()
    bound = kills * (OUTBOUND + connections)
    print(f"{messages} messages, {connections} connections, {kills} SIGKILLs, {time.monotonic() - began:.1f} s: "
          f"acknowledged {len(acknowledged)}, lost {len(lost)}, half {half}, duplicates {surplus} (at most {bound}), exit {code}")
    return bool(lost or half or surplus > bound or code != 0 or len(acknowledged) != messages)


if __name__ == "__main__":
    sys.exit(main())
