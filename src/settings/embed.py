"""Writes a file as C string literals, a line a line: embed.py FILE OUT. An array of numbers would be a hundred thousand
tokens, on which linters spend minutes."""
import pathlib
import sys


def literal(line):
    plain = {ord('"'): '\\"', ord("\\"): "\\\\", ord("\n"): "\\n", ord("?"): "\\?"}
    return '"' + "".join(plain.get(b) or (chr(b) if 32 <= b < 127 else f"\\{b:03o}") for b in line) + '"'


data = pathlib.Path(sys.argv[1]).read_bytes()
pathlib.Path(sys.argv[2]).write_text("\n".join(map(literal, data.splitlines(keepends=True))) + "\n")
