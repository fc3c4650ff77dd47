#!/bin/sh
# A lint that cannot fail is none: each broken promise, put into a tree of its own, must be found.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir -p "$dir/tests/lint" "$dir/src/core" "$dir/src/store" "$dir/ui/views" "$dir/docs"
cp "$here/rooms.txt" "$dir/tests/lint/"
touch "$dir/src/core/a.c" "$dir/src/core/a.h" "$dir/src/store/a.c" "$dir/ui/views/a.c"
map=$dir/docs/code-map.md
for folder in src/core src/store ui/views; do
    printf '## %s — a room\n- `a` — a file\n' "$folder"
done >"$map"
# bad PATH LINE WHAT: LINE in PATH must be a fault.
bad() {
    printf '%s\n' "$2" >"$dir/$1"
    if python3 "$here/check.py" "$dir" >/dev/null; then
        echo "not found: $3"
        exit 1
    fi
    : >"$dir/$1"
}
python3 "$here/check.py" "$dir"
bad src/core/a.c '#include "store/store.h"' 'an include that goes up'
bad ui/views/a.c '#include "core/state.h"' 'the console reaching into the engine'
bad src/core/a.c 'static const char q[] = "SELECT x FROM y";' 'SQL outside store'
bad src/store/a.c 'static long t(void) { return clock_gettime(0, 0); }' 'a second reader of clocks'
bad ui/views/a.c '#include <ncurses.h>' 'ncurses outside screen.c'
bad src/core/a.c 'void f(void) { uv_run(0, 0); }' 'an event loop in core'
bad src/core/a.c 'void f(char *a) { strcpy(a, "x"); }' 'strcpy'
bad src/core/a.c '// docs/gone.md has more' 'a page that is not there'
bad src/core/a.c '// TODO later' 'a promise instead of work'
{
    echo 'void f(void)'
    echo '{'
    for i in $(seq 100); do echo '    g();'; done
    echo '}'
} >"$dir/src/core/a.c"
if python3 "$here/check.py" "$dir" >/dev/null; then
    echo "not found: a function of over 100 lines"
    exit 1
fi
: >"$dir/src/core/a.c"
touch "$dir/src/core/b.c"
if python3 "$here/check.py" "$dir" >/dev/null; then
    echo "not found: a file that is not in the code map"
    exit 1
fi
rm "$dir/src/core/b.c"
for line in '- `gone` — a file that is no more' '- `a` — a second time'; do
    cp "$map" "$map.good"
    printf '%s\n' "$line" >>"$map"
    if python3 "$here/check.py" "$dir" >/dev/null; then
        echo "not found: $line"
        exit 1
    fi
    mv "$map.good" "$map"
done
python3 "$here/check.py" "$dir"
echo "the lint finds what it must"
