#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# scripts/lb, services and backends: single commands, whole files, many at once, killed ones; and their counters.

load ../lib/helper

setup() {
	one_load_balancer
}

teardown() {
	scripts/node destroy --all
}

# Services as JSON, a line each, and behind it its backends.
flat='.[] | del(.backends), .backends[]'

@test "services and backends are added and deleted, and packets follow" {
	loaded
	lb backend add tcp 192.168.178.15:8000 172.16.0.12
	lb backend add tcp 192.168.178.15:8000 172.16.0.11
	lb service add udp 192.168.178.15:53
	lb backend add udp 192.168.178.15:53 172.16.0.10:5353
	diff <(lb service show --json | jq -c "$flat") - <<-'END'
		{"protocol":"udp","address":"192.168.178.15","port":53,"sticky":false,"filling":"maglev","slots":512,"need":0,"strict":false,"checks":[],"fallback":null,"sized":false,"healthy":1,"failed":false}
		{"address":"172.16.0.10","port":5353,"weight":1,"state":"up","health":"unchecked","last_resort":false}
		{"protocol":"tcp","address":"192.168.178.15","port":8000,"sticky":false,"filling":"maglev","slots":512,"need":0,"strict":false,"checks":[],"fallback":null,"sized":false,"healthy":3,"failed":false}
		{"address":"172.16.0.10","port":8000,"weight":1,"state":"up","health":"unchecked","last_resort":false}
		{"address":"172.16.0.11","port":8000,"weight":1,"state":"up","health":"unchecked","last_resort":false}
		{"address":"172.16.0.12","port":8000,"weight":1,"state":"up","health":"unchecked","last_resort":false}
	END
	lb backend del tcp 192.168.178.15:8000 172.16.0.10
	lb backend del tcp 192.168.178.15:8000 172.16.0.12
	packet 'came()/client()/TCP(dport=8000)' tx forwarded \
		'leaves()/tunnel("172.16.0.11")/client(ttl=63)/TCP(dport=8000)'
	packet 'came()/client()/UDP(dport=53)' tx forwarded \
		'leaves()/tunnel()/client(ttl=63)/UDP(dport=53)'
	lb service del tcp 192.168.178.15:8000
	packet 'came()/client()/TCP(dport=8000)' pass not_ours
	packet 'came()/client(flags=0,frag=9)/Raw("x")' drop fragment_unknown # it is a VIP still
	lb service del udp 192.168.178.15:53
	packet 'came()/client(flags=0,frag=9)/Raw("x")' pass not_ours
	[ "$(on lb bpftool -j map dump pinned "$MAPS/services" | jq length)" -eq 0 ]
}

@test "both families: services and backends in any text and mixture, saved, restored, in the kernel's order" {
	lb attach ipip eth0
	cat >"$BATS_TEST_TMPDIR/wanted" <<-'END'
		service tcp [FD00:0::15]:any
		 backend 172.16.0.10
		service tcp 192.168.178.15:8000 hash fallback [2001:0DB8::1]:81
		 backend 2001:db8::9
		 backend [2001:DB8::0:10]:8001 weight 0 down
		 backend 172.16.0.10
		 backend 33.0.0.1
		 backend fd00::5efe:10.0.0.1
		 backend 2001:db8:1::
		 backend 2001:db8::
		 backend 32.1.13.184
	END
	lb restore "$BATS_TEST_TMPDIR/wanted"
	lb save | grep -v '^#' >"$BATS_TEST_TMPDIR/saved"
	diff "$BATS_TEST_TMPDIR/saved" - <<-'END'
		service tcp 192.168.178.15:8000 hash fallback [2001:db8::1]:81
		  backend 32.1.13.184 weight 1 up
		  backend 2001:db8:: weight 1 up
		  backend 2001:db8::9 weight 1 up
		  backend [2001:db8::10]:8001 weight 0 down
		  backend 2001:db8:1:: weight 1 up
		  backend 33.0.0.1 weight 1 up
		  backend 172.16.0.10 weight 1 up
		  backend fd00::5efe:a00:1 weight 1 up
		service tcp [fd00::15]:any maglev
		  backend 172.16.0.10 weight 1 up
	END
	for file in wanted saved; do
		run -0 lb -v restore "$BATS_TEST_TMPDIR/$file"
		[[ $output != *"prog run"* ]]
	done
	# slot i is of backend i % n, in the order that is shown; the bytes of two of them are the same
	[ "$(lb --json slots tcp 192.168.178.15:8000 | jq -r '.[:8][].now' | paste -sd ' ')" = \
		"32.1.13.184:8000 [2001:db8::]:8000 [2001:db8::9]:8000 [2001:db8:1::]:8000 33.0.0.1:8000 172.16.0.10:8000 [fd00::5efe:a00:1]:8000 32.1.13.184:8000" ]
	# the VIP, and the filter in front of it, by its last two octets
	[ "$(on lb bpftool -j map lookup pinned "$MAPS/destinations" key 21 0 0 0 | jq .formatted.value.vips)" -eq 1 ]
	run -1 lb backend add tcp 192.168.178.15:8000 2001:DB8::0009
	[[ $output == *"[2001:db8::9]:8000 is a backend of tcp 192.168.178.15:8000 already"* ]]
	run -1 lb service add tcp "[fd00:0:0::15]:any"
	[[ $output == *"service tcp [fd00::15]:any is there already"* ]]
	lb backend set tcp 192.168.178.15:8000 "[2001:db8::0:10]:8001" up weight 3
	lb backend del tcp 192.168.178.15:8000 2001:DB8::9
	lb service set tcp "[fd00::15]:any" hash
	lb service show | grep -qx "service tcp \[fd00::15\]:any hash"
	run -0 lb --dry-run backend del tcp 192.168.178.15:8000 "[2001:db8::10]:8001"
	[[ $output == *"  delete backend [2001:db8::10]:8001" ]]
	lb service del tcp "[FD00::15]:any"
	[ "$(on lb bpftool -j map lookup pinned "$MAPS/destinations" key 21 0 0 0 | jq .formatted.value.vips)" -eq 0 ]
	[ "$(on lb bpftool -j map dump pinned "$MAPS/services" | jq length)" -eq 2 ]
	# figures and flows, brackets where a port follows
	lb stats | grep -qE '^  \[2001:db8:1::\]:8000 +0 +0 +0$'
	lb stats --json | jq -e '.services[0].backends | map(.address) | index("2001:db8::1")' # the fallback
	# shellcheck disable=SC2046 # bytes
	on lb bpftool map update pinned "$MAPS/flows" key $(. maps/all.sh && encode connection_key 2001:db8:9::1 fd00::15 40000 80 tcp 6) \
		value $(. maps/all.sh && encode tracked_flow "$(listed_id 33.0.0.1)" 0 0)
	[ "$(lb flows)" = "tcp [2001:db8:9::1]:40000 > [fd00::15]:80 at 33.0.0.1:8000" ]
}

@test "VIPs that end in the same octets do not harm each other, nor who is none" {
	loaded
	lb service add tcp 10.9.178.15:8000
	lb backend add tcp 10.9.178.15:8000 172.16.0.11
	packet 'came()/client()/TCP(dport=8000)' tx forwarded 'leaves()/tunnel()/client(ttl=63)/TCP(dport=8000)'
	packet 'came()/client(dst="10.9.178.15")/TCP(dport=8000)' tx forwarded \
		'leaves()/tunnel("172.16.0.11")/client(dst="10.9.178.15",ttl=63)/TCP(dport=8000)'
	packet 'came()/client(dst="10.8.178.15")/TCP(dport=8000)' pass not_ours
	packet 'came()/client(dst="10.8.178.15",flags=0,frag=9)/Raw("x")' pass not_ours
	lb service del tcp 10.9.178.15:8000
	packet 'came()/client(dst="10.9.178.15")/TCP(dport=8000)' pass not_ours
	packet 'came()/client()/TCP(dport=8000)' tx forwarded 'leaves()/tunnel()/client(ttl=63)/TCP(dport=8000)'
	lb service add udp 192.168.178.15:53 # the same VIP: it counts once
	lb service del tcp 192.168.178.15:8000
	[ "$(on lb bpftool -j map lookup pinned "$MAPS/destinations" key 15 178 0 0 | jq .formatted.value.vips)" -eq 1 ]
	lb service del udp 192.168.178.15:53
	[ "$(on lb bpftool -j map lookup pinned "$MAPS/destinations" key 15 178 0 0 | jq .formatted.value.vips)" -eq 0 ]
}

@test "no two services share a slot, whatever was added and deleted before" {
	lb attach ipip eth0
	local i service
	for service in 1 2 3; do
		lb service add tcp "192.168.178.15:$service"
	done
	for i in 1 2 3; do
		for service in 1 2 3; do
			lb backend add tcp "192.168.178.15:$service" "172.16.0.$i"
		done
	done
	lb backend del tcp 192.168.178.15:2 172.16.0.1
	lb service del tcp 192.168.178.15:1
	lb service add tcp 192.168.178.15:4
	lb backend add tcp 192.168.178.15:4 172.16.0.9
	lb backend add tcp 192.168.178.15:2 172.16.0.8
	# the regions, in order: each begins where the one before has ended, or later
	on lb bpftool -j map dump pinned "$MAPS/services" | jq -e '[.[].formatted.value | select(.slots > 0)]
		| sort_by(.first) | [range(1; length) as $i | .[$i].first >= .[$i-1].first + .[$i-1].slots] | all'
	packet 'came()/client()/TCP(dport=4)' tx forwarded 'leaves()/tunnel("172.16.0.9")/client(ttl=63)/TCP(dport=4)'
}

# goes_on: whether a packet for the service still goes to one of its backends.
goes_on() {
	local to
	for to in 172.16.0.10 172.16.0.11; do
		! packet 'came()/client()/TCP(dport=8000)' tx forwarded \
			"leaves()/tunnel('$to')/client(ttl=63)/TCP(dport=8000)" || return 0
	done
	return 1
}

# kill_at N ARGUMENT...: runs a command that kills itself, and what it has started, before its Nth step: a step is a
# simple command of bash, in lb or in a subshell of it. With N = 0 it is not killed, and `steps` says how many it has.
kill_at() {
	# shellcheck disable=SC2016 # expanded over there
	echo 'set -T; xdp_lb_step=0; trap '"'"'((++xdp_lb_step != XDP_LB_KILL_AT)) || kill -KILL 0'"'"' DEBUG
		trap '"'"'[[ $BASH_SUBSHELL -gt 0 ]] || echo "$xdp_lb_step" >"$XDP_LB_STEPS"'"'"' EXIT' >"$BATS_TEST_TMPDIR/kill"
	on lb setsid --wait env BASH_ENV="$BATS_TEST_TMPDIR/kill" XDP_LB_KILL_AT="$1" XDP_LB_STEPS="$BATS_TEST_TMPDIR/steps" \
		scripts/lb "${@:2}" >/dev/null 2>&1 || [ $? -eq 137 ] && killed=$((killed + ($1 > 0)))
	steps=$(cat "$BATS_TEST_TMPDIR/steps")
}

@test "kill -9 at any of its steps, 200 times: packets go on, and the next command works" {
	loaded
	local i kind command killed=0 steps=0 all=()
	for i in 1 2 3 4 5; do
		printf 'service tcp 192.168.178.2%d:80\n backend 172.16.0.1%d\n backend 172.16.0.2%d\n' $i $i $i
	done >"$BATS_TEST_TMPDIR/five"
	printf 'service tcp 192.168.178.15:8000\n backend 172.16.0.10\n' >>"$BATS_TEST_TMPDIR/five"
	for ((i = 0; i < 208; i++)); do
		kind=$((i % 8))
		case $kind in
		0) command=(backend add tcp 192.168.178.15:8000 172.16.0.11) ;;
		1) command=(service add tcp 192.168.178.16:80) ;;
		2) command=(backend set tcp 192.168.178.15:8000 172.16.0.11 weight $((RANDOM % 5))) ;;
		3) command=(service set tcp 192.168.178.15:8000 hash) ;;
		4) command=(service del tcp 192.168.178.16:80) ;;
		5) command=(backend del tcp 192.168.178.15:8000 172.16.0.11) ;;
		6) command=(restore "$BATS_TEST_TMPDIR/five") ;;
		7) command=(settle) ;;
		esac
		if ((i < 8)); then # once each, to know how many steps it has
			kill_at 0 "${command[@]}"
			all[kind]=$steps
			echo "${command[*]}: $steps steps"
			[ "$steps" -gt 50 ]
		else
			kill_at $((1 + RANDOM % all[kind])) "${command[@]}"
		fi
		((i % 20)) || goes_on
	done
	echo "killed: $killed"
	[ $killed -ge 150 ]
	goes_on
	# No half of anything is left: what is there is what shows, and the next command works.
	lb save >"$BATS_TEST_TMPDIR/saved"
	lb restore "$BATS_TEST_TMPDIR/saved"
	lb restore "$BATS_TEST_TMPDIR/five"
	packet 'came()/client()/TCP(dport=8000)' tx forwarded 'leaves()/tunnel()/client(ttl=63)/TCP(dport=8000)'
	[ "$(lb service show | grep -c backend)" -eq 11 ]
	[ "$(on lb ls /sys/fs/bpf/xdp | xargs)" = "globals lists" ]
	[ "$(on lb ls /sys/fs/bpf/xdp/lists | xargs)" = "backends checks limits prefixes server_ids services" ]
	[ -z "$(on lb find /run/xdp-lb -type f)" ]
}

@test "commands that make the lists at the same moment do not disturb each other" {
	loaded
	# shellcheck disable=SC2016 # expanded over there
	run -0 on lb bash -c 'for round in 1 2 3; do
			rm -rf /sys/fs/bpf/xdp/lists
			for i in 1 2 3 4 5 6; do scripts/lb service show & done
			wait
		done 2>&1'
	echo "$output"
	[ "$(grep -c "^  backend 172.16.0.10" <<<"$output")" -eq 18 ]
	[[ $output != *"lb: "* ]]
}

@test "a command goes on to its end when its reader goes away" {
	loaded
	lb backend add tcp 192.168.178.15:8000 172.16.0.11
	lb -v service del tcp 192.168.178.15:8000 | head -1
	wait_for 5 bash -c "[[ \$(scripts/node exec lb scripts/lb service show) == '' ]]"
	[ "$(on lb bpftool -j map dump pinned "$MAPS/services" | jq length)" -eq 0 ]
}

@test "many services are listed" {
	lb attach ipip eth0
	local i
	for ((i = 1; i <= 2000; i++)); do
		printf 'map update pinned %s/services key 10 0 %d %d 0 0 0 0 0 0 0 0 0 0 0 0 0 80 6 4 value %d %d 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n' \
			"$MAPS" $((i >> 8)) $((i & 255)) $((i & 255)) $((i >> 8))
	done >"$BATS_TEST_TMPDIR/services"
	on lb bpftool batch file "$BATS_TEST_TMPDIR/services" >/dev/null
	[ "$(lb service show | wc -l)" -eq 2000 ]
	lb service add tcp 192.168.178.15:8000
	[ "$(lb service show --json | jq length)" -eq 2001 ]
}

@test "what is there already, and what is not" {
	loaded
	refuses 1 "service tcp 192.168.178.15:8000 is there already" service add tcp 192.168.178.15:8000
	refuses 1 "172.16.0.10:8000 is a backend of tcp 192.168.178.15:8000 already" backend add tcp 192.168.178.15:8000 172.16.0.10
	refuses 1 "there is no service udp 192.168.178.15:8000" backend add udp 192.168.178.15:8000 172.16.0.10
	refuses 1 "172.16.0.11:8000 is no backend of tcp 192.168.178.15:8000" backend del tcp 192.168.178.15:8000 172.16.0.11
	lb backend del tcp 192.168.178.15:8000 172.16.0.10
	refuses 1 "172.16.0.10:8000 is no backend" backend del tcp 192.168.178.15:8000 172.16.0.10
	lb service del tcp 192.168.178.15:8000
	refuses 1 "there is no service tcp 192.168.178.15:8000" service del tcp 192.168.178.15:8000
}

@test "two commands at once: one waits for the other" {
	loaded
	local i jobs=()
	for i in 1 2 3 4 5 6; do
		lb backend add tcp 192.168.178.15:8000 172.16.1.$i 3>&- &
		jobs+=($!)
	done
	wait "${jobs[@]}"
	[ "$(lb service show --json | jq '.[0].backends | length')" -eq 7 ]
}

@test "backend set changes weight and state, each alone or both" {
	loaded
	shown() { lb service show --json | jq -c '.[0].backends[0] | [.weight, .state]'; }
	lb backend set tcp 192.168.178.15:8000 172.16.0.10 weight 7
	[ "$(shown)" = '[7,"up"]' ]
	lb backend set tcp 192.168.178.15:8000 172.16.0.10 down
	[ "$(shown)" = '[7,"down"]' ]
	packet 'came()/client()/TCP(dport=8000)' drop no_backend
	lb backend set tcp 192.168.178.15:8000 172.16.0.10 up weight 0
	[ "$(shown)" = '[0,"up"]' ]
	lb backend set tcp 192.168.178.15:8000 172.16.0.10 weight 1
	packet 'came()/client()/TCP(dport=8000)' tx forwarded 'leaves()/tunnel()/client(ttl=63)/TCP(dport=8000)'
	refuses 1 "'70000' is no weight; take one from 0 to 65535" backend set tcp 192.168.178.15:8000 172.16.0.10 weight 70000
	refuses 1 "172.16.0.11:8000 is no backend" backend set tcp 192.168.178.15:8000 172.16.0.11 down
	refuses 2 "set what? weight N, up, down or id HEX" backend set tcp 192.168.178.15:8000 172.16.0.10
	refuses 2 "unexpected word 'sideways'" backend set tcp 192.168.178.15:8000 172.16.0.10 sideways
	refuses 2 "which weight?" backend set tcp 192.168.178.15:8000 172.16.0.10 weight
}

@test "a service's options" {
	lb attach ipip eth0
	lb service add tcp 192.168.178.15:80 sticky hash slots 7
	lb service add udp 192.168.178.15:any
	[ "$(lb service show)" = "service udp 192.168.178.15:any maglev
service tcp 192.168.178.15:80 sticky hash slots 7" ]
	lb service set tcp 192.168.178.15:80 maglev
	lb service show | grep -qx "service tcp 192.168.178.15:80 sticky maglev slots 7"
	refuses 1 "Maglev cannot fill 9 slots; take 1024, 16384 or another power of two, or a prime number" service add tcp 192.168.178.15:81 slots 9
	refuses 1 "'99999' is no number of slots; take one from 1 to 65537" service add tcp 192.168.178.15:81 slots 99999
	refuses 2 "how many slots?" service add tcp 192.168.178.15:81 slots
	refuses 2 "set what? maglev, hash, slots N, need N, fallback ADDRESS, strict, open, quic BYTES or limit RATE" service set tcp 192.168.178.15:80
	refuses 1 "is this machine's own address, and it needs ports of its own" service add tcp 192.168.178.10:any
	refuses 1 "has a port; a service of every port keeps the client's" backend add udp 192.168.178.15:any 172.16.0.10:53
	# a table that is too small for its backends becomes one of the usual size
	local i
	for i in 1 2 3 4 5 6 7; do
		lb backend add tcp 192.168.178.15:80 172.16.0.$i
	done
	lb service show | grep -qx "service tcp 192.168.178.15:80 sticky maglev slots 7"
	lb backend add tcp 192.168.178.15:80 172.16.0.8
	lb service show | grep -qx "service tcp 192.168.178.15:80 sticky maglev"
	lb service set tcp 192.168.178.15:80 slots 4096
	lb service show | grep -qx "service tcp 192.168.178.15:80 sticky maglev slots 4096"
	lb service set tcp 192.168.178.15:80 hash slots auto
	lb service show | grep -qx "service tcp 192.168.178.15:80 sticky hash"
}

@test "save and restore: what restore reads is what save prints, and a second time nothing changes" {
	lb attach ipip eth0
	cat >"$BATS_TEST_TMPDIR/wanted" <<-'END'
		# two services
		service udp 192.168.178.15:any sticky maglev slots 251
		  backend 172.16.0.10 weight 1 up

		service tcp 192.168.178.15:8000 hash slots 16381
		  backend 172.16.0.10 weight 0 up
		  backend 172.16.0.11:8080 weight 65535 down
	END
	lb restore "$BATS_TEST_TMPDIR/wanted"
	lb save >"$BATS_TEST_TMPDIR/saved"
	diff <(grep -E "^(service|  backend) " "$BATS_TEST_TMPDIR/wanted") <(grep -v '^#' "$BATS_TEST_TMPDIR/saved")
	run -0 lb -v restore "$BATS_TEST_TMPDIR/saved"
	run ! grep -E "prog run|neigh" <<<"$output"
	# the difference, and nothing else
	sed -i 's/weight 0/weight 5/' "$BATS_TEST_TMPDIR/saved"
	run -0 lb -v restore - <"$BATS_TEST_TMPDIR/saved"
	[ "$(grep -c "prog run" <<<"$output")" -eq 1 ]
	lb service show | grep -qx "  backend 172.16.0.10 weight 5 up"
	lb restore - <<<""
	[ -z "$(lb service show)" ]
	[ "$(on lb bpftool -j map dump pinned "$MAPS/services" | jq length)" -eq 0 ]
}

@test "restore says what is wrong and where, and changes nothing" {
	loaded
	local n=0
	# wrong TEXT LINE...
	wrong() {
		n=$((n + 1))
		printf '%s\n' "${@:2}" >"$BATS_TEST_TMPDIR/wrong$n"
		refuses 1 "$1" restore "$BATS_TEST_TMPDIR/wrong$n"
	}
	wrong "lb: $BATS_TEST_TMPDIR/wrong$((n + 1)):1: unexpected word 'servce'. A line begins with service, client, check, backend, or #" "servce tcp 1.2.3.4:80"
	wrong "lb: $BATS_TEST_TMPDIR/wrong$((n + 1)):1: a backend comes after its service" "backend 1.2.3.4"
	wrong "lb: $BATS_TEST_TMPDIR/wrong$((n + 1)):3: '1.2.3.400' is no IPv4 address" "service tcp 1.2.3.4:80" "" "backend 1.2.3.400"
	wrong "lb: $BATS_TEST_TMPDIR/wrong$((n + 1)):2: unexpected word 'wait'" "service tcp 1.2.3.4:80" "backend 1.2.3.5 wait 1"
	wrong "wrong$((n + 1)):2: service tcp 1.2.3.4:80 is there twice" "service tcp 1.2.3.4:80" "service tcp 1.2.3.4:80"
	wrong "wrong$((n + 1)):3: backend 1.2.3.5:80 of tcp 1.2.3.4:80 is there twice" "service tcp 1.2.3.4:80" "backend 1.2.3.5" "backend 1.2.3.5:80"
	wrong "is this machine's own address, or a broadcast" "service tcp 1.2.3.4:80" "backend 192.168.178.255"
	refuses 1 "there is no file /nowhere" restore /nowhere
	refuses 1 "there is no file $BATS_TEST_TMPDIR" restore "$BATS_TEST_TMPDIR"
	refuses 2 "restore which file?" restore
	refuses 1 "nothing can be read from /dev/null; to delete all services" restore /dev/null
}

@test "restore waits for its input without standing in the way of others, and can be interrupted" {
	loaded
	local waiting
	mkfifo "$BATS_TEST_TMPDIR/slow"
	sleep 60 >"$BATS_TEST_TMPDIR/slow" 3>&- &
	on lb setsid scripts/lb restore "$BATS_TEST_TMPDIR/slow" 3>&- &
	wait_for 5 on lb pgrep -f "lb restore $BATS_TEST_TMPDIR/slow"
	waiting=$(on lb pgrep -of "lb restore $BATS_TEST_TMPDIR/slow")
	on lb timeout 5 scripts/lb backend set tcp 192.168.178.15:8000 172.16.0.10 weight 2
	on lb kill -TERM -- "-$waiting"
	wait_for 5 bash -c "! scripts/node exec lb pgrep -f 'lb restore $BATS_TEST_TMPDIR/slow'"
	kill %%
	[ "$(lb service show | grep -c "weight 2")" -eq 1 ]
}

@test "without a place for its commands, nothing is changed, not even a neighbour" {
	loaded
	on lb bash -c "rm -rf /run/xdp-lb; touch /run/xdp-lb"
	refuses 1 "the folder /run/xdp-lb/orders cannot be made" backend add tcp 192.168.178.15:8000 172.20.0.30
}

@test "what does not fit is refused before anything is changed" {
	lb attach ipip eth0
	{
		echo "service tcp 192.168.178.15:80"
		for ((i = 0; i < 1025; i++)); do echo "backend 172.16.$((i >> 8)).$((i & 255))"; done
	} >"$BATS_TEST_TMPDIR/many"
	refuses 1 "tcp 192.168.178.15:80 would have 1025 backends; 1024 is the limit" restore "$BATS_TEST_TMPDIR/many"
	sed -i '$d' "$BATS_TEST_TMPDIR/many"
	lb restore "$BATS_TEST_TMPDIR/many"
	[ "$(lb service show | grep -c backend)" -eq 1024 ]
	for ((i = 0; i < 65; i++)); do echo "service tcp 192.168.178.15:$((i + 1)) slots 65537"; done >"$BATS_TEST_TMPDIR/large"
	refuses 1 "all 4194304 slots are taken" restore "$BATS_TEST_TMPDIR/large"
}

@test "what the kernel refuses half-way is taken back" {
	local i before
	loaded
	for ((i = 1; i <= 8190; i++)); do # no room is left in the map
		printf 'map update pinned %s/services key 10 0 %d %d 0 0 0 0 0 0 0 0 0 0 0 0 0 80 6 4 value 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n' \
			"$MAPS" $((i >> 8)) $((i & 255))
	done | on lb bpftool batch file - >/dev/null
	printf '%s\n' "service tcp 192.168.178.15:8000" "backend 172.16.0.10 weight 7" "backend 172.16.0.11" "service tcp 192.168.178.16:8000" \
		>"$BATS_TEST_TMPDIR/two"
	before=$(lb save)
	run -1 lb restore "$BATS_TEST_TMPDIR/two"
	[[ $output == *"the kernel refused it; everything is as it was" ]]
	run -1 lb service add tcp 192.168.178.16:8000
	[[ $output == *"the kernel refused it; everything is as it was" ]]
	[ "$(lb save)" = "$before" ]
	packet 'came()/client()/TCP(dport=8000)' tx forwarded 'leaves()/tunnel()/client(ttl=63)/TCP(dport=8000)'
}

@test "256 services of 100 backends are restored, and again" {
	lb attach ipip eth0
	local i b
	for ((i = 0; i < 256; i++)); do
		echo "service tcp 10.1.$i.1:80 maglev slots 16381"
		for ((b = 0; b < 100; b++)); do echo "  backend 10.2.$i.$b weight 1 up"; done
	done >"$BATS_TEST_TMPDIR/large"
	lb restore "$BATS_TEST_TMPDIR/large"
	[ "$(lb service show | grep -c backend)" -eq 25600 ]
	run -0 lb -v restore "$BATS_TEST_TMPDIR/large"
	run ! grep "prog run" <<<"$output"
	to=$(on lb tests/lib/maglev.py place tcp 10.1.255.1:80 10.0.0.20:20)
	packet 'came()/client(dst="10.1.255.1")/TCP(sport=20,dport=80)' tx forwarded \
		"leaves()/tunnel('${to%:*}')/client(dst='10.1.255.1',ttl=63)/TCP(sport=20,dport=80)"
	refuses 1 "all 4194304 slots are taken" service add tcp 10.1.1.1:81 slots 16384
}

@test "stats counts by service and backend, and shows rates while one watches" {
	loaded
	lb service add udp 192.168.178.15:53
	lb backend add udp 192.168.178.15:53 172.16.0.10
	on lb tests/lib/packet.py eth0 - <<-'END'
		came()/client()/TCP(dport=8000,flags="S") | tx | forwarded | leaves()/tunnel()/client(ttl=63)/TCP(dport=8000,flags="S")
		came()/client()/TCP(dport=8000,flags="A") | tx | forwarded | leaves()/tunnel()/client(ttl=63)/TCP(dport=8000,flags="A")
		came()/client()/UDP(dport=53)/b"x" | tx | forwarded | leaves()/tunnel()/client(ttl=63)/UDP(dport=53)/b"x"
		came()/client()/UDP(dport=54)/b"x" | pass | not_ours
	END
	diff <(lb stats --json | jq -c ".services | $flat") - <<-'END'
		{"protocol":"udp","address":"192.168.178.15","port":53,"packets":1,"bytes":43,"connections":0}
		{"address":"172.16.0.10","port":53,"packets":1,"bytes":43,"connections":0}
		{"protocol":"tcp","address":"192.168.178.15","port":8000,"packets":2,"bytes":108,"connections":1}
		{"address":"172.16.0.10","port":8000,"packets":2,"bytes":108,"connections":1}
	END
	run -0 lb stats
	grep -qE "^tcp 192.168.178.15:8000 +2 +108 +1$" <<<"$output"
	grep -qE "^  172.16.0.10:8000 +2 +108 +1$" <<<"$output"
	# a new backend begins at zero, also when it takes an id that was somebody's; what that has counted stays in the service's sum
	lb backend del tcp 192.168.178.15:8000 172.16.0.10
	lb backend add tcp 192.168.178.15:8000 172.16.0.11
	[ "$(lb stats --json | jq -c '.services[1] | [.packets, .bytes, .connections, .backends[].packets]')" = "[2,108,1,0]" ]
	timeout 5 scripts/node exec lb scripts/lb stats --watch >"$BATS_TEST_TMPDIR/watched" || [ $? -eq 124 ]
	grep -qE "^verdict +packets +bytes +packets/s +bits/s$" "$BATS_TEST_TMPDIR/watched"
	grep -qE "^forwarded +3 +151 +0 +0$" "$BATS_TEST_TMPDIR/watched"
}

@test "slots says who has how many" {
	lb attach ipip eth0
	lb restore - <<<$'service tcp 192.168.178.15:80 hash slots 10\nbackend 172.16.0.1\nbackend 172.16.0.2 weight 4'
	[ "$(lb slots tcp 192.168.178.15:80)" = "172.16.0.1:80 2 of 10 slots, 0 of them with memories of others
172.16.0.2:80 8 of 10 slots, 0 of them with memories of others" ]
	# each of them gets something, and has something to remember
	mapfile -t to < <(on lb tests/lib/maglev.py place tcp 192.168.178.15:80 10.0.0.20:{1..20})
	for i in {1..20}; do
		echo "came()/client()/TCP(sport=$i,dport=80) | tx | forwarded | leaves()/tunnel(\"${to[i - 1]%:*}\")/client(ttl=63)/TCP(sport=$i,dport=80)"
	done >"$BATS_TEST_TMPDIR/packets"
	on lb tests/lib/packet.py eth0 - <"$BATS_TEST_TMPDIR/packets"
	lb backend set tcp 192.168.178.15:80 172.16.0.2 weight 0
	[ "$(lb slots tcp 192.168.178.15:80)" = "172.16.0.1:80 10 of 10 slots, 8 of them with memories of others" ]
	[ "$(lb slots tcp 192.168.178.15:80 --json | jq -c 'map(select(.was == "172.16.0.2:80")) | length')" -eq 8 ]
	refuses 1 "there is no service tcp 192.168.178.15:81" slots tcp 192.168.178.15:81
}

@test "flows with NAT are its connections, and its slots need not settle" {
	on lb ip neigh replace 192.168.178.11 dev eth0 lladdr 02:00:00:00:00:11 nud permanent
	on lb sysctl -qw net.ipv4.ip_local_port_range="1024 9999"
	lb attach nat eth0
	lb service add tcp 192.168.178.15:any
	lb backend add tcp 192.168.178.15:any 192.168.178.11
	[ "$(lb flows)" = "" ]
	packet 'came()/client()/TCP(sport=40000,dport=22,flags="S")' tx forwarded \
		'to_backend()/ours(ttl=63)/TCP(sport=40000,dport=22,flags="S")'
	[ "$(lb stats --json | jq '.services[0].connections')" -eq 1 ]
	lb settle
}

@test "words that are none: line breaks, blanks, empty ones" {
	loaded
	refuses 2 "a word must not be empty, or have a blank or a line break in it" service add $'tcp 192.168.178.15:81\nservice tcp 192.168.178.15:82'
	refuses 2 "a word must not be empty, or have a blank or a line break in it" backend set tcp 192.168.178.15:8000 $'172.16.0.10\nbackend 172.16.0.11' weight 2
	refuses 2 "there is no 'save x'" "save x"
	refuses 2 "a word must not be empty" backend set tcp 192.168.178.15:8000 172.16.0.10 "" ""
	refuses 2 "a word must not be empty" service add tcp "" 192.168.178.15:81
	refuses 2 "a word must not be empty" service del tcp "192.168.178.15:8000 slots 5"
	refuses 2 "a word must not be empty" slots "tcp 192.168.178.15:8000"
	refuses 2 "there is no 'set/x window 4'" set/x window 4
	refuses 1 "'foo' is no IPv4 address; write it like 192.168.178.15" set address foo
	printf 'service tcp 192.168.178.10:any\n' >"$BATS_TEST_TMPDIR/own"
	refuses 1 "is this machine's own address, and it needs ports of its own" restore "$BATS_TEST_TMPDIR/own"
	printf 'service tcp 192.168.178.15:81 slots 251\r\nbackend 172.16.0.10\r\n' | lb restore - # as other systems end lines
	[ "$(lb service show)" = "service tcp 192.168.178.15:81 maglev slots 251
  backend 172.16.0.10 weight 1 up" ]
	run -0 lb restore - <<<$'service tcp 192.168.178.15:81 hash slots 1\nbackend 172.16.0.10\nbackend 172.16.0.11'
	[ "$output" = "lb: tcp 192.168.178.15:81 gets 512 slots instead of 1, which cannot hold its backends
lb: tcp 192.168.178.15:81: 251 slots become 512; connections of before move" ]
}
