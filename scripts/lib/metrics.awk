# SPDX-License-Identifier: GPL-2.0-only
# metrics: what is known, as text for Prometheus.
#
# In:  sections. Each begins with a line "list NAME", and its lines are those of the list of that name (bpf/list_*.c), or
#      of a function of metrics.sh. -v format=openmetrics (OpenMetrics 1.0) or text (Prometheus' text format 0.0.4), -v
#      boot=SECONDS: when the machine was started
# Out: families of metrics. The formats differ in how the family of a counter is called, and in UNIT and EOF.

$1 == "list" { section = $2; next }

# ---- What is there ----

section == "services" {
	services[++service_count] = id = $1
	service_label[id] = "local_address=\"" $3 "\",local_port=\"" port($4) "\",proto=\"" proto($2) "\""
	slots[id] = $6
	need[id] = $8 > 1 ? $8 : 1
	entries["slots"] += $6
	if (!vip[$3]++) entries["services"]++
	entries["services"]++
}
section == "backends" {
	backends[++backend_count] = id = $2
	service_of[id] = $1
	server[id] = "remote_address=\"" $3 "\",remote_port=\"" port($4) "\""
	weight[id] = $5
	is_fallback = int($8 / 2) % 2
	state[id] = code($6, $7, $5, is_fallback)
	health[id] = $7 == 1 ? 1 : $7 == 2 ? 0 : 2
	last_resort[$1] += $8 % 2
	if (!is_fallback) {
		members[$1]++
		healthy[$1] += $6 == 1 && $7 != 2
	}
	entries["backends"]++
}
section == "traffic" {
	packets[$1] = $2; bytes[$1] = $3; connections[$1] = $4
	add_up(service_of[$1])
}
section == "past_stats" { add_up($1) }
section == "shares" { share[$1] = $2 }
section == "changed_at" { changed[$1] = $2 }
section == "durations" {
	checks[++check_count] = $1
	took[check_count] = $2
	passed[check_count] = $3
	check[check_count] = substr($0, length($1 $2 $3) + 4)
}
section == "checks" && $1 != "check" { entries["checks"]++ }
section == "flows" || section == "new_flows" { entries[section]++; alive[section] += $9 > 0 }
section ~ /^conntrack/ {
	# one entry for the client's packets, and one for the backend's, which may have another family
	entries[section]++
	entries[$9 ~ /:/ ? "conntrack6" : "conntrack"]++
	entries["seats"]++
	if ($11) {
		open_connections++
		opened[$8]++
		lent = ++ports[$1 " " $9 " " $10]
		if (lent > ports_in_use) ports_in_use = lent
	}
}
section == "nat_ports" { nat_ports = $1 }
section == "nat_events" { event[++events] = $1; event_count[events] = $2 }
section == "verdicts" { verdict[++verdicts] = $1; verdict_packets[verdicts] = $2; verdict_bytes[verdicts] = $3 }
section == "decap_verdicts" { decap[++decaps] = $1; decap_packets[decaps] = $2; decap_bytes[decaps] = $3 }
section == "maps" { map[++maps] = $1; max_entries[maps] = $2 }
section == "neighbours" && $4 == "lladdr" { known[$1 " " $3] = 1 }
section == "hops" { hop[++hops] = $2 " " $3 }
section == "programs" {
	program[++programs] = "device=\"" $1 "\",mode=\"" $2 "\",flavour=\"" $3 "\",id=\"" $4 "\",tag=\"" $5 "\""
}
section == "placement" { fingerprint = $1 }
section == "watch" { watching = $1; is_balancer = 1 }

function port(number) { return number == 0 ? "any" : number }
function proto(number) { return number == 6 ? "TCP" : "UDP" }

# code: HAProxy's code of a state. What a person has said comes first; a fallback has no weight, and does not drain.
function code(state, health, weight, is_fallback)
{
	return state == 2 ? 2 : health == 2 ? 0 : weight == 0 && !is_fallback ? 3 : 1
}

# add_up: the counters of this line belong to a service.
function add_up(id)
{
	service_packets[id] += $2
	service_bytes[id] += $3
	service_connections[id] += $4
}

# ---- As text ----

# family: begins one. Its samples are called `name` then.
function family(of, type, help,    called)
{
	called = name = "xdp_lb_" of
	if (type == "counter") {
		name = name "_total"
		if (format == "text") called = name
	}
	print "# HELP " called " " help
	print "# TYPE " called " " type
	if (format != "text" && called ~ /_(bytes|seconds)$/) print "# UNIT " called " " (called ~ /bytes$/ ? "bytes" : "seconds")
}

# sample: its labels, and a value. A number that the kernel has printed stays as it is.
function sample(labels, value) { print name "{" labels "} " (value == "" ? 0 : value) }

# sum: the value of a sum, with all of its digits.
function sum(value) { return sprintf("%.0f", value) }

function of_verdicts(of, help, verdict, value, n,    i)
{
	family(of, "counter", help)
	for (i = 1; i <= n; i++) sample("verdict=\"" verdict[i] "\"", value[i])
}

# of_verdicts, of_services, of_backends, of_checks: a family with a sample for each of them.
function of_services(of, type, help, value,    i)
{
	family(of, type, help)
	for (i = 1; i <= service_count; i++) sample(service_label[services[i]], sum(value[services[i]]))
}
function of_backends(of, type, help, value,    i, id)
{
	family(of, type, help)
	for (i = 1; i <= backend_count; i++) {
		id = backends[i]
		if (id in label) print name "{" label[id] "} " (id in value ? value[id] : 0)
	}
}
function of_checks(of, help, value,    i)
{
	family(of, "gauge", help)
	for (i = 1; i <= check_count; i++)
		if (checks[i] in label) sample(label[checks[i]] ",check=\"" check[i] "\"", value[i])
}

# of_one: a family of one sample.
function of_one(of, help, value)
{
	family(of, "gauge", help)
	print name " " sum(value)
}

END {
	for (i = 1; i <= backend_count; i++) {
		id = backends[i]
		if (service_of[id] in service_label) label[id] = service_label[service_of[id]] "," server[id]
		if (id in changed) since[id] = boot + changed[id]
	}
	family("program_info", "gauge", "A program of ours on a device.")
	for (i = 1; i <= programs; i++) sample(program[i], 1)
	if (is_balancer) balancer()
	if (events) nat()
	if (decaps) {
		of_verdicts("decap_packets", "Packets, by what the decapsulator has done with them.", decap, decap_packets, decaps)
		of_verdicts("decap_bytes", "Bytes of frames, by what the decapsulator has done with them.", decap, decap_bytes, decaps)
	}
	if (format != "text") print "# EOF"
}

function balancer(    i)
{
	family("placement_info", "gauge", "The same on load balancers that send every packet to the same backend.")
	sample("fingerprint=\"" fingerprint "\"", 1)
	of_verdicts("packets", "Packets, by what the program has done with them.", verdict, verdict_packets, verdicts)
	of_verdicts("bytes", "Bytes of frames as they came in, by what the program has done with them.", verdict, verdict_bytes, verdicts)
	of_services("service_packets", "counter", "Packets to its backends, with those that are gone.", service_packets)
	of_services("service_bytes", "counter", "Bytes of frames to its backends as they came in, with those that are gone.", service_bytes)
	of_services("service_connections", "counter", "Connections of the service that have begun.", service_connections)
	of_services("service_backends", "gauge", "Backends of the service, without the fallback.", members)
	of_services("service_healthy_backends", "gauge", "Backends of the service that are up and have not failed.", healthy)
	of_services("service_needed_backends", "gauge", "With fewer healthy ones, the service has failed.", need)
	of_services("service_last_resort_backends", "gauge", "Backends that get packets because nobody better is left.", last_resort)
	of_services("service_slots", "gauge", "Slots of the service.", slots)
	of_backends("backend_packets", "counter", "Packets to the backend; NAT: in both directions.", packets)
	of_backends("backend_bytes", "counter", "Bytes of frames to the backend as they came in.", bytes)
	of_backends("backend_connections", "counter", "Connections to the backend that have begun: SYNs; NAT: UDP too.", connections)
	of_backends("backend_state", "gauge", "0 down: it has failed; 1 up; 2 maintenance: set to down; 3 drain: weight 0.", state)
	of_backends("backend_health", "gauge", "What checks have found: 0 failed, 1 healthy, 2 unchecked.", health)
	of_backends("backend_weight", "gauge", "Weight of the backend; 0: it drains, or is the fallback.", weight)
	of_backends("backend_slots", "gauge", "Slots that the backend has now.", share)
	family("backend_last_change_timestamp_seconds", "gauge", "When the backend came, or its state, health or weight changed.")
	for (i = 1; i <= backend_count; i++)
		if (backends[i] in since && backends[i] in label) sample(label[backends[i]], since[backends[i]])
	of_checks("check_duration_seconds", "How long the last check took.", took)
	of_checks("check_success", "Whether the last check has passed.", passed)
	of_one("flows", "Connections that are remembered after a change of slots.", alive["flows"])
	of_one("new_flows", "Connections of which one packet was seen after a change of slots.", alive["new_flows"])
	family("map_entries", "gauge", "Entries of a map that are in use.")
	for (i = 1; i <= maps; i++) sample("map=\"" map[i] "\"", entries[map[i]])
	family("map_max_entries", "gauge", "Entries that there is room for.")
	for (i = 1; i <= maps; i++) sample("map=\"" map[i] "\"", max_entries[i])
	family("neighbour_known", "gauge", "Whether the kernel knows the MAC address of a next hop.")
	for (i = 1; i <= hops; i++) {
		split(hop[i], word, " ")
		sample("address=\"" word[1] "\",device=\"" word[2] "\"", hop[i] in known)
	}
	of_one("watch_running", "Whether lb watch runs.", watching)
}

function nat(    i)
{
	of_one("nat_connections", "Connections that both sides have confirmed.", open_connections)
	of_backends("backend_open_connections", "gauge", "Connections to the backend that both sides have confirmed.", opened)
	of_one("nat_ports", "Ports that can be lent to connections of one address and port of a backend.", nat_ports)
	of_one("nat_ports_in_use", "Ports that are lent, of the backend with the most.", ports_in_use)
	family("nat_events", "counter", "Connections, by what became of them.")
	for (i = 1; i <= events; i++) sample("event=\"" event[i] "\"", event_count[i])
}
