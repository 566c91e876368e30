#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The tunnels lab: its own scripts, in both families. (Every family in every tunnel, with much traffic: families.bats.)

load ../lib/helper

setup_file() {
	set_up_lab tunnels
}

teardown_file() {
	labs/tunnels/teardown.sh
}

@test "setup shows requests being answered through GUE, and says what to try next" {
	grep -q "Hello from backend-0[12] (172.16.0.1[01])" "$BATS_FILE_TMPDIR/setup.out"
	grep -q "^lb# scripts/lb attach gue eth0$" "$BATS_FILE_TMPDIR/setup.out"
	grep -q "^backend-02# scripts/lb decap add host 172.16.0.11 ipip gre fou gue$" "$BATS_FILE_TMPDIR/setup.out"
	grep -q "labs/tunnels/spread.sh" "$BATS_FILE_TMPDIR/setup.out"
	run ! grep -E "dropped|not forward" "$BATS_FILE_TMPDIR/setup.out"
}

@test "check.sh finds nothing wrong, and leaves the tunnel that was there" {
	run -0 labs/tunnels/check.sh
	echo "$output"
	[ "$(grep -c '^ok' <<<"$output")" -eq 17 ]
	on lb ip -d link show dev eth0 | grep -q xdp_gue
}

@test "check.sh says which tunnel a backend refuses: the last task's commands" {
	local task
	task=$(sed -n 's/^# \(scripts\/node exec backend-01 scripts\/lb decap [ad].*\)$/\1/p' labs/tunnels/README.md)
	[ "$(wc -l <<<"$task")" -eq 2 ]
	bash -ec "$task"
	run -1 labs/tunnels/check.sh
	echo "$output"
	[ "$(grep "^not ok" <<<"$output" | cut -d: -f2 | xargs)" = "requests are answered through gre" ]
	[ "$(on backend-01 scripts/lb --json decap stats | jq '.[] | select(.name == "tunnel_refused").packets')" -gt 0 ]
	on backend-01 scripts/lb decap del host 172.16.0.10
	on backend-01 scripts/lb decap add host 172.16.0.10 ipip gre fou gue
}

@test "trace.sh shows the same packet in four envelopes, side by side" {
	run -0 labs/tunnels/trace.sh
	echo "$output"
	[ "${#lines[@]}" -eq 6 ]
	local packet="10.0.0.20 > 192.168.178.15  5000[0-9] > 8000" way="192.168.178.10 > 172.16.0.1[01]"
	[[ ${lines[1]} =~ ^"as it came"\ +60\ +-\ +-\ +$packet$ ]]
	[[ ${lines[2]} =~ ^"ipip"\ +"60 + 20"\ +$way\ +4\ +-\ +$packet$ ]]
	[[ ${lines[3]} =~ ^"gre"\ +"60 + 24"\ +$way\ +47\ +"0000 0800"\ +$packet$ ]]
	[[ ${lines[4]} =~ ^"fou"\ +"60 + 28"\ +$way\ +17\ +[cdef][0-9a-f]{3}" 15b3 0044 0000"\ +$packet$ ]]
	[[ ${lines[5]} =~ ^"gue"\ +"60 + 32"\ +$way\ +17\ +[cdef][0-9a-f]{3}" 17c0 0048 0000 0004 0000"\ +$packet$ ]]
	on lb ip -d link show dev eth0 | grep -q xdp_gue
}

# column NAME LOOK: of this line of the table: how many packets and headers there are, over how many queues they spread (one with less than a
# twentieth does not count), and whether the queues have all packets. (A busy machine may not have heard all of them.)
column() {
	sed -nE "s/^$1 +([0-9]+) +([0-9]+) +$2 +([0-9]+) +([0-9]+) +([0-9]+) +([0-9]+)$/\1 \2 \3 \4 \5 \6/p" "$BATS_TEST_TMPDIR/table" |
		awk '{ used = 0; for (i = 3; i <= 6; i++) used += $i > $1 / 20; print $1, $2, used, ($3 + $4 + $5 + $6 == $1) }'
}

@test "spread.sh: one header and one queue without ports, many of them with ports or sources" {
	# On a bpffs that is empty, as a host's is: nothing must be left there.
	unshare --mount sh -ec 'mount -t bpf bpf /sys/fs/bpf; labs/tunnels/spread.sh >"$0"; ls -A /sys/fs/bpf' "$BATS_TEST_TMPDIR/table" >"$BATS_TEST_TMPDIR/left"
	cat "$BATS_TEST_TMPDIR/table"
	[ "$(cat "$BATS_TEST_TMPDIR/left")" = $'maps.debug\nprogs.debug' ]
	local name packets headers used whole
	for name in ipip gre; do
		read -r packets headers used whole < <(column "$name +lb's own address" addresses)
		[[ $packets -ge 20 && "$headers $used $whole" == "1 1 1" ]]
	done
	# Linux looks behind IPIP and GRE headers.
	for name in ipip gre fou gue; do
		read -r packets headers used whole < <(column "$name +lb's own address" "\\(a veth of Linux\\)")
		[[ $packets -ge 20 && $used -ge 3 && $whole -eq 1 ]]
	done
	for name in fou gue; do
		read -r packets headers used whole < <(column "$name +lb's own address" addresses)
		[[ $packets -ge 20 && $headers -ge $((packets * 9 / 10)) && "$used $whole" == "1 1" ]]
		read -r packets headers used whole < <(column "$name +lb's own address" "addresses and ports")
		[[ $packets -ge 20 && $headers -ge $((packets * 9 / 10)) && "$used $whole" == "4 1" ]]
	done
	read -r packets headers used whole < <(column "ipip +192.168.178.128\/25" addresses)
	[[ $packets -ge 20 && $headers -ge $((packets * 4 / 10)) && $used -ge 3 && $whole -eq 1 ]]
	read -r packets headers used whole < <(column "ipip +192.168.178.128\/25" "\\(a veth of Linux\\)")
	[[ $packets -ge 20 && $used -ge 3 && $whole -eq 1 ]]
	lb --json show | jq -e '.source == null'
}

@test "the queues are computed as Microsoft's specification of RSS says" {
	/usr/bin/python3 - <<-'END'
		import sys
		sys.path.insert(0, "labs/tunnels")
		from spread import packed, toeplitz
		def hashed(source, destination, *ports):
		    return toeplitz(packed(source) + packed(destination) + b"".join(port.to_bytes(2, "big") for port in ports))
		assert hashed("66.9.149.187", "161.142.100.80") == 0x323e8fc2
		assert hashed("66.9.149.187", "161.142.100.80", 2794, 1766) == 0x51ccc178
		assert hashed("3ffe:2501:200:1fff::7", "3ffe:2501:200:3::1") == 0x2cc18cd5
		assert hashed("3ffe:2501:200:1fff::7", "3ffe:2501:200:3::1", 2794, 1766) == 0x40207d3d
	END
}

@test "experiment.sh: what each envelope costs, and a download survives that it changes" {
	run -0 labs/tunnels/experiment.sh
	echo "$output"
	grep -q "^  ipip  20 bytes around a packet, MTU 1480$" <<<"$output"
	grep -q "^  gre   24 bytes around a packet, MTU 1476$" <<<"$output"
	grep -q "^  fou   28 bytes around a packet, MTU 1472$" <<<"$output"
	grep -q "^  gue   32 bytes around a packet, MTU 1468$" <<<"$output"
	grep -q "^  4 changes, 100000000 of 100000000 bytes$" <<<"$output"
}

@test "IPv6 in GRE in IPv4, and IPv4 in FOU in IPv6" {
	FAMILY=6in4 TUNNEL=gre run -0 labs/tunnels/setup.sh
	grep -q "^Hello from backend-0[12] (172.16.0.1[01])" <<<"$output"
	run -0 labs/tunnels/trace.sh
	echo "$output"
	[[ ${lines[3]} == gre*"80 + 24"*"192.168.178.10 > 172.16.0.1"*"0000 86dd"*"2001:db8:10::20 > 2001:db8:178::15"* ]]
	FAMILY=4in6 TUNNEL=fou run -0 labs/tunnels/setup.sh
	grep -q "^Hello from backend-0[12] (2001:db8:172::1[01])" <<<"$output"
	run -0 labs/tunnels/trace.sh
	echo "$output"
	[[ ${lines[4]} == fou*"60 + 48"*"2001:db8:178::10 > 2001:db8:172::1"*" 17 "*"10.0.0.20 > 192.168.178.15"* ]]
	[[ ${lines[4]} != *"0044 0000"* ]] # a checksum, which IPv6 wants
}

@test "a tunnel that nobody knows is refused" {
	TUNNEL=vxlan run -1 labs/tunnels/setup.sh
	[[ $output == *"TUNNEL=vxlan is not known; use ipip, gre, fou or gue" ]]
}
