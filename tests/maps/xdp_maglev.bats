#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# xdp_maglev, the builder: its tables are those of an independent model, they are even, and they change little.

load ../lib/helper

setup_file() {
	one_load_balancer
	lb attach ipip eth0
}

teardown_file() {
	scripts/node destroy --all
}

# compare [VIP:PORT]: whether the slots of the service are the model's.
compare() {
	on lb tests/lib/maglev.py compare tcp "${1-192.168.178.15:8000}"
}

slots() {
	on lb tests/lib/maglev.py slots tcp 192.168.178.15:8000
}

# configure OPTIONS BACKEND...: the service and its backends, each as the words of a line.
configure() {
	printf 'service tcp 192.168.178.15:8000 %s\n' "$1" >"$BATS_TEST_TMPDIR/configuration"
	shift
	printf 'backend %s\n' "$@" >>"$BATS_TEST_TMPDIR/configuration"
	lb restore "$BATS_TEST_TMPDIR/configuration"
}

@test "the table is that of the Maglev paper, for few backends and a small table" {
	configure "slots 251" 172.16.0.10
	compare
	configure "slots 251" 172.16.0.10 172.16.0.11 172.16.0.12 9.9.9.9 200.1.2.3
	compare
	configure "slots 251" 172.16.0.10:80 172.16.0.10:81 172.16.0.10:8000
	compare
}

# backends N: so many.
backends() {
	seq -f '172.16.1.%g' "$1"
}

# needless BEFORE AFTER [BACKEND]: how many slots have gone from one backend to another, but for those of BACKEND, as files of
# slots say.
needless() {
	paste "$1" "$2" | awk -v but="${3-}" '$1 != $2 && $1 != but { n++ } END { print n + 0 }'
}

@test "a service has as many slots as its backends need, and they are the model's, whatever it had before" {
	local n size many
	lb restore - <<<"# none"
	for size in "5 512" "6 1024" "10 1024" "11 4096" "40 4096" "41 16384" "164 65536"; do
		read -r n size <<<"$size"
		mapfile -t many < <(backends "$n")
		configure "" "${many[@]}" # it grows, and each slot becomes four
		compare
		slots >"$BATS_TEST_TMPDIR/$n"
		[ "$(wc -l <"$BATS_TEST_TMPDIR/$n")" -eq "$size" ]
		# even: nobody has more than 1 % above the average
		sort "$BATS_TEST_TMPDIR/$n" | uniq -c | awk -v n="$n" -v size="$size" '$1 > size / n * 1.01 { exit 1 }'
	done
	# it keeps its slots: now several of them in a row are one of the table
	mapfile -t many < <(backends 5)
	configure "" "${many[@]}"
	compare
	[ "$(slots | wc -l)" -eq 65536 ]
	diff <(slots | awk 'NR % 128 == 1') "$BATS_TEST_TMPDIR/5"
	configure "sticky" "${many[@]}"
	compare
	lb service del tcp 192.168.178.15:8000
	for size in 16 256 2048 8192 32768; do
		configure "slots $size" "${many[@]}" "172.16.0.1 weight 7"
		compare
	done
	lb service del tcp 192.168.178.15:8000
}

@test "when a service grows, few flows move that need not" {
	# The new backend takes 1/11, 1/41 or 1/164 of them; the table's growth moves a few percent more.
	local n many grown
	for n in 10 40 163; do
		mapfile -t many < <(backends $((n + 1)))
		lb restore - <<<"# none"
		configure "" "${many[@]:0:n}"
		slots >"$BATS_TEST_TMPDIR/before"
		configure "" "${many[@]}"
		slots | awk 'NR % 4 == 1' >"$BATS_TEST_TMPDIR/after"
		grown=$(needless "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after")
		echo "$n backends become $((n + 1)): $grown of $(wc -l <"$BATS_TEST_TMPDIR/before") slots have moved"
		[ "$grown" -lt $(($(wc -l <"$BATS_TEST_TMPDIR/before") / 4)) ]
	done
}

@test "of tables of the usual size, one backend that leaves moves few slots of others" {
	local n many moved
	for n in 5 10 20 40 100; do
		mapfile -t many < <(backends "$n")
		lb restore - <<<"# none"
		configure "" "${many[@]}"
		slots >"$BATS_TEST_TMPDIR/before"
		lb backend set tcp 192.168.178.15:8000 "${many[2]}" weight 0
		slots >"$BATS_TEST_TMPDIR/after"
		moved=$(needless "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after" "${many[2]}:8000")
		echo "$n backends, $(wc -l <"$BATS_TEST_TMPDIR/before") slots: $moved moved needlessly"
		[ $((moved * 20)) -lt "$(wc -l <"$BATS_TEST_TMPDIR/before")" ] # 5 %
	done
	lb service del tcp 192.168.178.15:8000
}

@test "the table is that of the Maglev paper with weights, and backends that drain or are down have no slot" {
	configure "slots 4093" "172.16.0.10 weight 5" "172.16.0.11 weight 1" "172.16.0.12 weight 0" \
		"172.16.0.13 weight 3" "172.16.0.14 weight 2 down"
	compare
	# each has its share, to a slot or two of the last round
	[ "$(slots | sort | uniq -c | awk '{ print ($1 - $1 % 10) / 10, $2 }' | sort -k2 | tr '\n' ',')" = \
		"227 172.16.0.10:8000,45 172.16.0.11:8000,136 172.16.0.13:8000," ]
}

@test "weights as different as possible still fill the table" {
	configure "slots 251" "172.16.0.10 weight 65535" 172.16.0.11 172.16.0.12
	compare
	[ "$(slots | sort | uniq -c | sort -rn | awk 'NR == 1 { print $2 }')" = "172.16.0.10:8000" ]
}

@test "with hash, slot i belongs to backend i % n in the order of address and port" {
	configure "hash slots 9" 172.16.0.12 172.16.0.2 172.16.0.10
	compare
	[ "$(slots | head -4 | tr '\n' ' ')" = "172.16.0.2:8000 172.16.0.10:8000 172.16.0.12:8000 172.16.0.2:8000 " ]
	configure "hash slots 1000" "172.16.0.12 weight 7" "172.16.0.2 weight 2" 172.16.0.10
	compare
}

@test "100 backends share 16381 slots as evenly as the paper says, and one that leaves moves few slots of others" {
	mapfile -t many < <(backends 100)
	configure "slots 16381" "${many[@]}"
	compare
	slots >"$BATS_TEST_TMPDIR/before"
	sort "$BATS_TEST_TMPDIR/before" | uniq -c | awk '{ if ($1 > max) max = $1 } END { print "max/avg", max * 100 / 16381; exit max > 164 }'
	lb backend set tcp 192.168.178.15:8000 172.16.1.50 weight 0
	compare
	slots >"$BATS_TEST_TMPDIR/after"
	[ "$(needless "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after" 172.16.1.50:8000)" -le $((16381 * 3 / 100)) ]
}

@test "100 backends fill 65537 slots as the model does" {
	lb service del tcp 192.168.178.15:8000
	mapfile -t many < <(backends 100)
	configure "slots 65537" "${many[@]}"
	compare
	lb service del tcp 192.168.178.15:8000
}

@test "three load balancers have the same slots if they are configured in three different orders" {
	local i a
	lb service add tcp 192.168.178.15:8000
	for a in 10 11 12 13; do
		lb backend add tcp 192.168.178.15:8000 172.16.0.$a weight $((a - 9))
	done
	slots >"$BATS_TEST_TMPDIR/1"
	lb service del tcp 192.168.178.15:8000

	lb service add udp 192.168.178.15:53 # so that ids and slots are others
	lb backend add udp 192.168.178.15:53 172.16.0.9
	lb service add tcp 192.168.178.15:8000 hash
	for a in 13 99 11 12 10; do
		lb backend add tcp 192.168.178.15:8000 172.16.0.$a weight 3
	done
	lb service set tcp 192.168.178.15:8000 maglev
	for a in 12 10 13 11; do
		lb backend set tcp 192.168.178.15:8000 172.16.0.$a weight $((a - 9))
	done
	lb backend del tcp 192.168.178.15:8000 172.16.0.99
	slots >"$BATS_TEST_TMPDIR/2"
	lb service del tcp 192.168.178.15:8000

	configure "" "172.16.0.12 weight 3" "172.16.0.11 weight 2" "172.16.0.13 weight 4" "172.16.0.10 weight 1"
	slots >"$BATS_TEST_TMPDIR/3"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/1")" -eq 512 ]
	cmp "$BATS_TEST_TMPDIR/1" "$BATS_TEST_TMPDIR/2"
	cmp "$BATS_TEST_TMPDIR/1" "$BATS_TEST_TMPDIR/3"
}

@test "100,000 flows spread evenly over the real slots, whether their ports or their addresses count up" {
	# Always the same key: with a random one, one run of about a hundred would fail by accident.
	lb set key "$(printf '0123456789abcdef%.0s' 1 2 3 4)"
	configure "" 172.16.0.10 172.16.0.11
	on lb tests/lib/maglev.py chi-square tcp 192.168.178.15:8000
	configure "" 172.16.0.10 172.16.0.11 172.16.0.12 172.16.0.13 172.16.0.14 "172.16.0.15 weight 3" 172.16.0.16
	on lb tests/lib/maglev.py chi-square tcp 192.168.178.15:8000
}

@test "packets go where the model of the flow hash says, and another key sends them elsewhere" {
	configure "" 172.16.0.10 172.16.0.11 172.16.0.12 172.16.0.13
	local flows=() i to expected
	for i in $(seq 40); do
		flows+=("10.0.0.$i:$((1000 + i * 37))")
	done
	mapfile -t expected < <(on lb tests/lib/maglev.py place tcp 192.168.178.15:8000 "${flows[@]}")
	for i in "${!flows[@]}"; do
		to=${expected[i]%:*}
		echo "came()/client(src=\"${flows[i]%:*}\")/TCP(sport=${flows[i]#*:},dport=8000)"
		echo "=> tx forwarded leaves()/tunnel(\"$to\")/client(src=\"${flows[i]%:*}\",ttl=63)/TCP(sport=${flows[i]#*:},dport=8000)"
	done | packets
	lb set key "$(printf '%064x' 1)"
	[ "$(on lb tests/lib/maglev.py place tcp 192.168.178.15:8000 "${flows[@]}")" != "$(printf '%s\n' "${expected[@]}")" ]
}

@test "IPv6: the table is the model's, flows spread evenly, and packets go where the model says" {
	local flows=() i envelope expected
	speak_ipv6
	lb set address 2001:db8:178::10
	lb set key "$(printf '0123456789abcdef%.0s' 1 2 3 4)"
	# backends of both families, two of which have the same 16 bytes in the maps
	lb restore - <<-END
		service tcp [2001:db8:178::15]:8000
		backend 2001:db8:16::10
		backend 2001:db8:16::11 weight 3
		backend 2001:db8::
		backend 32.1.13.184
		backend 172.16.0.10
	END
	compare "[2001:db8:178::15]:8000"
	on lb tests/lib/maglev.py chi-square tcp "[2001:db8:178::15]:8000"
	for i in $(seq 40); do
		flows+=("[2001:db8:$i::20]:$((1000 + i * 37))")
	done
	mapfile -t expected < <(on lb tests/lib/maglev.py place tcp "[2001:db8:178::15]:8000" "${flows[@]}")
	for i in "${!flows[@]}"; do
		case ${expected[i]} in
		[[]*) envelope="tunnel6(\"$(cut -d] -f1 <<<"${expected[i]#[}")\")" ;;
		*) envelope="tunnel(\"${expected[i]%:*}\",proto=41)" ;;
		esac
		echo "came()/client6(src=\"2001:db8:$((i + 1))::20\")/TCP(sport=${flows[i]##*:},dport=8000)"
		echo "=> tx forwarded leaves()/$envelope/client6(src=\"2001:db8:$((i + 1))::20\",hlim=63)/TCP(sport=${flows[i]##*:},dport=8000)"
	done | packets
}

@test "the builder refuses an invalid command and changes nothing" {
	local before
	before=$(lb save)
	on lb bpftool prog load bpf/xdp_maglev.o /sys/fs/bpf/xdp/xdp_maglev \
		map name services pinned "$MAPS/services" map name slots pinned "$MAPS/slots" \
		map name backends pinned "$MAPS/backends" map name load_balancer pinned "$MAPS/load_balancer"
	# order BYTE...: what it returns
	order() {
		printf '%b' "$(printf '\\x%02x' "$@")" | on lb bpftool -j prog run pinned /sys/fs/bpf/xdp/xdp_maglev data_in - | jq .retval
	}
	local nothing=()
	for _ in $(seq 76); do nothing+=(0); done
	[ "$(order 9 0 0 0 "${nothing[@]}")" -eq $((0xfffffff0)) ]                               # no operation
	[ "$(order 3 0 0 0 "${nothing[@]}")" -eq $((0xfffffff0)) ]                               # xdp_settle does that
	[ "$(order 1 0 0 0 "${nothing[@]:20}")" -eq $((0xfffffff0)) ]                            # too short
	[ "$(order 1 0 0 0 "${nothing[@]:16}" 1 0 0 0 "${nothing[@]:64}")" -eq $((0xfffffff0)) ] # a change is missing
	[ "$(order 1 0 0 0 "${nothing[@]:12}" 1 0 0 0 "${nothing[@]:68}")" -eq $((0xfffffff0)) ] # a client is missing
	[ "$(order 1 0 0 0 "${nothing[@]:8}" 1 0 0 0 "${nothing[@]:72}")" -eq $((0xfffffff0)) ]  # a server id is missing
	[ "$(order 1 0 0 0 "${nothing[@]:4}" 1 0 0 0)" -eq $((0xfffffff0)) ]                     # the checks are missing
	# key, id and first; 65538 slots, and a table of as many
	[ "$(order 1 0 0 0 "${nothing[@]:48}" 2 0 1 0 "${nothing[@]:56}" 2 0 1 0 "${nothing[@]:56}")" -eq $((0xfffffff1)) ]
	# 4096 slots, and a table of 1000
	[ "$(order 1 0 0 0 "${nothing[@]:48}" 0 16 0 0 "${nothing[@]:56}" 232 3 0 0 "${nothing[@]:56}")" -eq $((0xfffffff0)) ]
	on lb rm /sys/fs/bpf/xdp/xdp_maglev
	[ "$(lb save)" = "$before" ]
}
