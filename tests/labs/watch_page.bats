#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# labs/watch.sh in a real browser: what is on the page is what the maps, the cables and the commands say.

load ../lib/helper

setup_file() {
	command -v chromium >/dev/null || skip "no Chromium: this system has it as a snap only"
	set_up_lab ipip
	start_page "$BATS_FILE_TMPDIR/watch"
	url=$(cat "$BATS_FILE_TMPDIR/watch.url")
	export url
	start_browser page "$url"
	: >"$BATS_FILE_TMPDIR/compared"
	export LB_SERVICE="tcp 192.168.178.15:8000"
}

teardown_file() {
	local name
	[ -e "$BATS_FILE_TMPDIR/compared" ] || return 0 # no Chromium
	for name in page console; do
		[[ ! -p $BATS_FILE_TMPDIR/$name.requests ]] || timeout 5 bash -c 'echo end >"$1"' - "$BATS_FILE_TMPDIR/$name.requests" || true
	done
	kill "$(cat "$BATS_FILE_TMPDIR/watch.pid")" 2>/dev/null || true
	labs/ipip/teardown.sh
	sed 's/^/# compared: /' "$BATS_FILE_TMPDIR/compared" >&3
}

# start_page FILE [WORD...]: labs/watch.sh, in the background; its output, process id and URL are in FILE.out, .pid, .url.
start_page() {
	setsid "${@:2}" labs/watch.sh --listen 127.0.0.1:0 ${console:+--console --every 1} >"$1.out" 2>&1 3>&- </dev/null &
	echo $! >"$1.pid"
	wait_for 10 grep -q '^Open http' "$1.out"
	sed -n 's/^Open \(.*\) in a browser.*/\1/p' "$1.out" >"$1.url"
}

# start_browser NAME URL [WORD...]: a Chromium that page() talks to.
start_browser() {
	mkfifo "$BATS_FILE_TMPDIR/$1.requests" "$BATS_FILE_TMPDIR/$1.answers"
	"${@:3}" tests/lib/browser.py serve "$BATS_FILE_TMPDIR/$1.requests" "$BATS_FILE_TMPDIR/$1.answers" "$2" \
		>"$BATS_FILE_TMPDIR/$1.browser" 2>&1 3>&- </dev/null &
}

# page VERB ...: tells the browser something (see tests/lib/browser.py), and prints its answer. tab=console is the other browser.
page() {
	local answer tab=${tab:-page}
	[[ $1 != wait ]] || set -- wait $(($2 * 4)) "${@:3}" # a busy machine takes four times as long
	timeout 60 bash -c 'echo "$2" >"$1"' - "$BATS_FILE_TMPDIR/$tab.requests" "$*"
	mapfile -t answer < <(timeout 240 cat "$BATS_FILE_TMPDIR/$tab.answers")
	[[ ${answer[0]-} == ok ]] || {
		printf 'page %s: %s\n' "$*" "${answer[*]}" >&2
		cat "$BATS_FILE_TMPDIR/$tab.browser" >&2
		return 1
	}
	printf '%s\n' "${answer[@]:1}"
}

# texts SELECTOR: what stands in these elements, a line each, in order.
texts() {
	page get "[...document.querySelectorAll('$1')].map((one) => one.textContent).join('\\n')"
}

# same WHAT EXPECTED FOUND: both are the same, and WHAT goes into the list of what was compared.
same() {
	diff <(echo "$2") <(echo "$3") >&2
	echo "$1" >>"$BATS_FILE_TMPDIR/compared"
}

# The page's table of backends, as "ADDRESS:PORT WEIGHT SLOTS STATE", and the same from the maps.
table='[...document.querySelectorAll("#services tr[data-server]")].map((row) => [row.dataset.server, row.querySelector(".weight").textContent, row.querySelector(".slots").textContent.split(" (")[0].replace(/\D/g, ""), row.className].join(" ")).sort().join(" | ")'
in_maps() {
	jq -r --slurpfile slots <(lb --json slots tcp 192.168.178.15:8000) '
		[.[0].backends[] | "\(.address):\(.port)" as $server | "\($server) \(.weight) \([$slots[0][] | select(.now == $server)] | length) " +
			(if .state == "down" then "down" elif .health == "failed" then "failed" elif .weight == 0 then "drains" else "up" end)] | sort | join(" | ")' \
		<(lb --json service show)
}

# backends_agree: the page says of backends what the maps say, within 10 s.
backends_agree() {
	local want
	want=$(in_maps)
	[ "$want" ]
	page wait 30 "($table) === '$want'" >/dev/null
	same "$1: $want" "$want" "$(page get "$table")"
}

@test "the map has the machines of scripts/node list, the switch's cables, and the networks" {
	same "what watch.sh prints, and the guides" "$(grep -h '^Open http' labs/watch/README.md labs/README.md | sort -u)" \
		"$(sed -n 's|^\(Open http://127.0.0.1:\)[0-9]*/|\18088/|p' "$BATS_FILE_TMPDIR/watch.out")"
	page wait 15 'document.querySelectorAll("#services tr[data-server]").length === 2'
	same "machines" "$(scripts/node list | awk '$2 != "switch" { print $2 }' | sort)" \
		"$(page get '[...document.querySelectorAll("[data-key^=\"machine \"]")].map((one) => one.dataset.key.slice(8)).sort().join("\n")')"
	same "cables" "$(on switch ip -j link show type veth | jq -r '.[].ifname' | sort)" \
		"$(page get '[...document.querySelectorAll("[data-key^=\"cable \"]")].map((one) => one.dataset.key.slice(6)).sort().join("\n")')"
	same "networks, with their prefixes" $'dc 172.16.0.0/24\nlan 192.168.178.0/24\nwan 10.0.0.0/16' \
		"$(page get '[...document.querySelectorAll(".bus")].map((one) => [...one.querySelectorAll("text")].map((text) => text.textContent).join(" ")).sort().join("\n")')"
	same "addresses of machines" $'10.0.0.20\n172.16.0.10\n172.16.0.11\n192.168.178.10' \
		"$(page get '[...document.querySelectorAll(".machine .small")].map((one) => one.textContent).filter((text) => /^[0-9.]+$/.test(text)).sort().join("\n")')"
	# nobody stands on somebody else's place
	same "no two machines overlap" true "$(page get '(() => { const boxes = [...document.querySelectorAll(".machine .box")].map((one) => one.getBoundingClientRect());
		return boxes.every((a, i) => boxes.every((b, k) => i === k || a.right <= b.left || b.right <= a.left || a.bottom <= b.top || b.bottom <= a.top)); })()' | tr -d '\n')"
}

@test "the map has room for the machines of every lab: none overlap, all are inside, every cable ends at its machine and its network, and rates are on nothing else" {
	local lab plugs
	while read -r lab plugs; do
		same "the layout of $lab" "" "$(page get "(async () => {
			const {layout} = await import('./layout.js');
			const cables = Object.fromEntries('$plugs'.split(' ').map((plug) => plug.split('=')));
			const names = [...new Set(Object.keys(cables).map((port) => port.split('.')[0]))].sort();
			const {width, height, boxes, buses, cables: drawn} = layout({cables, machines: names.map((name) => ({name}))});
			const sides = Object.entries(boxes).map(([name, {x, y, w, h}]) => ({name, left: x - w / 2, right: x + w / 2, top: y - h / 2, bottom: y + h / 2}));
			const wrong = [];
			for (const a of sides) {
				if (a.left < 0 || a.right > width || a.top < 0 || a.bottom > height) wrong.push(a.name + ' is outside');
				for (const b of sides) if (a.name < b.name && a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom) wrong.push(a.name + ' is on ' + b.name);
			}
			for (const [port, network] of Object.entries(cables)) {
				const [x, y] = drawn[port][0], [bx, by] = drawn[port].at(-1), box = boxes[port.split('.')[0]], bus = buses[network];
				if (Math.abs(x - box.x) > box.w / 2 + 1 || Math.abs(y - box.y) > box.h / 2 + 1) wrong.push(port + ' does not begin at its machine');
				if (Math.abs(bx - bus.x) > 10 || by < bus.top || by > bus.bottom) wrong.push(port + ' does not end at ' + network);
			}
			for (const [a, one] of Object.entries(buses)) for (const [b, other] of Object.entries(buses)) {
				if (a < b && one.x === other.x && one.top < other.bottom && other.top < one.bottom) wrong.push(a + ' is on ' + b);
			}
			// as it is drawn, with a rate on each cable
			const {State} = await import('./state.js'), {drawMap} = await import('./map.js'), {byId} = await import('./dom.js');
			const world = {cables, machines: names.map((name) => ({name, role: name.split('-')[0], devices: []}))};
			const of = (selector) => [...byId('things').querySelectorAll(selector)].map((one) => [one.textContent, one.getBoundingClientRect()]);
			for (const rate of [44, 12345]) {
				const state = Object.assign(new State(), {rateOf: () => rate, prefixOf: () => '192.168.178.0/24'});
				state.setWorld(world);
				drawMap(state, layout(world), () => {});
				if (of('.rate').length !== Object.keys(cables).length) wrong.push('not every cable has a rate');
				for (const [i, [own, a]] of of('.rate').entries()) for (const [k, [text, b]] of [...of('.rate'), ...of('.bus text'), ...of('.box')].entries()) {
					if (i !== k && a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom) wrong.push(own + ' is on ' + (text || 'a machine'));
				}
			}
			return names.length === ${lab##*:} ? wrong.join(', ') : names.join(' ');
		})()")"
	done <<-END
		nat:5 client.eth0=wan gateway.eth1=wan gateway.eth0=lan lb.eth0=lan backend-01.eth0=lan backend-02.eth0=lan
		l2dsr:5 client.eth0=wan gateway.eth1=wan gateway.eth0=lan gateway.eth2=far lb.eth0=lan backend-01.eth0=lan backend-02.eth0=lan
		ipip:5 client.eth0=wan gateway.eth1=wan gateway.eth0=lan gateway.eth2=dc lb.eth0=lan backend-01.eth0=dc backend-02.eth0=dc
		maglev:8 client.eth0=wan gateway.eth1=wan gateway.eth0=lan lb.eth0=lan$(printf ' backend-%02d.eth0=lan' {1..5})
		health:6 client.eth0=wan gateway.eth1=wan gateway.eth0=lan gateway.eth2=dc lb.eth0=lan$(printf ' backend-%02d.eth0=dc' {1..3})
		group:9 client.eth0=wan gateway.eth1=wan gateway.eth0=lan gateway.eth2=dc$(printf ' lb-%02d.eth0=lan' {1..3})$(printf ' backend-%02d.eth0=dc' {1..4})
		many:20 client.eth0=wan gateway.eth1=wan gateway.eth0=lan gateway.eth2=dc$(printf ' lb-%02d.eth0=lan' {1..6})$(printf ' backend-%02d.eth0=dc' {1..12})
		alone:1 lb.eth0=lan
	END
}

@test "a request that a key sends travels hop by hop, with the addresses that trace.sh shows" {
	local got backend address
	page key r
	page wait 15 'document.getElementById("notes").textContent.startsWith("✓ the client got: Hello from")' >/dev/null
	got=$(page get 'document.getElementById("notes").textContent')
	backend=$(grep -o 'backend-0[12]' <<<"$got")
	address=$(grep -o '172\.16\.0\.1[01]' <<<"$got")
	page wait 10 "[...document.querySelectorAll('#packets li')].some((line) => line.textContent === 'the answer: tcp SYN ACK: $backend → gateway → client')" >/dev/null
	# it is played in stretched time: what is played next would take the place of the packet that is chosen below
	page wait 15 '(document.getElementById("map").dataset.waiting ?? "0") === "0"' >/dev/null
	page get "[...document.querySelectorAll('#packets button')].find((line) => line.textContent.startsWith('the request: tcp SYN:')).click()" >/dev/null
	same "the hops of a SYN: MAC, outer header, addresses, TTL, and what changed (✱)" "the request: tcp SYN
1 client gateway – 10.0.0.20 → 192.168.178.15 64
2 ✱gateway ✱lb – 10.0.0.20 → 192.168.178.15 ✱63
3 ✱lb ✱gateway ✱192.168.178.10 → $address 10.0.0.20 → 192.168.178.15 ✱64/62
4 ✱gateway ✱$backend 192.168.178.10 → $address 10.0.0.20 → 192.168.178.15 ✱63/62" \
		"$(hops)"
	page get "[...document.querySelectorAll('#packets button')].find((line) => line.textContent.startsWith('the answer: tcp SYN ACK:')).click()" >/dev/null
	same "the hops of its answer, past lb" "the answer: tcp SYN ACK
1 $backend gateway – 192.168.178.15 → 10.0.0.20 64
2 ✱gateway ✱client – 192.168.178.15 → 10.0.0.20 ✱63" "$(hops)"
	page wait 5 "document.querySelector('#connections tbody .state').textContent === '✓ done'" >/dev/null
	same "the connection: who answers it, and that it is done" "$backend" \
		"$(page get "document.querySelector('#connections tbody tr').children[1].textContent.trim().split(' ')[1]")"
}

# hops: the table of the journey that was chosen, without the ports, which differ each time.
hops() {
	page get '[...document.querySelectorAll("#hops .latest tr")].map((row) => [...row.children].filter((cell, i) => i !== 5).map((cell) => cell.textContent).join(" ")).join("\n")'
}

@test "time can be stopped, and stepped by a key: hop after hop" {
	page wait 15 '(document.getElementById("map").dataset.waiting ?? "0") === "0"' >/dev/null
	page get 'document.getElementById("speed").value = "step"; document.getElementById("speed").dispatchEvent(new Event("change"))' >/dev/null
	page get 'document.getElementById("packets").replaceChildren()' >/dev/null
	page key r
	page wait 10 'document.querySelectorAll("#packets li").length >= 6' >/dev/null
	local i
	for i in 1 2 3 4; do
		page key n
		page wait 5 "document.querySelector('#hops .now th')?.textContent === '$i' && document.querySelectorAll('#hops .latest tr').length === $i + 1" >/dev/null
	done
	# the end is not told first: the client has its answer already, but what is drawn of it is still on its way
	page wait 5 "document.querySelector('#connections tbody .state').textContent === '✓ done'" >/dev/null
	same "what is said meanwhile" "the client sends a request …" "$(page get 'document.getElementById("notes").textContent')"
	same "the packet's headers while lb's hop is played" "outer IP" "$(page get 'document.querySelector("#headers .outer .kind").textContent.trim()')"
	page get 'window.toldAt = ""; new MutationObserver(() => window.toldAt = [".latest .title", ".now th", ".now td:nth-child(3)"].map((one) => document.querySelector("#hops " + one).textContent).join(" | "))
		.observe(document.getElementById("notes"), {childList: true})' >/dev/null
	for i in {1..20}; do page key n; done
	page wait 30 'document.getElementById("notes").textContent.startsWith("✓ the client got: Hello from")' >/dev/null
	same "the hop at which the answer is told: that of the last bytes" "the answer: tcp 36 bytes | 2 | ✱client" "$(page get 'window.toldAt')"
	page get 'document.getElementById("speed").value = "live"; document.getElementById("speed").dispatchEvent(new Event("change"))' >/dev/null
	page key r
	page wait 3 'document.getElementById("notes").textContent.startsWith("✓ the client got: Hello from")' >/dev/null
	page get 'document.getElementById("speed").value = "5"; document.getElementById("speed").dispatchEvent(new Event("change"))' >/dev/null
}

@test "slots belong to whom the map slots says" {
	local owners
	# the map itself: two slots of two words (now, was) in an element; and whose the ids are
	owners=$(on lb bpftool -j map lookup pinned "$MAPS/slots" key 0 0 0 0 | jq -r '.value[0, 4]' |
		while read -r id; do on lb awk -v id="$((id))" '$2 == id { print $3 ":" $4 }' /sys/fs/bpf/xdp/lists/backends </dev/null; done | xargs)
	page wait 10 'document.querySelectorAll(".strip .cell").length === 2' >/dev/null
	same "the owner of each slot, as the map slots has it: $owners" "$owners" "$(page get \
		'[...document.querySelectorAll(".strip text")].map((text) => ({"01": "172.16.0.10:8000", "02": "172.16.0.11:8000"})[text.textContent]).join(" ")')"
	backends_agree "by hand, as the lab does it"
	# somebody changes a slot by hand: slot 1 is that of backend 1, too
	# shellcheck disable=SC2046 # bytes
	on lb bpftool map update pinned "$MAPS/slots" key 0 0 0 0 value $(. maps/all.sh && slot_pair 1 1)
	page wait 10 '[...document.querySelectorAll(".strip text")].map((text) => text.textContent).join() === "01,01"' >/dev/null
	backends_agree "a slot that was changed by bpftool"
	# shellcheck disable=SC2046 # bytes
	on lb bpftool map update pinned "$MAPS/slots" key 0 0 0 0 value $(. maps/all.sh && slot_pair 1 2)
	backends_agree "and back"
}

@test "backends drain, are set down, come back, go and come: the page says what the maps say" {
	lb backend set tcp 192.168.178.15:8000 172.16.0.10 weight 0
	backends_agree "backend-01 drains"
	lb backend set tcp 192.168.178.15:8000 172.16.0.10 weight 3
	lb backend set tcp 192.168.178.15:8000 172.16.0.11 down
	backends_agree "backend-02 is set down"
	page wait 5 'document.querySelector("[data-key=\"machine backend-02\"]").getAttribute("aria-label").includes("set down")' >/dev/null
	lb backend set tcp 192.168.178.15:8000 172.16.0.10 down
	backends_agree "nobody is left"
	page key r
	page wait 10 '[...document.querySelectorAll("#packets .bad")].some((line) => line.textContent === "the request: tcp SYN: client → gateway → lb ✗ it ends at lb")' >/dev/null
	page wait 10 'document.querySelector("[data-verdict=no_backend] .packets")?.textContent > 0 && document.querySelector("#connections .bad .state")?.textContent.startsWith("✗ no answer")' >/dev/null
	page wait 10 'document.getElementById("notes").textContent.startsWith("✗ the client got no answer: curl: (28)")' >/dev/null
	echo "a packet without a backend: where it ends, its counter, its connection" >>"$BATS_FILE_TMPDIR/compared"
	lb backend set tcp 192.168.178.15:8000 172.16.0.10 up
	lb backend del tcp 192.168.178.15:8000 172.16.0.11
	backends_agree "backend-02 is deleted"
	lb backend add tcp 192.168.178.15:8000 172.16.0.11
	lb backend set tcp 192.168.178.15:8000 172.16.0.10 weight 1
	lb service set tcp 192.168.178.15:8000 maglev
	page wait 10 'document.querySelector(".service .quiet").textContent.includes("512 slots, Maglev")' >/dev/null
	backends_agree "backend-02 is there again; Maglev, 512 slots"
}

@test "an upload that was there before the page is in the middle; if its bytes get no answer, the page says so" {
	local row="[...document.querySelectorAll('#connections tbody tr')].find((one) => one.textContent.startsWith('10.0.0.20:40123'))"
	page wait 15 'document.querySelectorAll("#services tr[data-server]").length === 2' >/dev/null
	mkfifo "$BATS_TEST_TMPDIR/bytes"
	background client python3 -c 'import socket, sys
upload = socket.create_connection(("192.168.178.15", 8000), source_address=("0.0.0.0", 40123))
upload.sendall(b"GET / HTTP/1.1\r\nUpload: ")
for line in open(sys.argv[1]):
    upload.sendall(line.encode())' "$BATS_TEST_TMPDIR/bytes"
	exec 9>"$BATS_TEST_TMPDIR/bytes"
	page wait 10 "$row?.children[2].textContent === '● open'" >/dev/null
	# the server of the page keeps 300 frames for browsers that come later: this SYN must not be among them
	on client curl -s "http://192.168.178.15:8000/?[1-30]" >/dev/null
	page goto "$url"
	page wait 15 'document.querySelectorAll("#connections tbody tr").length > 3' >/dev/null
	page get "$row === undefined" | grep -qx true
	more() { # nobody listens at the cables until the browser is known to be there
		echo more >&9
		page wait 1 "$row?.children[2].textContent === '● in the middle'" >/dev/null
	}
	wait_for 10 more
	on backend-01 ip route add blackhole 10.0.0.20
	on backend-02 ip route add blackhole 10.0.0.20
	echo and more >&9
	page wait 10 "$row.children[2].textContent === '✗ sent again, no answer' && $row.className === 'bad'" >/dev/null
	sleep 3.5 # a SYN would be "no answer" by now
	same "an upload that hangs" "✗ sent again, no answer" "$(page get "$row.children[2].textContent")"
	on backend-01 ip route del blackhole 10.0.0.20
	on backend-02 ip route del blackhole 10.0.0.20
	page wait 15 "$row.children[2].textContent === '● in the middle'" >/dev/null
	exec 9>&-
	# the first that is seen may be the server's
	same "who is the client, if the server's bytes come first" "10.0.0.20:40124 192.168.178.15:8000 ● in the middle" "$(page get "(async () => {
		const {Journeys, connectionState} = await import('./frames.js');
		const journeys = new Journeys();
		journeys.add({id: 1, at: 10, l4: 'tcp', kind: 'request', flags: 'ACK', data: 9, key: 'a', src: 'm1', from: 'backend-01.eth0', to: [], seenBy: [],
			ip: {src: '192.168.178.15', dst: '10.0.0.20'}, ports: [8000, 40124]});
		const [one] = journeys.connections.values();
		return one.client + ':' + one.port + ' ' + one.server + ':' + one.serverPort + ' ' + connectionState(one, 20).join(' ');
	})()")"
}

@test "a connection that is reset is called broken" {
	# nobody listens on port 8001 of the backends: their kernels answer with RST
	lb service add tcp 192.168.178.15:8001
	lb backend add tcp 192.168.178.15:8001 172.16.0.10
	run -7 on client curl -s --max-time 5 http://192.168.178.15:8001/
	local row="[...document.querySelectorAll('#connections tbody tr')].find((one) => one.textContent.includes('to 192.168.178.15:8001'))"
	page wait 10 "$row?.children[2].textContent === '✗ broken: reset'" >/dev/null
	same "a port where nobody listens" "bad backend-01" "$(page get "$row.className + ' ' + $row.children[1].textContent.trim().split(' ')[1]")"
	lb service del tcp 192.168.178.15:8001
	page wait 10 'document.querySelectorAll("#services tr[data-server]").length === 2' >/dev/null
}

@test "counters are those of lb stats, and of each backend" {
	on client curl -s "http://192.168.178.15:8000/?[1-20]" >/dev/null
	# ARP comes now and then: at some time the page has all of it
	local want found
	agree() {
		want=$(lb --json stats | jq -r '.verdicts[] | select(.packets > 0) | "\(.name) \(.packets)"' | sort)
		found=$(page get '[...document.querySelectorAll("#counters tr[data-verdict]")].map((row) => row.dataset.verdict + " " + row.querySelector(".packets").textContent.replace(/\D/g, "")).sort().join("\n")')
		[ "$want" = "$found" ]
	}
	wait_for 15 agree || true
	same "the counters of $(wc -l <<<"$want") verdicts" "$want" "$found"
	want=$(lb --json stats | jq -r '.services[].backends[] | "\(.address):\(.port) \(.packets) \(.connections)"' | sort)
	found='[...document.querySelectorAll("#services tr[data-server]")].map((row) => [row.dataset.server, row.querySelector(".packets").textContent.replace(/\D/g, ""), row.querySelector(".connections").textContent.replace(/\D/g, "")].join(" ")).sort().join("\n")'
	same "packets and connections of each backend" "$want" "$(page get "$found")"
}

@test "a click on a machine shows commands, and they print what the page shows; on a cable, its packets" {
	local command i
	page get 'document.querySelector("[data-key=\"machine gateway\"] .box").dispatchEvent(new MouseEvent("click", {bubbles: true}))' >/dev/null
	page wait 15 'document.querySelectorAll("#details-body code").length >= 3' >/dev/null
	for i in 0 1; do
		command=$(page get "document.querySelectorAll('#details-body code')[$i].textContent")
		[[ $command == *"scripts/node exec gateway ip "* ]]
		same "what this prints: ${command#LAB=* }" "$(bash -c "$command" | sed 's/ *$//')" \
			"$(page get "document.querySelectorAll('#details-body pre')[$i].textContent" | sed 's/ *$//')"
	done
	on client curl -s "http://192.168.178.15:8000/?[1-2]" >/dev/null
	page get 'document.querySelector("[data-key=\"cable lb.eth0\"] .touch").dispatchEvent(new MouseEvent("click", {bubbles: true}))' >/dev/null
	page wait 5 'document.querySelectorAll("#details-body .frames li").length > 5' >/dev/null
	[[ $(texts "#details-body code") == *"scripts/node exec switch tcpdump -ni lb.eth0" ]]
	# half of them came out of lb, wrapped, and each is told with both headers
	same "a cable's last packets have both headers" true "$(page get \
		'[...document.querySelectorAll("#details-body .frames li")].some((one) => one.textContent.includes("from lb") && one.textContent.includes("outer IP192.168.178.10 → 172.16.0.1"))')"
	page key Escape
	same "Escape closes, and the focus is where it was" "cable lb.eth0" "$(page get 'document.activeElement.dataset.key')"
}

@test "the keyboard alone reaches everything, and the focus can be seen" {
	local reached want i
	page get 'document.activeElement.blur(); scrollTo(0, 0); document.getElementById("packets").replaceChildren()' >/dev/null
	page goto "$url"
	page wait 15 'document.querySelectorAll("#services tr[data-server]").length === 2' >/dev/null
	want=$(page get '[...document.querySelectorAll("button, select, input, [data-key]")].filter((one) => one.getClientRects().length && !one.closest("#packets")).length')
	page get 'window.reached = new Set(); window.blind = 0; document.addEventListener("focusin", ({target}) => { window.reached.add(target.dataset.key || target.id);
		const shown = getComputedStyle(target).outlineStyle !== "none" || getComputedStyle(target.querySelector(".box, .wire") || target).strokeWidth > "5"; if (!shown) window.blind += 1; })' >/dev/null
	for ((i = 0; i < want + 6; i++)); do page key Tab; done
	reached=$(page get '[...document.querySelectorAll("button, select, input, [data-key]")].filter((one) => window.reached.has(one.dataset.key || one.id) && !one.closest("#packets")).length')
	same "all $want things that can be pressed are reached by Tab" "$want" "$reached"
	same "and the focus is seen on each of them" 0 "$(page get 'window.blind')"
	# in the list of packets Tab stops once; arrows go on from there
	page get 'document.activeElement.blur()' >/dev/null
	page key r
	page wait 10 'document.querySelectorAll("#packets li").length >= 8 && document.querySelector("#connections tbody .state").textContent === "✓ done"' >/dev/null
	page get 'document.querySelector("#packets li:last-child button").focus()' >/dev/null
	page key ArrowUp
	same "one stop in the list of packets, and arrows in it" "1 true" "$(page get '[...document.querySelectorAll("#packets button")].filter((one) => one.tabIndex >= 0).length + " " + (document.activeElement === document.querySelector("#packets li:nth-last-child(2) button"))')"
	page get 'document.querySelector("[data-key=\"machine client\"]").focus()' >/dev/null
	page key ArrowRight
	page key ArrowRight
	page key ArrowRight
	same "arrow keys go from machine to machine" "machine gateway" "$(page get 'document.activeElement.dataset.key')"
	page key Enter
	same "Enter opens it" gateway "$(page get 'document.getElementById("details-title").textContent')"
	page key Escape
	same "everything that can be pressed has a name" 0 "$(page get '[...document.querySelectorAll("button, select, input, [data-key]")].filter((one) => !(one.getAttribute("aria-label") || one.textContent.trim() || one.labels?.length)).length')"
	same "packets and the log are told to who cannot see" "polite polite" "$(page get '["packets", "log"].map((id) => document.getElementById(id).getAttribute("aria-live")).join(" ")')"
}

@test "with reduced motion packets do not move, and dark is dark" {
	page media prefers-reduced-motion reduce
	page media prefers-color-scheme dark
	page get 'window.places = new Set(); new MutationObserver(() => document.querySelectorAll("#moving .packet").forEach((one) => window.places.add(one.getAttribute("transform")))).observe(document.getElementById("moving"), {subtree: true, childList: true, attributes: true})' >/dev/null
	page key r
	page wait 15 'document.querySelectorAll("#hops .earlier").length > 0 && document.querySelector("#notes").textContent.startsWith("✓")' >/dev/null
	# a start and an end for each hop, not 60 places in a second
	same "places where packets were seen with reduced motion: at most 30" true "$(page get 'window.places.size <= 30 && window.places.size > 3')"
	same "dark" true "$(page get 'getComputedStyle(document.body).backgroundColor === "rgb(15, 21, 27)" && getComputedStyle(document.body).color === "rgb(238, 243, 247)"')"
	page media prefers-reduced-motion none
	page media prefers-color-scheme none
}

@test "the header stays in one row, however long the playground's name is; the name is shortened" {
	local rows='(() => { const tops = [...document.querySelectorAll("header > *, #controls > *")].map((one) => one.getBoundingClientRect());
		return Math.max(...tops.map((one) => one.top)) < Math.min(...tops.map((one) => one.bottom)) && Math.max(...tops.map((one) => one.right)) <= innerWidth; })()' name size
	for size in 1280 1400; do
		page size $size 900
		for name in ipip newcomer-ipip a-name-that-is-really-much-longer-than-anybody-would-type; do
			page get "document.getElementById('lab').textContent = '$name'" >/dev/null
			same "one row at $size px, with the name $name" true "$(page get "$rows")"
		done
		same "and the longest one is cut" true "$(page get '(({scrollWidth, clientWidth}) => scrollWidth > clientWidth)(document.querySelector("h1"))')"
	done
	page goto "$url"
	page wait 15 'document.querySelectorAll("#services tr[data-server]").length === 2' >/dev/null
	same "the whole name, when the mouse is there" "$LAB $LAB" "$(page get '(({title, textContent}) => title + " " + textContent)(document.getElementById("lab"))')"
}

@test "a page that cannot reach its server for 3 s says what to check" {
	timeout 60 /usr/bin/python3 -c 'import http.server, os, time
class Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        time.sleep(30 if self.path == "/events" else 0) # as if an ssh in between hung
        super().do_GET()
    def log_message(self, *_): pass
os.chdir("labs/watch/page")
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()' >"$BATS_TEST_TMPDIR/port" 3>&- &
	local hangs=$! port
	wait_for 5 test -s "$BATS_TEST_TMPDIR/port"
	port=$(cat "$BATS_TEST_TMPDIR/port")
	page goto "http://127.0.0.1:$port/"
	page wait 6 '!document.getElementById("message").hidden' >/dev/null
	same "after 3 s" "✗ no connection to watch.sh
This page cannot reach its server, and tries again. Please check: is labs/watch.sh still running? If it runs on another machine: is this still connected there? ssh -L $port:127.0.0.1:$port root@machine" \
		"$(page get '["status", "message"].map((id) => document.getElementById(id).textContent).join("\n")')"
	page goto "$url"
	kill $hangs
	page wait 15 'document.querySelectorAll("#services tr[data-server]").length === 2 && document.getElementById("message").hidden' >/dev/null
}

@test "a flood of packets is sampled, what was left out is counted, and the page goes on" {
	local begun
	page get 'document.getElementById("speed").value = "live"; document.getElementById("speed").dispatchEvent(new Event("change"))' >/dev/null
	begun=$SECONDS
	on client curl -s --max-time 20 -Z --parallel-max 20 "http://192.168.178.15:8000/?[1-300]" >/dev/null 2>&1
	page wait 10 'Number(document.getElementById("stage").dataset.skipped) > 50' >/dev/null
	page wait 5 'document.getElementById("left-out").textContent.includes("packets were not drawn: too many at once")' >/dev/null
	[ $((SECONDS - begun)) -lt 30 ]
	# it is as it was before
	page get 'document.getElementById("speed").value = "5"; document.getElementById("speed").dispatchEvent(new Event("change"))' >/dev/null
	sleep 1
	backends_agree "after a flood"
}

@test "the server is nobody, takes GET and its own page's request only, and sends strict headers" {
	local server headers
	server=$(pgrep -P "$(cat "$BATS_FILE_TMPDIR/watch.pid")" -f watch.py)
	same "user, capabilities and no_new_privs of the web server" "Uid: 65534 65534 65534 65534
Gid: 65534 65534 65534 65534
Groups:
CapPrm: 0000000000000000
CapEff: 0000000000000000
NoNewPrivs: 1" "$(grep -E '^(Uid|Gid|Groups|CapPrm|CapEff|NoNewPrivs):' "/proc/$server/status" | tr '\t' ' ' | sed 's/ *$//')"
	answer() { curl -s -o /dev/null -w '%{http_code} ' --path-as-is "$@"; }
	same "answers to what is not allowed" "405 405 405 405 404 404 404 421 421 421 403 403 404 403 " "$(
		for method in PUT DELETE OPTIONS POST; do answer -X $method "$url"; done
		for path in ../../../etc/passwd %2e%2e/watch.py watch.py; do answer "$url$path"; done
		for host in "evil.example:$(tr -dc 0-9 <<<"${url##*:}")" evil.example 127.0.0.1; do answer -H "Host: $host" "$url"; done
		answer -X POST "${url}request"
		answer "${url}look/gateway"
		answer -H 'X-Xdp-Lb: look' "${url}look/lb;reboot"
		answer -X POST -H 'X-Xdp-Lb: request' -H 'Origin: http://evil.example' "${url}request"
	)"
	headers=$(curl -s -D - -o /dev/null "$url")
	[[ $headers == *"default-src 'none'; script-src 'self';"*"frame-ancestors 'none'"* ]]
	[[ $headers == *"X-Content-Type-Options: nosniff"* && ${headers,,} != *access-control* ]]
	# nothing in the page comes from elsewhere, or is put in as HTML
	run -1 grep -hE 'innerHTML *= |insertAdjacentHTML|document\.write|eval\(|https?://[^w]' labs/watch/page/*.{js,html,css}
}

@test "the playground goes away, and the page says so; it comes back, and so does the page" {
	labs/ipip/teardown.sh
	page wait 10 'document.getElementById("message").textContent.startsWith("No playground is up.")' >/dev/null
	page wait 5 'document.querySelectorAll("[data-key]").length === 0' >/dev/null
	same "no machine is on the map" 0 "$(page get 'document.querySelectorAll("[data-key]").length')"
	set_up_lab ipip
	page wait 15 'document.querySelectorAll("#services tr[data-server]").length === 2 && document.getElementById("message").hidden' >/dev/null
	backends_agree "the playground that came back"
	page key r
	page wait 15 'document.getElementById("notes").textContent.startsWith("✓ the client got: Hello from")' >/dev/null
}

@test "the console on a load balancer: services, health and the log, and nothing to press" {
	console=1 start_page "$BATS_FILE_TMPDIR/console" scripts/node exec lb
	start_browser console "$(cat "$BATS_FILE_TMPDIR/console.url")" scripts/node exec lb
	export tab=console
	page wait 20 'document.querySelectorAll("#services tr[data-server]").length === 2' >/dev/null
	backends_agree "console"
	lb check add tcp 192.168.178.15:8000 http / interval 0.5 fast-interval 0.25 timeout 0.4
	background lb bash -c 'scripts/lb watch >/run/xdp-lb/watch.log 2>&1'
	page wait 15 '[...document.querySelectorAll("#services .state")].every((one) => one.textContent === "✓ healthy")' >/dev/null
	on backend-02 bash -c 'kill $(pgrep -f "[h]ttp.server 8000")'
	page wait 15 'document.querySelector("tr.failed")' >/dev/null
	backends_agree "console: a backend has failed"
	page wait 10 'document.querySelector("#log .bad")?.textContent.includes("172.16.0.11:8000 HAS FAILED")' >/dev/null
	same "the log" "$(on lb tail -n 1 /run/xdp-lb/watch.log)" "$(page get 'document.querySelector("#log li:last-child").textContent')"
	same "no packets, and no buttons for them" "true true" "$(page get '["controls", "journey"].map((id) => document.getElementById(id).hidden).join(" ")')"
	same "answers to POST" 405 "$(on lb curl -s -o /dev/null -w '%{http_code}' -X POST -H 'X-Xdp-Lb: request' "$(cat "$BATS_FILE_TMPDIR/console.url")request")"
	make --silent install "DESTDIR=$BATS_TEST_TMPDIR/root" PREFIX=/usr
	# what the journal has said of lb, as journalctl would print it
	mkdir "$BATS_TEST_TMPDIR/bin"
	printf '#!/bin/sh\n[ "$*" = "-q -t lb -o json -n 60" ] && echo %s\n' "'{\"__CURSOR\":\"a\",\"__REALTIME_TIMESTAMP\":\"1\",\"MESSAGE\":\"from the journal\"}'" >"$BATS_TEST_TMPDIR/bin/journalctl"
	chmod +x "$BATS_TEST_TMPDIR/bin/journalctl"
	on lb setsid env "PATH=$BATS_TEST_TMPDIR/bin:$PATH" "$BATS_TEST_TMPDIR/root/usr/sbin/lb-console" --name console.example --listen 127.0.0.1:8099 >"$BATS_TEST_TMPDIR/installed" 2>&1 3>&- </dev/null &
	wait_for 10 grep -q '^Open http://127.0.0.1:8099/' "$BATS_TEST_TMPDIR/installed"
	run on lb timeout 5 curl -sN http://127.0.0.1:8099/events
	same "the journal's lines" true "$(grep -q '"text":"from the journal"' <<<"$output" && echo true)"
	same "the name of --name, and another" "200 421" "$(for name in console other; do
		on lb curl -s -o /dev/null -w '%{http_code}\n' -H "Host: $name.example" http://127.0.0.1:8099/
	done | xargs)"
	same "lb-console, as it is installed" true "$(grep -q '"console":true,.*"name":"lb"' <<<"$output" && echo true)"
	same "errors in the console's browser" "" "$(page errors)"
}

@test "the browser had nothing to complain of, and when watch.sh ends nothing is left of it" {
	local pid
	pid=$(cat "$BATS_FILE_TMPDIR/watch.pid")
	same "errors in the browser" "" "$(page errors)"
	kill -INT "$pid"
	wait_for 5 bash -c "! kill -0 $pid"
	[ -z "$(pgrep -f "watch.py 127.0.0.1 0 playground 1 $LAB\$")" ]
	page wait 5 'document.getElementById("status").className === "lost"' >/dev/null
	page wait 6 'document.getElementById("message").textContent.includes("is labs/watch.sh still running?")' >/dev/null
}

@test "frames are decoded as scapy reads them, in every tunnel, and broken ones without an exception" {
	/usr/bin/python3 -B - <<-'END'
		import json, random, sys
		sys.path[:0] = ["labs/watch", "labs/common"]
		from decode import decode
		from scapy.all import ARP, Dot1Q, Ether, GRE, ICMP, IP, IPv6, IPv6ExtHdrHopByHop, TCP, UDP
		from tunnels import IPS, FOU, GUE, kind

		ether = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
		tcp = TCP(sport=40000, dport=8000, flags="PA", seq=7, ack=9) / b"GET /a HTTP/1.1\r\n"
		inner = IP(src="10.0.0.20", dst="192.168.178.15", ttl=62), IPv6(src="2001:db8::20", dst="2001:db8::15", hlim=62)
		outer = IP(src="192.168.178.10", dst="172.16.0.10", ttl=64), IPv6(src="2001:db8::10", dst="2001:db8:1::10", hlim=64)
		between = None, GRE(), UDP(sport=50000, dport=5555) / FOU(), UDP(sport=50000, dport=6080) / GUE()
		frames = [ether / packet / tcp for packet in inner]
		for around in outer:
		    for packet in inner:
		        for envelope in between:
		            if isinstance(envelope, UDP) and GUE in envelope:
		                envelope = UDP(sport=50000, dport=6080) / GUE(proto=4 if IP in packet else 41)
		            frames.append(ether / (around / envelope if envelope else around) / packet / tcp)
		for frame in frames:
		    frame = Ether(bytes(frame))
		    ips = [layer for layer in frame.iterpayloads() if isinstance(layer, IPS)]
		    said = decode(bytes(frame))
		    assert (said["ip"]["src"], said["ip"]["dst"], said["ip"]["ttl"]) == (ips[-1].src, ips[-1].dst, 62), said
		    assert (said["ports"], said["flags"], said["text"], said["key"]) == ([40000, 8000], "ACK", "GET /a", "tcp ACK 7 9 17"), said
		    assert (said["outer"] and said["outer"]["kind"]) == kind(frame), said
		    assert not said["outer"] or (said["outer"]["src"], said["outer"]["ttl"]) == (ips[0].src, 64), said
		others = [ether / Dot1Q(vlan=5) / ARP(pdst="10.0.0.2", psrc="10.0.0.20"), ether / IP(dst="10.0.0.2") / ICMP(type=3, code=4, nexthopmtu=1480) / IP() / b"12345678",
		          ether / IP(frag=100) / (b"x" * 40), ether / IPv6() / IPv6ExtHdrHopByHop() / UDP(sport=1, dport=2) / b"abc"]
		said = [decode(bytes(frame)) for frame in others]
		assert (said[0]["vlan"], said[0]["text"]) == ([5], "who has 10.0.0.2? tell 10.0.0.20"), said[0]
		assert said[1]["text"] == "fragmentation needed, MTU 1480" and said[2]["l4"] == "fragment", said
		assert (said[3]["ports"], said[3]["text"]) == ([1, 2], "3 bytes"), said[3]
		random.seed(15)
		raw = [bytes(frame) for frame in frames + others]
		for _ in range(30000):
		    frame = bytearray(random.choice(raw))
		    for _ in range(random.randrange(5)):
		        frame[random.randrange(12, len(frame))] = random.randrange(256)
		    json.dumps(decode(bytes(frame[:random.randrange(14, len(frame) + 1)])))
		print(len(frames) + len(others))
	END
	echo "22 frames in every tunnel and family: the decoder with scapy; 30000 broken ones" >>"$BATS_FILE_TMPDIR/compared"
}

@test "--help says what there is, on standard output, to everybody" {
	local word
	for word in -h --help; do
		run -0 --separate-stderr as_nobody labs/watch.sh "$word"
		[[ $output == "watch: a page that shows "*"usage: [LAB=NAME] labs/watch.sh [--console]"*"Exit status: 0, 1 (refused), 2 (usage)." && ! $stderr ]]
	done
	run -2 --separate-stderr labs/watch.sh --helpp
	[[ ! $output && $stderr == "watch.sh: unexpected word '--helpp'"$'\n'"usage: "* ]]
}

@test "what is wrong is refused, with what to do" {
	run -2 labs/watch.sh --listen nowhere
	[[ $output == *"--listen nowhere is no ADDRESS:PORT"*"usage: "* ]]
	run -2 labs/watch.sh --every soon
	run -2 labs/watch.sh now
	run -1 as_nobody labs/watch.sh
	[[ $output == "watch.sh: only root can look into machines and maps; try sudo "* ]]
	python3 -c 'import socket, time
s = socket.create_server(("127.0.0.1", 0))
print(s.getsockname()[1], flush=True)
time.sleep(20)' >"$BATS_TEST_TMPDIR/port" 3>&- &
	local busy=$!
	wait_for 5 test -s "$BATS_TEST_TMPDIR/port"
	run -1 labs/watch.sh --listen "127.0.0.1:$(cat "$BATS_TEST_TMPDIR/port")"
	kill $busy
	[[ $output == "watch.sh: cannot listen on 127.0.0.1 port "*"Address already in use; try --listen 127.0.0.1:0"* ]]
}
