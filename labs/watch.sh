#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# watch: a page that shows the playground that is up: packets on their way, slots, counters, health. With --console, or
# under the name lb-console, it shows the load balancer of this machine, and nothing can be changed from there.
# usage: [LAB=NAME] labs/watch.sh [--console] [--listen ADDRESS:PORT] [--name NAME]... [--every SECONDS]
# Listens on 127.0.0.1:8088 unless told otherwise (port 0: a free one), and prints what to open. Whoever can reach that
# address can read it: there is no password. --name: a browser may call the page by this name, too (HOST or HOST:PORT, behind
# a proxy, say), and not by an address only. --every: how often lb is asked for its counters (1; console: 5).
# Ends by Ctrl-C, and leaves nothing behind. Exit status: 0, 1 (refused), 2 (usage).
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

die() {
	echo "watch.sh: $*" >&2
	exit 1
}

usage() {
	[[ $# -eq 0 ]] || echo "watch.sh: $*" >&2
	sed -n '/^# usage/ s/^# //p' labs/watch.sh >&2
	exit 2
}

# The text at the top of this file, without its signs.
print_help() {
	sed -n '3,/^[^#]/ s/^# //p' labs/watch.sh
}

what=playground listen=127.0.0.1:8088 every='' names=()
[[ ${0##*/} != lb-console && -e scripts/node ]] || what=console # where it is installed, there are no playgrounds
while [[ $# -gt 0 ]]; do
	case $1 in
	-h | --help)
		print_help
		exit
		;;
	--console) what=console ;;
	--name)
		[[ ${2-} =~ ^[a-zA-Z0-9.-]+(:[0-9]+)?$ ]] || usage "--name needs a name, like watch.example or watch.example:8088"
		names+=("$2")
		shift
		;;
	--listen | --every)
		[[ -n ${2-} ]] || usage "$1 needs a value"
		printf -v "${1#--}" %s "$2"
		shift
		;;
	*) usage "unexpected word '$1'" ;;
	esac
	shift
done
[[ $every ]] || case $what in console) every=5 ;; *) every=1 ;; esac
[[ $every =~ ^[0-9]+(\.[0-9]+)?$ && $every != 0 ]] || usage "--every $every is no number of seconds"
[[ $listen =~ ^(\[[0-9a-f:]+\]|[0-9.]+):([0-9]{1,5})$ && ${BASH_REMATCH[2]} -le 65535 ]] ||
	usage "--listen $listen is no ADDRESS:PORT; write 127.0.0.1:8088, or [::1]:8088"
address=${BASH_REMATCH[1]//[\[\]]/} port=${BASH_REMATCH[2]}

[[ $EUID -eq 0 ]] || die "only root can look into machines and maps; try sudo $0 (the web server itself becomes nobody)"
[[ -x /usr/bin/python3 ]] || die "python3 is not installed; run: apt install python3"
[[ ${LAB-} =~ ^([a-z][a-z0-9-]*)?$ ]] || die "LAB=$LAB is no name for a lab; take a-z, 0-9 and -"
if [[ $what == playground && -z ${LAB-} ]]; then
	mapfile -t labs < <(scripts/node list | cut -d' ' -f1 | uniq)
	[[ ${#labs[@]} -le 1 ]] || die "several labs are up (${labs[*]}); say which: LAB=${labs[0]} labs/watch.sh"
fi
[[ $what == console || -n $(scripts/node list) ]] || # LAB, if it is set, says of which
	echo "No playground is up. Run ${LAB:+LAB=$LAB }labs/ipip/setup.sh, say: the page shows it when it is there."
exec /usr/bin/python3 -B labs/watch/watch.py "$address" "$port" "$what" "$every" "${LAB-}" "${names[@]}"
