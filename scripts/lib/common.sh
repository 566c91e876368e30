# shellcheck shell=bash disable=SC2034,SC2154 # the rooms share what they set
# SPDX-License-Identifier: GPL-2.0-only
# common: what the rooms of lb share: messages, the machine, the lock, the maps. Sourced by lb.

bpffs=/sys/fs/bpf
maps=$bpffs/xdp/globals                          # where `ip link set xdp` pins them
probe_device=lbprobe                             # where its checks come from
rounds=/run/xdp-lb/watch                         # the folder of lb watch: files of the rounds that are under way
own_maps=(checks past_stats changed_at prefixes) # made by us, for the builder: no program for packets has them
# Set by the options of the command line, each to 1.
verbose='' json='' watch='' dry=''
# What goes into the journal: of a command that changes something, once it holds the lock, and of lb watch.
acts='' refused=()
where='' # in front of an error: the line that it is about, "FILE:LINE: "
file=''  # what is read now, if it is a file

# die TEXT: refuses. Its line in the journal has the fields in `refused`: whose command it was.
die() {
	log 3 "$where$*" "${refused[@]}" "WHY=$where$*"
	exit 1
}

# warn TEXT: in the journal, it has the service that it begins with.
warn() {
	local fields
	service_of "$*"
	log 4 "$*" "${fields[@]}" "WHY=$*"
}

usage() {
	[[ $# -eq 0 ]] || echo "lb: $*" >&2
	help >&2
	exit 2
}

# no_more WORD...: what is left over on the command line is an error.
no_more() {
	[[ $# -eq 0 ]] || usage "unexpected word '$1'"
}

# single_words WORD...: they are read as parts of a line, so each of them must be one there, too.
single_words() {
	local word
	for word; do
		[[ -n $word && $word != *[[:space:]]* ]] || usage "a word must not be empty, or have a blank or a line break in it"
	done
}

# tell WORD...: with -v, shows a command that changes something.
tell() {
	[[ -z $verbose ]] || echo "# $*" 2>/dev/null || true
}

# run COMMAND...: everything that changes something goes through here.
run() {
	tell "$@"
	[[ -n $dry ]] || "$@"
}

# words_of FILTER WORD...: the words that are left on the command line through a filter, which prints lines behind
# one that says "ok" (see words.jq). Sets `lines` to them; a word that is wrong ends the command.
words_of() {
	mapfile -t lines < <(stage "include \"words\"; $1" -nr --args "${@:2}")
	accept
}

# accept: looks at the first of `lines`, and takes it away. What is wrong in a file is said with its name.
accept() {
	local status text
	read -r _ status text <<<"${lines[0]-}"
	if [[ -n $file && ${lines[0]-} != ok ]]; then
		where="$file: "
		[[ ! $text =~ ^line\ ([0-9]+):\ (.*) ]] || where=$file:${BASH_REMATCH[1]}': ' text=${BASH_REMATCH[2]}
	fi
	case ${lines[0]-} in
	ok) lines=("${lines[@]:1}") ;;
	"refused 2 "*) usage "$text" ;;
	"refused "*) die "$text" ;;
	*) die "this cannot be worked out; please report it with the command" ;;
	esac
}

# The modes, as patterns: those that wrap packets into others; those that balance; and with the backend's half.
tunnels='ipip|gre|fou|gue'
balancers="nat|l2dsr|$tunnels"
unwrappers='decap|relay' # the backend's half of tunnels
modes="$balancers|$unwrappers"
some_modes="${balancers//|/, }" # in words

# overhead MODE FAMILY: sets overhead to the bytes that a packet to a backend of this family is longer than before.
overhead() {
	overhead=0
	[[ $1 =~ ^($tunnels)$ ]] || return 0
	overhead=$(($2 == 6 ? 40 : 20))
	case $1 in
	gre) overhead=$((overhead + 4)) ;;
	fou) overhead=$((overhead + 8)) ;;
	gue) overhead=$((overhead + 12)) ;;
	esac
}

# single ADDRESS: the prefix that it alone is in.
single() {
	local family
	family_of "$1"
	echo "$1/$((family == 6 ? 128 : 32))"
}

# is_bpffs FOLDER: whether a BPF file system is mounted there, and nothing over it.
is_bpffs() {
	local where type found=''
	while read -r _ where type _; do
		[[ $where != "$1" ]] || found=$type
	done </proc/self/mounts
	[[ $found == bpf ]]
}

need_root() {
	[[ $EUID -eq 0 ]] || die "only root can do that; try sudo $0"
}

# is_new_enough RELEASE [MAJOR MINOR]: whether it is such a kernel, or a later one; 6.1 is what the programs run on.
is_new_enough() {
	local major minor
	IFS=.- read -r major minor _ <<<"$1"
	((major > ${2-6} || (major == ${2-6} && minor >= ${3-1})))
}

check_machine() {
	local release tool
	need_root
	for tool in ip bpftool jq; do
		command -v "$tool" >/dev/null || die "$tool is not installed; run $repo/scripts/deps lab"
	done
	read -r release </proc/sys/kernel/osrelease
	is_new_enough "$release" || die "this kernel is $release; the programs need 6.1 or newer"
	[[ -e /sys/kernel/btf/vmlinux ]] ||
		die "this kernel has no BTF (/sys/kernel/btf/vmlinux); it must be built with CONFIG_DEBUG_INFO_BTF"
	is_bpffs $bpffs ||
		die "no bpffs on $bpffs; run: mount -t bpf bpf $bpffs (or, for a playground: scripts/node exec NODE scripts/lb ...)"
}

# take_lock: two commands that change something run one after the other, and each to its end, also when
# its reader or its terminal goes away. A command that is made of several (lb start) takes it once.
take_lock() {
	[[ -z ${lock-} ]] || return 0
	check_machine
	acts=${acts:-command}
	exec {lock}<$bpffs
	flock -w 30 "$lock" || die "another lb command has been running for 30 s; see: pgrep -af scripts/lb"
	trap '' INT TERM HUP PIPE
}

# share_lock: nobody changes anything while one or more read what belongs together. unshare_lock: they may again.
share_lock() {
	exec {lock}<$bpffs
	flock -s -w 30 "$lock" || die "another lb command has been running for 30 s; see: pgrep -af scripts/lb"
}
unshare_lock() {
	exec {lock}<&-
	lock=''
}

# need_maps NAME [MODE]: the map is there, because a program of that mode has been attached.
need_maps() {
	[[ -e $maps/$1 ]] ||
		die "no ${2:-load balancer} is loaded on this machine; run: lb attach ${2:-MODE} DEV"
}

dump() {
	bpftool -j map dump pinned "$maps/$1"
}

# lookup_many MAP: numbers as JSON on stdin -> these elements of an array, as a dump has them.
lookup_many() {
	stage 'include "bytes"; [range(256) | "\(.) "] as $byte | inputs | "map lookup pinned \($map) key " + u32($byte)' \
		-nr --arg map "$maps/$1" | bpftool -j batch file - | jq -c 'map(.output)'
}

update() {
	run bpftool map update pinned "$maps/$1" "${@:2}"
}

delete() {
	run bpftool map delete pinned "$maps/$1" "${@:2}"
}

# print_list FILTER: JSON on stdin as it is, or as lines for people, as a jq filter has it.
print_list() {
	if [[ -n $json ]]; then cat; else jq -r "$1"; fi
}
