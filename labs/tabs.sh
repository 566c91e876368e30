#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# tabs: opens tmux with a window for each machine of the playground that is up, and one for watching: the load balancer's
# counters, and below them a shell of this host, for check.sh, trace.sh and so on. The mouse works. F8 and F9 go to the
# next window, F10 closes everything; so does closing the terminal. Nothing is left behind.
#
#   +--------------------------------------------------------+
#   | client# curl http://192.168.178.15:8000/               |
#   | Hello from backend-01 (172.16.0.10)                    |
#   +--------------------------------------------------------+
#   | ipip | 1 client  2 gateway  3 lb  4 backend-01 ...     |
#   +--------------------------------------------------------+
#
# A second labs/tabs.sh shows the same windows in another terminal, and opens again those that were closed.
#
# usage: [LAB=NAME] labs/tabs.sh
# Exit status: 0, 1 (refused or failed), 2 (usage).
set -euo pipefail
cd "$(dirname "$0")/.."

. labs/common/choose.sh

# machines: their names, in the order in which a packet meets them.
machines() {
	scripts/node list | awk '
		$2 == "client" { print 1, $2 }
		$2 == "gateway" { print 2, $2 }
		$2 ~ /^lb/ { print 3, $2 }
		$2 !~ /^(client|gateway|lb.*|switch)$/ { print 4, $2 }' | sort | cut -d' ' -f2
}

# tmux with a server of its own, which reads no file of the user.
ours() {
	env -u TMUX tmux -L "xdp-lb-$LAB" -f labs/common/tabs.tmux "$@"
}

# open NAME COMMAND...: a window, if there is none of that name; the first of them begins the session.
open() {
	local verb=(new-window -d)
	ours has-session -t tabs 2>/dev/null || verb=(new-session -d -s tabs -x 160 -y 45)
	! ours list-windows -t tabs -F '#W' 2>/dev/null | grep -qx "$1" || return 0
	ours "${verb[@]}" -n "$1" "${@:2}"
}

# open_all: the windows that are not there yet.
open_all() {
	local name
	for name in $(machines); do
		open "$name" labs/common/tab.sh machine "$name"
	done
	if ! ours list-windows -t tabs -F '#W' | grep -qx watch; then
		open watch labs/common/tab.sh counters
		ours split-window -d -v -l 40% -t tabs:watch labs/common/tab.sh host
		ours select-pane -t tabs:watch -D
	fi
	ours set -g status-left " $(labs/common/tab.sh title) | "
}

# others_look: somebody else has these windows on another terminal. A client of tmux that is gone, or is our own, does not count:
# tmux may learn of it later than we do.
others_look() {
	local client parent
	for client in $(ours list-clients -F '#{client_pid}' 2>/dev/null); do
		parent=$(ps -o ppid= -p "$client") || continue
		[[ $parent -eq $$ ]] || return 0
	done
	return 1
}

# end: closes everything, if nobody else looks at it. (tmux leaves its socket behind.)
end() {
	local sockets=${TMUX_TMPDIR:-/tmp}/tmux-$EUID
	! others_look || return 0
	ours kill-server 2>/dev/null || true
	rm -f "$sockets/xdp-lb-$LAB"
	rmdir --ignore-fail-on-non-empty "$sockets" 2>/dev/null || true # which a user's own tmux may use
}

[[ $# -eq 0 ]] || {
	sed -n '/^# usage/s/^# //p' "$0" >&2
	exit 2
}
[[ $EUID -eq 0 ]] || stop_here "only root can enter the machines of a playground; try sudo ${LAB:+LAB=$LAB }$0"
scripts/deps lab
choose_playground setup.sh
if [[ ${TMUX-} == */xdp-lb-"$LAB",* ]]; then # in one of our own windows
	open_all
	exit
fi
[[ -t 0 && -t 1 ]] || stop_here "tabs need a terminal; run this in one, not in a pipe"
trap end EXIT
open_all
# From here on, the last terminal that leaves closes everything.
ours select-window -t tabs:client \; attach-session -t tabs \; set -g destroy-unattached on ||
	stop_here "tmux cannot use this terminal (TERM=${TERM-}); try TERM=xterm $0"
