#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Real connections while backends come and go: only those of a backend that is down may break. In the IPIP and the
# L2 DSR lab, with four backends.

load ../lib/helper
load ../lib/chats

teardown() {
	labs/ipip/teardown.sh >/dev/null
}

# begin LAB [FAMILY]: four backends, of which the service VIP:7000 has the first three. Sets backends, vip, its address as
# it stands in front of a port, and the client's address.
begin() {
	local i anywhere=0.0.0.0 here=127.0.0.1 backends6=(2001:db8:172::10 2001:db8:172::11 2001:db8:172::12 2001:db8:172::13)
	backends=(172.16.0.10 172.16.0.11 172.16.0.12 172.16.0.13)
	[[ $1 == ipip ]] || backends=(192.168.178.11 192.168.178.12 192.168.178.13 192.168.178.14)
	vip=192.168.178.15 at_vip=192.168.178.15 client=10.0.0.20
	export FAMILY=${2-4}
	# shellcheck disable=SC2034 # chats.bash looks at vip
	[[ $FAMILY == 4 ]] || vip=2001:db8:178::15 at_vip="[2001:db8:178::15]" client=2001:db8:10::20
	{
		cat "labs/$1/lab.env"
		echo "BACKENDS=(${backends[*]})"
		[[ $1 != ipip ]] || echo "BACKENDS6=(${backends6[*]})"
	} >"$BATS_TEST_TMPDIR/lab.env"
	export LAB_ENV=$BATS_TEST_TMPDIR/lab.env
	"labs/$1/setup.sh" >/dev/null
	lb set debug off
	[[ $FAMILY != 6 ]] || backends=("${backends6[@]}")
	[[ $FAMILY == 4 ]] || anywhere=:: here=::1
	for i in 1 2 3 4; do
		background backend-0$i tests/lib/connections.py serve "$anywhere" 7000
		background backend-0$i tests/lib/server.py http "$anywhere" 8080
	done
	for i in 1 2 3 4; do
		wait_for 10 on backend-0$i bash -c ": </dev/tcp/$here/7000 && : </dev/tcp/$here/8080"
	done
	lb service add tcp "$at_vip:7000"
	lb service add tcp "$at_vip:8080"
	for i in 0 1 2; do
		lb backend add tcp "$at_vip:7000" "${backends[i]}"
		lb backend add tcp "$at_vip:8080" "${backends[i]}"
	done
	# shellcheck disable=SC2034 # chats.bash looks at them
	chats=() expected=0
}

# change VERB BACKEND WORD...: the same for both services.
change() {
	lb backend "$1" tcp "$at_vip:7000" "${@:2}"
	lb backend "$1" tcp "$at_vip:8080" "${@:2}"
}

# answered_by NAME: how many of the last answers are from this backend.
answered_by() {
	cat "$BATS_TEST_TMPDIR"/heard* | awk -v name="$1" '$1 == "by" && $2 == name { n += $3 } END { print n + 0 }'
}

# start_downloads: 50 of 3 MB, so slow that they see all changes. Each prints its size when it ends.
start_downloads() {
	on client sysctl -qw net.ipv4.tcp_rmem="4096 65536 131072"
	# shellcheck disable=SC2016 # expanded over there
	on client env at_vip="$at_vip" bash -c 'for i in {1..50}; do
			curl -sN --limit-rate 150k --max-time 100 "http://$at_vip:8080/bytes/3000000" | wc -c &
		done; wait' >"$BATS_TEST_TMPDIR/downloads" 3>&- &
	downloads=$!
}

all_downloaded() {
	wait $downloads
	sort "$BATS_TEST_TMPDIR/downloads" | uniq -c
	[ "$(grep -c "^3000000$" "$BATS_TEST_TMPDIR/downloads")" -eq 50 ]
}

# changes LAB [FAMILY]: makes every kind of change, while 50 downloads run and more and more connections are open.
changes() {
	begin "$@"
	start_downloads
	open_chats 20000 50 "$client"
	change add "${backends[3]}"
	all_answer
	open_chats 21000 50 "$client"
	change set "${backends[0]}" weight 0
	all_answer
	open_chats 22000 50 "$client"
	change set "${backends[1]}" weight 5
	all_answer
	change set "${backends[1]}" weight 1
	change set "${backends[0]}" weight 1
	all_answer
	open_chats 23000 50 "$client"
	lb service set tcp "$at_vip:7000" hash
	all_answer
	open_chats 24000 50 "$client"
	lb service set tcp "$at_vip:7000" maglev
	all_answer
	lb attach "$1" eth0 # a new program, the same maps
	all_answer
	all_downloaded
	[ "$(lb --json flows | jq length)" -gt 0 ]
}

# down: a backend goes down. It must break its own connections and no other.
down() {
	local own
	all_answer
	own=$(answered_by backend-02)
	[ "$own" -gt 0 ]
	change set "${backends[1]}" down
	all_answer "$own"
	[ "$(answered_by backend-02)" -eq 0 ]
	hang_up
}

@test "IPIP: 50 downloads and 250 chats survive every change; a backend that is down breaks only its own" {
	changes ipip
	down
}

@test "IPv6: 50 downloads and 250 chats survive every change; a backend that is down breaks only its own" {
	changes ipip 6
	down
}

@test "L2 DSR: 50 downloads and 250 chats survive every change; a backend that is down breaks only its own" {
	changes l2dsr
	down
}

# flooded N: waits until the flood has sent N times its 200000 SYNs.
flooded() {
	wait_for 120 bash -c "[[ \$(wc -l <'$BATS_TEST_TMPDIR/flood') -ge $1 ]]"
}

# flood LAB: the same under spoofed SYNs, which are more than any table has room for.
flood() {
	local flood mac sent
	begin "$1"
	lb set window 900
	open_chats 20000 50 "$client"
	# one after the other, as long as this test asks for it, and no longer than it lasts
	mac=$(on lb cat /sys/class/net/eth0/address)
	touch "$BATS_TEST_TMPDIR/flooding"
	while [[ -e $BATS_TEST_TMPDIR/flooding ]]; do
		on gateway tests/lib/syn_flood.py eth0 "$mac" 192.168.178.15 7000 200000
	done >"$BATS_TEST_TMPDIR/flood" 3>&- &
	flood=$!
	flooded 1 # more than is noted of single packets: from here on every SYN pushes another one out
	change set "${backends[0]}" weight 0
	all_answer
	open_chats 21000 50 "$client"
	all_answer
	change add "${backends[3]}"
	all_answer
	change set "${backends[0]}" weight 1
	all_answer
	open_chats 22000 50 "$client"
	flooded 2
	rm "$BATS_TEST_TMPDIR/flooding"
	wait $flood
	all_answer
	sent=$(($(paste -sd+ "$BATS_TEST_TMPDIR/flood")))
	echo "SYNs: $sent"
	[ $sent -ge 400000 ]
	# the flood is noted, and gone again, where one packet is noted; a flow it is none
	[ "$(lb --json flows | jq length)" -le 200 ]
	hang_up
}

# bats test_tags=alone
@test "IPIP: a flood of spoofed SYNs breaks no connection while backends change" {
	flood ipip
}

# bats test_tags=alone
@test "L2 DSR: a flood of spoofed SYNs breaks no connection while backends change" {
	flood l2dsr
}
