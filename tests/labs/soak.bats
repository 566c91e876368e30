#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# bats file_tags=alone
# A minute of tests/soak; and that who judges it can say no.

load ../lib/helper

# judged EVENT_OR_REQUEST...: what explain.py says of these lines: events, "log ...", or "request ...", each with its time.
judged() {
	local dir=$BATS_TEST_TMPDIR/judged line
	rm -rf "$dir"
	mkdir "$dir"
	echo "backend-01 172.16.0.10" >"$dir/backends"
	touch "$dir/events" "$dir/log"
	for line; do
		case $line in
		request*) echo "${line#request }" >>"$dir/x.requests" ;;
		log*) echo "${line#log }" >>"$dir/log" ;;
		*) echo "$line" >>"$dir/events" ;;
		esac
	done
	tests/lib/explain.py "$dir"
}

@test "a failure that nothing explains is found: another backend, another time, wrong bytes, no requests at all" {
	local dies=("10 down backend-01" "13 up backend-01" "log 11.5 lb-01 lb: tcp VIP: backend 172.16.0.10:8000 HAS FAILED: check")
	judged "${dies[@]}" "request 11 1 kept broken backend-01" "request 12 1 new timeout -" "request 30 1 kept ok backend-01"
	run -1 judged "${dies[@]}" "request 11 1 kept broken backend-02"
	[[ $output == *"NOT EXPLAINED: 11.00 1 kept broken backend-02"*"11.5 lb-01 lb: tcp VIP: backend 172.16.0.10:8000 HAS FAILED"* ]]
	run -1 judged "${dies[@]}" "request 9 1 kept broken backend-01"
	run -1 judged "${dies[@]}" "request 15 1 kept broken backend-01" # it had failed by 11.5
	run -1 judged "${dies[@]}" "request 11 1 download wrong backend-01"
	run -2 judged "${dies[@]}"
	# no load balancer has noticed: until it was up again
	judged "${dies[@]:0:2}" "request 13.5 1 kept timeout backend-01"
	run -1 judged "${dies[@]:0:2}" "request 16 1 kept timeout backend-01"
	# a download is patient; a load balancer's end concerns everybody, but not for long
	judged "10 down lb-02" "40 up lb-02" "request 24 1 download timeout backend-01" "request 12 1 new timeout backend-01"
	run -1 judged "10 down lb-02" "40 up lb-02" "request 17 1 new timeout backend-01"
	# the router's new address concerns everybody, until the last one has noticed it: what is said after its next move is of that
	local moves=("10 moves gateway" "10.1 end the_router_changes_its_address" "log 11 lb-01 lb: 192.168.178.2 on eth0 has another MAC address now: 02:"
		"40 moves gateway" "40.1 end the_router_changes_its_address" "log 41 lb-02 lb: 192.168.178.2 on eth0 has another MAC address now: 03:")
	judged "${moves[@]}" "request 11.5 1 new timeout backend-01" "request 41 1 kept broken backend-01"
	run -1 judged "${moves[@]}" "request 30 1 new timeout backend-01"
	judged "${moves[@]:0:2}" "12 end housekeeping" "request 13 1 new timeout backend-01"
	run -1 judged "${moves[@]:0:2}" "12 end housekeeping" "request 15 1 new timeout backend-01"
	# the second change of backends after a load balancer was away, not the first; and only what lasts
	local weeks=("10 begin a_member_drains lb-01" "12 end a_member_drains" "20 begin weights_change" "22 end weights_change")
	run -1 judged "${weeks[@]}" "request 21 1 kept broken backend-01"
	weeks+=("30 begin weights_change" "32 end weights_change")
	judged "${weeks[@]}" "request 31 1 kept broken backend-01"
	run -1 judged "${weeks[@]}" "request 31 1 new broken backend-01"
	run -1 judged "${weeks[@]}" "request 35 1 kept broken backend-01"
}

@test "a minute of changes at random: every failed request is explained, and everything is as before" {
	tests/soak 60 16
}

@test "what it does not understand is refused" {
	run -2 tests/soak
	run -2 tests/soak soon
	[[ $output == "usage: tests/soak SECONDS [SEED]" ]]
}
