#!/bin/sh
# Installs agent-harness and webhook-receiver from the folder this lies in; needs no network, and no root for a prefix
# of your own. Again over an older version is an upgrade: running programs go on, their agents too.
#
#   ./install.sh [--prefix DIR] [--no-units]      DIR: /usr/local for root, else ~/.local
#   ./install.sh --uninstall [--prefix DIR]       removes what it had installed; configs and state stay
set -eu

prefix=
units=yes
action=install
while [ $# -gt 0 ]; do
  case $1 in
    --prefix) [ $# -ge 2 ] || { echo "install.sh: --prefix needs a folder" >&2; exit 2; }; prefix=$2; shift ;;
    --prefix=*) prefix=${1#--prefix=} ;;
    --no-units) units=no ;;
    --uninstall) action=uninstall ;;
    -h | --help) sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "install.sh: there is no option $1; see ./install.sh --help" >&2; exit 2 ;;
  esac
  shift
done

root=no
[ "$(id -u)" -eq 0 ] && root=yes
if [ -z "$prefix" ]; then
  if [ $root = yes ]; then prefix=/usr/local; else prefix=${HOME:?install.sh: HOME is not set, name a folder with --prefix}/.local; fi
fi
case $prefix in
  /*) ;;
  *) echo "install.sh: the prefix is \"$prefix\", expected an absolute path" >&2; exit 2 ;;
esac
share=$prefix/share/agent-harness
manifest=$share/manifest

remove_installed() {
  [ -f "$manifest" ] || return 1
  while IFS= read -r file; do rm -f -- "$file"; done < "$manifest"
  rm -f -- "$manifest"
  rmdir "$share/examples" "$share" 2>/dev/null || true
}

if [ $action = uninstall ]; then
  remove_installed || { echo "install.sh: nothing of it is installed below $prefix" >&2; exit 1; }
  if [ $root = yes ] && command -v systemctl >/dev/null 2>&1; then systemctl daemon-reload 2>/dev/null || true; fi
  echo "removed from $prefix; configs and state folders are left"
  exit 0
fi

here=$(cd "$(dirname "$0")" && pwd)
program=$here/bin/agent-harness
# What this needs is said before anything is written.
if [ ! -e /proc/self/stat ]; then
  echo "install.sh: /proc is not mounted, and the programs do not run without it" >&2
  exit 1
fi
if ! "$program" version >/dev/null 2>&1; then
  echo "install.sh: $program does not run here." >&2
  echo "  This machine: $(uname -m), this archive: $(basename "$here")." >&2
  case $(basename "$here") in
    *-musl) echo "  It needs musl's loader, libstdc++ and libgcc (Alpine: apk add libstdc++)." >&2 ;;
    *) echo "  It needs glibc 2.17 or newer; where the C library is musl take the archive whose name ends in -musl." >&2 ;;
  esac
  exit 1
fi

mkdir -p "$prefix/bin" "$share"
written=
# Written beside and moved into place: a running program cannot be written over, and nobody sees half of one.
put() { # from to mode
  mkdir -p "$(dirname "$2")"
  cp "$1" "$2.new.$$"
  chmod "$3" "$2.new.$$"
  mv -f "$2.new.$$" "$2"
  written="$written$2
"
}
put "$program" "$prefix/bin/agent-harness" 0755
# The second name of the same file.
ln -f "$prefix/bin/agent-harness" "$prefix/bin/webhook-receiver.new.$$" 2>/dev/null ||
  cp "$prefix/bin/agent-harness" "$prefix/bin/webhook-receiver.new.$$"
mv -f "$prefix/bin/webhook-receiver.new.$$" "$prefix/bin/webhook-receiver"
# Both names of one file: mv does nothing then, and the new name stays behind.
rm -f "$prefix/bin/webhook-receiver.new.$$"
written="$written$prefix/bin/webhook-receiver
"
for file in README.md LICENSE; do put "$here/$file" "$share/$file" 0644; done
for file in "$here"/examples/*; do put "$file" "$share/examples/$(basename "$file")" 0644; done
put "$here/completions/agent-harness.bash" "$prefix/share/bash-completion/completions/agent-harness" 0644
put "$here/completions/agent-harness.zsh" "$prefix/share/zsh/site-functions/_agent-harness" 0644
put "$here/completions/agent-harness.fish" "$prefix/share/fish/vendor_completions.d/agent-harness.fish" 0644

if [ $units = yes ] && [ $root = yes ] && [ -d /etc/systemd/system ]; then
  for name in agent-harness webhook-receiver; do
    unit=/etc/systemd/system/$name.service
    # A unit that somebody has changed since stays as it is.
    if [ -e "$unit" ] && ! cmp -s "$unit" "$share/$name.service"; then
      echo "kept $unit, which is not as it was installed; the new one is $share/$name.service"
      keep=yes
    else
      keep=no
    fi
    sed "s|^ExecStart=/usr/local/bin/|ExecStart=$prefix/bin/|" "$here/systemd/$name.service" > "$share/$name.service.new"
    mv -f "$share/$name.service.new" "$share/$name.service"
    [ $keep = yes ] || put "$share/$name.service" "$unit" 0644
    written="$written$share/$name.service
"
  done
  systemctl daemon-reload 2>/dev/null || true
fi
printf '%s' "$written" > "$manifest"

"$prefix/bin/agent-harness" version
echo "installed below $prefix"
case ":$PATH:" in *":$prefix/bin:"*) ;; *) echo "$prefix/bin is not in PATH" ;; esac
if [ $units = yes ] && [ $root = yes ]; then
  echo "next: agent-harness systemd --help"
else
  echo "next: agent-harness serve, or agent-harness systemd --user"
fi
