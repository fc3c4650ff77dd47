#!/bin/sh
# From a fresh Debian machine (12 or later) to a living system: installs the packages (as root or with sudo), builds, and
# opens the console on the demo world.
#   sh config/quickstart.sh                            with a terminal: the console; q ends everything
#   sh config/quickstart.sh --headless --seconds 60    without: runs that long, prints one JSON line last
set -eu
cd "$(dirname "$0")/.."
PACKAGES="build-essential meson ninja-build pkg-config libncurses-dev libsqlite3-dev libyaml-dev libuv1-dev
 libunbound-dev nettle-dev libevent-dev libssl-dev libjansson-dev libseccomp-dev libgmime-3.0-dev"
case " $* " in
*" --headless "*) ;;
*) [ -t 0 ] && [ -t 1 ] || {
    echo "quickstart: no terminal here; try: sh config/quickstart.sh --headless --seconds 60" >&2
    exit 2
} ;;
esac

missing=
for p in $PACKAGES; do
    dpkg -s "$p" >/dev/null 2>&1 || missing="$missing $p"
done
if [ -n "$missing" ]; then
    echo "quickstart: installing$missing" >&2
    as_root=
    [ "$(id -u)" = 0 ] || as_root=sudo
    $as_root apt-get update -q >/dev/null
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends $missing >/dev/null
fi

build=build-demo
echo "quickstart: building in $build" >&2
mkdir -p "$build"
[ -f "$build/build.ninja" ] || meson setup "$build" --buildtype=release >"$build/setup.log" 2>&1 || {
    cat "$build/setup.log" >&2
    exit 1
}
ninja -C "$build" mxwardend mxwarden >"$build/build.log" 2>&1 || {
    tail -n 40 "$build/build.log" >&2
    exit 1
}
exec "$build/mxwarden" demo "$@"
