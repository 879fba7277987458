#!/bin/sh
# setup.sh <tool>...: makes sure that tools from outside npm are there: tmux, git, systemd (its systemd-analyze, which the
# tests of schedules compare with). Silent when nothing is missing. As root it installs Debian's packages; without root it
# unpacks them into prefix/ beside this file, where prefix/bin is looked in last.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
prefix=$here/prefix

fail() {
  echo "setup: error: $1" >&2
  echo "setup: hint: $2" >&2
  exit 69
}

# The program that a tool is there with.
program_of() {
  case $1 in
    systemd) echo systemd-analyze ;;
    tmux | git) echo "$1" ;;
    *) fail "unknown tool \"$1\"" "known are tmux, git and systemd" ;;
  esac
}

missing=
for tool in "$@"; do
  program=$(program_of "$tool")
  # Only Linux has systemd; tests that need it say that they were left out.
  if [ "$tool" = systemd ] && [ "$(uname -s)" != Linux ]; then continue; fi
  if command -v "$program" >/dev/null 2>&1 || [ -x "$prefix/bin/$program" ]; then continue; fi
  missing="$missing $tool"
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
  if command -v brew >/dev/null 2>&1; then
    echo "setup: installing$missing with brew"
    # shellcheck disable=SC2086 # several words on purpose
    exec brew install $missing
  fi
  fail "missing:$missing, and this machine has neither apt-get nor brew" "install$missing with this machine's package manager"
fi

if [ "$(id -u)" = 0 ]; then
  echo "setup: installing Debian packages:$missing"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  # shellcheck disable=SC2086
  apt-get install -qq --yes --no-install-recommends $missing >/dev/null
  exit 0
fi

echo "setup: no root here, so Debian packages are unpacked into $prefix:$missing"
mkdir -p "$prefix/bin" "$prefix/root" "$prefix/apt/lists/partial" "$prefix/apt/cache/archives/partial"
apt() {
  # Lists, cache and lock of our own; what is installed is read from the machine.
  apt-get -qq -o Debug::NoLocking=1 -o Dir::State::lists="$prefix/apt/lists" -o Dir::Cache="$prefix/apt/cache" \
    -o Dir::State::status=/var/lib/dpkg/status -o APT::Sandbox::User="$(id -un)" "$@"
}
apt update
# shellcheck disable=SC2086
apt install --yes --no-install-recommends --download-only --reinstall $missing
for package in "$prefix"/apt/cache/archives/*.deb; do dpkg-deb -x "$package" "$prefix/root"; done

# Run by the loader itself: a search path in the environment would be handed on to whatever the tool starts.
loader=$(find /lib64/ /lib/ -maxdepth 1 -name 'ld-linux*.so.*' 2>/dev/null | head -n 1)
libraries=$(find "$prefix/root" -name '*.so*' -exec dirname {} \; | sort -u | tr '\n' ':')
for tool in $missing; do
  program=$(program_of "$tool")
  binary=$(find "$prefix/root" -type f -path "*/bin/$program" | head -n 1)
  [ -n "$binary" ] || fail "Debian's package of $tool holds no $program" "install $tool by hand"
  # git's own programs are where its package put them.
  if [ "$tool" = git ]; then extra="--exec-path='$prefix/root/usr/lib/git-core'"; else extra=; fi
  printf '#!/bin/sh\nexec "%s" --library-path "%s" "%s" %s "$@"\n' "$loader" "$libraries" "$binary" "$extra" \
    >"$prefix/bin/$program"
  chmod 755 "$prefix/bin/$program"
  if [ "$tool" = tmux ]; then version=-V; else version=--version; fi
  "$prefix/bin/$program" $version >/dev/null || fail "$tool was unpacked and does not run" "install $tool by hand"
done
