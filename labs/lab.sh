# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# What the labs' scripts share: sourced with the repository as the current directory.

# Where `ip link set xdp` pins the maps.
maps=/sys/fs/bpf/xdp/globals

# The encoders: fields -> bytes for `bpftool map update`.
for encoder in maps/*.sh; do
	# shellcheck source=/dev/null
	. "$encoder"
done
unset encoder

# run COMMAND...: shows a command as it would be typed on this machine, and runs it.
run() {
	echo "$HOSTNAME# $*"
	"$@"
}

# why TEXT: one line of why, above a group of commands.
why() {
	echo
	echo "$HOSTNAME: $*"
}

die() {
	echo "${0##*/}: $*" >&2
	exit 1
}

# wait_for SECONDS COMMAND...: until the command succeeds; false if it never did.
wait_for() {
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		((SECONDS <= end)) || return 1
		sleep 0.05
	done
}

# role_of NAME: the role script's name of the machine with this name; false if it is none of ours.
role_of() {
	case $1 in
	lb | gateway | client) echo "$1" ;;
	backend-[0-9][0-9]) echo backend ;;
	*) return 1 ;;
	esac
}

# backend_name N: the name of the backend at BACKENDS[N].
backend_name() {
	printf 'backend-%02d' $(($1 + 1))
}

# backend_names: the names of all of them.
backend_names() {
	local i
	for i in "${!BACKENDS[@]}"; do
		backend_name "$i"
		echo
	done
}

# on NODE COMMAND...: runs a command on a node of this lab's playground.
on() {
	scripts/node exec "$@"
}

# playground_is_up: whether the client's node is there.
playground_is_up() {
	on client true 2>/dev/null
}
