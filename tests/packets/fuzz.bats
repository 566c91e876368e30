#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# tests/fuzz: mutated packets of every kind through all programs, and judges that share nothing with them. Here are also those
# packets that it has found something with, and programs that are broken on purpose, so that the judges can fail.

load ../lib/helper
# shellcheck source=tests/lib/fuzzing.bash
. tests/lib/fuzzing.bash

setup_file() {
	make --silent "$fuzzer"
	make_machine
}

teardown_file() {
	scripts/node destroy --all
}

# broken PROGRAM FILE SED: the program with one header that is not as it should be, instead of the right one.
broken() {
	build_broken "$@"
	load "$1" eth0 "$BATS_TEST_TMPDIR/broken/bpf"
}

# finds PROGRAM TEXT: the fuzzer finds this with the program's packets. Sets number, which packet it was.
finds() {
	on lb tests/lib/clear.sh
	run -1 fuzz 200000 1 0 "$1"
	# shellcheck disable=SC2154 # output is run's
	echo "$output"
	[[ $output =~ "finding: packet "([0-9]+)" of seed 1, $1, "[^$'\n']*"$2" ]]
	number=${BASH_REMATCH[1]}
	[[ $output == *"again: tests/fuzz 1 1:$number "* ]]
}

@test "a million mutated packets: every one is judged right, and each counter has its share" {
	run -0 tests/fuzz "${FRAMES-1000000}" "${SEED-1}"
	echo "$output"
	[[ ${lines[-1]} =~ ^${FRAMES-1000000}" packets, "[0-9.]+" s, "[0-9]+" packets/s, 0 findings"$ ]]
}

@test "a TTL that is counted down without the checksum is found" {
	broken xdp_ipip headers/packet/ipv4.h '/checksum_update(ip->check, checksum_delta16(before, after))/d'
	finds xdp_ipip "the model says"
	# and again, when it is asked for this packet alone
	run -1 fuzz 1 1 "$number"
	[[ $output == *"finding: packet $number of seed 1, xdp_ipip, "* ]]
	load xdp_ipip eth0
}

@test "a packet that is counted twice is found" {
	broken xdp_gre headers/lb/conclude.h '/^	count(&stats, verdict/p'
	finds xdp_gre "no counter has gone up by one"
}

@test "a wrong UDP checksum of an envelope is found" {
	broken xdp_gue headers/tunnel/udp.h 's/check = ~checksum_fold(sum)/check = checksum_fold(sum)/'
	finds xdp_gue "wrong UDP checksum in IPv6"
}

@test "a source that is not asked for is found" {
	broken xdp_decap headers/decap/trust.h 's/if (!decap_allows(&trusted->source, way.family, DECAP_LB))/if (0)/'
	finds xdp_decap "; the model says source_refused"
}

@test "an answer to the wrong port is found" {
	broken xdp_nat headers/nat/connection.h 's/[.]destination_port = request->source_port/.destination_port = request->destination_port/'
	finds xdp_nat "an answer goes to "
}

@test "usage, and bad arguments" {
	local arguments
	for arguments in '' 'many' '1 x' '1 2:' '1 2 3'; do
		# shellcheck disable=SC2086 # words
		run -2 tests/fuzz $arguments
		[[ $output == "usage: tests/fuzz COUNT [SEED[:FIRST]]" ]]
	done
}

# ---- What it has found. ----

@test "kept: nobody answers a frame that says that it comes from a group (1:63990)" {
	on lb ip -force link set dev eth0 xdp obj bpf/xdp_ipip.o sec xdp
	packets <<-'END'
		Ether(src="03:00:00:00:00:02",dst=LB_MAC)/client(ttl=1)/TCP(dport=8000) => pass not_ours
		Ether(src="ff:ff:ff:ff:ff:ff",dst=LB_MAC)/client6()/TCP(dport=8000)/("x"*1441) => pass not_ours
	END
}

@test "kept: padding behind an ICMP error that quotes 8 bytes of TCP is no part of it (1:256075)" {
	on lb tests/lib/clear.sh
	on lb ip -force link set dev eth0 xdp obj bpf/xdp_nat.o sec xdp
	local quoted='TCP(sport=8080,dport=40000,flags="SA")' sent='TCP(sport=8001,dport=40000,flags="SA")'
	packets <<-END
		came()/client()/TCP(sport=40000,dport=8001,flags="S")
		=> tx forwarded to_backend()/ours(ttl=63)/TCP(sport=40000,dport=8080,flags="S")
		came()/client()/ICMP(type=3,code=1)/quote(answer()/$sent)/Padding("\x16"*24)
		=> tx forwarded to_backend()/ours(ttl=63)/ICMP(type=3,code=1)/quote(theirs()/$quoted)/Padding("\x16"*24)
	END
}
