#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The kernel's own tunnel devices, where it has them, against the programs: it takes off what they put on, and xdp_decap takes
# off what it puts on. One network, with real connections:
#
#     client ---- lb ---- backend, which has the VIPs and answers the client directly

load ../lib/helper

LB6=2001:db8:178::10 BACKEND6=2001:db8:178::11 CLIENT6=2001:db8:178::20

setup_file() {
	local name number
	scripts/node destroy --all
	scripts/node create lb eth0=lan:192.168.178.10/24
	scripts/node create backend eth0=lan:192.168.178.11/24
	scripts/node create client eth0=lan:192.168.178.20/24
	for name in lb backend client; do
		number=${name/lb/10} number=${number/backend/11} number=${number/client/20}
		on $name sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
		on $name ip addr replace "2001:db8:178::$number/64" dev eth0 nodad
	done
	on lb sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	on backend ip addr add 192.168.178.15/32 dev lo
	on backend ip addr add 2001:db8:15::15/128 dev lo nodad
	background backend python3 -m http.server 8000 --bind :: --directory bpf
	wait_for 120 on backend curl -s -o /dev/null http://127.0.0.1:8000/README.md
}

teardown_file() {
	scripts/node destroy --all
}

# missing: names the devices that this kernel lacks.
missing() {
	local type
	modprobe -qa fou fou6 || true # the kernel finds the others itself
	for type in ipip sit gre; do
		on backend ip link add probe0 type $type local 127.0.0.9 remote 127.0.0.8 2>/dev/null || echo $type
		on backend ip link del probe0 2>/dev/null || true
	done
	for type in ip6tnl ip6gre; do
		on backend ip link add probe0 type $type local ::9 remote ::8 2>/dev/null || echo $type
		on backend ip link del probe0 2>/dev/null || true
	done
	on backend ip fou add port 9999 gue 2>/dev/null && on backend ip fou del port 9999 || echo fou
}

# device NODE KIND INNER OUTER LOCAL REMOTE [WORD...]: a tunnel of the kernel, tun9, for packets of one family in the other.
device() {
	local node=$1 kind=$2 inner=$3 outer=$4 type words=("${@:7}")
	case $kind$outer in
	gre4) type=gre ;;
	gre6) type=ip6gre ;;
	*4) [[ $inner == 4 ]] && type=ipip || type=sit ;;
	*6) type=ip6tnl ;;
	esac
	[[ $outer == 4 ]] || words+=(encaplimit none)
	[[ $type != ip6tnl ]] || words+=(mode any)
	on "$node" ip link del tun9 2>/dev/null || true
	on "$node" ip link add tun9 type $type local "$5" remote "$6" ttl 64 "${words[@]}"
	on "$node" ip link set tun9 up
}

# each_combination COMMAND...: runs it with KIND INNER OUTER, the families as 4 and 6.
each_combination() {
	local kind inner outer
	for kind in ipip gre fou gue; do
		for inner in 4 6; do
			for outer in 4 6; do
				echo "$kind: IPv$inner in IPv$outer"
				"$@" $kind $inner $outer
			done
		done
	done
}

# reaches_vip FAMILY: the client gets a file of the VIP.
reaches_vip() {
	local vip=192.168.178.15
	[[ $1 == 4 ]] || vip='[2001:db8:15::15]'
	on client curl -sS --max-time 60 -o /dev/null "http://$vip:8000/README.md"
}

# way_to_vip FAMILY WORD...: the client's route.
way_to_vip() {
	if [[ $1 == 4 ]]; then on client ip route replace 192.168.178.15/32 "${@:2}"; else on client ip -6 route replace 2001:db8:15::15/128 "${@:2}"; fi
}

kernel_takes_off() {
	local kind=$1 inner=$2 outer=$3 own=192.168.178.11 lb=192.168.178.10 flag=-4
	[[ $outer == 4 ]] || own=$BACKEND6 lb=$LB6 flag=-6
	[[ $attached == "$kind" ]] || on lb ip -force link set dev eth0 xdp obj "bpf/xdp_$kind.o" sec xdp
	attached=$kind
	case $kind in
	fou) on backend ip $flag fou add port 5555 ipproto $((inner == 4 ? 4 : 41)) ;;
	gue) on backend ip $flag fou add port 6080 gue ;;
	esac
	device backend "$kind" "$inner" "$outer" $own $lb
	lb restore - <<-END
		service tcp $([[ $inner == 4 ]] && echo 192.168.178.15 || echo '[2001:db8:15::15]'):8000
		backend $own
	END
	wait_for 60 on lb bash -c "ip neigh show $own | grep -q lladdr" # which lb has told the kernel to find out
	way_to_vip "$inner" via "$([[ $inner == 4 ]] && echo 192.168.178.10 || echo $LB6)"
	reaches_vip "$inner"
	case $kind in
	fou) on backend ip $flag fou del port 5555 ;;
	gue) on backend ip $flag fou del port 6080 ;;
	esac
}

@test "the kernel takes off what xdp_ipip, xdp_gre, xdp_fou and xdp_gue have put on" {
	local lacks
	lacks=$(missing)
	[[ -z $lacks ]] || skip "this kernel lacks the devices ${lacks//$'\n'/, }"
	lb attach ipip eth0
	local attached=ipip
	lb set address $LB6
	each_combination kernel_takes_off
	lb detach eth0
	on backend ip link del tun9
}

xdp_decap_takes_off() {
	local kind=$1 inner=$2 outer=$3 own=192.168.178.20 backend=192.168.178.11 words=()
	[[ $outer == 4 ]] || own=$CLIENT6 backend=$BACKEND6
	case $kind in
	fou) words=(encap fou encap-sport auto encap-dport 5555) ;;
	gue) words=(encap gue encap-sport auto encap-dport 6080) ;;
	esac
	device client "$kind" "$inner" "$outer" $own $backend "${words[@]}"
	way_to_vip "$inner" dev tun9 src "$([[ $inner == 4 ]] && echo 192.168.178.20 || echo $CLIENT6)"
	reaches_vip "$inner"
}

# unwrapped: how many packets xdp_decap has unwrapped.
unwrapped() {
	on backend scripts/lb --json decap stats | jq '.[] | select(.name == "decapsulated").packets'
}

@test "xdp_decap takes off what the kernel has put on" {
	local lacks words
	lacks=$(missing)
	[[ -z $lacks ]] || skip "this kernel lacks the devices ${lacks//$'\n'/, }"
	on backend scripts/lb attach decap eth0
	while read -ra words; do
		on backend scripts/lb decap add "${words[@]}" </dev/null
	done <<-END
		lb 192.168.178.20
		lb $CLIENT6
		host 192.168.178.11 ipip gre fou gue
		host $BACKEND6 ipip gre fou gue
		vip 192.168.178.15
		vip 2001:db8:15::15
	END
	each_combination xdp_decap_takes_off
	[ "$(unwrapped)" -gt 64 ] # four of each connection, at least
}
