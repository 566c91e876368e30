#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The stages of scripts/lib between a command and the kernel: parse, configuration, edit, plan, describe, encode. They
# are pure: no test here needs root, a node or a map.

load ../lib/helper
# shellcheck source=maps/all.sh
. maps/all.sh

# Two services as the kernel lists them: udp 10.0.0.1:53 with backends 1 and 4, tcp 10.0.0.1:80 with none.
services=$'map 7\n2 6 10.0.0.1 80 256 251 7 0 0 60\n1 17 10.0.0.1 53 2048 512 0 0 0 0\n'
backends=$'map 8\n1 4 172.16.0.9 53 1 1 0 0\n1 1 172.16.0.10 5353 0 2 0 0\n'
checks=$'map 9\n'
prefixes=$'map 10\n'
server_ids=$'map 11\n'
limits_of=$'map 12\n'
limits='{"slots":16384,"backends":32768,"services":4096,"service_backends":1024,"clients":3000,"service_clients":1000,"changes":2048,"own":"10.0.0.9"}'

# Services as JSON, a line each, and behind it its backends.
flat='.[] | del(.backends), .backends[]'

# stage FILTER [JQ_OPTION...]: by jq's own include, which the commands do without: so each file says all that it needs.
stage() {
	jq -L scripts/lib -L maps/types --argjson contract "$(contract)" --arg max_slots 65537 --arg services "$services" \
		--arg backends "$backends" --arg checks "$checks" --arg prefixes "$prefixes" --arg server_ids "$server_ids" --arg limits_of "$limits_of" --argjson limits "$limits" "$@"
}

# parsed TEXT: what parse makes of it.
parsed() {
	stage 'include "parse"; parse_text' -cRs <<<"$1"
}

# change VERB TEXT: the lines that all stages together print; with dry=1 the plan.
change() {
	parsed "$2" | stage 'include "change"; change' -nc --arg verb "$1" |
		stage "include \"bytes\"; include \"tell\"; hex as \$hex | tell($(encoder command); $(encoder backend_change); $(encoder client_change); $(encoder server_id_change); $(encoder checks))" -nr --argjson dry "${dry-1}"
}

@test "parse: services and backends as people write them, with what was not said as null" {
	local text
	text=$(
		cat <<-'END'
			# a comment

			service tcp 10.0.0.1:80 sticky hash slots 7
				backend 172.16.0.1 weight 0 down
			 backend 172.16.0.2:8080
			service udp 10.0.0.1:any
		END
	)
	diff <(parsed "${text/slots 7/slots 7$'\r'}" | jq -c "$flat") - <<-'END'
		{"protocol":"tcp","address":"10.0.0.1","port":80,"sticky":true,"filling":"hash","slots":7,"need":null,"strict":null,"quic":null,"limit":null,"fallback":null,"clients":[],"checks":[],"line":3}
		{"address":"172.16.0.1","port":80,"weight":0,"state":"down","server_id":null,"line":4}
		{"address":"172.16.0.2","port":8080,"weight":null,"state":null,"server_id":null,"line":5}
		{"protocol":"udp","address":"10.0.0.1","port":0,"sticky":false,"filling":null,"slots":null,"need":null,"strict":null,"quic":null,"limit":null,"fallback":null,"clients":[],"checks":[],"line":6}
	END
	[ "$(parsed '')" = "[]" ]
}

@test "parse: checks, how many backends a service needs, and its fallback" {
	diff <(
		parsed "$(
			cat <<-'END'
				service tcp 10.0.0.1:80 need 2 strict fallback 10.0.0.9:81
					check tcp interval 5 fast-interval 0.5 timeout 2 rise 1 fall 10
					backend 172.16.0.1
					check http /a?b#c host www.example expect 200-204 match "it \"works\" #1" # a comment
				service udp 10.0.0.1:any open fallback none
					check udp "a\nb" "\u00fc" port 53
			END
		)" | jq -c '.[] | [.need, .strict, .fallback, (.backends | length)], .checks[]'
	) - <<-'END'
		[2,true,{"address":"10.0.0.9","port":81},1]
		{"kind":"tcp","args":[],"interval":5,"fast":0.5,"timeout":2,"rise":1,"fall":10}
		{"kind":"http","args":["/a?b#c"],"host":"www.example","expect":[200,204],"match":"it \"works\" #1"}
		[null,false,{},0]
		{"kind":"udp","args":["a\nb","ü"],"port":53}
	END
}

@test "parse: what is wrong, and in which line" {
	# wrong STATUS LINE TEXT INPUT
	wrong() {
		diff <(parsed "$4") <(jq -nc --argjson status "$1" --argjson line "$2" --arg text "$3" '{status: $status, text: $text, line: $line}')
	}
	wrong 1 1 "a backend comes after its service" "backend 1.2.3.4"
	wrong 1 2 "unexpected word 'nonsense'. A line begins with service, client, check, backend, or #" $'#\nnonsense'
	wrong 1 3 "unexpected word 'nonsense'. A line begins with service, client, check, backend, or #" $'service tcp 1.2.3.4:80\nbackend 1.2.3.5\nnonsense'
	wrong 2 1 "a service is PROTOCOL VIP:PORT, like: tcp 192.168.178.15:8000" "service tcp"
	wrong 2 2 "unexpected word 'wait'" $'service tcp 1.2.3.4:80\nbackend 1.2.3.5 wait 1'
	wrong 2 2 "which weight?" $'service tcp 1.2.3.4:80\nbackend 1.2.3.5 weight'
	wrong 1 2 "'65536' is no weight; take one from 0 to 65535" $'service tcp 1.2.3.4:80\nbackend 1.2.3.5 weight 65536'
	wrong 1 2 "'1e3' is no weight; take one from 0 to 65535" $'service tcp 1.2.3.4:80\nbackend 1.2.3.5 weight 1e3'
	wrong 1 4 "'1.2.3.05' is no IPv4 address; each of its numbers is 0 to 255" $'service tcp 1.2.3.4:80\nbackend 1.2.3.5\n\nbackend 1.2.3.05'
	wrong 1 1 "'2001:db8::15' has no port, or it cannot be told from the address; write [ADDRESS]:PORT, like [2001:db8::15]:8000" "service tcp 2001:db8::15"
	wrong 1 1 "'2001:db8::15:80' has no port, or it cannot be told from the address; write [ADDRESS]:PORT, like [2001:db8::15]:8000" "service tcp 2001:db8::15:80"
	wrong 1 1 "'1.2.3.4:80:90' is not understood; write VIP:PORT, like 192.168.178.15:8000 or [2001:db8::15]:8000" "service tcp 1.2.3.4:80:90"
	wrong 1 1 "'[2001:db8::15]' has no port; write [VIP]:PORT, like [2001:db8::15]:8000, or [VIP]:any" "service tcp [2001:db8::15]"
	wrong 1 1 "'[2001:db8::15:80' is not understood; write [ADDRESS]:PORT, like [2001:db8::15]:80" "service tcp [2001:db8::15:80"
	wrong 1 1 "'[1.2.3.4]:80' has brackets, which are for IPv6; write ADDRESS:PORT, like 192.168.178.15:80" "service tcp [1.2.3.4]:80"
	wrong 1 2 "2001:db8::15 is the VIP; give the backend's own address" $'service tcp [2001:db8::15]:80\nbackend 2001:0DB8:0::15'
	wrong 1 2 "'[2001:db8::16]:81' has a port; a service of every port keeps the client's: give the address alone" $'service tcp [2001:db8::15]:any\nbackend [2001:db8::16]:81'
	wrong 1 1 "a check comes after its service" "check tcp"
	wrong 1 1 "'0' is no number of backends; take one from 1 to 1024" "service tcp 1.2.3.4:80 need 0"
	wrong 1 1 "1.2.3.4 is the VIP; give the backend's own address" "service tcp 1.2.3.4:80 fallback 1.2.3.4"
	wrong 1 2 "'ping' is no check; take tcp, http, https, udp, dns or exec" $'service tcp 1.2.3.4:80\ncheck ping'
	wrong 2 2 "udp needs SEND and EXPECT" $'service udp 1.2.3.4:80\ncheck udp a'
	wrong 1 2 "tcp cannot check a service of udp; take udp, dns or exec" $'service udp 1.2.3.4:80\ncheck tcp'
	wrong 1 2 "a service of every port needs a port to check: port N" $'service tcp 1.2.3.4:any\ncheck tcp'
	wrong 1 2 "the timeout (3 s) is longer than the interval (2 s)" $'service tcp 1.2.3.4:80\ncheck tcp timeout 3'
	wrong 1 2 'a quoted word begins and ends with a double quote of its own, and \" is one within it' $'service tcp 1.2.3.4:80\ncheck http / match "a'
	wrong 1 1 "Maglev cannot fill 9 slots; take 1024, 16384 or another power of two, or a prime number" "service tcp 1.2.3.4:80 slots 9"
}

# says VERB TEXT: compares what comes of a command with standard input.
says() {
	diff <(change "$1" "$2") -
}

# word FILTER WORD: what a filter of words.jq makes of a word; or what is wrong with it.
word() {
	stage "include \"words\"; include \"address\"; answer(\$ARGS.positional[0] | $1; tojson)" -nr --args "$2" | tail -1
}

@test "words: an address of IPv6 in any text becomes the one of RFC 5952" {
	local text
	for text in 2001:db8::15 2001:0db8:0000:0000:0000:0000:0000:0015 2001:DB8::15 2001:db8:0:0::15 2001:db8::0.0.0.21; do
		[ "$(word address "$text")" = '"2001:db8::15"' ]
	done
	# what :: stands for: the longest run of zeros, the first of those; not a single one
	while read -r text want; do
		[ "$(word address "$text")" = "\"$want\"" ]
	done <<-'END'
		2001:0:0:1:0:0:0:1 2001:0:0:1::1
		2001:0:0:1:2:0:0:1 2001::1:2:0:0:1
		2001:0:2:3:4:5:6:7 2001:0:2:3:4:5:6:7
		2001:1:2:3:4:5:6:: 2001:1:2:3:4:5:6:0
		fd00:0:0:0:0:0:0:0 fd00::
		64:ff9b::192.0.2.33 64:ff9b::c000:221
		fd00::5efe:10.0.0.1 fd00::5efe:a00:1
	END
}

@test "words: what is no address, or none that others can reach" {
	local text says
	while read -r text says; do
		[ "$(word address "$text")" = "refused 1 '$text' $says" ]
	done <<-'END'
		:: is no address of a host that others can reach; take another one
		::1 is no address of a host that others can reach; take another one
		::10.0.0.1 is no address of a host that others can reach; take another one
		ff02::1 is no address of a host that others can reach; take another one
		fe80::1 is a link-local address, which is one only together with an interface; take a global one, or one of fd00::/8
		febf::1%eth0 is a link-local address, which is one only together with an interface; take a global one, or one of fd00::/8
		2001:db8::1%eth0 names an interface; write the address alone
		::FFFF:10.0.0.1 is an IPv4 address within an IPv6 one; write 10.0.0.1
		0:0:0:0:0:ffff:a00:1 is an IPv4 address within an IPv6 one; write 10.0.0.1
		2001:db8 is no IPv6 address; write it like 2001:db8::15
		2001:db8::1::2 is no IPv6 address; write it like 2001:db8::15
		2001:db8::12345 is no IPv6 address; write it like 2001:db8::15
		2001:db8::g is no IPv6 address; write it like 2001:db8::15
		2001:db8::10.0.0.256 is no IPv6 address; write it like 2001:db8::15
		2001:db8::10.0.1 is no IPv6 address; write it like 2001:db8::15
		10.0.0.1::2001 is no IPv6 address; write it like 2001:db8::15
		1:2:3:4:5:6:7:8:9 is no IPv6 address; write it like 2001:db8::15
		1:2:3:4::5:6:7:8 is no IPv6 address; write it like 2001:db8::15
		:1:2:3:4:5:6:7 is no IPv6 address; write it like 2001:db8::15
	END
}

@test "words: prefixes" {
	[ "$(word prefix 2001:DB8::/32)" = '{"address":"2001:db8::","bits":32}' ]
	[ "$(word prefix 2001:db8::8000:0/97)" = '{"address":"2001:db8::8000:0","bits":97}' ]
	[ "$(word prefix 10.0.0.0/7)" = '{"address":"10.0.0.0","bits":7}' ]
	[ "$(word "prefix | prefix_text" 10.0.0.1)" = '"10.0.0.1"' ]
	[ "$(word "prefix | prefix_text" 2001:db8::1/128)" = '"2001:db8::1"' ]
	[ "$(word "prefix | prefix_text" 2001:db8::/127)" = '"2001:db8::/127"' ]
	[ "$(word prefix 10.0.0.1/8)" = "refused 1 '10.0.0.1/8' has bits behind its prefix; write 10.0.0.0/8" ]
	[ "$(word prefix 2001:db8::8000:0/96)" = "refused 1 '2001:db8::8000:0/96' has bits behind its prefix; write 2001:db8::/96" ]
	[ "$(word prefix 10.0.0.0/33)" = "refused 1 '33' is no length of a prefix; take one from 1 to 32" ]
	[ "$(word prefix 2001:db8::/0)" = "refused 1 '0' is no length of a prefix; take one from 1 to 128" ]
	[ "$(word prefix 10.0.0.0/8/8)" = "refused 1 '10.0.0.0/8/8' is no prefix; write it like 192.168.0.0/16 or 2001:db8::/32" ]
}

# Services and backends of both families, in any order.
services_of_both=$'map 7\n1 6 fd00::1 80 0 512 0 0 0 0\n2 6 9.0.0.1 80 512 512 0 0 0 0\n3 17 2001:db8::15 0 1024 512 0 0 0 0\n4 6 10.0.0.1 80 1536 512 0 0 0 0\n5 6 2001:db8::15 0 2048 512 0 0 0 0\n'
backends_of_both=$'map 8\n1 1 fd00::11 80 1 1 0 0\n1 2 200.0.0.1 80 1 1 0 0\n1 3 2001:db8::11 8080 1 1 0 0\n1 4 fd00::9 80 1 1 0 0\n1 5 2001:db8:: 81 0 1 0 2\n3 6 10.0.0.2 0 1 1 0 0\n'

@test "both families: in order, saved, and restored without a change" {
	local services=$services_of_both backends=$backends_of_both text
	text=$(stage 'include "configuration"; configuration[] | as_text' -nr)
	diff <(echo "$text") - <<-'END'
		service tcp 9.0.0.1:80 maglev
		service tcp 10.0.0.1:80 maglev
		service tcp [2001:db8::15]:any maglev
		service udp [2001:db8::15]:any maglev
		  backend 10.0.0.2 weight 1 up
		service tcp [fd00::1]:80 maglev fallback [2001:db8::]:81
		  backend [2001:db8::11]:8080 weight 1 up
		  backend 200.0.0.1 weight 1 up
		  backend fd00::9 weight 1 up
		  backend fd00::11 weight 1 up
	END
	[ "$(change restore "$text")" = ok ]
	# nor is it one to write an address in another way
	text=${text/\[2001:db8::15\]/[2001:DB8:0::0:15]}
	[ "$(change restore "${text/fd00::9/fd00:0000::9}")" = ok ]
	says "backend del" $'service tcp [FD00::1]:80\nbackend [fd00:0::11]:80' <<-'END'
		ok
		forget fd00::11
		plan change service tcp [fd00::1]:80 maglev
		plan   delete backend [fd00::11]:80
	END
	diff <(stage "include \"configuration\"; configuration[4] | as_json | [.address, .fallback.address], (.backends[] | [.address, .port])" -nc) - <<-'END'
		["fd00::1","2001:db8::"]
		["2001:db8::11",8080]
		["200.0.0.1",80]
		["fd00::9",80]
		["fd00::11",80]
	END
}

@test "configuration: what the kernel lists, sorted, and the same as text" {
	diff <(stage "include \"configuration\"; configuration | map(as_json) | $flat" -nc) - <<-'END'
		{"protocol":"udp","address":"10.0.0.1","port":53,"sticky":false,"filling":"maglev","slots":512,"need":0,"strict":false,"checks":[],"fallback":null,"sized":false,"healthy":1,"failed":false}
		{"address":"172.16.0.9","port":53,"weight":1,"state":"up","health":"unchecked","last_resort":false}
		{"address":"172.16.0.10","port":5353,"weight":0,"state":"down","health":"unchecked","last_resort":false}
		{"protocol":"tcp","address":"10.0.0.1","port":80,"sticky":true,"filling":"hash","slots":251,"need":0,"strict":false,"checks":[],"fallback":null,"sized":true,"healthy":0,"failed":true}
	END
	diff <(stage 'include "configuration"; configuration[] | as_text' -nr) - <<-'END'
		service udp 10.0.0.1:53 maglev
		  backend 172.16.0.9 weight 1 up
		  backend 172.16.0.10:5353 weight 0 down
		service tcp 10.0.0.1:80 sticky hash slots 251
	END
}

@test "configuration: checks, what they have found, and a fallback" {
	services=$'map 7\n2 6 10.0.0.1 80 256 512 8 2 0 0\n1 17 10.0.0.1 53 2048 512 0 0 0 0\n'
	backends=$'map 8\n2 5 172.16.0.9 81 0 1 0 3\n2 4 172.16.0.8 80 1 1 2 0\n2 1 172.16.0.7 80 0 1 1 0\n1 2 172.16.0.7 53 1 1 1 0\n1 3 172.16.0.6 53 1 1 0 0\n'
	checks=$'map 9\n1\ncheck dns example.org\ncheck exec "/bin/a \\"b\\"" timeout 0.5\n2\ncheck http / expect 200\n'
	local text
	diff <(stage "include \"configuration\"; configuration | map(as_json) | $flat" -nc) - <<-'END'
		{"protocol":"udp","address":"10.0.0.1","port":53,"sticky":false,"filling":"maglev","slots":512,"need":0,"strict":false,"checks":["check dns example.org","check exec \"/bin/a \\\"b\\\"\" timeout 0.5"],"fallback":null,"sized":false,"healthy":2,"failed":false}
		{"address":"172.16.0.6","port":53,"weight":1,"state":"up","health":"unchecked","last_resort":false}
		{"address":"172.16.0.7","port":53,"weight":1,"state":"up","health":"healthy","last_resort":false}
		{"protocol":"tcp","address":"10.0.0.1","port":80,"sticky":false,"filling":"maglev","slots":512,"need":2,"strict":true,"checks":["check http / expect 200"],"fallback":{"address":"172.16.0.9","port":81,"last_resort":true},"sized":false,"healthy":1,"failed":true}
		{"address":"172.16.0.7","port":80,"weight":0,"state":"up","health":"healthy","last_resort":false}
		{"address":"172.16.0.8","port":80,"weight":1,"state":"up","health":"failed","last_resort":false}
	END
	text=$(stage 'include "configuration"; configuration[] | as_text' -nr)
	diff - <(echo "$text") <<-'END'
		service udp 10.0.0.1:53 maglev
		  check dns example.org
		  check exec "/bin/a \"b\"" timeout 0.5
		  backend 172.16.0.6 weight 1 up
		  backend 172.16.0.7 weight 1 up
		service tcp 10.0.0.1:80 maglev need 2 strict fallback 172.16.0.9:81
		  check http / expect 200
		  backend 172.16.0.7 weight 0 up
		  backend 172.16.0.8 weight 1 up
	END
	[ "$(change restore "$text")" = ok ]
	# what checks have found is shown as comments, so what is shown can be restored, too
	text=$(stage 'include "configuration"; configuration[] | as_shown' -nr)
	[ "$(grep -c '#' <<<"$text")" -ge 3 ]
	[ "$(change restore "$text")" = ok ]
}

@test "what is saved, restored, is no change" {
	[ "$(change restore "$(stage 'include "configuration"; configuration[] | as_text' -nr)")" = ok ]
	# nor is what was not said
	[ "$(change restore $'service tcp 10.0.0.1:80 sticky hash slots 251\nservice udp 10.0.0.1:53\nbackend 172.16.0.10:5353 weight 0 down\nbackend 172.16.0.9')" = ok ]
}

@test "edit: each verb, and what is there already or is not" {
	says "service add" "service tcp 10.0.0.2:any" <<-'END'
		ok
		plan add service tcp 10.0.0.2:any maglev
	END
	says "service add" "service udp 10.0.0.1:53" <<-'END'
		refused 1 service udp 10.0.0.1:53 is there already; 'lb service show' shows it
	END
	says "service set" "service tcp 10.0.0.1:80 maglev" <<-'END'
		ok
		plan change service tcp 10.0.0.1:80 sticky maglev slots 251
	END
	says "service del" "service tcp 10.0.0.1:81" <<-'END'
		refused 1 there is no service tcp 10.0.0.1:81; 'lb service show' lists those that are there
	END
	says "service del" "service udp 10.0.0.1:53" <<-'END'
		ok
		forget 172.16.0.10 172.16.0.9
		plan delete service udp 10.0.0.1:53
		plan   delete backend 172.16.0.9:53
		plan   delete backend 172.16.0.10:5353
	END
	says "backend add" $'service udp 10.0.0.1:53\nbackend 172.16.0.11 weight 2' <<-'END'
		ok
		keep 172.16.0.11
		plan change service udp 10.0.0.1:53 maglev
		plan   add backend 172.16.0.11:53 weight 2 up
	END
	says "backend add" $'service udp 10.0.0.1:53\nbackend 172.16.0.9' <<-'END'
		refused 1 172.16.0.9:53 is a backend of udp 10.0.0.1:53 already; 'lb service show' shows it
	END
	says "backend set" $'service udp 10.0.0.1:53\nbackend 172.16.0.9 down' <<-'END'
		ok
		plan change service udp 10.0.0.1:53 maglev
		plan   change backend 172.16.0.9:53 weight 1 up to weight 1 down
	END
	says "backend set" $'service udp 10.0.0.1:53\nbackend 172.16.0.9 up weight 1' <<-'END'
		ok
	END
	says "backend set" $'service udp 10.0.0.1:53\nbackend 172.16.0.8 down' <<-'END'
		refused 1 172.16.0.8:53 is no backend of udp 10.0.0.1:53; 'lb service show' lists them
	END
	says "backend del" $'service udp 10.0.0.1:53\nbackend 172.16.0.9' <<-'END'
		ok
		forget 172.16.0.9
		plan change service udp 10.0.0.1:53 maglev
		plan   delete backend 172.16.0.9:53
	END
}

@test "edit: both families" {
	says "service add" "service tcp [2001:DB8::15]:any" <<-'END'
		ok
		plan add service tcp [2001:db8::15]:any maglev
	END
	says "backend add" $'service udp 10.0.0.1:53\nbackend [2001:DB8:0::1]:54' <<-'END'
		ok
		keep 2001:db8::1
		plan change service udp 10.0.0.1:53 maglev
		plan   add backend [2001:db8::1]:54 weight 1 up
	END
	says "backend set" $'service udp 10.0.0.1:53\nbackend 2001:db8::1 down' <<-'END'
		refused 1 [2001:db8::1]:53 is no backend of udp 10.0.0.1:53; 'lb service show' lists them
	END
	says "service set" $'service tcp 10.0.0.1:80 fallback 2001:db8::1' <<-'END'
		ok
		warn tcp 10.0.0.1:80: NO BACKEND IS LEFT; the fallback [2001:db8::1]:80 gets everything
		keep 2001:db8::1
		plan change service tcp 10.0.0.1:80 sticky hash slots 251
		plan   add fallback [2001:db8::1]:80, as the last resort
	END
	limits=${limits/\}/,\"own6\":\"2001:db8::10\"\}} says "service add" "service tcp [2001:db8::0:10]:any" <<-'END'
		refused 1 2001:db8::10 is this machine's own address, and it needs ports of its own; take another VIP, or single ports
	END
}

# planned FILTER TEXT: a filter over the plan for a configuration.
planned() {
	parsed "$2" | stage 'include "configuration"; include "plan"; input as $want | configuration as $is | plan($is; $want; $limits; services; used_ids) | '"$1" -nc
}

@test "plan: ids and slots that are free are taken from the lowest on; a service keeps its own" {
	[ "$(planned '[.commands[] | .operation, .service.id, .service.first, .is_vip]' \
		$'service tcp 10.0.0.1:80 sticky hash slots 251\nservice tcp 10.0.0.7:1\nservice tcp 10.0.0.7:2 slots 7')" = \
		'["delete",1,2048,true,"build",1,512,true,"build",3,0,true]' ]
	[ "$(planned '[.commands[].changes[] | .id]' "service tcp 10.0.0.1:80 sticky hash
		backend 1.1.1.1
		backend 1.1.1.2
		backend 1.1.1.3
		service udp 10.0.0.1:53
		backend 172.16.0.9
		backend 172.16.0.10:5353 weight 0 down")" = "[2,3,5]" ]
	[ "$(planned '[.commands[] | .operation, .is_vip]' "")" = '["delete",false,"delete",false]' ]
}

@test "plan: a table that cannot hold its backends becomes one of the usual size, with a warning" {
	[ "$(planned '.warnings, .commands[-1].service.taken' $'service tcp 10.0.0.7:1 hash slots 1\nbackend 1.1.1.1\nbackend 1.1.1.2')" = \
		$'["tcp 10.0.0.7:1 gets 512 slots instead of 1, which cannot hold its backends"]\n512' ]
}

@test "plan: a table is as large as its backends need; each slot of one that grows becomes several, and none is given back" {
	# sizes N [NOW WORDS]: table and slots that a service of N backends gets which has NOW slots
	sizes() {
		local services=$'map 7\n' text
		[[ $# -eq 1 ]] || services+="1 6 10.0.0.7 1 0 $2 0 0 0 0"$'\n'
		text="service tcp 10.0.0.7:1 ${*:3}"$'\n'$(printf 'backend 10.1.0.%d down\n' $(seq "$1"))
		limits=${limits/16384/1000000} planned '.commands[-1].service | "\(.table) \(.taken) \(.first)"' "$text" -r
	}
	[ "$(for n in 1 5 6 10 11 40 41 163 164; do sizes $n; done | tr '\n' ,)" = '"512 512 0","512 512 0","1024 1024 0","1024 1024 0","4096 4096 0","4096 4096 0","16384 16384 0","16384 16384 0","65536 65536 0",' ]
	[ "$(sizes 11 1024)" = '"4096 4096 1024"' ] # new ones, behind the old
	[ "$(sizes 5 4096)" = '"512 4096 0"' ]      # the same ones
	[ "$(sizes 5 2)" = '"512 512 16"' ]         # typed by hand
	[ "$(sizes 5 4096 slots 251)" = '"251 251 4096"' ]
	[ "$(sizes 5 4096 slots 1024)" = '"1024 1024 4096"' ]
}

@test "plan: connections move if one slot is not several, and a warning says so" {
	says "service set" "service tcp 10.0.0.1:80 slots auto" <<-'END'
		ok
		warn tcp 10.0.0.1:80: 251 slots become 512; connections of before move
		plan change service tcp 10.0.0.1:80 sticky hash, whose 251 slots become 512
	END
	says "service set" "service udp 10.0.0.1:53 slots 4096" <<-'END'
		ok
		plan change service udp 10.0.0.1:53 maglev slots 4096, whose 512 slots become 4096
	END
}

@test "plan: what does not fit, or is there twice, is refused" {
	says restore "service tcp 10.0.0.9:any" <<-'END'
		refused 1 line 1: 10.0.0.9 is this machine's own address, and it needs ports of its own; take another VIP, or single ports
	END
	[ "$(dry=0 change restore $'service tcp 1.1.1.1:1\nservice tcp 1.1.1.1:1')" = "refused 1 line 2: service tcp 1.1.1.1:1 is there twice" ]
	[ "$(dry=0 change restore $'service tcp 1.1.1.1:1\nbackend 1.1.1.2\nbackend 1.1.1.2:1')" = "refused 1 line 3: backend 1.1.1.2:1 of tcp 1.1.1.1:1 is there twice" ]
	[ "$(dry=0 change restore "service tcp 1.1.1.1:1 slots 16411")" = "refused 1 line 1: all 16384 slots are taken; delete a service, or give it fewer slots" ]
	limits=${limits/32768/4} run change restore $'service tcp 1.1.1.1:1\nbackend 1.1.1.2\nbackend 1.1.1.3\nbackend 1.1.1.4\nbackend 1.1.1.5'
	[ "$output" = "refused 1 line 1: all 3 backends are taken; delete some" ]
	limits=${limits/4096/2} run change "service add" "service tcp 1.1.1.1:1"
	[ "$output" = "refused 1 there are 2 services already; delete one" ]
}

@test "encode: a command is what the encoders of maps/ write for its parts" {
	local got want text
	got=$(dry=0 change restore $'service udp 10.0.0.1:53 sticky\nbackend 172.16.0.9 weight 65535 down\nservice tcp 10.0.0.1:80 sticky hash slots 251' |
		sed -n 's/^command //p')
	want="$(encode command build 10.0.0.1 53 udp 4 1 2048 512 sticky 0 0 0 0 0 512 1 2 0 0 0)"
	want+=" $(encode backend_change 4 172.16.0.9 53 4 down 65535 unchecked 0 1) $(encode backend_change 1 0.0.0.0 0 4 free 0 unchecked 0 0)"
	# shellcheck disable=SC2059 # escapes
	[ "$(printf "$got" | od -An -v -tu1 -w1 | xargs)" = "$want" ]
	# both families
	got=$(dry=0 change restore $'service udp [2001:db8::15]:53\nbackend 172.16.0.9\nbackend 2001:db8::11\nservice udp 10.0.0.1:53\nbackend 172.16.0.9\nbackend 172.16.0.10:5353 weight 0 down\nservice tcp 10.0.0.1:80 sticky hash slots 251' |
		sed -n 's/^command //p')
	want="$(encode command build 2001:db8::15 53 udp 6 3 512 512 0 0 0 0 0 0 512 1 2 0 0 0)"
	want+=" $(encode backend_change 2 172.16.0.9 53 4 up 1 unchecked 0 3) $(encode backend_change 3 2001:db8::11 53 6 up 1 unchecked 0 3)"
	# shellcheck disable=SC2059 # escapes
	diff <(printf "$got" | od -An -v -tu1 -w1 | xargs) <(echo "$want")
	# with checks, which come behind the changes; their text is UTF-8
	got=$(dry=0 change restore $'service udp 10.0.0.1:53 need 3 strict fallback 172.16.0.1\ncheck udp "\u00fc \U0001f600" x fall 2\nbackend 172.16.0.9\nbackend 172.16.0.10:5353 weight 0 down\nservice tcp 10.0.0.1:80 sticky hash slots 251' |
		sed -n 's/^command //p')
	want="$(encode command build 10.0.0.1 53 udp 4 1 2048 512 strict 0 3 0 0 0 512 1 1 0 0 1)"
	want+=" $(encode backend_change 2 172.16.0.1 53 4 up 0 unchecked fallback 1)"
	local text
	text=$(printf 'check udp "\u00fc \U0001f600" x fall 2\n' | od -An -v -tx1 | tr -d ' \n')
	want+=" $(encode checks $((${#text} / 2)) "$text$(printf '%0*d' $((2 * CHECKS_LENGTH - ${#text})) 0)")"
	# shellcheck disable=SC2059 # escapes
	diff <(printf "$got" | od -An -v -tu1 -w1 | xargs) <(echo "$want")
}

@test "clients: read, put in order, compared with what is there, and written as bytes" {
	local got want
	parsed $'service tcp 10.0.0.1:80\nclient deny 10.0.0.0/8 10.1.2.3 # two\nclient allow 10.1.0.0/16' | jq -c '.[].clients[]' | diff - <(
		cat <<-'END'
			{"rule":"deny","address":"10.0.0.0","bits":8}
			{"rule":"deny","address":"10.1.2.3","bits":32}
			{"rule":"allow","address":"10.1.0.0","bits":16}
		END
	)
	prefixes=$'map 10\n2 2 10.0.0.0 8\n2 1 10.64.0.0 10\n2 1 192.0.2.7 32\n2 2 0.0.0.0 0\n'
	diff <(dry=1 change "client add" $'service tcp 10.0.0.1:80\nclient deny 192.0.2.0/24') - <<-'END'
		ok
		plan change service tcp 10.0.0.1:80 sticky hash slots 251
		plan   add client deny 192.0.2.0/24
	END
	# the last one that allows somebody who would be denied anyway: then everybody else may
	got=$(dry=0 change "client del" $'service tcp 10.0.0.1:80\nclient allow 192.0.2.7' | sed -n 's/^command //p')
	want="$(encode command build 10.0.0.1 80 tcp 4 2 256 251 sticky,hash,sized,listed 0 0 0 0 0 251 1 0 2 0 0)"
	want+=" $(encode client_change 64 2 4 192.0.2.7 unknown) $(encode client_change 32 2 4 0.0.0.0 unknown)"
	# shellcheck disable=SC2059 # escapes
	diff <(printf "$got" | od -An -v -tu1 -w1 | xargs) <(echo "$want")
	[ "$(dry=0 change "client add" $'service tcp 10.0.0.1:80\nclient allow 10.0.0.0/8')" = \
		"refused 1 tcp 10.0.0.1:80 has 10.0.0.0/8 already; 'lb service show' shows it" ]
	[ "$(dry=0 change "client del" $'service tcp 10.0.0.1:80\nclient allow 10.0.0.0/8')" = \
		"refused 1 tcp 10.0.0.1:80 has no client allow 10.0.0.0/8; 'lb service show' lists them" ]
	[ "$(dry=0 change restore $'service tcp 1.1.1.1:1\nclient deny 10.0.0.0/8\nclient allow 10.0.0.0/8')" = \
		"refused 1 line 1: tcp 1.1.1.1:1 has 10.0.0.0/8 twice; say allow or deny once" ]
	limits=${limits/'"service_clients":1000'/'"service_clients":2'} run change "client add" $'service tcp 10.0.0.1:80\nclient deny 192.0.2.0/24'
	[ "$output" = "refused 1 tcp 10.0.0.1:80 would have 4 prefixes of clients; 2 is the limit" ]
	limits=${limits/'"clients":3000'/'"clients":5'} run change "client add" $'service tcp 10.0.0.1:80\nclient deny 192.0.2.0/24'
	[ "$output" = "refused 1 there would be 6 prefixes of clients; 5 is the limit" ]
	limits=${limits/'"changes":2048'/'"changes":1'} run change restore $'service tcp 10.0.0.1:80 sticky hash slots 251\nclient deny 192.0.2.0/24'
	[[ $output == *"would change in too many ways at once"* ]]
}

@test "clients: who is in no prefix may, unless one of the outermost prefixes allows" {
	local text
	alone() {
		text=$(printf 'client %s\n' "$@")
		parsed "service tcp 10.0.0.1:80"$'\n'"$text" | stage 'include "clients"; .[0].clients | are_alone' -c
	}
	[ "$(alone 'deny 10.0.0.0/8')" = false ]
	[ "$(alone 'allow 10.0.0.0/8')" = true ]
	[ "$(alone 'allow 10.1.0.0/16' 'deny 10.0.0.0/8')" = false ]
	[ "$(alone 'deny 10.1.0.0/16' 'allow 10.0.0.0/8')" = true ]
	[ "$(alone 'deny 10.0.0.0/8' 'allow 10.1.0.0/16' 'allow 11.0.0.0/16')" = true ]
	[ "$(alone 'deny 10.0.0.0/8' 'allow 10.255.255.255' 'deny 11.0.0.0/8' 'allow 11.0.0.0')" = false ]
	[ "$(alone 'deny 10.0.0.0/9' 'allow 10.128.0.0/9')" = true ]
	text=$(stage 'include "clients"; [("2001:db8:7fff::1", "2001:db8:8000::1", "2001:db9::1") | is_in({address: "2001:db8::", bits: 33})]' -nc)
	[ "$text" = "[true,false,false]" ]
	[ "$(stage 'include "clients"; [("10.0.0.1", "10.0.0.2") | is_in({address: "10.0.0.1", bits: 32})]' -nc)" = "[true,false]" ]
}

# A service of two backends, 1 is healthy, 2 drains.
services_of_two=$'map 7\n1 6 10.0.0.1 80 0 512 0 0 0 0\n'
backends_of_two=$'map 8\n1 1 172.16.0.1 80 1 1 1 0\n1 2 172.16.0.2 80 0 1 1 0\n'

# triage HEALTH HEALTH [WORDS [BACKENDS]]: what becomes of two backends, 1 with a weight and 2 without, if that is their
# health: "plan" lines and warnings. WORDS are the service's; BACKENDS are as they were before, if not healthy.
triage() {
	local services=$services_of_two backends=${4-$backends_of_two} checks=$'map 9\n1\ncheck tcp\n'
	case ${3-} in
	strict) services=${services/512 0/512 8} ;;
	fallback) backends+=$'1 3 172.16.0.3 80 0 1 0 2\n' ;;
	esac
	stage 'include "change"; change' -nc --arg verb health <<<"[{\"protocol\":\"tcp\",\"address\":\"10.0.0.1\",\"port\":80,\"backends\":[
		{\"address\":\"172.16.0.1\",\"port\":80,\"health\":\"$1\"},{\"address\":\"172.16.0.2\",\"port\":80,\"health\":\"$2\"}]}]" |
		jq -r '.warnings // empty | .[]'
	stage 'include "change"; change' -nc --arg verb health <<<"[{\"protocol\":\"tcp\",\"address\":\"10.0.0.1\",\"port\":80,\"backends\":[
		{\"address\":\"172.16.0.1\",\"port\":80,\"health\":\"$1\"},{\"address\":\"172.16.0.2\",\"port\":80,\"health\":\"$2\"}]}]" |
		jq -r 'select(.changes) | .changes[] | "\(.id) \(.health) \(.flags | join(","))"' | paste -sd ';'
}

@test "triage: who gets packets when backends have failed" {
	[ -z "$(triage healthy healthy)" ] # nothing is to be done
	[ "$(triage healthy failed)" = "2 failed " ]
	diff <(triage failed healthy) - <<-'END'
		tcp 10.0.0.1:80: only backends that drain are healthy; they get everything: 172.16.0.2:80
		1 failed ;2 healthy last_resort
	END
	diff <(triage failed failed) - <<-'END'
		tcp 10.0.0.1:80: ALL BACKENDS HAVE FAILED; those that were healthy last go on to get packets: 172.16.0.1:80
		1 failed last_resort;2 failed 
	END
	diff <(triage failed failed strict) - <<-'END'
		tcp 10.0.0.1:80: ALL BACKENDS HAVE FAILED; it is strict, so nobody gets packets
		1 failed ;2 failed 
	END
	diff <(triage failed healthy fallback) - <<-'END'
		tcp 10.0.0.1:80: NO BACKEND IS LEFT; the fallback 172.16.0.3:80 gets everything
		1 failed ;3 unchecked last_resort,fallback
	END
	# and back
	diff <(triage healthy failed "" $'map 8\n1 1 172.16.0.1 80 1 1 2 1\n1 2 172.16.0.2 80 0 1 2 0\n') - <<-'END'
		tcp 10.0.0.1:80: it has healthy backends again, which get everything
		1 healthy 
	END
	# both had failed, 1 was the last: it stays the last resort
	[ -z "$(triage failed failed "" $'map 8\n1 1 172.16.0.1 80 1 1 2 1\n1 2 172.16.0.2 80 0 1 2 0\n')" ]
	# a service without a check is as a person has set it
	[ "$(checks=$'map 9\n' dry=1 change "backend set" $'service udp 10.0.0.1:53\nbackend 172.16.0.9 weight 0')" = $'ok\nplan change service udp 10.0.0.1:53 maglev\nplan   change backend 172.16.0.9:53 weight 1 up to weight 0 up' ]
}

# mind: lines for watch.jq on stdin -> what it says, but for orders.
mind() {
	stage 'include "watch"; watch($road; {first: 61000, ports: 4, probes: 1024}; "/run/x")' -nRr --argjson road "${road-1}" | grep -v "^order"
}

# one_item CHECK HEALTH: the line of a configuration of one backend.
one_item() {
	local services=$services_of_two backends checks
	backends=$'map 8\n1 1 172.16.0.1 8080 1 1 '"$2"$' 0\n' checks=$'map 9\n1\ncheck '"$1"$'\n'
	echo "configuration $(stage 'include "configuration"; configuration' -nc)"
}

@test "watch: a round begins when checks are due, and tells what each of them is" {
	local config
	config=$(one_item "http /a interval 5" 1)
	diff <(mind <<<"$config"$'\nturn 100.2\nresults curl 0 0 200 0.1 0.2 \t\nturn 100.3 1\nturn 104.9\nturn 105') - <<-'END'
		next 3700.2
		map key 0 0 0 0 value 1 0 0 0 
		round 1 2
		curl 0
		end
		next 105
		took 1 0.2 1 http /a
		end
		next 105
		end
		next 3705
		round 2 2
		curl 0
		end
	END
	# a transfer of curl's: to the VIP, from the ports of its place; with NAT to the backend
	run stage 'include "watch"; watch(1; {first: 61000, ports: 4, probes: 1024}; "/run/x")' -nRr <<<"$config"$'\nturn 1'
	[[ $output == *'order 0 url = "http://10.0.0.1:80/a"\nconnect-to = "::10.0.0.1:80"\n'*'local-port = 61000-61003\n'*'max-time = 1\n'* ]]
	run stage 'include "watch"; watch(0; {first: 61000, ports: 4, probes: 1024}; "/run/x")' -nRr <<<"$config"$'\nturn 1'
	[[ $output == *'order 0 url = "http://10.0.0.1:80/a"\nconnect-to = "::172.16.0.1:8080"\n'* ]]
	[[ $output != *local-port* && $output != *"map key"* ]]
}

# after CONFIGURATION RESULT...: what a backend is taken for after each of these results, 1 for one that passes, - for none: a letter for
# each. It is healthy in the maps, so that it is a change if it has failed (F), and none if it has not (h).
after() {
	local i=0 result
	{
		echo "$1"
		echo "turn 0"
		for result in "${@:2}"; do
			i=$((i + 1))
			[[ $result == - ]] || echo "results curl 0 0 $((result == 1 ? 200 : 500)) 0.1 0.2 "$'\t'
			echo "turn $((10 * i)).5 $i"
			echo "turn $((10 * i + 5))"
		done
	} | mind | awk '/^change/ { failed = 1 } /^end/ { if (n++ % 2) printf "%s", failed ? "F" : "h"; failed = 0 }'
}

@test "watch: it takes several results in a row to change, and none from a check that was killed" {
	local http
	http=$(one_item "http / rise 2 fall 3" 1)
	[ "$(after "$http" 1 1 1)" = hhh ]
	[ "$(after "$http" 0 0 1 0 0 1)" = hhhhhh ]
	[ "$(after "$http" 0 0 - - 0 1 0 1 1)" = hhhhFFFFh ]
	# who does not pass for the first time: its next hop is asked for; why it has failed is said once the maps shall change
	[ "$(mind <<<"$http"$'\nturn 0\nresults curl 0 28 000 0.000 1.001 Connection timed out\t\nturn 1 1' | grep suspect)" = "suspect 172.16.0.1" ]
	http=$(one_item "http / fall 1" 1)
	[ "$(mind <<<"$http"$'\nturn 0\nresults curl 0 28 000 0.000 1.001 Connection timed out\t\nturn 1 1' | grep -E "^(say|change)" | tr "\t" "|")" = "$(
		cat <<-'END'
			say 2|tcp 10.0.0.1:80: THE SERVICE HAS FAILED: 0 of 1 backends are left|SERVICE=tcp 10.0.0.1:80|OLD=healthy|NEW=failed|WHY=0 of 1 backends are left
			say 4|tcp 10.0.0.1:80: backend 172.16.0.1:8080 HAS FAILED: check http /: Connection timed out|SERVICE=tcp 10.0.0.1:80|BACKEND=172.16.0.1:8080|OLD=healthy|NEW=failed|WHY=check http /: Connection timed out
			change [{"protocol":"tcp","address":"10.0.0.1","port":80,"backends":[{"address":"172.16.0.1","port":8080,"health":"failed"}]}]
		END
	)" ]
}

@test "watch: a backend that falls three times within ten minutes needs twice as many good results, and then 4 times" {
	local http
	http=$(one_item "http / interval 1 fast-interval 1 rise 1 fall 1" 1)
	[ "$(after "$http" 0 1 0 1 0 1 1 0 1 1 1 1)" = FhFhFFhFFFFh ]
	# the falls of before are forgotten after ten minutes
	# shellcheck disable=SC2046 # words
	[ "$(after "$http" 0 1 0 1 0 1 1 $(printf '1 %.0s' {1..60}) 0 1 | tail -c 2)" = Fh ]
}

@test "watch: lines that nobody understands, and results of items that are gone, are passed over" {
	local http
	http=$(one_item "http / fall 1" 1)
	[ "$(mind <<<"$http"$'\nturn 0\nnonsense\nresults curl: (7) no\tcurl failed to verify\tcurl 0\tran\tcurl 99 0 200 0.1 0.2 \t\nturn 1 1' | tail -1)" = end ]
}

@test "trace: addresses as bpf_printk prints them, with all zeros, become the usual text" {
	# shellcheck source=/dev/null
	. scripts/lib/stats.sh
	[ "$(shorten_ipv6 <<<"[2001:0db8:0000:0000:0000:0000:0000:0020]:40000 > [fd00:0000:0000:0000:0001:0000:0000:0015]:80 backend 3 fd00:0001:0002:0003:0004:0005:0006:0007: forwarded")" = \
		"[2001:db8::20]:40000 > [fd00::1:0:0:15]:80 backend 3 fd00:1:2:3:4:5:6:7: forwarded" ]
	[ "$(shorten_ipv6 <<<"10.0.0.20:40000 > 192.168.178.15:80 backend 3 172.16.0.10: forwarded")" = "10.0.0.20:40000 > 192.168.178.15:80 backend 3 172.16.0.10: forwarded" ]
}

@test "journal: a warning's service, and what a refused command was about, whatever way it was typed" {
	local fields refused
	# shellcheck source=scripts/lib/log.sh
	. scripts/lib/log.sh
	# shellcheck source=scripts/lib/builder.sh
	. scripts/lib/builder.sh
	service_of "tcp [2001:db8::15]:80: it has healthy backends again"
	[ "${fields[*]}" = "SERVICE=tcp [2001:db8::15]:80" ]
	service_of "udp 10.0.0.1:any gets 512 slots"
	[ "${fields[*]}" = "SERVICE=udp 10.0.0.1:any" ]
	named() {
		name_refused "$@"
		echo "${refused[*]}"
	}
	[ "$(named "service tcp [2001:DB8:0::15]:80" "backend 2001:0db8::11 weight 2")" = "SERVICE=tcp [2001:db8::15]:80 BACKEND=[2001:db8::11]:80" ]
	[ "$(named "service tcp [2001:db8::15]:any" "backend [2001:db8::11]:81")" = "SERVICE=tcp [2001:db8::15]:any BACKEND=[2001:db8::11]:81" ]
	[ "$(named "service tcp 10.0.0.1:any" "backend 172.16.0.10")" = "SERVICE=tcp 10.0.0.1:any BACKEND=172.16.0.10:0" ]
	[ "$(named "service tcp 10.0.0.1:80" "backend 172.16.0.10:81")" = "SERVICE=tcp 10.0.0.1:80 BACKEND=172.16.0.10:81" ]
}
