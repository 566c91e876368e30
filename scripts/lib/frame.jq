# SPDX-License-Identifier: GPL-2.0-only
# frame: a packet as people describe it to `lb why` -> the bytes of a frame.
#
#   PROTOCOL CLIENT:PORT VIP:PORT [syn|ack|fin|rst] [size N] [ttl N] [nodf] [tunnel [KIND] LB BACKEND] [dev DEV]
#   frame HEX [dev DEV]
#
# In:  a list of words; $tunnel_ports: {fou, gue}: the UDP ports that they have if nothing else is said
# Out: {frame: null or hex digits, protocol, client: {address, port}, vip: {address, port}, tcp, size, ttl, df, dev, tunnel:
#      {kind: ipip, gre, fou or gue, port: of UDP, source, destination: the outer ones}, or null}; or an error of words.jq.
#      And, the other way, what the bytes of a frame say.
include "words";
include "address";
include "bytes";

def tcp_flags: {syn: 2, ack: 16, fin: 17, rst: 4};

# from_or_to: ADDRESS:PORT, or [ADDRESS]:PORT -> {address, port}
def from_or_to:
	. as $word | address_and_port
	| if .[1] == null then refuse("'\($word)' has no port; write ADDRESS:PORT, like 10.0.0.20:40000 or [2001:db8::20]:40000") else . end
	| {address: (.[0] | address), port: (.[1] | port)};

# one_family($what): two addresses, of one packet.
def one_family($what):
	if (.[0] | family) == (.[1] | family) then . else refuse("\(.[0]) and \(.[1]) are of two families; \($what) has one") end;

# header_length: of IP, of a packet from this address; transport_length: of its TCP or UDP header.
def header_length: if is_ipv6 then 40 else 20 end;
def transport_length: if .protocol == "tcp" then 20 else 8 end;
def smallest: (.client.address | header_length) + transport_length;

# tunnel_words: [KIND[:PORT]] LB BACKEND and what follows -> {tunnel}, and the rest in .rest.
def tunnel_words:
	(.[0] // "" | split(":")) as [$kind, $port]
	| if $kind | IN("ipip", "gre", "fou", "gue") then {$kind, $port, rest: .[1:]} else {kind: "ipip", port: null, rest: .} end
	| if .rest | length < 2 then usage("which tunnel? [ipip|gre|fou|gue] LB BACKEND, as in the outer header") else . end
	| $ARGS.named.tunnel_ports[.kind] as $default
	| if .port and $default == null then refuse("\(.kind) has no ports; fou and gue have") else . end
	| (.rest[:2] | map(address) | one_family("an outer header")) as [$source, $destination]
	| {tunnel: {kind, port: (if .port then .port | port else $default end), $source, $destination}, rest: .rest[2:]};

# packet_options($packet): the rest of the words -> what they say.
def packet_options($packet):
	.[0] as $word
	| if $word == null then {}
	  elif $word == "dev" then {dev: (.[1] // usage("which device?"))} + (.[2:] | packet_options($packet))
	  elif $packet.frame then usage("unexpected word '\($word)'")
	  elif tcp_flags[$word] and $packet.protocol == "tcp" then {tcp: $word} + (.[1:] | packet_options($packet))
	  elif $word == "size" then
		{size: (.[1] // usage("which size?") | number("size of an IP packet here"; $packet | smallest; 9000))}
		+ (.[2:] | packet_options($packet))
	  elif $word == "ttl" then {ttl: (.[1] // usage("which TTL?") | number("TTL"; 0; 255))} + (.[2:] | packet_options($packet))
	  elif $word == "tunnel" then .[1:] | tunnel_words | {tunnel} + (.rest | packet_options($packet))
	  elif $word == "nodf" and ($packet.vip.address | is_ipv6)
	  then refuse("'nodf' is of IPv4: nobody on the way fragments a packet of IPv6; leave it out")
	  elif $word == "nodf" then {df: false} + (.[1:] | packet_options($packet))
	  else usage("unexpected word '\($word)'") end;

def frame_words:
	(if .[0] == "frame" then
		{frame: (.[1] // usage("which frame? Give its bytes, in hex") | ascii_downcase)}
		| if .frame | test("^([0-9a-f]{2}){14,9018}$") then . else refuse("this is no frame; give at least 14 bytes, each as two hex digits, without blanks") end
	elif length < 3 then usage("why what? PROTOCOL CLIENT:PORT VIP:PORT, like: tcp 10.0.0.20:40000 192.168.178.15:8000")
	elif .[0] | IN("tcp", "udp") | not then refuse("'\(.[0])' is no protocol; take tcp or udp")
	else
		{frame: null, protocol: .[0], client: (.[1] | from_or_to), vip: (.[2] | from_or_to), tcp: "syn", size: null, ttl: 64, df: true}
		| ([.client.address, .vip.address] | one_family("a packet")) as $checked | .
	end) as $packet
	| $packet + (.[if $packet.frame then 2 else 3 end:] | packet_options($packet));

# ---- The bytes ----

def be16_bytes: [(. / 256 | floor) % 256, . % 256];
def mac_bytes: split(":") | map(explode | map(if . >= 97 then . - 87 else . - 48 end) | .[0] * 16 + .[1]);

# checksum: RFC 1071, of a list of bytes.
def checksum:
	(if length % 2 == 1 then . + [0] else . end) as $bytes
	| reduce range(0; $bytes | length; 2) as $i (0; . + $bytes[$i] * 256 + $bytes[$i + 1])
	| until(. < 65536; . % 65536 + (. / 65536 | floor)) | 65535 - .;

# with_checksum($at; $before): itself, with its checksum (over $before, too) put in at a place that is 0 so far.
def with_checksum($at; $before): ($before + . | checksum | be16_bytes) as $sum | .[:$at] + $sum + .[$at + 2:];

# pseudo($from; $to; $protocol; $length): what checksums of TCP and UDP are over, too. (That of IPv6 has longer fields, but
# the same sum.)
def pseudo($from; $to; $protocol; $length):
	($from | address_bytes) + ($to | address_bytes) + [0, $protocol] + ($length | be16_bytes);

# udp($from; $to; $ports; $payload): a UDP datagram between two addresses. A checksum of 0 would mean that there is none.
def udp($from; $to; $ports; $payload):
	($payload | length + 8) as $length
	| ($ports | map(be16_bytes) | add) + ($length | be16_bytes) + [0, 0] + $payload
	| with_checksum(6; pseudo($from; $to; 17; $length))
	| if .[6:8] == [0, 0] then .[:6] + [255, 255] + .[8:] else . end;

# transport($length): a TCP or UDP header, and zeros behind it.
def transport($length):
	.client.address as $from | .vip.address as $to
	| if .protocol == "udp" then udp($from; $to; [.client.port, .vip.port]; [range($length - 8) | 0])
	  else
		(.client.port | be16_bytes) + (.vip.port | be16_bytes)
		+ [0, 0, 0, 1, 0, 0, 0, if .tcp == "syn" then 0 else 1 end, 80, tcp_flags[.tcp], 250, 240, 0, 0, 0, 0]
		+ [range($length - 20) | 0] | with_checksum(16; pseudo($from; $to; 6; $length))
	  end;

# ip_packet($protocol; $from; $to; $payload): with an IP header of their family; TTL and DF are those of the packet.
def ip_packet($protocol; $from; $to; $payload):
	if $from | is_ipv6 then
		[96, 0, 0, 0] + ($payload | length | be16_bytes) + [$protocol, .ttl] + ($from | address_bytes) + ($to | address_bytes) + $payload
	else
		[69, 0] + ($payload | length + 20 | be16_bytes) + [0, 0, if .df then 64 else 0 end, 0, .ttl, $protocol, 0, 0]
		+ ($from | address_bytes) + ($to | address_bytes) | with_checksum(10; []) + $payload
	end;

def ethertype: if is_ipv6 then [134, 221] else [8, 0] end;

# wrapped($inner): an IP packet in the packet's tunnel, as our load balancers do it.
def wrapped($inner):
	(if .vip.address | is_ipv6 then 41 else 4 end) as $protocol
	| .tunnel as {$kind, $port, $source, $destination}
	| if $kind == "ipip" then ip_packet($protocol; $source; $destination; $inner)
	  elif $kind == "gre" then ip_packet(47; $source; $destination; [0, 0] + (.vip.address | ethertype) + $inner)
	  else
		udp($source; $destination; [50000, $port]; if $kind == "gue" then [0, $protocol, 0, 0] else [] end + $inner) as $udp
		| ip_packet(17; $source; $destination; $udp)
	  end;

# frame_bytes($to; $from): a packet of frame_words -> the bytes of its frame between these MAC addresses.
def frame_bytes($to; $from):
	if .frame then .frame as $hex | [range(0; $hex | length; 2) | $hex[.:. + 2] | explode
		| map(if . >= 97 then . - 87 else . - 48 end) | .[0] * 16 + .[1]]
	else
		((.size // smallest) - (.client.address | header_length)) as $length
		| ip_packet(if .protocol == "tcp" then 6 else 17 end; .client.address; .vip.address; transport($length)) as $ip
		| ($to | mac_bytes) + ($from | mac_bytes) + (.tunnel.source // .vip.address | ethertype)
		  + if .tunnel then wrapped($ip) else $ip end
	end;

# printf_text: bytes, as printf of the shell reads them.
def printf_text: hex as $hex | map($hex[.]) | join("");

# ---- From the bytes ----

# ip_at: where a frame's IP header begins: behind up to two VLAN tags; null: there is none.
def is_tag: . == [129, 0] or . == [136, 168];
def ip_at:
	(if .[12:14] | is_tag | not then 12 elif .[16:18] | is_tag | not then 16 else 20 end) as $type
	| if .[$type:$type + 2] | IN([8, 0], [134, 221]) then $type + 2 else null end;

# ip_header($at): what the IP header there says: {source, destination, protocol, end: where it ends}; null: it is none.
# (Extension headers are not walked.)
def ip_header($at):
	if $at == null or .[$at] == null then null
	elif .[$at] >= 64 and .[$at] < 80 and .[$at + 19] then
		{source: (.[$at + 12:$at + 16] | address_text), destination: (.[$at + 16:$at + 20] | address_text), protocol: .[$at + 9],
			end: ($at + .[$at] % 16 * 4)}
	elif .[$at] >= 96 and .[$at] < 112 and .[$at + 39] then
		{source: (.[$at + 8:$at + 24] | address_text), destination: (.[$at + 24:$at + 40] | address_text), protocol: .[$at + 6],
			end: ($at + 40)}
	else null end;

# addresses: a frame -> source and destination of its IP header, or null.
def addresses: ip_header(ip_at) | if . then [.source, .destination] else null end;

# action_name: what an XDP program returns, in words.
def action_name: ["aborted", "drop", "pass", "tx", "redirect"][.] // tostring;
