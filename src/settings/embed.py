"""Writes a file as the inside of a C array: embed.py FILE OUT."""
import pathlib
import sys

data = pathlib.Path(sys.argv[1]).read_bytes()
pathlib.Path(sys.argv[2]).write_text("\n".join(
    ",".join(map(str, data[i:i + 24])) + "," for i in range(0, len(data), 24)) + "\n")
