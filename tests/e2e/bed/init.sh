#!/bin/sh
# init.sh BED TOLD: become the systemd of a bed.
#
# Runs in the bed's mount namespace, as the first process of its pid namespace. Tells the host's number of this
# process in the file TOLD; what it prints afterwards is the bed's console.
set -e
bed=$1
root=$bed/root

if [ "$2" != inside ]; then
  read -r pid rest </proc/self/stat
  echo "$pid" >"$2"
  echo 0 >"$bed/group/cgroup.procs"
  exec unshare --cgroup -- "$0" "$bed" inside
fi

mount --make-rprivate /
# Nothing may be mounted over parts of these two: a container in a user namespace could mount neither of its own.
mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
mount -t sysfs -o ro,nosuid,nodev,noexec sysfs "$root/sys"
mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755,nosuid,nodev tmpfs "$root/run"
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs "$root/tmp"
mount -t tmpfs -o mode=755,nosuid tmpfs "$root/dev"
mkdir "$root/dev/pts" "$root/dev/shm" "$root/dev/net" "$root/dev/mqueue"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs "$root/dev/shm"
mount -t mqueue mqueue "$root/dev/mqueue"
for device in null zero full random urandom tty fuse net/tun; do
  [ -e "/dev/$device" ] || continue
  touch "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
ln -s fd/0 "$root/dev/stdin"
ln -s fd/1 "$root/dev/stdout"
ln -s fd/2 "$root/dev/stderr"

cd "$root"
mkdir -p run/host
pivot_root . run/host
umount -l run/host
rmdir run/host
# Credentials of units reach containers through propagation.
mount --make-rshared /
exec env -i container=other PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
  /usr/lib/systemd/systemd --log-target=console --show-status=no --log-level=notice
