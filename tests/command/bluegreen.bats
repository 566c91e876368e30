#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# A new version of a program, under traffic: on one of two devices first (the canary), on the other one, and back again. No
# datagram gets lost, and no connection ends. Each device has a client, on a network of its own; both backends are on both.

load ../lib/helper
load ../lib/chats

setup_file() {
	local i
	scripts/node destroy --all
	scripts/node create lb eth0=lan:192.168.178.10/24 eth1=wan:10.0.0.10/24
	scripts/node create client eth0=lan:192.168.178.20/24
	scripts/node create client-2 eth0=wan:10.0.0.20/24
	on lb sysctl -qw net.ipv4.ip_forward=1
	on lb ip addr add 192.168.178.15/32 dev eth0
	on client-2 ip route add 192.168.178.15/32 via 10.0.0.10
	for i in 1 2; do
		scripts/node create backend-0$i eth0=lan:192.168.178.1$i/24 eth1=wan:10.0.0.1$i/24
		printf '%s\n' "attach decap eth0" "vip 192.168.178.15 dev lo" "decap add lb 192.168.178.10" \
			"decap add host 192.168.178.1$i" "decap add vip 192.168.178.15" >"$BATS_FILE_TMPDIR/decap$i"
		on backend-0$i scripts/lb start "$BATS_FILE_TMPDIR/decap$i"
		on backend-0$i sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.eth0.rp_filter=0
		background backend-0$i tests/lib/server.py udp 192.168.178.15 9000
		background backend-0$i tests/lib/connections.py serve 0.0.0.0 7000
	done
	versions
	for i in eth0 eth1; do lb attach ipip $i; done
	for i in tcp:7000 udp:9000; do
		printf '%s\n' "service ${i%:*} 192.168.178.15:${i#*:}" "backend 192.168.178.11" "backend 192.168.178.12"
	done | lb restore -
	lb refresh
}

teardown_file() {
	scripts/node destroy --all
}

setup() {
	# shellcheck disable=SC2034 # chats.bash looks at them
	chats=() expected=0
}

# versions: other folders, as a person has them side by side: new, whose program is another one; other, whose maps are, too;
# moved, in whose maps two fields of one size have changed places; and named, where one that was unused is used.
versions() {
	local name
	for name in new other moved named; do
		mkdir "$BATS_FILE_TMPDIR/$name"
		cp -r --preserve=timestamps bpf headers maps scripts Makefile "$BATS_FILE_TMPDIR/$name"
	done
	make -s -C "$BATS_FILE_TMPDIR/new" -W bpf/xdp_ipip.c CFLAGS=-mcpu=v2 bpf/xdp_ipip.o
	make -s -C "$BATS_FILE_TMPDIR/other" -W bpf/xdp_ipip.c CFLAGS=-DMAX_SLOTS=2097152 bpf/xdp_ipip.o
	sed -i 's/__u8 family;   /__u8 xxxxxx;   /; s/__u8 state; /__u8 family;/; s/__u8 xxxxxx;/__u8 state; /' "$BATS_FILE_TMPDIR/moved/maps/backends.h"
	sed -i 's/__u32 unused;/__u32 purpose;/' "$BATS_FILE_TMPDIR/named/maps/load_balancer.h"
	for name in moved named; do make -s -C "$BATS_FILE_TMPDIR/$name" bpf/xdp_ipip.o; done
}

# version NAME ARGUMENT...: lb of that folder.
version() {
	on lb "$BATS_FILE_TMPDIR/$1/scripts/lb" "${@:2}"
}

# programs: the tag of the program on eth0, and on eth1.
programs() {
	on lb ip -j -d link | jq -r '[.[] | select(.ifname | IN("eth0", "eth1")).xdp.prog.tag] | join(" ")'
}

# map_ids: of all maps that are pinned.
map_ids() {
	on lb bash -c "for map in $MAPS/*; do bpftool -j map show pinned \$map; done" | jq -c .id
}

# begin_stream NODE: a thousand datagrams in a second.
begin_stream() {
	local fd
	mkfifo "$BATS_TEST_TMPDIR/until-$1"
	on "$1" tests/lib/steady.py 192.168.178.15 9000 1000 <"$BATS_TEST_TMPDIR/until-$1" >"$BATS_TEST_TMPDIR/stream-$1" 2>&1 3>&- &
	exec {fd}>"$BATS_TEST_TMPDIR/until-$1"
	streams+=("$1 $fd $!")
}

# end_streams: nothing got lost.
end_streams() {
	local stream node fd pid sent answered
	for stream in "${streams[@]}"; do
		read -r node fd pid <<<"$stream"
		exec {fd}>&-
	done
	for stream in "${streams[@]}"; do
		read -r node fd pid <<<"$stream"
		wait "$pid"
		read -r sent answered <"$BATS_TEST_TMPDIR/stream-$node"
		echo "$node: $answered of $sent datagrams came back"
		[ "$sent" -gt 2000 ]
		[ "$answered" -eq "$sent" ]
	done
	streams=()
}

@test "canary on one device, then the other, then back: no datagram is lost, no connection ends, and the maps are the same" {
	local streams=() old new ids i
	old=$(programs) ids=$(map_ids)
	open_chats 20000 50 192.168.178.20
	begin_stream client
	begin_stream client-2
	sleep 1
	version new attach ipip eth1
	read -r _ new < <(programs)
	[ "$new" != "${old#* }" ]
	[ "$(programs)" = "${old% *} $new" ]
	# who wants to know which one is where
	lb metrics text | grep -F "device=\"eth1\",mode=\"ipip\"" | grep -qF "tag=\"$new\""
	sleep 1
	version new attach ipip eth0
	[ "$(programs)" = "$new $new" ]
	all_answer
	sleep 1
	# and back, and forth again, quickly
	for i in eth0 eth1; do lb attach ipip $i; done
	[ "$(programs)" = "$old" ]
	for i in {1..5}; do
		version new attach ipip eth1
		lb attach ipip eth1
	done
	[ "$(programs)" = "$old" ]
	all_answer
	# either version may configure the maps of both
	version new backend add tcp 192.168.178.15:7000 192.168.178.13
	version new backend set tcp 192.168.178.15:7000 192.168.178.13 down
	lb backend del tcp 192.168.178.15:7000 192.168.178.13
	end_streams
	all_answer
	hang_up
	[ "$(map_ids)" = "$ids" ]
	# each was counted
	[ "$(lb --json stats | jq '[.verdicts[] | select(.name | IN("forwarded", "redirected", "not_ours") | not).packets] | add')" -eq 0 ]
}

@test "doctor says which devices run the version that it is of" {
	version new attach ipip eth1
	run -1 lb doctor
	[ "$(grep -c "^ok: it is the program in $PWD/bpf/xdp_ipip.o" <<<"$output")" -eq 1 ]
	grep -A 1 "^not ok: it is the program in $PWD/bpf/xdp_ipip.o" <<<"$output" | grep -x "    lb attach ipip eth1"
	run -1 version new doctor
	[ "$(grep -c "^ok: it is the program in $BATS_FILE_TMPDIR/new/bpf/xdp_ipip.o" <<<"$output")" -eq 1 ]
	lb attach ipip eth1
}

@test "a version with other maps is refused before anything is touched, and it says which map, and what to do" {
	local streams=() before
	before="$(programs) $(map_ids)"
	begin_stream client
	begin_stream client-2
	sleep 1
	run -1 version other attach ipip eth1
	echo "$output"
	[[ $output == *"couldn't reuse pinned map at "*"globals/slots': parameter mismatch"* ]]
	[[ $output == *"The maps of an older version are pinned"* ]]
	[[ $output == *"nothing was changed"*"lb detach eth1"* ]]
	sleep 1
	end_streams
	[ "$(programs) $(map_ids)" = "$before" ]
}

@test "so is one where a field has moved in its struct, which the kernel would not notice; but not one that uses what was unused" {
	local before
	before="$(programs) $(map_ids)"
	run -1 version moved attach ipip eth1
	[[ $output == *"eth1 does not take the program: in the maps, these structs are laid out in another way: backend"$'\n'* ]]
	[[ $output == *"nothing was changed"*"lb detach eth1"* ]]
	run -1 version moved --dry-run attach ipip eth1
	[ "$(programs) $(map_ids)" = "$before" ]
	version named attach ipip eth1
	lb attach ipip eth1
	[ "$(programs) $(map_ids)" = "$before" ]
}
