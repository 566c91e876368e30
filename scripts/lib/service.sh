# shellcheck shell=bash disable=SC2034,SC2154 # the rooms share what they set
# SPDX-License-Identifier: GPL-2.0-only
# service: the commands of services, and of files of them. Sourced by lb.

# service_add PROTOCOL VIP:PORT [sticky] [OPTION]...
service_add() {
	change "service add" "service $*"
}

# service_set PROTOCOL VIP:PORT OPTION...
service_set() {
	[[ $# -lt 2 || ${3-} == @(maglev|hash|slots|need|fallback|strict|open|quic|limit) ]] ||
		usage "set what? maglev, hash, slots N, need N, fallback ADDRESS, strict, open, quic BYTES or limit RATE"
	change "service set" "service $*"
}

# service_del PROTOCOL VIP:PORT
service_del() {
	no_more "${@:3}"
	change "service del" "service $*"
}

service_show() {
	no_more "$@"
	check_machine
	need_configuration
	if [[ -n $json ]]; then
		configured 'configuration | map(as_json)' -c
	else
		configured 'configuration[] | as_shown' -r
	fi
}

save() {
	no_more "$@"
	check_machine
	need_configuration
	echo "# lb save, on $HOSTNAME. Address, hash key and program are the machine's: lb set, lb attach."
	configured 'configuration[] | as_text' -r
}

# read_services FILE: sets text to what is in it.
read_services() {
	[[ -r $1 && ! -d $1 ]] || die "there is no file $1 that could be read"
	{ text=$(cat "$1" && echo .); } 2>/dev/null || die "$1 cannot be read"
	[[ $text != . ]] || die "nothing can be read from $1; to delete all services, give a file with a comment: # none"
	text=${text%.}
}

# restore FILE: makes the services be those of the file. If that fails half-way, everything becomes as it was. The
# input is read to its end before anything is locked: it may come slowly, or never.
restore() {
	local text before file=''
	[[ $# -ge 1 ]] || usage "restore which file?"
	no_more "${@:2}"
	[[ $1 == - ]] || file=$1
	check_machine
	read_services "${file:-/dev/stdin}"
	take_lock
	need_configuration
	plan restore <<<"$text"
	[[ ${#commands[@]} -gt 0 || ${#steps[@]} -gt 0 ]] || return 0
	before=$(configured 'configuration[] | as_text' -r)
	! carry_out || return 0
	plan restore <<<"# what was there"$'\n'"$before"
	notes=() # nothing has changed in the end
	carry_out || warn "and it cannot go back"
	die "the kernel refused it; everything is as it was"
}
