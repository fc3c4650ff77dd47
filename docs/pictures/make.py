#!/usr/bin/env python3
"""Makes the pictures of README and docs from real screens: the demo world in tmux, keys in, the screen out as SVG.

    docs/pictures/make.py [BUILD]        default build; needs tmux; takes a good minute"""
import html
import pathlib
import re
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else HERE.parents[1] / "build").resolve()
SESSION, WIDTH, HEIGHT = "mxwarden-pictures", 80, 24
CELL_W, CELL_H = 8.4, 18
BACKGROUND, TEXT = "#1c1c1c", "#d0d0d0"
# (picture, keys that lead to it, seconds to let the world live before)
PICTURES = [("incidents", ["1"], 50), ("incident", ["Enter"], 2), ("ips", ["2"], 1), ("customers", ["3"], 1), ("suspend", ["g", "j", "j", "s"], 2),
            ("conversation", ["Escape", "7", "/", "outcome:bounced", "Enter", "j", "Enter"], 2)]


def tmux(*words):
    return subprocess.run(["tmux", "-L", SESSION, *words], capture_output=True, text=True, check=True).stdout


def colour(n):
    """The 256-colour palette of xterm."""
    base = ["#000000", "#cd0000", "#00cd00", "#cdcd00", "#4040ee", "#cd00cd", "#00cdcd", "#e5e5e5",
            "#7f7f7f", "#ff0000", "#00ff00", "#ffff00", "#5c5cff", "#ff00ff", "#00ffff", "#ffffff"]
    if n < 16:
        return base[n]
    if n >= 232:
        return "#" + f"{8 + 10 * (n - 232):02x}" * 3
    steps = [0, 95, 135, 175, 215, 255]
    n -= 16
    return "#%02x%02x%02x" % (steps[n // 36], steps[n // 6 % 6], steps[n % 6])


def runs(line):
    """(text, style) pieces of a line with SGR sequences; the style as a dict."""
    style = {}
    for text, sgr in re.findall(r"([^\x1b]*)(?:\x1b\[([\d;:]*)m)?", line):
        if text:
            yield text, dict(style)
        codes = [int(c or 0) for c in re.split("[;:]", sgr)] if sgr is not None else []
        while codes:
            c = codes.pop(0)
            if c == 0:
                style = {}
            elif c in (1, 2, 4, 7):
                style[{1: "bold", 2: "dim", 4: "under", 7: "reverse"}[c]] = True
            elif c in (22, 24, 27):
                for k in {22: ("bold", "dim"), 24: ("under",), 27: ("reverse",)}[c]:
                    style.pop(k, None)
            elif c in (38, 48) and codes[:1] == [5]:
                style["fg" if c == 38 else "bg"] = colour(codes[1])
                codes = codes[2:]
            elif 30 <= c <= 37 or 40 <= c <= 47:
                style["fg" if c < 40 else "bg"] = colour(c % 10)
            elif c in (39, 49):
                style.pop("fg" if c == 39 else "bg", None)


def svg(screen):
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH * CELL_W + 20:.0f}" height="{HEIGHT * CELL_H + 20}" '
           f'font-family="DejaVu Sans Mono,Menlo,Consolas,monospace" font-size="14">',
           f'<rect width="100%" height="100%" rx="6" fill="{BACKGROUND}"/>']
    for row, line in enumerate(screen.split("\n")[:HEIGHT]):
        column, y = 0, 10 + row * CELL_H
        for text, s in runs(line):
            fg, bg = s.get("fg", TEXT), s.get("bg")
            if s.get("reverse"):
                fg, bg = bg or BACKGROUND, fg
            x, w = 10 + column * CELL_W, len(text) * CELL_W
            if bg:
                out.append(f'<rect x="{x:.1f}" y="{y}" width="{w:.1f}" height="{CELL_H}" fill="{bg}"/>')
            extra = (' font-weight="bold"' if s.get("bold") else "") + (' opacity="0.7"' if s.get("dim") else "") + \
                (' text-decoration="underline"' if s.get("under") else "")
            if text.strip():
                out.append(f'<text x="{x:.1f}" y="{y + 13}" fill="{fg}" textLength="{w:.1f}" xml:space="preserve"{extra}>{html.escape(text)}</text>')
            column += len(text)
    return "\n".join(out + ["</svg>", ""])


def main():
    tmux("new-session", "-d", "-x", str(WIDTH), "-y", str(HEIGHT), f"{BUILD}/mxwarden demo")
    try:
        for name, keys, seconds in PICTURES:
            time.sleep(seconds)
            for key in keys:
                tmux("send-keys", key)
                time.sleep(0.7)
            time.sleep(1)
            (HERE / f"{name}.svg").write_text(svg(tmux("capture-pane", "-p", "-e")))
            print(f"{name}.svg")
    finally:
        tmux("kill-server")


if __name__ == "__main__":
    main()
