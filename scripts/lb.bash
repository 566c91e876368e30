# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# Completion of lb in bash. `make install` puts it where bash looks; without: . scripts/lb.bash

# _lb: sets COMPREPLY. Bash takes a colon for the end of a word; a VIP:PORT is one word here.
_lb() {
	local i line=${COMP_LINE:0:COMP_POINT} words word choices='' before=()
	read -ra words <<<"$line"
	[[ $line != *' ' ]] || words+=('')
	word=${words[-1]}
	for ((i = 1; i < ${#words[@]} - 1; i++)); do
		[[ ${words[i]} == -* ]] || before+=("${words[i]}")
	done

	case "${#before[@]} ${before[*]}" in
	"0 ") choices="attach detach start stop set show service backend client check watch drain save restore fingerprint slots flows settle refresh stats metrics why trace doctor nat decap" ;;
	"1 attach") choices="nat l2dsr ipip gre fou gue decap relay" ;;
	"2 attach "* | "1 detach") choices=$(ip -br link | sed 's/[@ ].*//') ;;
	"3 attach "*) choices="native generic" ;;
	"2 set debug" | "4 set "*" debug") choices="on off" ;;
	"2 set announce" | "4 set "*" announce") choices="off withdraw worse" ;;
	"1 drain") choices="off wait idle" ;;
	"3 drain "*) choices="wait idle" ;;
	*" set "*" source" | "2 set source") choices=none ;;
	*" set "*" port" | "2 set port") choices=default ;;
	"1 set" | "3 set "* | "5 set "*) choices="address source port key debug window announce" ;;
	"1 restore" | "1 start" | "1 stop" | "2 metrics file" | *" check add "*" exec" | *" check add "*" verify")
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
		return
		;;
	"1 service") choices="add set del show" ;;
	"1 backend") choices="add set del" ;;
	"1 check" | "1 client") choices="add del" ;;
	"2 service show") ;;
	"2 service "* | "2 backend "* | "2 check "* | "2 client "* | "1 slots") choices="tcp udp" ;;
	"1 why") choices="tcp udp frame" ;;
	*" dev") choices=$(ip -br link | sed 's/[@ ].*//') ;;
	"3 service set "* | "3 service del "* | "3 backend "* | "3 check "* | "3 client "* | "2 slots "*)
		choices=$(lb service show 2>/dev/null | awk -v protocol="${before[-1]}" '$1 == "service" && $2 == protocol { print $3 }')
		;;
	*" service set "*) choices="maglev hash slots need strict open fallback quic limit" ;;
	*" service add "*) choices="sticky maglev hash slots need strict open fallback quic limit" ;;
	"4 client "*) choices="allow deny" ;;
	"4 check "*) choices="tcp http https udp dns exec" ;;
	*" check add "*) choices="interval fast-interval timeout rise fall port host expect match verify insecure" ;;
	"4 backend set "* | "4 backend del "*)
		choices=$(lb service show 2>/dev/null | awk -v service="${before[2]} ${before[3]}" '
			$1 == "service" { mine = $2 " " $3 == service }
			$1 == "backend" && mine { print $2 }')
		;;
	[5-8]" backend set "* | [5-8]" backend add "*) choices="weight up down id" ;;
	"3 why "*)
		choices=$(lb service show 2>/dev/null | awk -v protocol="${before[1]}" '$1 == "service" && $2 == protocol { print $3 }')
		;;
	*" why "*" tunnel") choices="ipip gre fou gue" ;;
	*" why tcp "*) choices="syn ack fin rst size ttl nodf tunnel dev" ;;
	*" why udp "*) choices="size ttl nodf tunnel dev" ;;
	"1 doctor") choices="backend $(ip -br link | sed 's/[@ ].*//')" ;;
	"2 doctor backend") choices="nat l2dsr ipip gre fou gue" ;;
	"1 metrics") choices="text file http" ;;
	"1 nat") choices="set show stats" ;;
	[2468]" nat set"*) choices="ports handshake established closing udp" ;;
	"1 decap") choices="add del set show stats" ;;
	"2 decap set") choices="cookies" ;;
	"2 decap add" | "2 decap del") choices="lb host vip" ;;
	[4-7]" decap add host "*) choices="ipip gre fou gue" ;;
	esac
	[[ $word != -* ]] || choices="-v --dry-run --json --watch --help"

	mapfile -t COMPREPLY < <(compgen -W "$choices" -- "$word")
	# What bash believes to be the word begins behind the last colon.
	[[ $word != *:* ]] || COMPREPLY=("${COMPREPLY[@]#"${word%:*}:"}")
}
complete -F _lb lb
