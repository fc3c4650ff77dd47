"""A mailbox provider that answers as it is told: recipients that do not exist, IPs that it blocks."""
import contextlib
import socket
import threading
import time


class Provider:
    """An SMTP server; `answer(recipient)` gives the reply to RCPT or None for 250. Connections of `blocked`
    addresses hear `block` instead of a greeting."""

    block = "554 5.7.1 Service refused: IP {} is blocked for its reputation, see https://block.test"

    def __init__(self, address, answer=lambda recipient: None):
        self.address, self.answer, self.blocked = address, answer, set()
        self.rcpts, self.messages, self.turned_away = [], [], []  # (recipient, ip); (recipients, ip, text); (time, ip)
        self.delay = 0  # seconds that it takes for a message
        self.lock = threading.Lock()
        self.listener = socket.create_server((address, 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        self.name = f"route-{address}-{self.port}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                sock, peer = self.listener.accept()
                threading.Thread(target=self.serve, args=(sock, peer[0]), daemon=True).start()

    def serve(self, sock, ip):
        with contextlib.suppress(OSError, ValueError), sock, sock.makefile("rb") as file:
            if ip in self.blocked:
                with self.lock:
                    self.turned_away.append((time.monotonic(), ip))
                sock.sendall(self.block.format(ip).encode() + b"\r\n")
                return
            sock.sendall(b"220 mx.test ESMTP\r\n")
            recipients = []
            while (line := file.readline()) and ip not in self.blocked:
                self.command(sock, file, ip, line.decode("latin-1").strip(), recipients)

    def command(self, sock, file, ip, line, recipients):
        verb = line[:4].upper()
        if verb == "RCPT":
            address = line[line.index("<") + 1:line.index(">")]
            reply = self.answer(address)
            with self.lock:
                self.rcpts.append((address, ip))
            if not reply:
                recipients.append(address)
            sock.sendall((reply or "250 2.1.5 ok").encode() + b"\r\n")
        elif verb == "DATA" and recipients:
            sock.sendall(b"354 go on\r\n")
            text = b""
            while not text.endswith(b"\r\n.\r\n"):
                text += file.readline()
            with self.lock:
                self.messages.append((tuple(recipients), ip, text.decode("latin-1")))
            recipients.clear()
            time.sleep(self.delay)
            sock.sendall(b"250 2.0.0 ok\r\n")
        elif verb == "QUIT":
            sock.sendall(b"221 bye\r\n")
            raise OSError("ended")
        else:
            sock.sendall(b"503 5.5.1 no recipients\r\n" if verb == "DATA" else b"250 ok\r\n")

    def stop(self):
        self.listener.close()


class Customer:
    """Submits one message after the other from an address of its own."""

    def __init__(self, engine, address):
        self.engine, self.address = engine, address
        self.sock = None

    def command(self, text):
        self.sock.sendall(text.encode() + b"\r\n")
        return self.reply()

    def reply(self):
        while True:
            line = self.file.readline().decode()
            if not line:
                raise OSError("connection lost")
            if line[3:4] != "-":
                return line.strip()

    def open(self):
        self.sock = socket.create_connection(("127.0.0.1", self.engine.port), timeout=20, source_address=(self.address, 0))
        self.file = self.sock.makefile("rb")
        self.reply()
        self.command("EHLO client.test")

    def send(self, recipient, subject="hello"):
        """The last reply: `250 …` when it was accepted."""
        if not self.sock:
            self.open()
        for line in (f"MAIL FROM:<a@{self.address}.test>", f"RCPT TO:<{recipient}>", "DATA"):
            said = self.command(line)
            if said[0] not in "23":
                self.command("RSET")
                return said
        return self.command(f"Subject: {subject}\r\n\r\nDear {recipient}\r\n.")

    def close(self):
        if self.sock:
            self.file.close()
            self.sock.close()
            self.sock = None

