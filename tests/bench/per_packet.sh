#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# per_packet: what does a packet cost? Runs every program on every kind of packet, in turns with floors
# (programs that do next to nothing), and prints JSON: nanoseconds per packet and multiples of the floor.
# usage: tests/bench/per_packet.sh MODE REPEATS ROUNDS RUNS FLOWS    MODE: ipip, gre, fou, gue, l2dsr, decap, relay, nat (with room for FLOWS
#        connections), or nat-new (as it is built, with new connections); REPEATS: how often all is loaded and
#        measured; ROUNDS and RUNS: see packets.c; FLOWS: how many in the cold cases, a power of two
# It fails if a verdict or a counter is not what it must be.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/bench/lib.sh

mode=$1 repeats=$2 rounds=$3 runs=$4 flows=$5
cold_services=$((flows < 256 ? flows : 256))
stats=stats scripts=$PWD # of the tree whose programs are loaded
unwraps=''
[[ $mode != @(decap|relay) ]] || stats=decap_stats unwraps=1
trap 'scripts/node destroy --all' EXIT
scripts/node destroy --all # whatever a killed run has left

# add NAME SECTION DECK VERDICT COUNTER MOVES [PROGRAM]: a case. MOVES is 1 if the program moves the frame's start.
# PROGRAM is a pinned one; if not given, the one under test.
cases=()
add() {
	cases+=("$(jq -nc '$ARGS.positional | {name: .[0], section: .[1], deck: .[2], verdict: (.[3] | tonumber),
		counter: .[4], moves: (.[5] | tonumber), program: (.[6] // "/sys/fs/bpf/sec_\(.[1])")}' --args -- "$@")")
}
PASS=2 TX=3 DROP=1

# play FLOWS SERVICES TEMPLATE...: sends all templates of every flow once, before the clock runs.
play() {
	on lb bpftool map update pinned /sys/fs/bpf/deal/dealt key 0 0 0 0 value 0 0 0 0 0 0 0 0
	# the first frame is the first template as it is
	on lb "$build/packets" time eth0 1 $((1 + $1 * ($# - 2))) <<<"play xdp /sys/fs/bpf/sec_xdp $(deck "$@")" >/dev/null
}

# machine: a node with the program, and services of so many backends as $1 says.
machine() {
	scripts/node create lb eth0=lan:192.168.178.10/16 via 192.168.178.2
	on lb ip link set eth0 address 02:00:00:00:00:10
	settle_in lb
	load_tools lb
	if [[ -n $unwraps ]]; then
		on lb scripts/lb attach "$mode" eth0
		on lb scripts/lb decap add lb 192.168.178.10
		on lb scripts/lb decap add host 10.2.0.0
		for ((i = 0; i < cold_services; i++)); do
			echo "map update pinned $maps/decap_addresses key $(decap_key vip "10.1.0.$i") value $(decap_entry)"
		done | on lb bpftool batch file - >/dev/null
	else
		know_backends lb "$mode" $((cold_services * $1 + 2))
		speak_ipv6 lb
		[[ $mode != nat ]] || on lb sysctl -qw net.ipv4.ip_local_port_range="1024 9999"
		on lb "$scripts/scripts/lb" attach "$mode" eth0
		on lb "$scripts/scripts/lb" set address 2001:db8:178::10
		{
			services "$mode" "$cold_services" "$1"
			printf '%s\n' "service udp 10.1.0.0:8000 slots 251" "backend $(backend_of "$mode" 0)" \
				"service tcp 10.1.0.0:9000 slots 251" "backend $(backend_of "$mode" 0)"
			services6 "$mode"
		} | on lb "$scripts/scripts/lb" restore -
	fi
	load_programs
}

# load_programs: both sections of the object, pinned as sec_xdp and sec_frags. The maps stay.
load_programs() {
	local section
	for section in frags xdp; do
		on lb ip -force link set dev eth0 xdp obj "$scripts/bpf/xdp_$mode.o" sec "${section/#frags/xdp.frags}"
		on lb rm -f "/sys/fs/bpf/sec_$section"
		on lb bpftool prog pin id "$(program_on lb eth0)" "/sys/fs/bpf/sec_$section"
	done
}

# change_backends: tcp 10.1.0.0:9000 goes over to another backend, and one of its connections is known.
change_backends() {
	play 1 1 established:9000
	on lb scripts/lb backend add tcp 10.1.0.0:9000 "$(backend_of "$mode" 1)"
	on lb scripts/lb backend set tcp 10.1.0.0:9000 "$(backend_of "$mode" 0)" weight 0
	play 1 1 established:9000 established:9000
	[[ $(on lb scripts/lb --json flows | jq length) -eq 1 ]] || die "the connection of a changed slot is not known"
}

moves=0
case $mode in
ipip | gre | fou | gue | l2dsr)
	[[ $mode == l2dsr ]] || moves=1
	machine $((1 + 3 * moves))
	change_backends
	add "established" xdp "$(deck 1 1 established)" $TX forwarded $moves
	add "established, sec xdp.frags" frags "$(deck 1 1 established)" $TX forwarded $moves
	add "SYN" xdp "$(deck 1 1 syn)" $TX forwarded $moves
	add "UDP" xdp "$(deck 1 1 udp)" $TX forwarded $moves
	add "slot in transition, flow known" xdp "$(deck 1 1 established:9000)" $TX forwarded $moves
	add "for nobody" xdp "$(deck 1 1 nobody)" $PASS not_ours 0
	add "for nobody, ends like a VIP" xdp "$(deck 1 1 namesake)" $PASS not_ours 0
	# families: 6>4 is an IPv6 VIP with an IPv4 backend
	add "IPv6 established" xdp "$(deck 1 1 established6)" $TX forwarded $moves
	add "IPv6 UDP" xdp "$(deck 1 1 udp6)" $TX forwarded $moves
	add "IPv6 for nobody" xdp "$(deck 1 1 nobody6)" $PASS not_ours 0
	add "6>4 established" xdp "$(deck 1 1 established6:8400)" $TX forwarded $moves
	add "4>6 established" xdp "$(deck 1 1 established:8600)" $TX forwarded $moves
	add "established, cold" xdp "$(deck "$flows" "$cold_services" established)" $TX forwarded $moves
	add "SYN, cold" xdp "$(deck "$flows" "$cold_services" syn)" $TX forwarded $moves
	[[ $mode == ipip ]] || steps=()
	[[ $mode != ipip ]] || load_ladder lb ipip
	for step in "${steps[@]}"; do
		moved=0
		[[ $step != [89]* ]] || moved=1
		add "ladder: $step" xdp "$(deck 1 1 established)" $TX forwarded $moved "/sys/fs/bpf/ladder/step_$step"
		add "ladder, cold: $step" xdp "$(deck "$flows" "$cold_services" established)" $TX forwarded $moved "/sys/fs/bpf/ladder/step_$step"
	done
	;;
nat)
	moves=1 # between families
	# Seats for the connections of the cold case, and a few more.
	scripts=$build/nat
	rm -rf "$scripts"
	mkdir -p "$scripts"
	cp -r Makefile bpf headers maps scripts "$scripts"
	make -sC "$scripts" clean
	make -sC "$scripts" CFLAGS="-DMAX_CONNECTIONS=$((flows + flows / 64 + 64))"
	machine 1
	play "$flows" "$cold_services" syn synack established
	play 1 1 udp udp-reply udp
	play 1 1 syn6 synack6 established6
	play 1 1 syn6:8400 synack:8400 established6:8400
	play 1 1 syn:8600 synack6:8600 established:8600
	add "request, established" xdp "$(deck 1 1 established)" $TX forwarded 0
	add "request, sec xdp.frags" frags "$(deck 1 1 established)" $TX forwarded 0
	add "reply, established" xdp "$(deck 1 1 reply)" $TX forwarded 0
	add "request, UDP" xdp "$(deck 1 1 udp)" $TX forwarded 0
	add "reply, UDP" xdp "$(deck 1 1 udp-reply)" $TX forwarded 0
	add "for nobody" xdp "$(deck 1 1 nobody)" $PASS not_ours 0
	# families: 6>4 is an IPv6 client of an IPv4 backend, whose packets become 20 bytes shorter
	add "IPv6 request, established" xdp "$(deck 1 1 established6)" $TX forwarded 0
	add "IPv6 reply, established" xdp "$(deck 1 1 reply6)" $TX forwarded 0
	add "6>4 request, established" xdp "$(deck 1 1 established6:8400)" $TX forwarded 1
	add "6>4 reply, established" xdp "$(deck 1 1 reply:8400)" $TX forwarded 1
	add "4>6 request, established" xdp "$(deck 1 1 established:8600)" $TX forwarded 1
	add "IPv6 for nobody" xdp "$(deck 1 1 nobody6)" $PASS not_ours 0
	add "request, cold" xdp "$(deck "$flows" "$cold_services" established)" $TX forwarded 0
	add "reply, cold" xdp "$(deck "$flows" "$cold_services" reply)" $TX forwarded 0
	load_ladder lb nat
	for step in "${nat_steps[@]}"; do
		add "ladder: $step" xdp "$(deck 1 1 established)" $TX forwarded 0 "/sys/fs/bpf/ladder/step_$step"
		add "ladder, cold: $step" xdp "$(deck "$flows" "$cold_services" established)" $TX forwarded 0 "/sys/fs/bpf/ladder/step_$step"
	done
	;;
nat-new)
	mode=nat
	machine 1
	add "new connection, SYN" xdp "$(deck "$flows" "$cold_services" syn)" $TX forwarded 0
	;;
decap)
	machine 0
	add "accepted" xdp "$(deck 1 1 tunnel)" $PASS decapsulated 1
	add "accepted, sec xdp.frags" frags "$(deck 1 1 tunnel)" $PASS decapsulated 1
	add "refused" xdp "$(deck 1 1 forged)" $DROP source_refused 0
	add "plain" xdp "$(deck 1 1 established)" $PASS plain 0
	add "accepted, cold" xdp "$(deck "$flows" "$cold_services" tunnel)" $PASS decapsulated 1
	;;
relay)
	machine 0
	# A slot that nobody else has or had; and one that another backend has now, with a connection of this one, and without.
	on lb sysctl -qw net.ipv4.conf.all.forwarding=1
	on lb ip neigh replace 10.2.0.1 lladdr 02:00:00:00:00:02 dev eth0 nud permanent
	printf '%s\n' "service tcp 10.1.0.0:8000 slots 1" "backend 10.2.0.0" "service tcp 10.1.0.0:9000 slots 1" "backend 10.2.0.1" \
		"service tcp 10.1.0.0:9001 slots 1" "backend 10.2.0.1" | on lb scripts/lb restore -
	on lb ip addr add 10.1.0.0/32 dev lo
	on lb ip addr add 10.0.0.20/32 dev lo
	for port in 9000 9001; do
		on lb setsid python3 -c '
import socket, sys, time
listener = socket.create_server((sys.argv[1], int(sys.argv[2])))
if sys.argv[2] == "9000":
    client = socket.create_connection(listener.getsockname(), source_address=(sys.argv[3], 10000))
time.sleep(3600)' 10.1.0.0 $port 10.0.0.20 </dev/null >/dev/null 2>&1 &
	done
	until [[ $(on lb ss -Htan state established sport = 9000 | wc -l) -eq 1 && $(on lb ss -Htln sport = 9001 | wc -l) -eq 1 ]]; do sleep 0.1; done
	add "accepted, nobody else" xdp "$(deck 1 1 tunnel)" $PASS decapsulated 1
	add "accepted, somebody else, but the connection is here" xdp "$(deck 1 1 tunnel:9000)" $PASS decapsulated 1
	add "handed on" xdp "$(deck 1 1 tunnel:9001)" $TX handed_on 1
	add "plain" xdp "$(deck 1 1 established)" $PASS plain 0
	;;
*) die "there is no mode $mode" ;;
esac

# The floors, bare and with frames that are dealt: what dealing costs is the difference.
hot=$(deck 1 1 established) cold=$(deck "$flows" "$cold_services" established)
{
	for floor in pass mac_swap push_and_pop; do
		echo "bare:$floor bare $floors/$floor $hot"
	done
	for deck in "$hot" "$cold"; do
		temperature=hot
		[[ $deck == "$hot" ]] || temperature=cold
		echo "xdp:$temperature:0 xdp $floors/pass $deck"
		[[ $moves -eq 0 && -z $unwraps ]] || echo "xdp:$temperature:1 xdp $floors/push $deck"
	done
	echo "frags:hot:0 frags $floors/pass_frags $hot"
	[[ $moves -eq 0 && -z $unwraps ]] || echo "frags:hot:1 frags $floors/push_frags $hot"
	echo "mac_swap xdp $floors/mac_swap $hot"
	for i in "${!cases[@]}"; do
		jq -r --argjson i "$i" '"case:\($i) \(.section) \(.program) \(.deck)"' <<<"${cases[i]}"
	done
} >"$build/cases"
before=$(counted lb $stats)
for ((i = 0; i < repeats; i++)); do
	load_programs # where the kernel puts the machine code makes a difference of some percent
	on lb taskset -c 0 "$build/packets" time eth0 "$rounds" "$runs" <"$build/cases"
done >"$build/times"
after=$(counted lb $stats)

# Everything into one table. The cost of a frame that is dealt is subtracted: pass, as it is, against pass
# with a dealt frame; and where the start of the frame moves, the same for a program that does just that.
read -r xlated jited verified < <(on lb "$build/packets" info /sys/fs/bpf/sec_xdp)
section=$(readelf -SW "$scripts/bpf/xdp_$mode.o" | sed -n 's/.* xdp  *PROGBITS *[0-9a-f]* [0-9a-f]* \([0-9a-f]*\) .*/\1/p')
object=$((16#$section / 8))
memory=$(on lb bpftool -j prog show pinned /sys/fs/bpf/sec_xdp | jq -r '.map_ids[]' | while read -r id; do
	bpftool -j map show id "$id"
done | jq -s 'map(.bytes_memlock) | add')
jq -nR --arg mode "$mode" --argjson cases "[$(
	IFS=,
	echo "${cases[*]}"
)]" --argjson before "$before" --argjson after "$after" \
	--argjson object "{\"object_instructions\": $object, \"translated_instructions\": $xlated, \"jited_bytes\": $jited,
		\"verified_instructions\": $verified, \"map_bytes\": $memory}" '
	def median: sort | .[(length - 1) / 2 | floor];
	def round2: . * 100 | round / 100;
	[inputs | split(" ") | {name: .[0], ns: (.[1] | tonumber), verdict: (.[2] | tonumber), times: (.[3] | tonumber)}]
	| group_by(.name) | map({key: .[0].name, value: {min: (map(.ns) | min), median: (map(.ns) | median),
		verdicts: (map(.verdict) | unique), times: (map(.times) | add)}}) | from_entries as $t
	| ($cases | to_entries | map(.value + {t: $t["case:\(.key)"]})) as $cases
	| ($cases | group_by(.counter) | map({key: .[0].counter, value: (map(.t.times) | add)}) | from_entries) as $expected
	| ($after | with_entries(.value -= $before[.key]) | with_entries(select(.value != 0))) as $counted
	| ($cases | map(select(.t.verdicts != [.verdict])) | .[] | error("\($mode), \(.name): verdict \(.t.verdicts)")),
	  (if $expected != $counted then error("\($mode): counted \($counted), expected \($expected)") else empty end),
	  {mode: $mode, object: $object,
	   floors: ($t | with_entries(select(.key | startswith("bare:"))) | with_entries(.key |= .[5:] | .value |= {min, median})
		+ {mac_swap_checked: ($t | with_entries(.value |= {min, median}) | {min: (.mac_swap.min - ."xdp:hot:0".min + ."bare:pass".min | round2),
			median: (.mac_swap.median - ."xdp:hot:0".median + ."bare:pass".median | round2)})}),
	   cases: ($cases | map(
		(if .deck | test("/deck[.]1[.]1[.]") then "hot" else "cold" end) as $temperature
		| $t["\(.section):\($temperature):\(.moves)"] as $dealt
		| $t[if .moves == 1 then "bare:push_and_pop" else "bare:pass" end] as $bare
		| {min: (.t.min - $dealt.min + $bare.min), median: (.t.median - $dealt.median + $bare.median)} as $ns
		| {name, ns: ($ns | map_values(round2)),
			multiple: {min: ($ns.min / $t["bare:mac_swap"].min | round2), median: ($ns.median / $t["bare:mac_swap"].median | round2)}}))}
' <"$build/times"
