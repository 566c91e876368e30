#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# lb fingerprint: a group that is configured alike, in whatever order and words, has one; whoever differs has another.

load ../lib/helper

members="lb-1 lb-2 lb-3"
key=$(printf '0123456789abcdef%.0s' {1..4})

setup_file() {
	local member i=0
	scripts/node destroy --all
	for member in $members; do
		i=$((i + 1))
		scripts/node create "$member" "eth0=lan:192.168.178.1$i/24" via 192.168.178.2
		on "$member" scripts/lb attach ipip eth0
	done
}

teardown_file() {
	scripts/node destroy --all
}

setup() {
	local member
	for member in $members; do
		on "$member" scripts/lb set key "$key"
		file_of "$member" | on "$member" scripts/lb restore -
	done
}

# file_of MEMBER: the same services and backends, each time in another order, and in other words.
file_of() {
	case $1 in
	lb-1) cat <<-END ;;
		service tcp 192.168.178.15:8000 sticky need 2 fallback 172.16.0.99
		  check tcp
		  backend 172.16.0.10 weight 3
		  backend 172.16.0.11
		  backend 172.16.0.12 down
		service udp 192.168.178.15:any hash slots 64
		  backend 172.16.0.10
		  backend 2001:db8:16::10
		service tcp [2001:db8:178::15]:80 strict
		  backend 2001:db8:16::10 weight 0
		  backend [2001:db8:16::11]:8080
	END
	lb-2) cat <<-END ;;
		# the same
		service tcp [2001:DB8:178:0:0:0:0:15]:80 maglev slots auto strict
		  backend [2001:0db8:0016::0011]:8080 up weight 1
		  backend 2001:db8:16:0::10 up weight 0
		service tcp 192.168.178.15:8000 fallback 172.16.0.99:8000 need 2 sticky
		  check tcp
		  backend 172.16.0.12 weight 1 down
		  backend 172.16.0.11:8000
		  backend 172.16.0.10 weight 3 up
		service udp 192.168.178.15:any slots 64 hash
		  backend 2001:db8:16::10
		  backend 172.16.0.10
	END
	lb-3) cat <<-END ;;
		service udp 192.168.178.15:any hash slots 64
		  backend 172.16.0.10
		  backend 2001:DB8:16::10
		service tcp [2001:db8:178::15]:80 strict
		  backend [2001:db8:16::11]:8080
		  backend 2001:db8:16::10 weight 0
		service tcp 192.168.178.15:8000 sticky need 2 fallback 172.16.0.99
		  check tcp
		  backend 172.16.0.11
		  backend 172.16.0.10 weight 3
		  backend 172.16.0.12 down
	END
	esac
}

# of MEMBER: its fingerprint.
of() {
	on "$1" scripts/lb fingerprint
}

@test "the order and the words of what was typed do not matter, nor what was there before" {
	run -0 of lb-1
	[[ $output =~ ^[0-9a-f]{12}$ ]]
	[ "$(of lb-2)" = "$output" ]
	[ "$(of lb-3)" = "$output" ]
	# not even ids are the same: the last one was there first
	on lb-2 scripts/lb restore - <<<'# none'
	on lb-2 scripts/lb service add tcp 192.168.178.99:1
	[ "$(of lb-2)" != "$output" ]
	file_of lb-3 | on lb-2 scripts/lb restore -
	[ "$(of lb-2)" = "$output" ]
	on lb-1 scripts/lb save | on lb-3 scripts/lb restore -
	[ "$(of lb-3)" = "$output" ]
	# so every slot of every service is the same backend's
	[ "$(on lb-1 scripts/lb --json slots tcp 192.168.178.15:8000 | jq -c 'map(.now)')" = "$(on lb-2 scripts/lb --json slots tcp 192.168.178.15:8000 | jq -c 'map(.now)')" ]
}

@test "a service that was larger has more slots, but places nothing elsewhere, and has the same fingerprint" {
	local before
	before=$(of lb-1)
	{
		file_of lb-1
		echo "service tcp 192.168.178.16:80"
		printf '  backend 172.16.1.%d\n' {1..12}
	} | on lb-1 scripts/lb restore -
	{
		file_of lb-2
		echo "service tcp 192.168.178.16:80"
		printf '  backend 172.16.1.%d\n' {1..2}
	} | on lb-2 scripts/lb restore -
	[ "$(of lb-1)" != "$(of lb-2)" ]
	on lb-2 scripts/lb save | on lb-1 scripts/lb restore -
	[ "$(on lb-1 scripts/lb --json slots tcp 192.168.178.16:80 | jq length)" -eq 4096 ]
	[ "$(on lb-2 scripts/lb --json slots tcp 192.168.178.16:80 | jq length)" -eq 512 ]
	[ "$(of lb-1)" = "$(of lb-2)" ]
	[ "$(of lb-1)" != "$before" ]
	[ "$(on lb-1 scripts/lb --json slots tcp 192.168.178.16:80 | jq -c '[range(0; 4096; 8) as $i | .[$i].now]')" = \
		"$(on lb-2 scripts/lb --json slots tcp 192.168.178.16:80 | jq -c 'map(.now)')" ]
}

@test "every single change of what places packets gives another one, and the way back the first" {
	local was print seen=() words
	was=$(of lb-1)
	while IFS='|' read -r words back; do
		words=${words%% }
		# shellcheck disable=SC2086 # words
		on lb-1 scripts/lb $words
		print=$(of lb-1)
		[[ " $was ${seen[*]} " != *" $print "* ]] || {
			echo "$words: $print was there before"
			false
		}
		seen+=("$print")
		# shellcheck disable=SC2086 # words
		on lb-1 scripts/lb $back
	done <<-END
		backend set tcp 192.168.178.15:8000 172.16.0.10 weight 4 | backend set tcp 192.168.178.15:8000 172.16.0.10 weight 3
		backend set tcp 192.168.178.15:8000 172.16.0.11 weight 0 | backend set tcp 192.168.178.15:8000 172.16.0.11 weight 1
		backend set tcp 192.168.178.15:8000 172.16.0.11 down | backend set tcp 192.168.178.15:8000 172.16.0.11 up
		backend set tcp 192.168.178.15:8000 172.16.0.12 up | backend set tcp 192.168.178.15:8000 172.16.0.12 down
		backend add tcp 192.168.178.15:8000 172.16.0.11:8001 | backend del tcp 192.168.178.15:8000 172.16.0.11:8001
		backend add tcp [2001:db8:178::15]:80 172.16.0.11 | backend del tcp [2001:db8:178::15]:80 172.16.0.11
		backend del udp 192.168.178.15:any 172.16.0.10 | backend add udp 192.168.178.15:any 172.16.0.10
		service set tcp 192.168.178.15:8000 hash | service set tcp 192.168.178.15:8000 maglev
		service set tcp 192.168.178.15:8000 slots 512 | service set tcp 192.168.178.15:8000 slots auto
		service set tcp 192.168.178.15:8000 strict | service set tcp 192.168.178.15:8000 open
		service set tcp 192.168.178.15:8000 fallback none | service set tcp 192.168.178.15:8000 fallback 172.16.0.99
		service set tcp 192.168.178.15:8000 fallback 172.16.0.98 | service set tcp 192.168.178.15:8000 fallback 172.16.0.99
		service add tcp 192.168.178.15:8001 | service del tcp 192.168.178.15:8001
		service add tcp 192.168.178.15:8001 sticky | service del tcp 192.168.178.15:8001
		service add tcp 192.168.178.16:8001 | service del tcp 192.168.178.16:8001
		service add udp 192.168.178.15:8001 | service del udp 192.168.178.15:8001
		set key ${key:0:63}e | set key $key
	END
	[ "${#seen[@]}" -eq 17 ]
	[ "$(of lb-1)" = "$was" ]
	[ "$(of lb-2)" = "$was" ]
}

@test "what places nothing does not count: checks and what they have found, need, addresses of the machine" {
	local was
	was=$(of lb-1)
	on lb-1 scripts/lb check add tcp 192.168.178.15:8000 http / interval 0.1 fall 1
	on lb-1 scripts/lb service set tcp 192.168.178.15:8000 need 1
	on lb-1 scripts/lb set window 60 address 192.168.178.111 debug on
	[ "$(of lb-1)" = "$was" ]
	on lb-1 scripts/lb set window 900 address 192.168.178.11 debug off
	# nobody is there: all fail
	background lb-1 scripts/lb watch
	wait_for 20 bash -c "LAB=$LAB scripts/node exec lb-1 scripts/lb service show | grep -q 'THE SERVICE HAS FAILED'"
	[ "$(of lb-1)" = "$was" ]
	on lb-1 bash -c 'read -r pid </run/xdp-lb/watch/pid && kill $pid'
	wait_for 10 on lb-1 flock -n /run/xdp-lb/watch true
}

@test "a backend that is a member of the group is the same backend for all of them" {
	local member
	for member in lb-1 lb-2; do
		{
			file_of $member
			printf '%s\n' "service tcp 192.168.178.15:9" "backend 192.168.178.11" "backend 172.16.0.10"
		} | on $member scripts/lb restore -
	done
	[ "$(on lb-1 scripts/lb service show | grep -c 'this machine')" -eq 1 ]
	[ "$(on lb-2 scripts/lb service show | grep -c 'this machine')" -eq 0 ]
	[ "$(of lb-1)" = "$(of lb-2)" ]
}

@test "as JSON, in the metrics and by doctor it is the same; the key is not in it" {
	local print
	print=$(of lb-1)
	[ "$(on lb-1 scripts/lb --json fingerprint)" = "{\"fingerprint\":\"$print\",\"services\":3,\"backends\":8}" ]
	on lb-1 scripts/lb metrics text | grep -Fx "xdp_lb_placement_info{fingerprint=\"$print\"} 1"
	[ "$(on lb-1 scripts/lb metrics text | grep -c '^xdp_lb_placement_info')" -eq 1 ]
	on lb-1 bash -c 'scripts/lb doctor || true' | grep -F "and the same services, backends and key (fingerprint $print)"
	# without services there is one, too, and it is of the key
	on lb-1 scripts/lb restore - <<<'# none'
	on lb-2 scripts/lb restore - <<<'# none'
	[ "$(on lb-1 scripts/lb --json fingerprint)" = "{\"fingerprint\":\"$(of lb-2)\",\"services\":0,\"backends\":0}" ]
	on lb-2 scripts/lb set key "${key:1}0"
	[ "$(of lb-1)" != "$(of lb-2)" ]
}

@test "it is refused where there is no load balancer, and takes no words" {
	on lb-3 scripts/lb detach eth0
	run -1 on lb-3 scripts/lb fingerprint
	[[ $output == *"no load balancer is loaded on this machine; run: lb attach MODE DEV"* ]]
	on lb-3 scripts/lb attach ipip eth0
	run -2 on lb-3 scripts/lb fingerprint now
	[[ $output == *"unexpected word 'now'"* ]]
}
