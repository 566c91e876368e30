# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# A machine for the fuzzer (tests/fuzzer): a node with all programs, and with what its cast.c says is there; and programs that
# are broken on purpose. For tests/fuzz, and tests that can use it; needs node.bash.

fuzzer=tests/fuzzer/build/fuzzer
fuzz_pins=/sys/fs/bpf/fuzz
MAPS=/sys/fs/bpf/xdp/globals

# load PROGRAM DEV [FOLDER]: loads it, and keeps it when the next one comes.
load() {
	on lb ip -force link set dev "$2" xdp obj "${3-bpf}/$1.o" sec xdp.frags
	on lb rm -f "$fuzz_pins/$1"
	on lb bpftool prog pin id "$(on lb ip -j -d link show dev "$2" | jq '.[0].xdp.prog.id')" "$fuzz_pins/$1"
}

# forever DEV MAC ADDRESS...: neighbours that the kernel asks nothing about.
forever() {
	local address
	for address in "${@:3}"; do
		on lb ip neigh replace "$address" dev "$1" lladdr "$2" nud permanent
	done
}

# make_machine: as cast.c and decap.c have it.
make_machine() {
	local words
	one_load_balancer
	speak_ipv6
	on lb ip link set eth1 mtu 3000
	on lb mkdir "$fuzz_pins"
	on lb ip route add 172.17.0.0/16 via 192.168.178.2 mtu lock 1400 # NARROW_MTU
	on lb ip route add 2001:db8:17::/64 via 2001:db8:178::2 mtu lock 1400
	on lb ip route add unreachable 172.30.0.0/24
	on lb ip route add unreachable 2001:db8:30::/64
	lb attach ipip eth0
	lb set address 2001:db8:178::10
	on lb "$fuzzer" services | lb restore - 2>/dev/null
	load xdp_relay eth1
	while read -ra words; do
		lb decap add "${words[@]}"
	done <<-END
		lb 192.168.178.10
		lb 2001:db8:178::10
		lb 10.99.0.0/24
		host 172.16.0.10 ipip gre fou gue
		host 2001:db8:16::10 ipip gre fou gue
		host 172.16.0.11 gre gue:7777
		vip 192.168.178.15
		vip 2001:db8:178::15
	END
	load xdp_decap eth1
	local kind
	for kind in l2dsr ipip gre fou gue nat; do
		load "xdp_$kind" eth0
	done
	on lb sysctl -qw net.ipv4.ip_local_port_range="1024 9999"
	lb nat set ports 10000-65535 handshake 30 established 7440 closing 30 udp 300 # FIRST_LENT, LAST_LENT
	# Nothing but the fuzzer's frames shall be counted. (But devices need a program, or frames cannot come in by them.)
	on lb ip -force link set dev eth0 xdp obj bpf/xdp_pass.o sec xdp
	on lb ip -force link set dev eth1 xdp obj bpf/xdp_pass.o sec xdp
	# after `lb restore`, which lets the kernel find out
	forever eth0 02:00:00:00:00:02 192.168.178.2 2001:db8:178::2
	forever eth0 02:00:00:00:00:11 192.168.178.11 2001:db8:178::11
	forever eth1 02:00:00:00:01:20 172.20.0.20 2001:db8:20::20
}

# fuzz COUNT SEED FIRST [PROGRAM]: runs the fuzzer, for all programs or one.
fuzz() (
	. maps/all.sh
	local kind
	{
		echo "counters $MAPS/stats ${ENUMS[verdict]#* }"
		for kind in nat l2dsr ipip gre fou gue; do
			echo "program xdp_$kind $fuzz_pins/xdp_$kind"
		done
		echo "counters $MAPS/decap_stats ${ENUMS[decap_verdict]#* }"
		for kind in decap relay; do
			echo "program xdp_$kind $fuzz_pins/xdp_$kind"
		done
	} | on lb "$fuzzer" run "$@"
)

# build_broken PROGRAM FILE SED: builds a program from headers of which one is not as it should be, so that whoever judges
# programs can be judged. It is bpf/PROGRAM.o below $BATS_TEST_TMPDIR/broken.
build_broken() {
	local folder=$BATS_TEST_TMPDIR/broken
	mkdir "$folder"
	cp -r Makefile bpf headers maps "$folder"
	sed -i "$3" "$folder/$2"
	! cmp -s "$2" "$folder/$2" || return 1
	rm "$folder/bpf/$1.o"
	make --silent -C "$folder" "bpf/$1.o"
}
