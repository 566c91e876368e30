#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# QUIC through the L2 DSR lab, with a real client and servers (the examples of ngtcp2): a client that changes its address in the
# middle of a connection keeps its server, because the server's connection ids name it.

load ../lib/helper

# hashed_to PORT: the backend that the hash means for this port of the client.
hashed_to() {
	lb --json why udp "10.0.0.20:$1" 192.168.178.15:443 | jq -r .backend
}

setup_file() {
	local i www first_port
	set_up_lab l2dsr
	clang -O2 -Wall -Wextra -Werror -shared -fPIC tests/lib/quic_server_id.c -o "$BATS_FILE_TMPDIR/server_id.so"
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=shop.example -keyout "$BATS_FILE_TMPDIR/key" -out "$BATS_FILE_TMPDIR/cert" 2>/dev/null
	lb service add udp 192.168.178.15:443 quic 2
	lb backend add udp 192.168.178.15:443 192.168.178.11 # its id is the end of its address
	lb backend add udp 192.168.178.15:443 192.168.178.12 id beef
	for i in 1:b20b 2:beef; do
		www=$BATS_FILE_TMPDIR/www-${i%:*}
		mkdir "$www"
		echo "backend-0${i%:*}" >"$www/who"
		background "backend-0${i%:*}" env "SERVER_ID=${i#*:}" "LD_PRELOAD=$BATS_FILE_TMPDIR/server_id.so" \
			gtlsserver --quiet -d "$www" 192.168.178.15 443 "$BATS_FILE_TMPDIR/key" "$BATS_FILE_TMPDIR/cert"
		wait_for 20 on "backend-0${i%:*}" bash -c 'ss -Hlnu | grep -q :443'
	done
	for ((first_port = 40000; first_port < 40100; first_port += 2)); do
		[[ $(hashed_to $first_port) == "$(hashed_to $((first_port + 1)))" ]] || break
	done
	[ "$first_port" -lt 40100 ]
	# The client has these two ports alone, and each of them is hashed to another backend.
	on client sysctl -qw net.ipv4.ip_local_port_range="$first_port $((first_port + 1))"
}

teardown_file() {
	labs/l2dsr/teardown.sh
}

# ask SECONDS [OPTION]...: asks one server who it is, from one port, after a handshake from the other one. Fails if there is no
# answer in that time.
ask() {
	rm -rf "$BATS_TEST_TMPDIR/got"
	mkdir "$BATS_TEST_TMPDIR/got"
	on client timeout "$1" gtlsclient --quiet --exit-on-all-streams-close --change-local-addr=300ms --delay-stream=600ms "${@:2}" \
		--download="$BATS_TEST_TMPDIR/got" 192.168.178.15 443 https://shop.example/who >"$BATS_TEST_TMPDIR/client.log" 2>&1 || true
	grep -q "^backend-0[12]$" "$BATS_TEST_TMPDIR/got/who"
}

@test "after the client has changed its address, or its NAT has, the server that it knows answers" {
	ask 60
	ask 60 --nat-rebinding
	ask 60 --nat-rebinding
}

@test "without server ids, the same client is sent to another server, and gets no answer" {
	lb service set udp 192.168.178.15:443 quic off
	run -1 ask 5 --nat-rebinding
	[ ! -s "$BATS_TEST_TMPDIR/got/who" ]
	lb service set udp 192.168.178.15:443 quic 2
	lb backend set udp 192.168.178.15:443 192.168.178.12 id beef
	ask 60 --nat-rebinding
}
