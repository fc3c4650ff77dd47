"""What the end-to-end tests share: an engine under test, Postfix's smtp-sink behind it, clients before it.

Everything listens on 127.0.0.0/8, lives in one temporary directory, and ends by the id it was started with."""
import contextlib
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("MXWARDEN_BUILD", ROOT / "build"))
SMTP_SINK = shutil.which("smtp-sink", path=os.environ.get("PATH", "") + ":/usr/sbin")
SMTP_SOURCE = shutil.which("smtp-source", path=os.environ.get("PATH", "") + ":/usr/sbin")


def free_port(address="127.0.0.1"):
    with socket.socket() as s:
        s.bind((address, 0))
        return s.getsockname()[1]


def wait_until(true, seconds=10, what="it"):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = true()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"{what} did not come true in {seconds} s")


def answers(address, port):
    with contextlib.suppress(OSError):
        with socket.create_connection((address, port), timeout=1):
            return True
    return False


class Sink:
    """smtp-sink that keeps each message as a file of its own."""

    def __init__(self, home, address="127.0.0.2", options=()):
        self.address, self.port = address, free_port(address)
        self.dir = pathlib.Path(tempfile.mkdtemp(dir=home, prefix="sink"))
        self.dir.chmod(0o777)
        pathlib.Path(home).chmod(0o755)  # smtp-sink gives up root
        user = ["-u", "nobody"] if os.getuid() == 0 else []
        self.words = [SMTP_SINK, *user, *options, "-m", "512", "-d", f"{self.dir}/m.", f"{address}:{self.port}", "512"]
        self.start()

    def start(self):
        self.process = subprocess.Popen(self.words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: answers(self.address, self.port), what="smtp-sink")

    def messages(self):
        """The text of every message that is whole, by file: those that smtp-sink still writes are left out."""
        written = set()
        with contextlib.suppress(OSError):
            for fd in pathlib.Path(f"/proc/{self.process.pid}/fd").iterdir():
                with contextlib.suppress(OSError):
                    written.add(os.readlink(fd))
        return {f.name: f.read_text("latin-1") for f in sorted(self.dir.iterdir()) if str(f) not in written}

    def values(self, header):
        """How often each value of a header arrived."""
        seen = {}
        for text in self.messages().values():
            found = re.search(rf"^{header}:\s*(.*?)\s*$", text, re.M | re.I)
            if found:
                seen[found.group(1)] = seen.get(found.group(1), 0) + 1
        return seen

    def stop(self):
        self.process.kill()
        self.process.wait()


class Engine:
    """mxwardend on a configuration of ours; `more` is YAML added at its end."""

    def __init__(self, home, sink, ips=("127.0.0.11", "127.0.0.12"), more="", trust='{"127.0.0.0/8": shop}', routes=None,
                 is_feedback=False):
        self.home = pathlib.Path(home)
        self.port = free_port()
        self.socket = self.home / "control.sock"
        self.config = self.home / "mxwarden.yaml"
        self.more, self.ips, self.trust = more, ips, trust
        self.routes = routes or f'{{"*": "{sink.address}:{sink.port}"}}'
        self.process, self.limits = None, {}
        self.feedback_port = free_port() if is_feedback else None
        self.log = open(self.home / "engine.log", "ab")
        self.write()

    def write(self):
        feedback = f'  - {{address: "127.0.0.1:{self.feedback_port}", kind: feedback}}\n' if self.feedback_port else ""
        self.config.write_text(f"""node: mta1.example.net
state: {self.home}/state
control: {{socket: {self.socket}}}
listeners:
  - {{address: "127.0.0.1:{self.port}", kind: submission, tls: none, trust: {self.trust}}}
{feedback}pools:
  shared: {{ips: [{", ".join(self.ips)}]}}
delivery:
  routes: {self.routes}
{self.more}""")

    def start(self, seconds=10):
        self.process = subprocess.Popen([BUILD / "mxwardend", "-c", self.config], stdout=self.log, stderr=self.log,
                                        preexec_fn=lambda: [resource.setrlimit(k, v) for k, v in self.limits.items()])
        try:
            wait_until(lambda: self.is_up() or self.process.poll() is not None, seconds, "the engine")
            assert self.process.poll() is None, f"the engine ended with {self.process.returncode}"
        except AssertionError:
            print((self.home / "engine.log").read_text("utf-8", "replace")[-2000:])
            raise
        return self

    def is_up(self):
        with socket.socket(socket.AF_UNIX) as s:
            return s.connect_ex(str(self.socket)) == 0

    def stop(self, sig=signal.SIGTERM, seconds=20):
        if self.process and self.process.poll() is None:
            self.process.send_signal(sig)
            self.process.wait(seconds)
        return self.process.returncode if self.process else None

    def run(self, *words, code=0):
        """A command of `mxwarden`; what it printed."""
        done = subprocess.run([BUILD / "mxwarden", "-s", self.socket, *words], capture_output=True, text=True, timeout=30)
        assert code is None or done.returncode == code, f"{words}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout if done.returncode == 0 else done.stdout + done.stderr

    def json(self, *words):
        return json.loads(self.run(*words, "--json"))

    def customer(self, name):
        return next((c for c in self.json("customers") if c["id"] == name), None)


def swaks(port, sender="a@shop.test", to="b@big.test", *more):
    """Submits with swaks; (exit code, what was said)."""
    done = subprocess.run(["swaks", "--server", f"127.0.0.1:{port}", "--from", sender, "--to", to, *more],
                          capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


class Client(threading.Thread):
    """A client that knows which of its messages were acknowledged: it submits `ids` one after the other and,
    whenever the connection breaks, goes on with the one that was not answered."""

    def __init__(self, port, ids, size=2000):
        super().__init__(daemon=True)
        self.port, self.ids, self.size = port, list(ids), size
        self.acknowledged, self.stopping = [], False

    def reply(self, file):
        while True:
            line = file.readline()
            if not line.endswith(b"\n"):
                raise OSError("connection lost")
            if line[3:4] != b"-":
                return int(line[:3])

    def command(self, sock, file, text, want):
        sock.sendall(text)
        if self.reply(file) // 100 != want:
            raise OSError("refused")

    def body(self, i):
        return (f"Subject: {i}\r\nX-Test-Id: {i}\r\nMessage-ID: <{i}@test>\r\n\r\n" + "x" * 70 + "\r\n" +
                ("y" * 70 + "\r\n") * (self.size // 72) + f"end {i}\r\n.\r\n").encode()

    def run(self):
        waiting = list(reversed(self.ids))
        while waiting and not self.stopping:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=30) as sock, sock.makefile("rb") as file:
                    if self.reply(file) != 220:
                        raise OSError("not greeted")
                    self.command(sock, file, b"EHLO client.test\r\n", 2)
                    while waiting and not self.stopping:
                        i = waiting[-1]
                        self.command(sock, file, b"MAIL FROM:<a@shop.test>\r\n", 2)
                        self.command(sock, file, f"RCPT TO:<r{i}@big.test>\r\n".encode(), 2)
                        self.command(sock, file, b"DATA\r\n", 3)
                        self.command(sock, file, self.body(i), 2)
                        self.acknowledged.append(i)
                        waiting.pop()
            except (OSError, ValueError):
                time.sleep(0.05)
