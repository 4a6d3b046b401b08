#!/bin/sh
# PID 1 of a User Mode Linux guest: the host's own root read-only under a tmpfs overlay, then the commands that come
# in over the serial line, one at a time. The kernel puts CAROM_SHARE, a folder of the host, into the environment.
#
# A command is a script N.sh in that folder; the line "N" starts it; it leaves N.out and N.err; "N STATUS" answers.
set -e
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

if [ "$1" != pivoted ]; then
    mount -t proc proc /proc
    modules=/usr/lib/uml/modules/$(uname -r)
    [ -z "$CAROM_MODULES" ] || modules=$CAROM_MODULES
    insmod "$modules/kernel/fs/overlayfs/overlay.ko"
    mount -t tmpfs tmpfs /mnt
    mkdir /mnt/upper /mnt/work /mnt/root
    mount -t overlay overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work /mnt/root
    cd /mnt/root
    mkdir -p "lib/modules/$(uname -r)"
    mount --bind "$modules" "lib/modules/$(uname -r)"
    pivot_root . mnt
    exec chroot . /bin/sh "$0" pivoted
fi

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /run
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t bpf bpf /sys/fs/bpf
mkdir -p /run/share
mount -t hostfs hostfs /run/share -o "$CAROM_SHARE"
ip link set lo up

set +e
cd /
stty raw -echo </dev/ttyS0
exec </dev/ttyS0 3>/dev/ttyS0
echo "boot 0" >&3
while read -r job; do
    sh "/run/share/$job.sh" >"/run/share/$job.out" 2>"/run/share/$job.err" </dev/null 3>&-
    echo "$job $?" >&3
done
