#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# boot: starts the systemd of this machine on a node, as the first process of namespaces. Run on the node.
#
#   boot.sh up NAME         in the foreground; NAME: of its cgroup, and of its folder in the node's /run
#   boot.sh in NAME COMMAND...
#   boot.sh can             exit status 1, with what the kernel lacks, if it cannot
#
# Its root is a copy of this machine's in memory (overlayfs): units, packages and files that come or go there stay for
# the next boot, and are gone with the node. It has the node's network, and /proc, /dev, /run, bpffs and a cgroup of its own. Of the host's kernel it can
# change nothing: /proc/sys is read-only but for the network, /sys but for bpffs and cgroups, /dev has no devices, and of
# the host's units only the journal is left. It ends with the node, and its cgroup is to be removed then: boot.sh clean NAME.
set -euo pipefail

die() {
	echo "boot: $*" >&2
	exit 1
}

can() {
	unshare --mount bash -ec '
		mount -t tmpfs none /mnt
		mkdir /mnt/{up,work,root,cgroup}
		mount -t overlay overlay -o lowerdir=/,upperdir=/mnt/up,workdir=/mnt/work /mnt/root 2>/dev/null || {
			echo "no overlayfs (CONFIG_OVERLAY_FS)" && exit 1; }
		mount -t cgroup2 cgroup2 /mnt/cgroup 2>/dev/null || { echo "no cgroup2 (CONFIG_CGROUPS)" && exit 1; }
		unshare --cgroup true 2>/dev/null || { echo "no cgroup namespaces (CONFIG_CGROUPS)" && exit 1; }'
}

# put NAME PID: a process into a cgroup of this name. (In a mount namespace of its own.)
put() {
	mount -t cgroup2 cgroup2 /mnt
	mkdir -p "/mnt/$1"
	echo "$2" >"/mnt/$1/cgroup.procs"
}

# clean NAME: removes the cgroup, when all in it is gone.
clean() {
	unshare --mount bash -c '
		mount -t cgroup2 cgroup2 /mnt
		[[ ! -d /mnt/$1 ]] || for ((i = 0; i < 200; i++)); do
			find "/mnt/$1" -depth -type d -exec rmdir {} + 2>/dev/null && exit
			sleep 0.05
		done' - "$1"
}

# make_root FOLDER DISK: what systemd shall find.
make_root() {
	local root=$1 device unit
	mkdir -p "$2"/{up,work}
	mount -t overlay overlay -o "lowerdir=/,upperdir=$2/up,workdir=$2/work" "$root"
	mount -t proc proc "$root/proc"
	mount --bind "$root/proc/sys" "$root/proc/sys"
	mount --bind "$root/proc/sys/net" "$root/proc/sys/net"
	mount -o remount,bind,ro "$root/proc/sys"
	mount -t sysfs -o ro sysfs "$root/sys"
	mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
	mount -t bpf bpf "$root/sys/fs/bpf"
	mount -t tmpfs -o mode=755 tmpfs "$root/run"
	mount -t tmpfs tmpfs "$root/tmp"
	mount -t tmpfs -o mode=755 tmpfs "$root/dev"
	mkdir "$root"/dev/{pts,shm}
	mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
	ln -s pts/ptmx "$root/dev/ptmx"
	ln -s /proc/self/fd "$root/dev/fd"
	for device in null zero full random urandom tty; do
		: >"$root/dev/$device"
		mount --bind "/dev/$device" "$root/dev/$device"
	done
	[[ ! -e $root/etc/booted ]] || return 0
	: >"$root/etc/booted"
	# The host's services are not wanted here: what is left of them are the journal and its sockets.
	rm -rf "$root"/etc/systemd/system/* "$root"/etc/rc?.d "$root"/usr/local/lib/systemd "$root"/etc/fstab \
		"$root"/{usr/,}lib/systemd/system-generators "$root"/etc/systemd/system-generators
	for unit in "$root"/{usr/,}lib/systemd/system/*.wants/*; do
		[[ $unit == *systemd-journald[.-]* && $unit != *audit* ]] || rm -f "$unit"
	done
	rm -f "$root"/usr/sbin/policy-rc.d "$root"/var/lib/systemd/catalog/*
	printf '[Journal]\nStorage=volatile\nReadKMsg=no\nAudit=no\nRateLimitIntervalSec=0\n' >"$root/etc/systemd/journald.conf"
	echo lb >"$root/etc/hostname"
	rm -f "$root/etc/machine-id" && tr -d - </proc/sys/kernel/random/uuid >"$root/etc/machine-id"
}

# What the first process does in its namespaces: it goes to the new root, for good, and becomes systemd.
first() {
	make_root /mnt "$1"
	cd /mnt
	mkdir -p old
	pivot_root . old
	umount -l /old
	exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 /lib/systemd/systemd \
		--system systemd.unit=multi-user.target systemd.show_status=no
}

case ${1-} in
can) can ;;
clean) clean "$2" ;;
up)
	mkdir -p "/run/$2"
	unshare --mount "$0" put "$2" "$$"
	echo $$ >"/run/$2/pid"
	exec unshare --mount --pid --ipc --uts --cgroup --fork --kill-child "$0" first "/run/$2/disk"
	;;
put) put "$2" "$3" ;;
first) first "$2" ;;
in)
	pid=$(pgrep -P "$(<"/run/$2/pid")")
	exec nsenter --target "$pid" --mount --pid --ipc --uts --cgroup "${@:3}"
	;;
*) die "see its head" ;;
esac
