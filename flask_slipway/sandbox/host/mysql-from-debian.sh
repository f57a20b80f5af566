#!/usr/bin/env bash
# mysql-from-debian.sh FOLDER: Oracle's MySQL server and clients from Debian's unstable suite, unpacked, not installed.
# Afterwards FOLDER/bin has mysqld, mysql, mysqldump, mysqladmin. They bring their own C library, so each is a small
# script that starts the program by that library's loader. Needs apt and dpkg, 70 MB to fetch, 400 MB of disk, no root.
# Nothing is unpacked that is not signed by Debian's archive key. Exit codes: 0 there; 1 not to be had, with the reason.
set -euo pipefail

stop() { echo "mysql-from-debian: $1" >&2; exit 1; }

target=$(realpath -m -- "${1:?usage: mysql-from-debian.sh FOLDER}")
if [ -x "$target/bin/mysqld" ]; then exit 0; fi
for program in apt-get apt-cache dpkg-deb; do
  command -v "$program" >/dev/null || stop "needs $program: it works on Debian and its descendants"
done
key=/usr/share/keyrings/debian-archive-keyring.gpg
[ -r "$key" ] || stop "needs Debian's archive key: apt-get install debian-archive-keyring"

sources=(/etc/apt/sources.list /etc/apt/sources.list.d/*)
mirror=$(cat "${sources[@]}" 2>/dev/null | awk '
  $1 == "URIs:" { address = $2 }
  $1 == "deb"   { address = ($2 ~ /^\[/) ? "" : $2; for (i = 2; address == "" && i < NF; i++) if ($i ~ /\]$/) address = $(i + 1) }
  address ~ /\/debian\/?$/ { print address; exit }') || true
[ -n "$mirror" ] || stop "no Debian mirror in apt's sources"

mkdir -p "$(dirname "$target")"
if command -v flock >/dev/null; then
  exec 9>"$target.lock"; flock 9
  if [ -x "$target/bin/mysqld" ]; then exit 0; fi
fi
part=$target.part
rm -rf "$part" "$target"
trap 'rm -rf "$part"' EXIT
mkdir -p "$part"/{apt/lists/partial,apt/archives/partial,packages,root,bin}
echo "deb [signed-by=$key] $mirror sid main" > "$part/apt/sources.list"

# own_apt get|cache ARGUMENT…: apt with lists and cache of its own, which wants signatures, whatever the machine's own
# configuration allows (APT::Get::AllowUnauthenticated and the like).
own_apt() {
  "apt-$1" -o Dir::Etc::SourceList="$part/apt/sources.list" -o Dir::Etc::SourceParts=/dev/null \
    -o Dir::State::Lists="$part/apt/lists" -o Dir::Cache="$part/apt" -o Dir::Cache::Archives="$part/apt/archives" \
    -o APT::Get::AllowUnauthenticated=false -o Acquire::AllowInsecureRepositories=false \
    -o Acquire::AllowWeakRepositories=false -o Acquire::AllowDowngradeToInsecureRepositories=false \
    -o APT::Sandbox::User="$(id -un)" "${@:2}"
}
own_apt get -qq update || stop "Debian's unstable suite cannot be fetched, or its signature does not fit $key"
names=$(own_apt cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces \
  --no-enhances mysql-server-core mysql-client-core | grep -E '^[a-z0-9][a-z0-9.+-]*$' | sort -u)
(cd "$part/packages" && own_apt get -qq download $names) || stop "the packages of mysql-server-core cannot be fetched"
for package in "$part"/packages/*.deb; do dpkg-deb -x "$package" "$part/root"; done
rm -rf "$part/apt" "$part/packages"

libraries=$(cd "$part/root/usr/lib" && echo *-linux-gnu)
loader=$(cd "$part/root/usr/lib/$libraries" && ls ld-linux*.so.* | head -n 1)
root=$target/root
for path in sbin/mysqld bin/mysql bin/mysqldump bin/mysqladmin bin/mysqlbinlog bin/mysqlcheck; do
  [ -e "$part/root/usr/$path" ] || continue
  options=
  if [ "$path" = sbin/mysqld ]; then
    options="--basedir='$root/usr' --plugin-dir='$root/usr/lib/mysql/plugin' --lc-messages-dir='$root/usr/share/mysql' --secure-file-priv=NULL"
  fi
  cat > "$part/bin/${path#*/}" <<SCRIPT
#!/bin/sh
# An option for the defaults file must stay the first one.
first=
case "\${1:-}" in --no-defaults|--defaults-file=*|--defaults-extra-file=*|--print-defaults) first=\$1; shift;; esac
exec '$root/usr/lib/$libraries/$loader' --library-path '$root/usr/lib/$libraries:$root/usr/lib/mysql/private' \\
  '$root/usr/$path' \${first:+"\$first"} $options "\$@"
SCRIPT
  chmod 755 "$part/bin/${path#*/}"
done
mv "$part" "$target"
"$target/bin/mysqld" --version >/dev/null || { rm -rf "$target"; stop "the unpacked server does not start here"; }
