#!/bin/sh
# holder.sh BED LOWERDIR: hold the mounts and the control group of one bed until standard input ends.
#
# Runs in a mount namespace of its own. Whoever started it may leave in any way, SIGKILL included: the end of
# standard input is what takes the bed down and removes its directory. A last line "keep" leaves the directory.
trap '' HUP INT TERM
set -e
bed=$1
lower=$2

mkdir -p "$bed/upper" "$bed/work" "$bed/root" "$bed/cgroup" "$bed/group"
mount -t overlay -o "lowerdir=$lower,upperdir=$bed/upper,workdir=$bed/work,index=off,metacopy=off,redirect_dir=off,xino=off" \
  overlay "$bed/root"
# Podman's own overlays need an upper directory that is not on one, and durability is that of a real file system.
for real in pvdify containers registry; do
  mkdir -p "$bed/real/$real" "$bed/root/var/lib/$real"
  mount --bind "$bed/real/$real" "$bed/root/var/lib/$real"
done
# A mount of our own is there whatever the host has at /sys/fs/cgroup: version 1, version 2 or both.
mount -t cgroup2 cgroup2 "$bed/cgroup"
group=$(mktemp -d "$bed/cgroup/pvdify-XXXXXXXX")
mkdir "$group/bed"
mount --bind "$group/bed" "$bed/group"
echo ready

last=
read -r last || true

set +e
while grep -q 'populated 1' "$group/cgroup.events"; do
  echo 1 >"$group/cgroup.kill" 2>/dev/null ||
    find "$group" -name cgroup.procs -exec sh -c 'kill -9 $(cat "$@")' sh {} +
  sleep 0.01
done
umount "$bed/group"
find "$group" -depth -type d -exec rmdir {} +
umount -R "$bed/cgroup" "$bed/root"
[ "$last" = keep ] || rm -rf "$bed"
rm -f "$bed.lock"
