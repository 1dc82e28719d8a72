#!/bin/busybox sh
# The first process: load what the root file system needs, mount it, and hand over to its systemd.
/bin/busybox mkdir -p /proc /sys /dev /root
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t devtmpfs devtmpfs /dev
while read -r module; do
  /bin/busybox insmod "/modules/$module" || echo "cannot load $module"
done </modules/order
for _ in 1 2 3 4 5 6 7 8 9 10; do
  [ -b /dev/vda ] && break
  /bin/busybox sleep 0.2
done
/bin/busybox mount -t ext4 -o rw,noatime /dev/vda /root || exec /bin/busybox poweroff -f
/bin/busybox umount /proc
/bin/busybox mount --move /dev /root/dev
exec /bin/busybox switch_root /root /usr/lib/systemd/systemd
