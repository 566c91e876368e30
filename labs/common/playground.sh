# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# What the scripts around the labs' roles share (setup, check, trace, teardown): sourced after lab.sh.

# The playground's name is that of the lab, unless somebody says otherwise.
export LAB=${LAB:-${lab##*/}}
# What a user has to type in front of the lab's scripts to mean this playground.
say=
# shellcheck disable=SC2034 # for whoever sources this
[[ $LAB == "${lab##*/}" ]] || say="LAB=$LAB "

# say_which: what to type in front of scripts that belong to no lab: nothing, if this playground is the only one.
say_which() {
	local up
	up=$(LAB='' scripts/node list 2>/dev/null | cut -d' ' -f1 | sort -u)
	[[ $up == "$LAB" ]] || echo -n "LAB=$LAB "
}

# role_of NAME: the role script's name of the machine with this name; false if it is none of ours.
role_of() {
	case $1 in
	lb | gateway | client) echo "$1" ;;
	lb-[0-9][0-9]) echo lb ;;
	backend-[0-9][0-9]) echo backend ;;
	*) return 1 ;;
	esac
}

# backend_name N: the name of the backend at BACKENDS[N].
backend_name() {
	printf 'backend-%02d' $(($1 + 1))
}

# backend_names: the names of all of them, a line each.
backend_names() {
	local i
	# shellcheck disable=SC2153 # BACKENDS comes from lab.env
	for i in "${!BACKENDS[@]}"; do
		backend_name "$i"
		echo
	done
}

# lb_names: lb, or lb-01 and so on for a lab with several of them, whose addresses are LBS; a line each.
# shellcheck disable=SC2046 # numbers
lb_names() {
	if [[ -z ${LBS-} ]]; then echo lb; else printf 'lb-%02d\n' $(seq ${#LBS[@]}); fi
}

# on NODE COMMAND...: runs a command on a node of this playground.
on() {
	scripts/node exec "$@"
}

playground_is_up() {
	on client true 2>/dev/null
}

# playgrounds_up: the names of all of them, a line each.
playgrounds_up() {
	LAB='' scripts/node list 2>/dev/null | awk '$2 == "client" { print $1 }'
}

# need_playground: of this lab; whoever is wrong here is told where to go.
need_playground() {
	local others there
	if ! playground_is_up; then
		! role_of "$HOSTNAME" >/dev/null || die "this is the machine $HOSTNAME; ${0##*/} runs on the host of the playground (in labs/tabs.sh: tab watch)"
		others=$(playgrounds_up)
		[[ -z $others ]] || die "no playground named $LAB is up (but ${others//$'\n'/, }); run $say$lab/setup.sh, or say which: LAB=${others%%$'\n'*} $0"
		die "no playground is up; run $say$lab/setup.sh"
	fi
	there=$(on client cat /run/xdp-lb/lab 2>/dev/null) || there=
	[[ -z $there || $there == "${lab##*/}" ]] || die "the playground $LAB is of the lab $there: run ${say}labs/$there/${0##*/}"
	FAMILY=$(on client cat /run/xdp-lb/family 2>/dev/null) || FAMILY=4
	read_lab
}

# mac NODE DEV: a MAC address.
mac() {
	on "$1" cat "/sys/class/net/$2/address"
}

# ---- setup ----

# begin_setup ARGUMENT...: installs and builds. On a machine of the lab it plays that machine's role, and
# that is all. Otherwise it removes an earlier playground, and makes sure that a failure leaves nothing.
begin_setup() {
	local role
	[[ $# -eq 0 ]] || usage
	[[ $EUID -eq 0 ]] || die "only root can load programs and make namespaces; try sudo $0"
	scripts/deps lab
	make --silent all
	if role=$(role_of "$HOSTNAME"); then
		exec "$lab/$role.sh"
	fi
	started=${EPOCHREALTIME/[.,]/}
	scripts/node destroy --all # whatever an earlier run has left
	trap 'echo "${0##*/}: failed; cleaning up" >&2; scripts/node destroy --all' EXIT
}

# create NODE DEV=NETWORK:ADDRESS/PREFIX... [via GATEWAY]: a node, as scripts/node makes it; but addresses and prefixes are
# names of lab.env. Of LB, say, it takes LB and LB6, as far as lab.env and this kernel have them; 64 is every prefix of IPv6.
create() {
	local word names gateway arguments=()
	for word in "${@:2}"; do
		if [[ $word == *=* ]]; then
			names=${word#*:}
			arguments+=("${word%%:*}:$(both "${names%/*}" "${names#*/}")")
		elif [[ $word != via ]]; then
			for gateway in $(both "$word" | tr , ' '); do
				# not of IPv6, if the node has no such address
				[[ $gateway == *:* && ${arguments[0]} != *,* ]] || arguments+=(via "$gateway")
			done
		fi
	done
	scripts/node create "$1" "${arguments[@]}"
}

# both NAME [PREFIX]: the addresses of that name in lab.env, IPv4 and IPv6, joined by a comma; with their prefixes.
both() {
	local name=${1%[*} index=${1#"${1%[*}"}
	local four=${name}4$index six=${name}6$index
	[[ -n ${!four-} ]] || four=$1
	echo -n "${!four}${2+/${!2}}"
	[[ -z ${!six-} || ! -e /proc/sys/net/ipv6 ]] || echo -n ",${!six}${2+/64}"
}

# create_backends DEV=NETWORK:BACKENDS/PREFIX via GATEWAY: all of them, in the same way.
create_backends() {
	local i
	for i in "${!BACKENDS[@]}"; do
		create "$(backend_name "$i")" "${1/BACKENDS/BACKENDS[$i]}" "${@:2}"
	done
}

# play: runs the role script of every node, that of the client last. Sets took to the time in ms, without the
# client. False if the client got no answer. From then on a failure leaves the playground as it is, to be looked at.
play() {
	local backend lb
	[[ $FAMILY == 4 ]] || keep_family
	on gateway "$lab/gateway.sh" || exit
	for backend in $(backend_names); do
		on "$backend" "$lab/backend.sh" || exit
	done
	for lb in $(lb_names); do
		on "$lb" "$lab/lb.sh" || exit
	done
	# Who finds this playground by its name alone (labs/tabs.sh, say) asks the client which lab it is; not before it is ready.
	# shellcheck disable=SC2016 # expanded over there
	on client bash -c 'mkdir -p /run/xdp-lb && echo "$1" >/run/xdp-lb/lab' - "${lab##*/}"
	# shellcheck disable=SC2034 # for whoever sources this
	took=$(((${EPOCHREALTIME/[.,]/} - started) / 1000))
	trap - EXIT
	on client "$lab/client.sh"
}

# keep_family: every machine knows which family the lab was set up with, so that nobody has to say it again.
keep_family() {
	local node
	for node in gateway client $(lb_names) $(backend_names); do
		# shellcheck disable=SC2016 # expanded over there
		on "$node" bash -c 'mkdir -p /run/xdp-lb && echo "$1" >/run/xdp-lb/family' - "$FAMILY"
	done
}

# next_steps: the end of what setup.sh prints. traced is what trace.sh shows, if not a request.
next_steps() {
	local node lb
	read -r lb < <(lb_names)
	node="$(say_which)scripts/node"
	# shellcheck disable=SC2153 # PORT comes from lab.env
	cat <<-END

		Set up in $took ms, with ${#BACKENDS[@]} backends. What to try next:

		  $say$lab/trace.sh
		        ${traced:-one request, hop by hop}
		  ${node%scripts/node}labs/watch.sh
		        see it all in a browser: machines, packets on their way, slots, counters
		  $say$lab/check.sh
		        is everything as it should be?
		  $node shell client
		        a shell on a machine; try: curl $(url "$VIP")
		  $node exec $lb scripts/lb stats
		        what happened to the packets
		  $node exec $lb scripts/lb trace
		        what the program says about each of them, while you send some; Ctrl-C ends it
		  $say$lab/teardown.sh
		        remove everything
	END
}

# ---- check ----

# begin_check [--first]: with --first, the check ends at the first fact that is not so.
begin_check() {
	[[ $# -eq 0 || "$*" == --first ]] || usage
	first=${1-}
	need_playground
	# shellcheck disable=SC2016 # expanded over there
	! on switch bash -c 'test -e "$1/file" && test ! -e "$1/repaired"' - "$fault_state" || puzzle=1
}

# end_check: the end of every check.sh. If somebody has broken the lab on purpose (break.sh), it is repaired now.
end_check() {
	# shellcheck disable=SC2016 # expanded over there
	if [[ $failed -eq 0 ]] && on switch bash -c 'test -e "$1/file" && touch "$1/repaired"' - "$fault_state"; then
		echo "Whole again. $(say_which)labs/solve.sh says what it was."
	elif [[ $failed -ne 0 ]]; then
		leave_out
	fi
	exit "$failed"
}

# Where the switch of a playground keeps which fault it has.
fault_state=/run/xdp-lb-fault

# fact TEXT COMMAND...: one line of a check.sh: "ok TEXT" if the command succeeds, or else the first half
# of a "not ok" line, which seen TEXT finishes. $failed says whether any fact was not ok.
failed=0 first=
puzzle= # 1: somebody has broken it on purpose, so where to look is for the reader to find out
fact() {
	local text=$1
	shift
	if "$@" >/dev/null 2>&1; then
		echo "ok: $text"
	else
		# shellcheck disable=SC2034 # for whoever sources this
		failed=1
		echo -n "not ok: $text: "
		return 1
	fi
}
seen() {
	if [[ -z $puzzle ]]; then echo "$*"; else echo "${*%%; *}"; fi
	[[ -n $first ]] || return 0
	leave_out
	exit 1
}

leave_out() {
	[[ -z $puzzle ]] || echo "Where to look is left out: that is the puzzle. $(say_which)labs/hint.sh gives a hint."
}

# not COMMAND...: succeeds if the command fails.
not() {
	! "$@"
}

# request SECONDS: one request of the client; succeeds if it is answered in time.
request() {
	on client curl -s -o /dev/null --max-time "$1" "$(url "$VIP")"
}

# some_request: if the first is not answered, eight more at once, so that one broken backend does not hide the others.
some_request() {
	request 1 || [[ $(at_once 8 1) == *200* ]]
}

# at_once N SECONDS [URL [OPTION...]]: so many requests, side by side. Prints a line for each: HTTP status, bytes of the page.
at_once() {
	on client curl -s --no-progress-meter -o /dev/null -Z --parallel-immediate --max-time "$2" -w '%{http_code} %{size_download}\n' "${@:4}" \
		"${3:-$(url "$VIP")}?[1-$1]" || true
}

# lb_counters: a counter in each line: NAME PACKETS; of several load balancers, the sums.
lb_counters() {
	local lb
	for lb in $(lb_names); do
		on "$lb" scripts/lb --json stats 2>/dev/null
	done | jq -rs 'map(.verdicts[]) | group_by(.name)[] | "\(.[0].name) \(map(.packets) | add)"'
}

# lb_packets NAME: one of them.
lb_packets() {
	lb_counters | awk -v name="$1" '$1 == name { print $2 }'
}

# rose NAME: by how much a counter has risen while the requests ran.
rose() {
	awk -v name="$1" '$1 == name { n = $2 - n } END { print n + 0 }' <<<"$counters_before"$'\n'"$counters_after"
}

# Where to look when a counter rises and should not.
declare -A remedy=(
	[forwarding_off]="may lb's kernel forward? scripts/node exec lb sysctl net.ipv4.ip_forward"
	[no_neighbour]="ip neigh on lb must know the next hop"
	[no_route]="ip route on lb must know a way to the backends"
	[no_backend]="scripts/lb service show on lb must list backends"
	[no_address]="scripts/lb set address ... on lb"
	[loop]="a backend is behind a router, or has no VIP and sends packets back"
	[ports_exhausted]="how many are there to lend? scripts/node exec lb scripts/lb nat show"
	[too_big]="the MTU on the way to the backends"
)

# suspects: what the load balancer's counters say about packets that got lost.
suspects() {
	local name text=
	for name in "${!remedy[@]}"; do
		[[ $(rose "$name") -eq 0 ]] || text+="$name rose on lb: ${remedy[$name]}. "
	done
	if [[ -z $text && $(rose forwarded) -gt 0 ]]; then
		text="lb forwarded $(rose forwarded) packets; what became of them on the backends?"
	fi
	echo "${text:-lb has not seen them; who answers ARP for the VIP? ip neigh on gateway}"
}

# ask: sends requests, 20 for each backend. Sets backends (names), requests, answers (the pages). If not
# even one is answered, it says why, and the check ends there.
ask() {
	local i options=(--parallel --parallel-immediate --parallel-max 4 --no-progress-meter) # who waits for an answer that never comes lets the others go on
	[[ -z $first ]] || options=(--fail-early)
	mapfile -t backends < <(backend_names)
	requests=$((20 * ${#backends[@]}))
	counters_before=$(lb_counters)
	fact "a request is answered" some_request || {
		counters_after=$(lb_counters)
		seen "no answer; $(suspects)"
		leave_out
		exit 1
	}
	for i in "${backends[@]}"; do on "$i" truncate -s 0 /run/xdp-lb/http.log; done
	answers=$(on client curl -s --max-time 2 "${options[@]}" "$(url "$VIP")?[1-$requests]") || true
}

# check_answers ADDRESS: what ask() has got: all answers, from every backend, and each backend has seen
# this address as the client's.
check_answers() {
	local got backend
	got=$(grep -c Hello <<<"$answers") || true
	fact "$requests of $requests requests are answered" [ "$got" -eq "$requests" ] || {
		counters_after=$(lb_counters)
		if [[ -n $first ]]; then got="request $((got + 1)) is not"; else got="only $got"; fi
		seen "$got; $(suspects)"
	}
	for backend in "${backends[@]}"; do
		got=$(grep -c "$backend" <<<"$answers") || true
		fact "$backend serves some of them ($got)" [ "$got" -gt 0 ] ||
			seen "none; scripts/node exec lb scripts/lb service show"
		# shellcheck disable=SC2016 # awk's
		got=$(on "$backend" awk '/"GET|GET \// { print $1 }' /run/xdp-lb/http.log | sort -u | xargs)
		fact "$backend sees the client as $1" [ "$got" = "$1" ] ||
			seen "${got:-nobody}; scripts/node exec $backend tail /run/xdp-lb/http.log"
	done
	counters_after=$(lb_counters) # as late as can be
}

# check_large: small packets say nothing of large ones. A request of several segments, and a page of a hundred.
check_large() {
	local got where="what is the largest packet that gets through? scripts/node exec gateway tcpdump -ni eth2"
	got=$(at_once 8 3 "$(url "$VIP")" -H "X-Filling: $(printf %05000d 0)" | grep -c "^200 ") || true
	fact "8 of 8 large requests are answered" [ "$got" -eq 8 ] || seen "only $got; $where"
	got=$(at_once 8 3 "$(url "$VIP")large" | grep -c "^200 100000$") || true
	fact "8 of 8 large pages arrive" [ "$got" -eq 8 ] || seen "only $got; $where"
}

check_vip_answers_ping() {
	fact "the VIP answers ping: what is not for the service is the kernel's" on client ping -c 1 -W 2 "$VIP" ||
		seen "no answer; who gets it? scripts/node exec lb tcpdump -ni eth0 icmp"
}

# count_tunnel: sets forwarded and unwrapped to what lb has wrapped and the backends have unwrapped so far. Packets of earlier
# connections may still come: so it counts until nothing has come meanwhile.
# shellcheck disable=SC2034 # for whoever sources this
count_tunnel() {
	local i again
	again=$(lb_packets forwarded)
	for i in 1 2 3 4 5; do
		forwarded=$again
		unwrapped=$(decap_packets decapsulated)
		again=$(lb_packets forwarded)
		[[ $again != "$forwarded" ]] || return 0
	done
}

# decap_packets VERDICT: a counter of the backends, summed up.
decap_packets() {
	local backend
	for backend in $(backend_names); do
		on "$backend" scripts/lb --json decap stats
	done | jq -s --arg name "$1" 'map(.[] | select(.name == $name).packets) | add'
}

check_all_unwrapped() {
	local forwarded_before=$forwarded unwrapped_before=$unwrapped
	count_tunnel
	forwarded=$((forwarded - forwarded_before)) unwrapped=$((unwrapped - unwrapped_before))
	fact "and the backends unwrap as many" [ "$unwrapped" -eq "$forwarded" ] ||
		seen "$unwrapped of $forwarded; scripts/node exec backend-01 scripts/lb decap stats"
}

check_no_answers_pass_lb() {
	fact "but it sees none of the answers (other packets: $(rose not_ours))" [ "$(rose not_ours)" -lt "$requests" ] ||
		seen "$(rose not_ours) packets passed by it; scripts/node exec lb tcpdump -ni eth0"
}

# who_answers NODE DEV ADDRESS: asks on a node's device for the MAC address of this address, and prints those of the answers.
who_answers() {
	local heard
	heard=$(mktemp)
	if [[ $3 != *:* ]]; then
		on "$1" arping -b -c 3 -w 1 -I "$2" "$3" | sed -n 's/.*\[\(.*\)\].*/\1/p' | tr '[:upper:]' '[:lower:]' >"$heard" || true
	else
		on "$1" timeout 2 tcpdump -i "$2" -l -n -t -e 'icmp6 and ip6[40] == 136' >"$heard" 2>"$heard.log" &
		wait_for 10 grep -q listening "$heard.log" || true
		# `use`: the kernel asks, as if it had something to send
		on "$1" ip neigh del "$3" dev "$2" 2>/dev/null || true
		on "$1" ip neigh replace "$3" dev "$2" use
		wait $! || true
		awk -v target="tgt is $3," 'index($0, target) { print $1 }' "$heard" >"$heard.log"
		mv "$heard.log" "$heard"
	fi
	sort -u "$heard" | xargs
	rm -f "$heard"
}

check_no_bug() {
	local bugs
	bugs=$(awk '$1 == "bug" { print $2 }' <<<"$counters_after")
	fact "the program on lb never aborted" [ "$bugs" -eq 0 ] ||
		seen "$bugs packets with XDP_ABORTED; scripts/node exec lb scripts/lb stats"
}

# ---- trace ----

# begin_trace: from now on tcpdump listens on every cable, at the end of the switch: a tcpdump on the machine itself
# never sees what its XDP program takes or sends. Sets traces, the folder for what they hear.
begin_trace() {
	local port node
	need_playground
	traces=$(mktemp -d) listeners=()
	# shellcheck disable=SC2064 # the folder as it is now
	trap "rm -rf '$traces'" EXIT

	for node in $(scripts/node list | awk '$2 != "switch" { print $2 }'); do
		on "$node" ip -j link | jq -r --arg node "$node" '.[] | select(.ifname != "lo") | "\(.address) \($node)"'
	done >"$traces/macs"
	for port in $(on switch ip -j link | jq -r '.[] | select(.master) | .ifname'); do
		listen "$port" on switch
	done
}

# What is traced, for tcpdump: TCP of both families, and in IPIP, GRE, FOU and GUE.
traced_packets="tcp or proto 4 or proto 41 or proto 47 or udp port $FOU_PORT or udp port $GUE_PORT"

# listen DEV COMMAND...: starts a tcpdump on a device, with a command that brings it to where the device is.
listen() {
	"${@:2}" tcpdump -i "$1" --immediate-mode -U -w "$traces/$1.pcap" "$traced_packets" 2>"$traces/$1.log" &
	listeners+=($!)
	wait_for 10 grep -q listening "$traces/$1.log" || die "tcpdump does not start: $(cat "$traces/$1.log")"
}

# stop_listening NODE...: ends the tcpdumps on these nodes.
stop_listening() {
	local node
	sleep 0.3 # the last packets of the connection
	for node; do
		# shellcheck disable=SC2046 # process ids
		on "$node" kill $(on "$node" pgrep -f "$traces/")
	done
	wait "${listeners[@]}" 2>/dev/null || true
}

# print_trace [OPTION...]: what all of them heard, as trace.py prints it.
print_trace() {
	labs/common/trace.py "$@" "$traces/macs" "$traces"/*.pcap
}

# trace_request [--all]: sends one request, and prints its way.
trace_request() {
	[[ $# -eq 0 || "$*" == --all ]] || usage
	begin_trace
	request 5 || echo "(the request was not answered)"
	stop_listening switch
	print_trace "$@"
}

# ---- teardown ----

# tear_down ARGUMENT...: ends the playground, also if only a part of it is there. Everything that setup.sh
# makes is in the nodes, and ends with them.
tear_down() {
	local up started=${EPOCHREALTIME/[.,]/}
	[[ $# -eq 0 ]] || usage
	up=$(scripts/node list)
	scripts/node destroy --all # also a node that has only begun, which is not in the list
	if [[ -z $up ]]; then
		echo "Nothing is up in $LAB."
		return
	fi
	echo "Removed $LAB in $(((${EPOCHREALTIME/[.,]/} - started) / 1000)) ms."
}
