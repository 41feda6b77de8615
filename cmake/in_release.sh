#!/bin/sh
# Runs a command in a release of Debian, or in Ubuntu 24.04 (noble), as root on a machine that has debootstrap and the keys
# that sign the release (the packages debian-archive-keyring and ubuntu-keyring):
#     cmake/in_release.sh RELEASE BUILDS COMMAND...
# The release stands in build/releases/RELEASE and is made by the first call. In it the project is /residual, where the
# command starts: read-only, but for the folder build, which is build/releases/RELEASE/builds/BUILDS. Its mounts end with it.
set -eu
release=${1:?cmake/in_release.sh RELEASE BUILDS COMMAND: which release, such as trixie?}
builds=${2:?cmake/in_release.sh RELEASE BUILDS COMMAND: which folder for what is built?}
shift 2
[ $# -gt 0 ] || { echo 'cmake/in_release.sh RELEASE BUILDS COMMAND: which command?' >&2; exit 1; }
cd "$(dirname "$0")/.."
root=$PWD/build/releases/$release
builds=$root/builds/$builds

if [ ! -e "$root/complete" ]; then
  rm -rf "$root"
  case $release in
    noble) components=main,universe script=gutsy ;;  # debootstrap's script of every Ubuntu; an older one has none named noble
    *) components=main script=$release ;;
  esac
  debootstrap --force-check-gpg --variant=minbase --components=$components "$release" "$root" "" "$script"
  touch "$root/complete"
fi
mkdir -p "$root/residual" "$builds"
export root builds LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive

exec unshare --mount --pid --fork --kill-child sh -eu -c '
mount --rbind /dev "$root/dev"
mount --types proc proc "$root/proc"
mount --bind . "$root/residual"
mount --options remount,bind,ro "$root/residual"
mount --bind "$builds" "$root/residual/build"
exec chroot "$root" sh -eu -c '\''cd /residual; exec "$@"'\'' sh "$@"' sh "$@"
