#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The contract between kernel and shell: the structs that the .sh files of maps/ declare are those of the headers beside
# them, field by field, and what is encoded comes back as it was.

load ../lib/helper
# shellcheck source=maps/all.sh
. maps/all.sh

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

# round_trip MAP KEY VALUE: updates a map with what encoders have printed, prints what bpftool reads.
round_trip() {
	# shellcheck disable=SC2086 # bytes
	on lb bpftool map update pinned "$MAPS/$1" key $2 value $3
	# shellcheck disable=SC2086
	on lb bpftool -j map lookup pinned "$MAPS/$1" key $2
}

# holds JSON FILTER EXPECTED: compares what a filter finds in the formatted part, which BTF makes, with what is expected.
holds() {
	local got
	got=$(jq -c ".formatted | $2" <<<"$1")
	[ "$got" = "$3" ] || {
		echo "$2 is $got, expected $3, in: $1"
		return 1
	}
}

# structs_of_headers: "NAME SIZE FIELD@BYTE ..." of every struct that the shell declares, a line each: by the BTF of an
# object with a variable of each of them.
structs_of_headers() {
	local header name
	{
		for header in maps/*.h maps/types/*.h; do echo "#include \"$header\""; done
		for name in "${!STRUCTS[@]}"; do echo "struct $name a_$name;"; done
	} | clang -target bpf -O2 -g -I. -idirafter "/usr/include/$(uname -m)-linux-gnu" -x c -c - -o "$BATS_TEST_TMPDIR/structs.o"
	bpftool -j btf dump file "$BATS_TEST_TMPDIR/structs.o" | jq -r '.types[] | select(.kind == "STRUCT")
		| "\(.name) \(.size)" + ([.members[] | " \(.name)@\(.bits_offset / 8)"] | add // "")'
}

# structs_of_shell: the same of what the shell declares.
structs_of_shell() {
	stage 'include "bytes"; contract.structs | keys[] as $name | .[$name]
		| reduce .[] as [$field, $of] ({at: 0, text: ""}; .text += " \($field)@\(.at)" | .at += ($of | size(.)))
		| "\($name) \(.at)\(.text)"' -nr
}

# enumerators ENUM: "WORD NUMBER" of each line of an enum in the headers of the maps, the word as the shell has it: in
# lower case and without the prefix. What says how many there are is left out.
enumerators() {
	cat headers/packet/packet.h maps/*.h maps/types/*.h | awk -v name="$1" '
		$1 == "enum" && $2 == name && $3 == "{" { inside = 1; n = 0; next }
		/^}/ { inside = 0 }
		inside && match($0, /^\t[A-Z_]+/) {
			word = substr($0, 2, RLENGTH - 1)
			if (match($0, /= (0x)?[0-9a-f]+/)) n = substr($0, RSTART + 2, RLENGTH - 2) + 0
			if (word != toupper(name) "S") { sub(/^[A-Z]+_/, "", word); print tolower(word), n }
			n++
		}'
}

@test "every struct that the shell declares is the one of the headers, field by field" {
	local line
	structs_of_headers >"$BATS_TEST_TMPDIR/headers"
	[ "$(structs_of_shell | wc -l)" -ge 20 ]
	structs_of_shell | while read -r line; do
		grep -qxF "$line" "$BATS_TEST_TMPDIR/headers" || {
			echo "the shell: $line"
			echo "headers:   $(grep "^${line%% *} " "$BATS_TEST_TMPDIR/headers")"
			false
		}
	done
}

@test "every enum and all flags have the words of the headers, and their numbers" {
	local name words i
	for name in "${!ENUMS[@]}"; do
		# shellcheck disable=SC2206 # words
		words=(${ENUMS[$name]#* })
		diff <(for i in "${!words[@]}"; do [[ ${words[i]} == - ]] || echo "${words[i]} $i"; done) <(enumerators "$name")
	done
	for name in "${!FLAGS[@]}"; do
		# shellcheck disable=SC2206
		words=(${FLAGS[$name]#* })
		diff <(for i in "${!words[@]}"; do echo "${words[i]} $((1 << i))"; done) <(enumerators "$name")
	done
	[ "${#ENUMS[@]}" -ge 6 ]
	[ "${#FLAGS[@]}" -ge 3 ]
}

# value_of TYPE N: a value for a field, another one for each N; append_values and print the list for a whole struct.
value_of() {
	local words
	case $1 in
	u8) echo $((100 + $2)) ;;
	u16 | be16) echo $((1000 + $2 * 259)) ;;
	u32) echo $((16909060 + $2 * 65793)) ;;
	u64) echo $((4294967000 - $2)) ;;
	address | ipv4) echo "172.16.$2.1" ;;
	address6) echo "2001:db8::$2:0:0:1" ;;
	mac) echo "02:00:0a:ff:00:0$2" ;;
	protocol) echo udp ;;
	bytes*) printf '%0*x\n' $((2 * ${1#bytes})) $((4660 + $2)) ;;
	*)
		# shellcheck disable=SC2206
		words=(${ENUMS[$1]-${FLAGS[$1]}})
		echo "${words[-1]}"
		;;
	esac
}

# values_of STRUCT: a value for each field, a line each.
values_of() {
	local field n=0
	for field in ${STRUCTS[$1]}; do
		n=$((n + 1))
		if [[ -n ${STRUCTS[${field#*:}]-} ]]; then
			values_of "${field#*:}"
		elif [[ $field != *:pad* ]]; then
			value_of "${field#*:}" $n
		fi
	done
}

@test "what the shell encodes, jq decodes, and encodes to the same bytes" {
	local name values bytes decoded
	for name in "${!STRUCTS[@]}"; do
		mapfile -t values < <(values_of "$name")
		bytes=$(encode "$name" "${values[@]}")
		decoded=$(jq -Rc 'split(" ") | map(tonumber)' <<<"$bytes" | decode 'decode($name)' --arg name "$name")
		# every value is there again
		diff <(jq -c '[.. | scalars]' <<<"$decoded") <(jq -Rnc --argjson flags "$(printf '%s\n' "${!FLAGS[@]}" | jq -Rnc '[inputs]')" '
			[inputs | if test("^[0-9]+$") and length < 12 then tonumber elif test("^[0-9a-f]{64,}$")
			  then [range(0; length; 2) as $i | .[$i:$i + 2] | explode | map(if . >= 97 then . - 87 else . - 48 end) | .[0] * 16 + .[1]][]
			  else . end]' < <(printf '%s\n' "${values[@]}")) || {
			echo "struct $name"
			false
		}
		[[ $name != nexthop ]] || continue # its MAC addresses are never encoded by jq
		[ "$(decode "decimal as \$hex | $(encoder "$name") | rtrimstr(\" \")" -r <<<"$decoded")" = "$bytes" ]
	done
}

@test "addresses of IPv6, in any text, become the same bytes in bash and jq, and one text" {
	local text bytes
	while read -r text want; do
		bytes=$(encode backend_change 1 "$text" 80 6 up 1 unchecked 0 1)
		[ "$(decode "decimal as \$hex | {id: 1, backend: {address: \$text, port: 80, family: 6, state: \"up\", weight: 1, health: \"unchecked\", flags: [], service: 1}}
			| $(encoder backend_change) | rtrimstr(\" \")" -nr --arg text "$text")" = "$bytes" ]
		[ "$(jq -Rc 'split(" ") | map(tonumber)' <<<"$bytes" | decode 'decode("backend_change").backend.address' -r)" = "$want" ]
		mapfile -t bytes < <(cut -d ' ' -f 5-20 <<<"$bytes" | tr ' ' '\n')
		[[ $want == ::ffff:*.* ]] || {
			ipv6_text "${bytes[@]}"
			# shellcheck disable=SC2154 # ipv6_text sets it
			[ "$text" = "$want" ]
		}
	done <<-'END'
		:: ::
		::1 ::1
		1:: 1::
		2001:DB8::15 2001:db8::15
		2001:0db8:0:0:1:0:0:1 2001:db8::1:0:0:1
		2001:db8:0:1:0:0:0:1 2001:db8:0:1::1
		1:2:3:4:5:6:7:0 1:2:3:4:5:6:7:0
		0:2:3:4:5:6:7:8 0:2:3:4:5:6:7:8
		fd00::5efe:10.0.0.1 fd00::5efe:a00:1
		::ffff:10.0.0.1 ::ffff:10.0.0.1
	END
}

@test "services, as they are typed" {
	local got
	got=$(round_trip services "$(service_key udp 192.168.178.15 8000)" "$(encode service 70000 5 65537 sticky,strict 4 65535 0)")
	holds "$got" .key.address.octets "[192,168,178,15,0,0,0,0,0,0,0,0,0,0,0,0]"
	[ "$(jq -c '.key[16:20]' <<<"$got")" = '["0x1f","0x40","0x11","0x04"]' ]
	holds "$got" .value '{"id":70000,"first":5,"slots":65537,"flags":9,"id_bytes":4,"need":65535,"learns_until":0}'
	holds "$(round_trip services "$(service_key udp 192.168.178.15 8000)" "$(service 7 5 1 sticky,hash)")" '.value | [.flags, .need]' "[3,0]"
	got=$(round_trip services "$(service_key tcp 2001:db8::15 8000)" "$(service 7 5 1)")
	holds "$got" .key.address.octets "[32,1,13,184,0,0,0,0,0,0,0,0,0,0,0,21]"
	[ "$(jq -c '.key[16:20]' <<<"$got")" = '["0x1f","0x40","0x06","0x06"]' ]
	got=$(round_trip services "$(vip_key 2001:db8::15)" "$(service 0 0 0)")
	[ "$(jq -c '.key[12:20]' <<<"$got")" = '["0x00","0x00","0x00","0x15","0x00","0x00","0x00","0x06"]' ]
	got=$(round_trip services "$(vip_key 10.1.2.3)" "$(service 0 0 0)") # the entry for a VIP
	holds "$got" .key.address.octets "[10,1,2,3,0,0,0,0,0,0,0,0,0,0,0,0]"
	[ "$(jq -c '.key[16:20]' <<<"$got")" = '["0x00","0x00","0x00","0x04"]' ]
}

@test "destinations, slots, backends and probes, as they are typed" {
	local got
	[ "$(destination_key 192.168.178.15)" = "15 178 0 0" ]
	[ "$(destination_key 2001:db8::15)" = "21 0 0 0" ]
	[ "$(destination_key fd00::1:abcd)" = "205 171 0 0" ]
	got=$(round_trip destinations "$(destination_key 10.0.1.2)" "$(destination 16909060 1 70000)")
	holds "$got" . '{"key":258,"value":{"vips":16909060,"lent":1,"changes":70000,"crosses":0}}'
	got=$(round_trip slots "$(u32 2097151)" "$(slot_pair 258 65535)")
	holds "$got" . '{"key":2097151,"value":{"even":{"now":258,"was":258},"odd":{"now":65535,"was":65535}}}'
	[ "$(jq -s . <<<"$got" | slots_decode)" = '[{"slot":4194302,"now":258,"was":258},{"slot":4194303,"now":65535,"was":65535}]' ]
	got=$(round_trip slots "$(u32 0)" "$(slot_pair 7)")
	holds "$got" .value '{"even":{"now":7,"was":7},"odd":{"now":0,"was":0}}'
	got=$(round_trip backends "$(u32 32767)" "$(backend 172.16.255.1 8080 70000 65535 up failed last_resort,fallback)")
	holds "$got" .key 32767
	holds "$got" .value.address.octets "[172,16,255,1,0,0,0,0,0,0,0,0,0,0,0,0]"
	[ "$(jq -c '.value[16:20]' <<<"$got")" = '["0x1f","0x90","0x04","0x01"]' ]
	holds "$got" '.value | [.weight, .health, .flags, .service]' "[65535,2,3,70000]"
	got=$(round_trip backends "$(u32 3)" "$(backend 2001:db8::11 8080 1)")
	holds "$got" .value.address.octets "[32,1,13,184,0,0,0,0,0,0,0,0,0,0,0,17]"
	[ "$(jq -c '.value[16:20]' <<<"$got")" = '["0x1f","0x90","0x06","0x01"]' ]
	got=$(round_trip backends "$(u32 1)" "$(backend 10.0.0.1 80 1 0 down healthy)")
	holds "$got" '.value | [.state, .weight, .health, .flags]' "[2,0,1,0]"
	got=$(round_trip backends "$(u32 2)" "$(backend 10.0.0.1 80 1)")
	holds "$got" '.value | [.state, .weight, .health, .flags]' "[1,1,0,0]"
	holds "$(round_trip probes "$(u32 1023)" "$(u32 32767)")" . '{"key":1023,"value":32767}'
}

@test "the limits are those of the objects and the headers" {
	[ "$(on lb bpftool -j map show pinned "$MAPS/backends" | jq .max_entries)" -eq "$MAX_BACKENDS" ]
	[ "$(on lb bpftool -j map show pinned "$MAPS/slots" | jq .max_entries)" -eq $((MAX_SLOTS / 2)) ]
	grep -q "define MAX_SERVICE_BACKENDS $MAX_SERVICE_BACKENDS$" maps/types/command.h
	grep -q "define MAX_CLIENTS $MAX_CLIENTS " maps/clients.h
	grep -q "define MAX_SERVICE_CLIENTS $MAX_SERVICE_CLIENTS " maps/types/command.h
	grep -q "define MAX_SERVER_ID_BYTES $MAX_SERVER_ID_BYTES$" maps/server_ids.h
	grep -q "define MAX_COMMAND_CHANGES (2 \* MAX_SERVICE_BACKENDS)" maps/types/command.h
	[ "$MAX_COMMAND_CHANGES" -eq $((2 * MAX_SERVICE_BACKENDS)) ]
	grep -q "define MAX_SERVICE_SLOTS $MAX_SERVICE_SLOTS$" maps/types/command.h
	[ "$(on lb bpftool -j map show pinned "$MAPS/probes" | jq .max_entries)" -eq "$MAX_PROBES" ]
	grep -q "define FIRST_PROBE_PORT $FIRST_PROBE_PORT " maps/probes.h
	grep -q "define PROBE_PORTS $PROBE_PORTS$" maps/probes.h
	grep -q "define CHECKS_LENGTH $CHECKS_LENGTH$" maps/checks.h
	grep -q "COMMAND_MALFORMED = $(printf 0x%x "$COMMAND_MALFORMED")," maps/types/command.h
}

@test "load_balancer, and keys" {
	local got key
	key=$(printf '%02x' {224..255})
	got=$(round_trip load_balancer "$(u32 0)" "$(load_balancer 192.168.178.10 "$key" debug 70000)")
	holds "$got" .value.address.octets "[192,168,178,10,0,0,0,0,0,0,0,0,0,0,0,0]"
	holds "$got" '.value.hash_key[:2]' "[$((0xe3e2e1e0)),$((0xe7e6e5e4))]"
	holds "$got" '.value | [.flags, .window, .probe_device, .routes]' "[1,70000,0,0]"
	[ "$(load_balancer_decode <<<"$got")" = "{\"address\":\"192.168.178.10\",\"hash_key\":[$(seq -s , 224 255)],\"flags\":[\"debug\"],\"window\":70000,\"probe_device\":0,\"routes\":0,\"address6\":\"::\",\"source\":\"0.0.0.0\",\"source6\":\"::\",\"source_bits\":0,\"source6_bits\":0,\"port\":0}" ]
	got=$(round_trip load_balancer "$(u32 0)" "$(load_balancer 0.0.0.0 "$key" 0 5 2001:db8::10)")
	[ "$(load_balancer_decode <<<"$got" | jq -c '[.address, .address6, .window]')" = '["0.0.0.0","2001:db8::10",5]' ]
	got=$(round_trip load_balancer "$(u32 0)" "$(encode load_balancer 192.168.178.10 "$key" 0 0 70000 65537 2001:db8::10 10.0.0.0 2001:db8:1:: 8 48 7000)")
	holds "$got" '.value | [.flags, .window, .probe_device, .routes]' "[0,0,70000,65537]"
	holds "$got" .value.address6.octets "[32,1,13,184,0,0,0,0,0,0,0,0,0,0,0,16]"
	holds "$got" .value.source.octets[:4] "[10,0,0,0]"
	holds "$got" .value.source6.octets[:6] "[32,1,13,184,0,1]"
	holds "$got" '.value | [.source_bits, .source6_bits]' "[8,48]"
	[ "$(jq -c '.value[114:116]' <<<"$got")" = '["0x1b","0x58"]' ]
	[ "$(load_balancer_decode <<<"$got" | jq -c '[.probe_device, .routes, .address6, .source, .source6, .source_bits, .source6_bits, .port]')" = \
		'[70000,65537,"2001:db8::10","10.0.0.0","2001:db8:1::",8,48,7000]' ]
	[[ $(random_hash_key) =~ ^[0-9a-f]{64}$ ]]
	[ "$(random_hash_key)" != "$(random_hash_key)" ]
}

@test "links, as they are typed" {
	local got
	got=$(round_trip links "$(u32 77)" "$(link 3 34984 7 33024 4094)")
	holds "$got" '[.key, .value.device]' "[77,3]"
	[ "$(jq -c '.value[4:]' <<<"$got")" = '["0x88","0xa8","0x00","0x07","0x81","0x00","0x0f","0xfe"]' ]
	[ "$(jq -c '.value[4:]' <<<"$(round_trip links "$(u32 78)" "$(link 3)")")" = "$(jq -nc '[range(8) | "0x00"]')" ]
}

@test "nexthops, which only the programs write" {
	local got value
	value=$(encode nexthop 02:00:00:00:00:02 02:00:00:00:00:10 34984 7 33024 4094 77 65535 258 6 2001:db8::11 4294967301)
	got=$(round_trip nexthops "$(u32 3)" "$value")
	holds "$got" '.values[0].value | [.ifindex, .mtu, .routes, .expires]' "[77,65535,258,4294967301]"
	[ "$(decode '.values[-1].value | bytes | decode("nexthop")' <<<"$got")" = \
		'{"destination":"02:00:00:00:00:02","source":"02:00:00:00:00:10","outer":{"protocol":34984,"tci":7},"inner":{"protocol":33024,"tci":4094},"ifindex":77,"mtu":65535,"routes":258,"family":6,"address":"2001:db8::11","expires":4294967301}' ]
}

# lists_ages AGE REST WORDS LINE: the line has these words, how long ago it was and for how long still; AGE and REST are of the
# second $now, and as much has passed since then as the clock says.
lists_ages() {
	local age rest passed=$(($(cut -d . -f 1 /proc/uptime) - now + 1))
	[[ $4 =~ ^"$3"\ ([0-9]+)\ ([0-9]+)$ ]]
	age=${BASH_REMATCH[1]} rest=${BASH_REMATCH[2]}
	[[ $age -ge $(($1 > 0 ? $1 - 1 : 0)) && $age -le $(($1 + passed)) ]]
	[[ $rest -le $(($2 + 1)) && $rest -ge $(($2 - passed)) ]]
}

# list_of LIST: what it has, behind its first line, which names the map. Nothing but the maps stays.
list_of() {
	# shellcheck disable=SC2016 # expanded over there
	on lb bash -c '. scripts/lib/common.sh && . scripts/lib/configuration.sh && repo=$PWD && pin_list "$1" && listed "$1"
		head -1 "$lists/$1" >&2; read -r map _ <<<"${made_of[$1]-$1}"; echo "map $(bpftool -j map show pinned "$maps/$map" | jq .id)" >&2
		remove_lists' - "$1" 2>"$BATS_TEST_TMPDIR/named"
	[ "$(sort -u "$BATS_TEST_TMPDIR/named" | wc -l)" -eq 1 ]
}

@test "counters are summed over the CPUs, and have names" {
	local got cpus
	cpus=$(on lb bpftool -j map lookup pinned "$MAPS/stats" key 0 0 0 0 | jq '.values | length')
	round_trip stats "$(u32 1)" "$(encode counter 10 100)" # on each CPU
	got=$(on lb bpftool -j map dump pinned "$MAPS/stats" | stats_decode)
	[ "$(jq -c '.[1]' <<<"$got")" = "{\"name\":\"local\",\"packets\":$((10 * cpus)),\"bytes\":$((100 * cpus))}" ]
	[ "$(jq -r '.[].name' <<<"$got" | paste -sd ' ')" = "${ENUMS[verdict]#* }" ]
	[ "$(on lb bpftool -j map dump pinned "$MAPS/decap_stats" | decap_stats_decode | jq -r '.[].name' | paste -sd ' ')" = "${ENUMS[decap_verdict]#* }" ]
	round_trip nat_events "$(u32 4)" "$(encode counter 7 0)"
	[ "$(on lb bpftool -j map dump pinned "$MAPS/nat_events" | nat_events_decode | jq -c '.[4]')" = \
		"{\"name\":\"freed\",\"connections\":$((7 * cpus))}" ]
	round_trip backend_stats "$(u32 258)" "$(encode backend_counter 10 100 1)"
	round_trip backends "$(u32 258)" "$(backend 172.16.255.1 8080 1)"
	[ "$(list_of traffic | grep ^258)" = "258 $((10 * cpus)) $((100 * cpus)) $cpus" ]
	round_trip backends "$(u32 258)" "$(encode backend 0.0.0.0 0 4 free 0 0 0 0)"
}

@test "decap_addresses, decap_settings and nat, as they are typed" {
	local got
	got=$(round_trip decap_addresses "$(decap_key host 192.168.178.10)" "$(decap_entry ipip fou gue:7000)")
	holds "$got" '[.key.bits, .key.role, .key.family, .key.address.octets[:4], .value.tunnels]' "[64,2,4,[192,168,178,10],13]"
	[ "$(jq -c .value <<<"$got")" = '["0x0d","0x00","0x15","0xb3","0x1b","0x58","0x00","0x00"]' ]
	got=$(round_trip decap_addresses "$(decap_key lb 2001:db8::/32)" "$(decap_entry)")
	holds "$got" '[.key.bits, .key.role, .key.family, .key.address.octets[:4], .value.tunnels]' "[64,1,6,[32,1,13,184],0]"
	round_trip decap_addresses "$(decap_key vip 192.168.178.10)" "$(decap_entry)"
	round_trip decap_addresses "$(decap_key vip 2001:db8::15)" "$(decap_entry)"
	round_trip decap_addresses "$(decap_key lb 9.0.0.0/8)" "$(decap_entry)"
	[ "$(on lb bpftool -j map dump pinned "$MAPS/decap_addresses" | decap_addresses_decode | jq -c '.[]')" = \
		'{"address":"9.0.0.0/8","roles":["lb"]}
{"address":"192.168.178.10","roles":["host","vip"],"tunnels":["ipip","fou:5555","gue:7000"]}
{"address":"2001:db8::/32","roles":["lb"]}
{"address":"2001:db8::15","roles":["vip"]}' ]
	got=$(round_trip decap_settings "$(u32 0)" "$(decap_settings 65537)")
	holds "$got" .value '{"cookies":65537}'
	[ "$(decap_settings_decode <<<"$got")" = '{"cookies":65537}' ]
	got=$(round_trip nat "$(u32 0)" "$(nat 10001 65534 31 86400 32 65537)")
	holds "$got" .value '{"first_port":10001,"last_port":65534,"handshake":31,"established":86400,"closing":32,"udp":65537}'
	[ "$(nat_decode <<<"$got")" = '{"first_port":10001,"last_port":65534,"handshake":31,"established":86400,"closing":32,"udp":65537}' ]
}

# 10.0.0.20:40000 > 192.168.178.15:80, TCP. It becomes 192.168.178.10:40001 > 172.16.0.10:8080, of backend 3.
key=(10.0.0.20 192.168.178.15 40000 80 tcp)
translation=(192.168.178.10 172.16.0.10 40001 8080 3 request tcp 4)
shown='[{"protocol":"tcp","client":"10.0.0.20:40000","vip":"192.168.178.15:80","lb":"192.168.178.10:40001","backend":"172.16.0.10:8080"}]'

@test "handshakes and handshakes6" {
	local got nothing=(0.0.0.0 0.0.0.0 0 0 0.0.0.0 0.0.0.0 0 0 0 request 0 0 0)
	local nothing6=(:: :: 0 0 0 6 :: :: 0 0 0 request 0 6 0 0)
	got=$(round_trip handshakes "$(u32 65535)" "$(encode handshake_set 0 0 0 "${nothing[@]}" "${key[@]:0:4}" "${translation[@]:0:7}" 0 1 "${nothing[@]}")")
	[ "$(jq -s . <<<"$got" | handshakes_decode)" = "$shown" ]
	got=$(round_trip handshakes6 "$(u32 65535)" "$(encode handshake6_set 0 0 0 "${nothing6[@]}" \
		2001:db8:9::1 2001:db8::15 40000 80 tcp 6 "${translation[@]}" 0 1 "${nothing6[@]}")")
	[ "$(jq -s . <<<"$got" | handshakes6_decode)" = \
		'[{"protocol":"tcp","client":"[2001:db8:9::1]:40000","vip":"[2001:db8::15]:80","lb":"192.168.178.10:40001","backend":"172.16.0.10:8080"}]' ]
}

@test "connections: conntrack, conntrack6, seats, flows and new_flows" {
	local map got
	[ "$(encode ipv4_key "${key[@]}")" = "10 0 0 20 192 168 178 15 156 64 0 80 6 0 0 0" ]
	round_trip conntrack "$(encode ipv4_key "${key[@]}")" "$(encode connection "${translation[@]}" 5 0 0 0 0)"
	[ "$(on lb bpftool -j map dump pinned "$MAPS/conntrack" | conntrack_decode)" = "$shown" ]
	# a client of IPv6, whose backend has IPv4
	round_trip conntrack6 "$(encode connection_key 2001:db8:9::1 2001:db8::15 40000 80 tcp 6)" "$(encode connection "${translation[@]}" 5 0 0 0 0)"
	[ "$(on lb bpftool -j map dump pinned "$MAPS/conntrack6" | conntrack6_decode)" = \
		'[{"protocol":"tcp","client":"[2001:db8:9::1]:40000","vip":"[2001:db8::15]:80","lb":"192.168.178.10:40001","backend":"172.16.0.10:8080"}]' ]
	got=$(round_trip seats "$(u32 131071)" "$(encode seat 1 70000 2001:db8:9::1 2001:db8::15 40000 80 tcp 6)")
	holds "$got" '[.value.taken, .value.request.family, .value.request.source.octets[15]]' '[1,6,1]'
	for map in flows new_flows; do
		round_trip $map "$(encode connection_key "${key[@]}" 4)" "$(encode tracked_flow 3 1 5000000001)" # ns
		[ "$(on lb bpftool -j map dump pinned "$MAPS/$map" | ${map}_decode)" = \
			'[{"protocol":"tcp","client":"10.0.0.20:40000","service":"192.168.178.15:80","backend":3,"closing":true,"seen":5}]' ]
		# shellcheck disable=SC2046 # bytes
		on lb bpftool map delete pinned "$MAPS/$map" key $(encode connection_key "${key[@]}" 4)
		round_trip $map "$(encode connection_key 2001:db8:9::1 2001:db8::15 40000 80 udp 6)" "$(encode tracked_flow 3 0 0)"
		[ "$(on lb bpftool -j map dump pinned "$MAPS/$map" | ${map}_decode | jq -c '.[] | [.protocol, .client, .service]')" = \
			'["udp","[2001:db8:9::1]:40000","[2001:db8::15]:80"]' ]
		# shellcheck disable=SC2046
		on lb bpftool map delete pinned "$MAPS/$map" key $(encode connection_key 2001:db8:9::1 2001:db8::15 40000 80 udp 6)
	done
}

# checks_entry TEXT: a struct checks; behind the text are zeros.
checks_entry() {
	local text
	text=$(printf '%s' "$1" | od -An -v -tx1 | tr -d ' \n')
	printf -v text '%-*s' $((2 * CHECKS_LENGTH)) "$text"
	encode checks "$(printf '%s' "$1" | wc -c)" "${text// /0}"
}

@test "the lists hold what the maps do, and nothing else" {
	local checks=$'check tcp\ncheck http /health match "g\u00fct"\n' full
	round_trip services "$(service_key udp 192.168.178.15 8000)" "$(encode service 70000 5 65537 sticky,strict 4 3 0)"
	round_trip services "$(vip_key 10.1.2.3)" "$(service 0 0 0)"
	round_trip backends "$(u32 32767)" "$(backend 172.16.255.1 8080 70000 65535 up failed last_resort,fallback)"
	round_trip backends "$(u32 1)" "$(backend 10.0.0.1 80 1 0 down)"
	round_trip services "$(service_key tcp 2001:DB8::15 8000)" "$(service 3 5 1)"
	round_trip backends "$(u32 3)" "$(backend 2001:db8:0:0:1:0:0:1 80 1)"
	round_trip backends "$(u32 4)" "$(backend fd00::5efe:10.0.0.1 80 1)"
	round_trip backends "$(u32 5)" "$(backend 1:2:3:4:5:6:7:0 80 1)"
	round_trip backends "$(u32 6)" "$(backend 0:0:3:4:5:0:0:0 80 1)"
	round_trip backends "$(u32 2)" "$(encode backend 0.0.0.0 0 4 free 0 0 0 0)"
	on lb bpftool map create "$MAPS/checks" "${CHECKS_MAP[@]}"
	round_trip checks "$(u32 70000)" "$(checks_entry "$checks")" >/dev/null
	on lb bpftool map create "$MAPS/prefixes" "${PREFIXES_MAP[@]}"
	round_trip prefixes "$(client_key 4096 10.16.0.0/12)" "$(encode client_entry deny)"
	round_trip prefixes "$(client_key 3 2001:db8::/29)" "$(encode client_entry allow)"
	round_trip server_ids "$(encode server_id_key 4096 4294967294)" "$(encode server_id 32767)"
	on lb bash -c '. maps/all.sh; mkdir -p /sys/fs/bpf/lists
		for list in services backends checks prefixes server_ids; do
			bpftool iter pin bpf/list_$list.o /sys/fs/bpf/lists/$list map pinned '"$MAPS"'/$list
		done'
	[ "$(on lb sort /sys/fs/bpf/lists/services)" = "3 6 2001:db8::15 8000 5 1 0 0 0 0
70000 17 192.168.178.15 8000 5 65537 9 3 4 0
map $(on lb bpftool -j map show pinned "$MAPS/services" | jq .id)" ]
	[ "$(on lb cat /sys/fs/bpf/lists/backends)" = "map $(on lb bpftool -j map show pinned "$MAPS/backends" | jq .id)
1 1 10.0.0.1 80 0 2 0 0
1 3 2001:db8::1:0:0:1 80 1 1 0 0
1 4 fd00::5efe:a00:1 80 1 1 0 0
1 5 1:2:3:4:5:6:7:0 80 1 1 0 0
1 6 0:0:3:4:5:: 80 1 1 0 0
70000 32767 172.16.255.1 8080 65535 1 2 3" ]
	[ "$(on lb tail -n 1 /sys/fs/bpf/lists/server_ids)" = "32767 4096 4294967294" ]
	[ "$(on lb sort /sys/fs/bpf/lists/prefixes)" = "3 1 2001:db8:: 29
4096 2 10.16.0.0 12
map $(on lb bpftool -j map show pinned "$MAPS/prefixes" | jq .id)" ]
	# the lines of the services file, and nothing behind them, also if they take all the room that there is
	diff <(on lb cat /sys/fs/bpf/lists/checks) <(printf 'map %s\n70000\n%s' "$(on lb bpftool -j map show pinned "$MAPS/checks" | jq .id)" "$checks")
	full=$(printf 'check exec /%01007d\n' 0)
	[ "${#full}" -eq $((CHECKS_LENGTH - 1)) ] # the line break is missing
	round_trip checks "$(u32 70000)" "$(checks_entry "$full"$'\n')" >/dev/null
	[ "$(on lb tail -n +3 /sys/fs/bpf/lists/checks)" = "$full" ]
}

@test "the lists of figures: slots, flows, connections, what services keep, and when backends changed" {
	local now
	on lb bpftool map create "$MAPS/past_stats" "${PAST_STATS_MAP[@]}"
	round_trip past_stats "$(u32 4096)" "$(encode backend_counter 4294967000 100 1)" >/dev/null
	[ "$(list_of past_stats)" = "4096 4294967000 100 1" ]
	on lb bpftool map create "$MAPS/changed_at" "${CHANGED_AT_MAP[@]}"
	round_trip changed_at "$(u32 32767)" "$(encode change_time 70000)" >/dev/null
	[ "$(list_of changed_at)" = "32767 70000" ]
	# two services, one of them from an odd slot on, and slots of nobody
	on lb bpftool -j map dump pinned "$MAPS/services" | jq -r --arg map "$MAPS/services" '.[] | "map delete pinned \($map) key \(.key | join(" "))"' |
		on lb bpftool batch file - >/dev/null
	round_trip services "$(service_key tcp 10.1.2.3 80)" "$(encode service 1 0 3 0 0 0 0)" >/dev/null
	round_trip services "$(service_key tcp 10.1.2.3 81)" "$(encode service 2 3 2 0 0 0 0)" >/dev/null
	round_trip slots "$(u32 0)" "$(slot_pair 7 9)" >/dev/null
	round_trip slots "$(u32 1)" "$(slot_pair 9 9)" >/dev/null
	round_trip slots "$(u32 2)" "$(slot_pair 0 9)" >/dev/null
	[ "$(list_of shares | sort)" = $'7 1\n9 1\n9 2' ]
	for now in services:"$(service_key tcp 10.1.2.3 80)" services:"$(service_key tcp 10.1.2.3 81)"; do
		# shellcheck disable=SC2086 # bytes
		on lb bpftool map delete pinned "$MAPS/${now%%:*}" key ${now#*:}
	done
	for map in flows new_flows; do
		now=$(cut -d . -f 1 /proc/uptime)
		round_trip $map "$(encode connection_key "${key[@]}" 4)" "$(encode tracked_flow 3 1 $(((now - 60) * 1000000000)))" >/dev/null
		lists_ages 60 180 "6 10.0.0.20 40000 192.168.178.15 80 3 1" "$(list_of $map)"
		round_trip $map "$(encode connection_key 2001:db8:9::1 2001:db8:0:1::15 40000 80 udp 6)" "$(encode tracked_flow 4 0 $((now * 1000000000)))" >/dev/null
		lists_ages 0 300 "17 2001:db8:9::1 40000 2001:db8:0:1::15 80 4 0" "$(list_of $map | grep ^17)"
	done
	# of a connection its request's entry; it is over without the other one
	# shellcheck disable=SC2046 # bytes
	on lb bpftool map update pinned "$MAPS/nat" key 0 0 0 0 value $(nat "${NAT_DEFAULTS[@]}")
	round_trip conntrack "$(encode ipv4_key "${key[@]}")" "$(encode connection "${translation[@]}" 5 $((now * 1000000000)) 0 0 0)" >/dev/null
	[ "$(list_of conntrack)" = "6 10.0.0.20 40000 192.168.178.15 80 192.168.178.10 40001 3 172.16.0.10 8080 0" ]
	round_trip conntrack "$(encode ipv4_key 172.16.0.10 192.168.178.10 8080 40001 tcp)" \
		"$(encode connection 192.168.178.15 10.0.0.20 80 40000 3 reply tcp 4 5 $((now * 1000000000)) 0 0 0)" >/dev/null
	[[ $(list_of conntrack) == *" 3 172.16.0.10 8080 1" ]]
	round_trip conntrack6 "$(encode connection_key 2001:db8:9::1 2001:db8::15 40000 80 tcp 6)" \
		"$(encode connection 2001:db8::10 2001:db8:1::10 20001 8080 3 request tcp 6 5 $((now * 1000000000)) 0 0 0)" >/dev/null
	[ "$(list_of conntrack6)" = "6 2001:db8:9::1 40000 2001:db8::15 80 2001:db8::10 20001 3 2001:db8:1::10 8080 0" ]
}

@test "every map that is pinned has its pair of files" {
	local pin
	for pin in $(on lb ls "$MAPS"); do
		[ -e "maps/$pin.h" ]
		[ -e "maps/$pin.sh" ]
	done
	[ "$(on lb ls "$MAPS" | wc -l)" -eq 30 ]
}
