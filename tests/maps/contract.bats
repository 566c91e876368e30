#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The contract between kernel and shell: for each map, what maps/NAME.sh encodes is what the programs'
# structs hold, field by field, and what it decodes is what was encoded.

load ../lib/helper

for encoder in maps/*.sh; do
	# shellcheck source=/dev/null
	. "$encoder"
done

setup_file() {
	scripts/node destroy --all
	scripts/node create lb eth0=lan:192.168.178.10/24 eth1=dc:172.20.0.10/24 eth2=wan:10.0.0.10/16
	on lb ip link set dev eth0 xdp obj bpf/xdp_ipip.o sec xdp
	on lb ip link set dev eth1 xdp obj bpf/xdp_decap.o sec xdp
	on lb ip link set dev eth2 xdp obj bpf/xdp_nat.o sec xdp
}

teardown_file() {
	scripts/node destroy --all
}

# round_trip MAP KEY VALUE: updates a map with what encoders have printed, prints what BTF reads.
round_trip() {
	# shellcheck disable=SC2086 # bytes
	on lb bpftool map update pinned "$MAPS/$1" key $2 value $3
	# shellcheck disable=SC2086
	on lb bpftool -j map lookup pinned "$MAPS/$1" key $2
}

# fields JSON FILTER: compares what a filter finds in the formatted part with what is expected.
holds() {
	local got
	got=$(jq -c ".formatted | $2" <<<"$1")
	[ "$got" = "$3" ] || {
		echo "$2 is $got, expected $3, in: $1"
		return 1
	}
}

# layout OBJECT STRUCT: "size field@byte ..." of a struct or union, out of the object's BTF.
layout() {
	bpftool -j btf dump file "bpf/$1.o" | jq -r --arg name "$2" '.types[]
		| select((.kind == "STRUCT" or .kind == "UNION") and .name == $name)
		| "\(.size)" + ([.members[] | " \(.name)@\(.bits_offset / 8)"] | add)'
}

# enumerators MAP ENUM: the lines of an enum in a map's header, without comments. (An enum that only
# inlined functions use is not in the object's BTF.)
enumerators() {
	sed -n "/^enum $2 {/,/^}/s/^\t\([A-Z_]*\)\( = [0-9]*\)\?,.*/\1\2/p" "maps/$1.h"
}

@test "the structs lie in the objects as the encoders write them" {
	[ "$(layout xdp_ipip address)" = "16 octets@0 words@0" ]
	[ "$(layout xdp_ipip service_key)" = "20 address@0 port@16 protocol@18 family@19" ]
	[ "$(layout xdp_ipip service)" = "24 id@0 first@4 slots@8 flags@12 learns_until@16" ]
	[ "$(layout xdp_ipip slot)" = "8 now@0 was@4" ]
	[ "$(layout xdp_ipip backend)" = "28 address@0 port@16 family@18 state@19 weight@20 service@24" ]
	[ "$(layout xdp_ipip load_balancer)" = "56 address@0 hash_key@16 flags@48 window@52" ]
	[ "$(layout xdp_ipip nexthop)" = "32 destination@0 source@6 ifindex@12 address@16 mtu@20 expires@24" ]
	[ "$(layout xdp_ipip counter)" = "16 packets@0 bytes@8" ]
	[ "$(layout xdp_ipip backend_counter)" = "24 packets@0 bytes@8 connections@16" ]
	[ "$(layout xdp_ipip connection_key)" = "16 source@0 destination@4 source_port@8 destination_port@10 protocol@12 unused@13" ]
	[ "$(layout xdp_ipip tracked_flow)" = "16 backend@0 closing@4 seen@8" ]
	[ "$(layout xdp_decap decap_address)" = "20 address@0 family@16" ]
	[ "$(layout xdp_decap decap_role)" = "4 roles@0" ]
	[ "$(layout xdp_decap counter)" = "16 packets@0 bytes@8" ]
	[ "$(layout xdp_nat nat)" = "20 first_port@0 last_port@2 handshake@4 established@8 closing@12 udp@16" ]
	[ "$(layout xdp_nat connection_key)" = "16 source@0 destination@4 source_port@8 destination_port@10 protocol@12 unused@13" ]
	[ "$(layout xdp_nat translation)" = "24 becomes@0 backend@16 direction@20" ]
	[ "$(layout xdp_nat connection)" = "48 translation@0 seen@24 fin@32 rst@36 seat@40 closing@44" ]
	[ "$(layout xdp_nat handshake)" = "40 translation@0 expires@24 answered@32 confirm@36" ]
	[ "$(layout xdp_nat seat)" = "24 taken@0 unused@4 request@8" ]
}

@test "services" {
	local got
	got=$(round_trip services "$(service_key udp 192.168.178.15 8000)" "$(service 70000 5 65537 "$SERVICE_STICKY")")
	holds "$got" .key.address.octets "[192,168,178,15,0,0,0,0,0,0,0,0,0,0,0,0]"
	[ "$(jq -c '.key[16:20]' <<<"$got")" = '["0x1f","0x40","0x11","0x04"]' ]
	holds "$got" .key.protocol 17
	holds "$got" .key.family 4
	holds "$got" .value '{"id":70000,"first":5,"slots":65537,"flags":1,"learns_until":0}'
	[ "$(on lb bpftool -j map dump pinned "$MAPS/services" | services_decode)" = \
		'[{"protocol":"udp","address":"192.168.178.15","port":8000,"family":4,"id":70000,"first":5,"slots":65537,"flags":1,"learns_until":0}]' ]
}

@test "services: the entry for a VIP" {
	local got
	got=$(round_trip services "$(vip_key 10.1.2.3)" "$(service 0 0 0)")
	holds "$got" .key.address.octets "[10,1,2,3,0,0,0,0,0,0,0,0,0,0,0,0]"
	holds "$got" .key.port 0
	holds "$got" .key.protocol 0
	holds "$got" .key.family 4
}

@test "destinations" {
	local got
	[ "$(destination_key 192.168.178.15)" = "15 178 0 0" ]
	got=$(round_trip destinations "$(destination_key 10.0.1.2)" "$(destination 16909060 1 70000)")
	holds "$got" . '{"key":258,"value":{"vips":16909060,"lent":1,"changes":70000,"unused":0}}'
	[ "$(jq -s . <<<"$got" | destinations_decode)" = '[{"octets":"1.2","vips":16909060,"lent":1,"changes":70000}]' ]
}

@test "slots" {
	local got
	got=$(round_trip slots "$(u32 4194303)" "$(slot 258 16909060)")
	holds "$got" . '{"key":4194303,"value":{"now":258,"was":16909060}}'
	[ "$(jq -s . <<<"$got" | slots_decode)" = '[{"slot":4194303,"now":258,"was":16909060}]' ]
	got=$(round_trip slots "$(u32 0)" "$(slot 7)")
	holds "$got" .value '{"now":7,"was":7}'
}

@test "backends" {
	local got
	got=$(round_trip backends "$(u32 32767)" "$(backend 172.16.255.1 8080 70000 65536)")
	holds "$got" .key 32767
	holds "$got" .value.address.octets "[172,16,255,1,0,0,0,0,0,0,0,0,0,0,0,0]"
	[ "$(jq -c '.value[16:18]' <<<"$got")" = '["0x1f","0x90"]' ]
	holds "$got" .value.family 4
	holds "$got" .value.state 1
	holds "$got" .value.weight 65536
	holds "$got" .value.service 70000
	round_trip backends "$(u32 1)" "$(backend 10.0.0.1 80 1 0 "$BACKEND_DOWN")"
	[ "$(on lb bpftool -j map dump pinned "$MAPS/backends" | backends_decode)" = \
		'[{"id":1,"address":"10.0.0.1","port":80,"family":4,"weight":0,"state":"down","service":1},{"id":32767,"address":"172.16.255.1","port":8080,"family":4,"weight":65536,"state":"up","service":70000}]' ]
	round_trip backends "$(u32 1)" "$(backend 0.0.0.0 0 0 0 "$BACKEND_FREE")"
	[ "$(on lb bpftool -j map dump pinned "$MAPS/backends" | backends_decode | jq length)" -eq 1 ]
}

@test "the limits are those of the objects" {
	[ "$(on lb bpftool -j map show pinned "$MAPS/backends" | jq .max_entries)" -eq "$MAX_BACKENDS" ]
	[ "$(on lb bpftool -j map show pinned "$MAPS/slots" | jq .max_entries)" -eq "$MAX_SLOTS" ]
}

@test "load_balancer" {
	local got key
	key=$(seq -s ' ' 224 255)
	# shellcheck disable=SC2086 # bytes
	got=$(round_trip load_balancer "$(u32 0)" "$(load_balancer 192.168.178.10 "$LB_DEBUG" 70000 $key)")
	holds "$got" .value.address.octets "[192,168,178,10,0,0,0,0,0,0,0,0,0,0,0,0]"
	holds "$got" .value.hash_key "[$((0xe3e2e1e0)),$((0xe7e6e5e4)),$((0xebeae9e8)),$((0xefeeedec)),$((0xf3f2f1f0)),$((0xf7f6f5f4)),$((0xfbfaf9f8)),$((0xfffefdfc))]"
	holds "$got" .value.flags 1
	holds "$got" .value.window 70000
	[ "$(load_balancer_decode <<<"$got")" = "{\"address\":\"192.168.178.10\",\"hash_key\":[${key// /,}],\"flags\":1,\"window\":70000}" ]
}

@test "load_balancer: keys in hex and random keys are 32 bytes" {
	[ "$(hex_bytes 00ff10AB)" = $'0\n255\n16\n171' ]
	[ "$(random_hash_key | wc -w)" -eq 32 ]
	[ "$(random_hash_key)" != "$(random_hash_key)" ]
}

@test "nexthops" {
	local got
	# struct nexthop by hand: the shell only reads it
	got=$(round_trip nexthops "$(u32 3)" "2 0 0 0 0 2 2 0 0 0 0 16 $(u32 77) 172 16 0 10 $(u32 1480) $(u32 5) $(u32 1)")
	jq -c '.formatted.values[0].value' <<<"$got"
	[ "$(nexthops_decode <<<"$got" | jq -c '.[1]')" = \
		'{"cpu":1,"destination":"02:00:00:00:00:02","source":"02:00:00:00:00:10","ifindex":77,"address":"172.16.0.10","mtu":1480,"expires":4294967301}' ]
}

@test "stats: the names are those of enum verdict, and packets and bytes are summed over the CPUs" {
	local names got
	names=$(enumerators stats verdict | sed '/^VERDICTS$/d; s/^VERDICT_//' | tr '[:upper:]' '[:lower:]')
	[ "$names" = "$(printf '%s\n' "${VERDICTS[@]}")" ]
	round_trip stats "$(u32 1)" "$(u32 10) $(u32 0) $(u32 100) $(u32 0)" # on each CPU
	got=$(on lb bpftool -j map dump pinned "$MAPS/stats" | stats_decode)
	[ "$(jq length <<<"$got")" -eq "${#VERDICTS[@]}" ]
	[ "$(jq -c '.[1]' <<<"$got")" = "{\"name\":\"forwarded\",\"packets\":$((10 * $(nproc))),\"bytes\":$((100 * $(nproc)))}" ]
}

@test "decap_addresses" {
	local got
	got=$(round_trip decap_addresses "$(decap_address 192.168.178.10)" "$(decap_role $((DECAP_LB + DECAP_VIP)))")
	holds "$got" .key.address.octets "[192,168,178,10,0,0,0,0,0,0,0,0,0,0,0,0]"
	holds "$got" .key.family 4
	holds "$got" .value.roles 5
	[ "$(on lb bpftool -j map dump pinned "$MAPS/decap_addresses" | decap_addresses_decode)" = \
		'[{"address":"192.168.178.10","family":4,"roles":["lb","vip"]}]' ]
}

@test "decap_addresses: the roles are those of enum decap_roles" {
	[ "$(enumerators decap_addresses decap_roles)" = \
		$'DECAP_LB = '"$DECAP_LB"$'\nDECAP_HOST = '"$DECAP_HOST"$'\nDECAP_VIP = '"$DECAP_VIP" ]
}

@test "decap_stats: the names are those of enum decap_verdict" {
	local names
	names=$(enumerators decap_stats decap_verdict | sed '/^DECAP_VERDICTS$/d; s/^DECAP_//' | tr '[:upper:]' '[:lower:]')
	[ "$names" = "$(printf '%s\n' "${DECAP_VERDICTS[@]}")" ]
	[ "$(on lb bpftool -j map dump pinned "$MAPS/decap_stats" | decap_stats_decode | jq length)" -eq "${#DECAP_VERDICTS[@]}" ]
}

@test "nat" {
	local got
	got=$(round_trip nat "$(u32 0)" "$(nat 10001 65534 31 86400 32 65537)")
	holds "$got" .value '{"first_port":10001,"last_port":65534,"handshake":31,"established":86400,"closing":32,"udp":65537}'
	[ "$(nat_decode <<<"$got")" = '{"first_port":10001,"last_port":65534,"handshake":31,"established":86400,"closing":32,"udp":65537}' ]
}

@test "nat_events: the names are those of enum nat_event" {
	local names
	names=$(enumerators nat_events nat_event | sed '/^NAT_EVENTS$/d; s/^NAT_//' | tr '[:upper:]' '[:lower:]')
	[ "$names" = "$(printf '%s\n' "${NAT_EVENTS[@]}")" ]
	round_trip nat_events "$(u32 4)" "$(u32 7) $(u32 0) $(u32 0) $(u32 0)"
	[ "$(on lb bpftool -j map dump pinned "$MAPS/nat_events" | nat_events_decode | jq -c '.[4]')" = \
		"{\"name\":\"freed\",\"connections\":$((7 * $(nproc)))}" ]
}

# A connection key: 10.0.0.20:40000 > 192.168.178.15:80, TCP. A translation: it becomes
# 192.168.178.10:40001 > 172.16.0.10:8080, of backend 3.
connection_key="10 0 0 20 192 168 178 15 156 64 0 80 6 0 0 0"
translation="192 168 178 10 172 16 0 10 156 65 31 144 6 0 0 0 3 0 0 0 0 0 0 0"
connection='[{"protocol":"tcp","client":"10.0.0.20:40000","vip":"192.168.178.15:80","lb":"192.168.178.10:40001","backend":"172.16.0.10:8080"}]'

@test "conntrack" {
	round_trip conntrack "$connection_key" "$translation $(u32 0) $(u32 0) $(u32 0) $(u32 0) $(u32 5) $(u32 0)"
	[ "$(on lb bpftool -j map dump pinned "$MAPS/conntrack" | conntrack_decode)" = "$connection" ]
}

@test "handshakes" {
	round_trip handshakes "$connection_key" "$translation $(u32 0) $(u32 0) $(u32 0) $(u32 0)"
	[ "$(on lb bpftool -j map dump pinned "$MAPS/handshakes" | handshakes_decode)" = "$connection" ]
}

@test "seats" {
	local got
	got=$(round_trip seats "$(u32 131071)" "$(u32 1) $(u32 0) $connection_key")
	[ "$(jq -s . <<<"$got" | seats_decode)" = '[{"seat":131071,"taken":1}]' ]
}

@test "flows and new_flows" {
	local map
	for map in flows new_flows; do
		round_trip $map "$connection_key" "$(u32 3) $(u32 1) $(u32 705032705) $(u32 1)" # 5000000001 ns
		[ "$(on lb bpftool -j map dump pinned "$MAPS/$map" | ${map}_decode)" = \
			'[{"protocol":"tcp","client":"10.0.0.20:40000","service":"192.168.178.15:80","backend":3,"closing":true,"seen":5}]' ]
	done
}

@test "backend_stats" {
	local got
	round_trip backend_stats "$(u32 258)" "$(u32 10) $(u32 0) $(u32 100) $(u32 0) $(u32 1) $(u32 0)" # on each CPU
	# shellcheck disable=SC2046 # bytes
	got=$(on lb bpftool -j map lookup pinned "$MAPS/backend_stats" key $(u32 258))
	[ "$(jq -s . <<<"$got" | backend_stats_decode)" = \
		"[{\"id\":258,\"packets\":$((10 * $(nproc))),\"bytes\":$((100 * $(nproc))),\"connections\":$(nproc)}]" ]
}

@test "keys of arrays" {
	[ "$(u32_keys <<<"[0, 258, 4194303]")" = "key $(u32 0)
key $(u32 258)
key $(u32 4194303)" ]
}

@test "command: what the encoder writes is what the single encoders write, one after the other" {
	local got want
	got=$(
		commands_encode <<-'END'
			[{"operation": 1, "protocol": "udp", "address": "192.168.178.15", "port": 8000, "id": 70000, "first": 5, "slots": 65537, "flags": 3,
			"is_vip": true, "changes": [{"id": 258, "address": "172.16.255.1", "port": 8080, "state": "down", "weight": 65536, "service": 70000},
			{"id": 1, "address": "0.0.0.0", "port": 0, "state": "free", "weight": 0, "service": 0}]}]
		END
	)
	want="$(u32 "$COMMAND_BUILD") $(service_key udp 192.168.178.15 8000) $(service 70000 5 65537 3) $(u32 1) $(u32 2)"
	want+=" $(u32 258) $(backend 172.16.255.1 8080 70000 65536 "$BACKEND_DOWN")"
	want+=" $(u32 1) $(backend 0.0.0.0 0 0 0 "$BACKEND_FREE")"
	[ "$got" = "$want" ]
}

@test "the flags of services, the states of backends, the operations of the builder" {
	[ "$(enumerators services service_flags)" = $'SERVICE_STICKY = '"$SERVICE_STICKY"$'\nSERVICE_HASH = '"$SERVICE_HASH" ]
	[ "$(enumerators backends backend_state)" = \
		$'BACKEND_FREE = '"$BACKEND_FREE"$'\nBACKEND_UP = '"$BACKEND_UP"$'\nBACKEND_DOWN = '"$BACKEND_DOWN" ]
	[ "$(enumerators command operation)" = \
		$'COMMAND_BUILD = '"$COMMAND_BUILD"$'\nCOMMAND_DELETE = '"$COMMAND_DELETE"$'\nCOMMAND_SETTLE = '"$COMMAND_SETTLE" ]
	grep -q "define MAX_SERVICE_BACKENDS $MAX_SERVICE_BACKENDS$" maps/command.h
	grep -q "define MAX_SERVICE_SLOTS $MAX_SERVICE_SLOTS$" maps/command.h
}

@test "every map that is pinned has its pair of files" {
	local pin
	for pin in $(on lb ls "$MAPS"); do
		[ -e "maps/$pin.h" ]
		[ -e "maps/$pin.sh" ]
	done
	[ "$(on lb ls "$MAPS" | wc -l)" -eq 17 ]
}
