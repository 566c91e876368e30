#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# lb client: who may use a service: single commands, files, what is refused, long lists, and what lb why says.

load ../lib/helper

setup() {
	one_load_balancer
	loaded
}

teardown() {
	scripts/node destroy --all
}

# entries MAP: how many a map has.
entries() {
	on lb bpftool -j map dump pinned "$MAPS/$1" | jq length
}

@test "prefixes are added, deleted, shown and saved in one text and order, and restored" {
	lb service add tcp '[2001:db8:178::15]:80'
	lb client add tcp '[2001:DB8:178:0::15]:80' deny 2001:DB8:0:10::/64
	lb client add tcp 192.168.178.15:8000 deny 198.51.100.7 10.0.0.0/8
	lb client add tcp 192.168.178.15:8000 allow 10.64.0.0/10 10.0.0.0/16
	diff <(lb save | grep -v '^#') - <<-'END'
		service tcp 192.168.178.15:8000 maglev
		  client deny 10.0.0.0/8
		  client allow 10.0.0.0/16
		  client allow 10.64.0.0/10
		  client deny 198.51.100.7
		  backend 172.16.0.10 weight 1 up
		service tcp [2001:db8:178::15]:80 maglev
		  client deny 2001:db8:0:10::/64
	END
	lb save >"$BATS_TEST_TMPDIR/saved"
	run -0 lb -v restore "$BATS_TEST_TMPDIR/saved" # all is so already
	[[ $output != *"prog run"* ]]
	[ "$(lb --json service show | jq -c '.[0].clients')" = \
		'[{"rule":"deny","prefix":"10.0.0.0/8"},{"rule":"allow","prefix":"10.0.0.0/16"},{"rule":"allow","prefix":"10.64.0.0/10"},{"rule":"deny","prefix":"198.51.100.7"}]' ]
	lb backend set tcp 192.168.178.15:8000 172.16.0.10 weight 3 # what a command is not about stays
	lb service set tcp 192.168.178.15:8000 need 1
	[ "$(entries clients)" -eq 5 ]
	[ "$(entries prefixes)" -eq 5 ]
	run -0 lb --dry-run client del tcp 192.168.178.15:8000 allow 10.64.0.0/10 10.0.0.0/16
	[ "$output" = "change service tcp 192.168.178.15:8000 maglev need 1
  delete client allow 10.0.0.0/16
  delete client allow 10.64.0.0/10" ]
	lb client del tcp 192.168.178.15:8000 allow 10.64.0.0/10 10.0.0.0/16
	[ "$(lb save | grep -c client)" -eq 3 ]
	packet 'came()/client()/TCP(dport=8000)' drop denied
	lb restore "$BATS_TEST_TMPDIR/saved"
	packets <<<'came()/client()/TCP(dport=8000) => tx forwarded anything()'
	lb service del tcp 192.168.178.15:8000
	lb service del tcp '[2001:db8:178::15]:80'
	[ "$(entries clients)" -eq 0 ]
	[ "$(entries prefixes)" -eq 0 ]
	lb detach eth0
	[ -z "$(on lb ls "$MAPS")" ]
}

@test "what is refused says what to write instead, and nothing changes" {
	lb client add tcp 192.168.178.15:8000 deny 198.51.100.0/24
	refuses 2 "which client? allow PREFIX, or deny PREFIX" client add tcp 192.168.178.15:8000
	refuses 2 "unexpected word '10.0.0.0/8'; write allow PREFIX, or deny PREFIX" client add tcp 192.168.178.15:8000 10.0.0.0/8
	refuses 2 "deny whom? PREFIX is missing, like 10.0.0.0/8" client add tcp 192.168.178.15:8000 deny
	refuses 1 "'10.0.0.1/8' has bits behind its prefix; write 10.0.0.0/8" client add tcp 192.168.178.15:8000 deny 10.0.0.1/8
	refuses 1 "'0' is no length of a prefix; take one from 1 to 32" client add tcp 192.168.178.15:8000 deny 10.0.0.0/0
	refuses 1 "'33' is no length of a prefix; take one from 1 to 32" client add tcp 192.168.178.15:8000 deny 10.0.0.0/33
	refuses 1 "2001:db8::/32 is IPv6, and clients of 192.168.178.15 have IPv4" client add tcp 192.168.178.15:8000 deny 2001:db8::/32
	refuses 1 "there is no service tcp 192.168.178.15:81" client add tcp 192.168.178.15:81 deny 10.0.0.0/8
	refuses 1 "has 198.51.100.0/24 already" client add tcp 192.168.178.15:8000 allow 198.51.100.0/24
	refuses 1 "has no client allow 198.51.100.0/24" client del tcp 192.168.178.15:8000 allow 198.51.100.0/24
	refuses 1 "has 10.0.0.0/8 twice" client add tcp 192.168.178.15:8000 deny 10.0.0.0/8 10.0.0.0/8
	run -1 lb restore - <<<$'client deny 10.0.0.0/8'
	[[ $output == *"line 1: a client comes after its service"* ]]
	run -1 lb restore - <<<$'service tcp 192.168.178.15:8000\nclient deny 10.0.0.0/8 10.0.0.x'
	[[ $output == *"line 2: '10.0.0.x' is no IPv4 address"* ]]
	[ "$(lb save | grep -c client)" -eq 1 ]
}

@test "a list of 1000 prefixes replaces another one of 1000, in one command, and nobody else notices" {
	local file=$BATS_TEST_TMPDIR/long
	{
		printf 'service tcp 192.168.178.15:8000\nbackend 172.16.0.10\n'
		for i in {0..999}; do echo "client deny 10.$((i / 100 + 1)).$((i % 100)).0/24"; done
	} >"$file"
	lb restore "$file"
	[ "$(entries clients)" -eq 1000 ]
	packets <<-'END'
		came()/client(src="10.10.99.255")/TCP(dport=8000) => drop denied
		came()/client(src="10.10.100.0")/TCP(dport=8000) => tx forwarded anything()
		came()/client()/TCP(dport=8000) => tx forwarded anything()
	END
	sed 's/client deny 10\./client allow 11./' "$file" | lb restore -
	[ "$(entries clients)" -eq 1001 ] # and who is in none of them may not
	packets <<-'END'
		came()/client(src="10.10.99.255")/TCP(dport=8000) => drop denied
		came()/client(src="11.10.99.255")/TCP(dport=8000) => tx forwarded anything()
	END
	echo "client allow 12.0.0.0/8" >>"$file"
	run -1 lb restore "$file"
	[[ $output == *"would have 1001 prefixes of clients; 1000 is the limit"* ]]
}

@test "lb why says which prefix has decided; a group has another fingerprint" {
	local before
	before=$(lb fingerprint)
	lb client add tcp 192.168.178.15:8000 deny 10.0.0.0/8
	[ "$(lb fingerprint)" != "$before" ]
	lb client add tcp 192.168.178.15:8000 allow 10.9.0.0/16
	run -0 lb why tcp 10.0.0.20:40000 192.168.178.15:8000
	[[ $output == *"client     10.0.0.20 is in 10.0.0.0/8, which the service denies"* ]]
	[[ $output == *"xdp_ipip says denied (drop)"* ]]
	[[ $output == *"so         DROPPED: the service does not want this client"* ]]
	[[ $output != *"backend  "* ]]
	run -0 lb why tcp 10.9.0.20:40000 192.168.178.15:8000
	[[ $output == *"client     10.9.0.20 is in 10.9.0.0/16, which the service allows"* ]]
	[[ $output == *"xdp_ipip says forwarded (tx)"* ]]
	run -0 lb why tcp 11.0.0.20:40000 192.168.178.15:8000
	[[ $output == *"client     11.0.0.20 is in no prefix that the service denies"* ]]
	lb client add tcp 192.168.178.15:8000 allow 12.0.0.0/8
	run -0 lb why tcp 11.0.0.20:40000 192.168.178.15:8000
	[[ $output == *"client     11.0.0.20 is in no prefix, and the service allows those alone"* ]]
	[[ $output == *"xdp_ipip says denied (drop)"* ]]
	[ "$(lb --json stats | jq '[.. | objects | select(.name? == "denied").packets] | add')" -eq 0 ] # nothing was counted
	lb client del tcp 192.168.178.15:8000 allow 10.9.0.0/16 12.0.0.0/8
	lb client del tcp 192.168.178.15:8000 deny 10.0.0.0/8
	[ "$(lb fingerprint)" = "$before" ]
}
