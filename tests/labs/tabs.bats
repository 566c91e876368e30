#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# labs/tabs.sh: windows for the machines of a playground. A tmux of the test's own is the terminal, and its keys are pressed.

load ../lib/helper

setup_file() {
	set_up_lab ipip
}

teardown_file() {
	labs/ipip/teardown.sh
}

setup() {
	sockets=${TMUX_TMPDIR:-/tmp}/tmux-$EUID
	unset TMUX TMUX_PANE
}

teardown() {
	terminal kill-server 2>/dev/null || true
	rm -f "$sockets/terminal-$LAB"
}

# terminal ARGUMENT...: the tmux that stands for a terminal.
terminal() {
	tmux -L "terminal-$LAB" -f /dev/null "$@" 3>&-
}

# tabs ARGUMENT...: the tmux that labs/tabs.sh has started.
tabs() {
	tmux -L "xdp-lb-$LAB" "$@"
}

# in_terminal [NAME]: runs labs/tabs.sh in a terminal 120 wide.
in_terminal() {
	terminal new-session -d -s "${1-first}" -x 120 -y 40 "TERM=screen-256color labs/tabs.sh; echo ended with \$?; sleep 60"
	wait_for 20 shows "${1-first}" "F10: end"
}

# shows NAME TEXT: whether it is on the screen.
shows() {
	terminal capture-pane -p -t "$1" | grep -qF -- "$2"
}

# press NAME KEY...
press() {
	terminal send-keys -t "$1" "${@:2}"
}

# type NAME TEXT: and Enter.
type_in() {
	terminal send-keys -t "$1" -l "$2"
	terminal send-keys -t "$1" Enter
}

# nothing_left: no process, no socket. (Files of these names are on command lines of others, of shellcheck for one.)
nothing_left() {
	[ ! -e "$sockets/xdp-lb-$LAB" ] && ! pgrep -f "tmux -L xdp-lb-$LAB |^[a-z/]*bash labs/common/tab.sh " && ! on client pgrep -x bash | grep -vx 1
}

@test "there is a window for each machine, with its prompt, and one for watching" {
	in_terminal
	[ "$(tabs list-windows -t tabs -F '#I #W' | paste -sd, -)" = "1 client,2 gateway,3 lb,4 backend-01,5 backend-02,6 watch" ]
	local name
	for name in client gateway lb backend-01 backend-02; do
		wait_for 15 bash -c "tmux -L 'xdp-lb-$LAB' capture-pane -p -t 'tabs:$name' | grep -qx '$name#'"
	done
	terminal capture-pane -p -t first
	shows first " $LAB (ipip) |  1 client "
	wait_for 15 shows first "Try: curl http://192.168.178.15:8000/"

	# what is typed in the client's window is answered there
	type_in first 'curl -sS --max-time 5 http://192.168.178.15:8000/; hostname; pwd'
	wait_for 15 shows first "Hello from backend-0"
	wait_for 15 shows first "$PWD"
	# the next one is gateway's
	press first F9
	wait_for 15 shows first "This is gateway (eth0 192.168.178.2/24, eth1 10.0.0.2/16, eth2 172.16.0.2/24)"
	press first F8 F8
	# the last one counts, and has a shell of this host
	wait_for 15 shows first "forwarded"
	wait_for 15 shows first "This is your own machine"
	on client curl -s -o /dev/null http://192.168.178.15:8000/
	wait_for 15 bash -c "tmux -L 'terminal-$LAB' capture-pane -p -t first | grep -qE '^[+] forwarded +[1-9]'"
	type_in first 'scripts/node list | grep -c backend; echo "I am $HOSTNAME, $LAB"'
	wait_for 15 shows first "I am $HOSTNAME, $LAB"

	# closed by the key, after a question
	press first F10
	wait_for 15 shows first "close all tabs? The playground stays. (y/n)"
	press first y
	wait_for 15 shows first "ended with 0"
	wait_for 15 nothing_left
	on client curl -sS -o /dev/null --max-time 5 http://192.168.178.15:8000/ # the playground is as it was
}

@test "a closed terminal leaves nothing behind, whatever ran in the windows" {
	in_terminal
	wait_for 15 shows first "client#"
	type_in first 'sleep 1000 & tail -f /dev/null'
	wait_for 15 on client pgrep -f "tail -f /dev/null"
	terminal kill-server
	wait_for 15 nothing_left
	run -1 on client pgrep -f "sleep 1000|tail -f /dev/null"
}

@test "windows outlive a new setup.sh: they are on the new machines then" {
	in_terminal
	wait_for 15 shows first "client#"
	type_in first 'touch /run/old'
	wait_for 15 on client test -e /run/old
	labs/ipip/setup.sh >/dev/null
	wait_for 15 shows first "This is client"
	run -1 on client test -e /run/old
	type_in first 'touch /run/new'
	wait_for 15 on client test -e /run/new
}

@test "a second terminal sees the same; a window that was closed is opened again; the last one to leave closes all" {
	in_terminal
	wait_for 15 shows first "client#"
	in_terminal second
	type_in second 'echo seen by $((1 + 1))'
	wait_for 15 shows first "seen by 2"
	type_in second exit
	wait_for 15 bash -c "! tmux -L 'xdp-lb-$LAB' list-windows -t tabs -F '#W' | grep -qx client"
	tabs select-window -t tabs:watch
	wait_for 15 shows first "This is your own machine"
	type_in first labs/tabs.sh # in a tab: only opens what is missing
	wait_for 15 bash -c "tmux -L 'xdp-lb-$LAB' list-windows -t tabs -F '#W' | grep -qx client"
	# one leaves: the other one stays
	terminal kill-session -t second
	wait_for 15 bash -c "[[ \$(tmux -L 'xdp-lb-$LAB' list-clients | wc -l) -eq 1 ]]"
	type_in first 'echo still here: $((2 + 2))'
	wait_for 15 shows first "still here: 4"
	terminal kill-session -t first
	wait_for 15 nothing_left
}

@test "it says what to run if there is nothing to open" {
	run -1 env LAB=nobody labs/tabs.sh
	[[ $output == "tabs.sh: no playground named nobody is up"*"; run LAB=nobody labs/ipip/setup.sh, or that of another lab" ]]
	run -2 labs/tabs.sh now
	[ "$output" = "usage: [LAB=NAME] labs/tabs.sh" ]
	run -1 labs/tabs.sh
	[ "$output" = "tabs.sh: tabs need a terminal; run this in one, not in a pipe" ]
	run -1 as_nobody labs/tabs.sh
	[[ $output == "tabs.sh: only root can enter the machines of a playground; try sudo LAB=$LAB labs/tabs.sh" ]]
	nothing_left
}
