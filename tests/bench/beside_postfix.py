#!/usr/bin/env python3
"""smtp-source → engine → smtp-sink, beside Postfix in the same run, 4 KiB messages, durable on both sides.

    beside_postfix.py [MESSAGES] [SESSIONS] [ROUNDS]      default 10000 20 3

Rounds alternate; each figure is the median. Needs root (Postfix does). Everything on loopback, in one temporary
directory on this disk. CPU, bytes to disk and memory are those of the whole process tree, the flushes are counted by
strace in a round of their own, since counting costs time."""
import os
import pathlib
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import world

HZ = os.sysconf("SC_CLK_TCK")


def tree(pid):
    """The process and its living descendants."""
    children = {}
    for p in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            fields = (p / "stat").read_text().rsplit(")", 1)[1].split()
            children.setdefault(int(fields[1]), []).append(int(p.name))
        except OSError:
            continue
    found, todo = [], [pid]
    while todo:
        found.append(todo.pop())
        todo += children.get(found[-1], [])
    return found


def figures(pid):
    """CPU seconds and bytes written of a tree, those of its ended children included (their parent has waited)."""
    cpu = written = 0
    for p in tree(pid):
        try:
            fields = pathlib.Path(f"/proc/{p}/stat").read_text().rsplit(")", 1)[1].split()
            cpu += sum(int(f) for f in fields[11:15]) / HZ
            written += int(re.search(r"^write_bytes: (\d+)", pathlib.Path(f"/proc/{p}/io").read_text(), re.M).group(1))
        except OSError:
            continue
    return cpu, written


class Memory(threading.Thread):
    """The peak of a tree's proportional memory, sampled."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.peak, self.stopping = pid, 0, False

    def run(self):
        while not self.stopping:
            total = 0
            for p in tree(self.pid):
                try:
                    total += int(re.search(r"^Pss:\s+(\d+)", pathlib.Path(f"/proc/{p}/smaps_rollup").read_text(), re.M).group(1))
                except (OSError, AttributeError):
                    continue
            self.peak = max(self.peak, total)
            time.sleep(0.2)


class Postfix:
    """A private instance: its own queue, its own port, everything relayed to the sink."""

    def __init__(self, home, sink):
        self.home = pathlib.Path(home) / "postfix"
        self.port = world.free_port()
        etc, queue, data = self.home / "etc", self.home / "queue", self.home / "data"
        for d in (etc, queue, data):
            d.mkdir(parents=True)
        pathlib.Path(home).chmod(0o755)
        shutil.chown(data, "postfix")
        (etc / "main.cf").write_text(f"""compatibility_level = 3.6
queue_directory = {queue}
data_directory = {data}
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = peer.test
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
relayhost = [{sink.address}]:{sink.port}
relay_domains = *
smtpd_relay_restrictions = permit_mynetworks, reject
smtp_host_lookup = native
alias_maps =
alias_database =
maillog_file = {self.home}/log
maillog_file_prefixes = {self.home}
smtpd_client_connection_count_limit = 0
default_destination_concurrency_limit = 40
initial_destination_concurrency = 20
smtp_connection_cache_on_demand = yes
""")
        master = pathlib.Path("/etc/postfix/master.cf")
        lines = (master if master.exists() else pathlib.Path("/usr/share/postfix/master.cf.dist")).read_text()
        lines = re.sub(r"^smtp(\s+inet\s+n\s+-\s+)\S(\s)", rf"127.0.0.1:{self.port}\1n\2", lines, flags=re.M)
        lines = re.sub(r"^(\S+\s+(?:unix|unix-dgram|fifo|pass|inet)\s+\S+\s+\S+\s+)y(\s)", r"\1n\2", lines, flags=re.M)
        (etc / "master.cf").write_text(lines)
        self.etc = etc

    def postfix(self, word):
        subprocess.run(["postfix", "-c", self.etc, word], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def start(self):
        self.postfix("start")
        world.wait_until(lambda: world.answers("127.0.0.1", self.port), what="Postfix")
        self.pid = int((self.home / "queue/pid/master.pid").read_text())

    def stop(self):
        self.postfix("stop")


class Ours:
    def __init__(self, home, sink):
        where = pathlib.Path(home) / "ours"
        where.mkdir()
        self.engine = world.Engine(where, sink, more="limits: {sessions_per_client: 1000}\n")
        self.port = self.engine.port

    def start(self):
        self.engine.start()
        self.pid = self.engine.process.pid

    def stop(self):
        self.engine.stop()


class Sink:
    """Counts, keeps nothing, and ends after the last message."""

    def __init__(self):
        self.address, self.port = "127.0.0.2", world.free_port("127.0.0.2")

    def expect(self, messages):
        self.process = subprocess.Popen([world.SMTP_SINK, "-u", "nobody", "-m", "1000", "-M", str(messages), f"{self.address}:{self.port}", "1000"],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.3)


def load(port, sink, messages, sessions):
    """Seconds from the first message's submission to the last one's arrival."""
    sink.expect(messages)
    began = time.monotonic()
    source = subprocess.Popen([world.SMTP_SOURCE, "-d", "-m", str(messages), "-s", str(sessions), "-l", "4096", "-f", "a@shop.test", "-t", "b@big.test",
                               f"127.0.0.1:{port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        sink.process.wait(600)
        return time.monotonic() - began
    finally:
        source.kill()
        source.wait()
        sink.process.kill()
        sink.process.wait()


def flushes(server, sink, messages, sessions):
    """How many flushes a round costs, by strace on the whole tree."""
    with tempfile.NamedTemporaryFile() as out:
        args = [a for p in tree(server.pid) for a in ("-p", str(p))]
        tracer = subprocess.Popen(["strace", "-f", "-c", "-e", "trace=fsync,fdatasync,sync_file_range,syncfs", "-o", out.name, *args],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(1)
        load(server.port, sink, messages, sessions)
        time.sleep(1.5)
        tracer.send_signal(signal.SIGINT)
        tracer.wait(30)
        return sum(int(l.split()[3]) for l in pathlib.Path(out.name).read_text().splitlines() if re.search(r"sync", l) and l.split()[3].isdigit())


def main():
    messages, sessions, rounds = (int(a) for a in (sys.argv[1:] + ["10000", "20", "3"][len(sys.argv) - 1:]))
    rows = {}
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR", "/var/tmp")) as home:
        sink = Sink()
        servers = {"postfix": Postfix(home, sink), "mxwarden": Ours(home, sink)}
        for server in servers.values():
            server.start()
        try:
            for _ in range(rounds):
                for name, server in servers.items():
                    memory = Memory(server.pid)
                    memory.start()
                    cpu, written = figures(server.pid)
                    seconds = load(server.port, sink, messages, sessions)
                    time.sleep(1.5)  # what is written lazily counts too
                    cpu2, written2 = figures(server.pid)
                    memory.stopping = True
                    memory.join()
                    rows.setdefault(name, []).append((messages / seconds, (cpu2 - cpu) / messages * 1000,
                                                      (written2 - written) / messages / 1024, memory.peak / 1024))
            synced = {name: flushes(server, sink, messages // 5, sessions) / (messages // 5) * 1000 for name, server in servers.items()}
        finally:
            for server in servers.values():
                server.stop()
    print(f"{messages} messages of 4 KiB, {sessions} sessions, {rounds} rounds each, medians")
    print(f"{'':10} {'msg/s':>8} {'CPU s/1000':>11} {'flushes/1000':>13} {'KiB to disk':>12} {'peak MiB':>9}")
    median = {}
    for name, figures_ in rows.items():
        median[name] = [statistics.median(column) for column in zip(*figures_)]
        rate, cpu, kib, mib = median[name]
        print(f"{name:10} {rate:8.0f} {cpu:11.3f} {synced[name]:13.0f} {kib:12.1f} {mib:9.1f}")
    ours, peer = median["mxwarden"], median["postfix"]
    print(f"{'ratio':10} {ours[0] / peer[0]:7.1f}x {ours[1] / peer[1]:10.2f}x")


if __name__ == "__main__":
    main()
