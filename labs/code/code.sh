# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# What the scripts of labs/code share. Sourced with the repository as the current directory.

FAMILY=4
# shellcheck source=labs/common/lab.sh
. labs/common/lab.sh nat

here=labs/code
# What is written here is the reader's own: git does not see it. (The tests take another folder, not to meet a reader.)
work=${CODE_WORK:-$here/work}
# shellcheck disable=SC2034 # for whoever sources this
step_work=${STEP_WORK:-$work/step}
# The machine that programs are tried on; it is no part of a playground. Two people on one computer need two names.
machine=${LAB:+$LAB-}code

# usage: prints the usage lines of the script's head, and ends with exit status 2.
usage() {
	sed -n '/^# usage: /,/^set /s/^# \(usage: \|       \)/\1/p' "$here/${0##*/}" >&2
	exit 2
}

# prepare: what is needed is installed and built.
prepare() {
	[[ $EUID -eq 0 ]] || die "only root can load programs and make namespaces; try sudo $0"
	scripts/deps lab
	make --silent all
}

# build FOLDER NAME: bpf/NAME.c in a folder becomes bpf/NAME.o, with the flags of the Makefile.
build() {
	make --silent -C "$1" -f "$PWD/Makefile" "bpf/$2.o" || die "$1/bpf/$2.c does not compile; the lines above say why"
}

# start_machine: a machine named lb, as in the labs, for single packets. Nobody else is on its networks, so it is told the
# MAC addresses of the others. It ends with the script.
start_machine() {
	local log
	trap 'LAB=$machine scripts/node destroy --all' EXIT
	LAB=$machine scripts/node destroy --all # whatever was killed before
	log=$(
		LAB=$machine scripts/node create lb "eth0=lan:$LB/$LB_PREFIX" eth1=dc:172.20.0.10/24 via "$LB_GATEWAY" 2>&1 &&
			on_machine bash -ec '
				sysctl -eqw net.ipv6.conf.all.disable_ipv6=1 net.ipv4.ip_forward=1
				sysctl -qw net.ipv4.ip_local_port_range="1024 9999"
				ip link set eth0 address 02:00:00:00:00:10
				ip link set eth1 address 02:00:00:00:01:10
				exec labs/code/neighbours.sh' 2>&1
	) || die "the machine for single packets cannot be made: $log"
}

# on_machine COMMAND...: there.
on_machine() {
	LAB=$machine scripts/node exec lb "$@"
}

# try_packets ARGUMENT...: sends packets there, by packets.py. False if one of them did not become what it should.
try_packets() {
	on_machine "$here/packets.py" "$@"
}
