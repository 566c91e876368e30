# SPDX-License-Identifier: GPL-2.0-only
# frame: a packet as people describe it to `lb why` -> the bytes of a frame.
#
#   PROTOCOL CLIENT:PORT VIP:PORT [syn|ack|fin|rst] [size N] [ttl N] [nodf] [tunnel LB BACKEND] [dev DEV]
#   frame HEX [dev DEV]
#
# In:  a list of words
# Out: {frame: null or hex digits, protocol, client: {address, port}, vip: {address, port}, tcp, size, ttl, df, dev, tunnel: the
#      outer [source, destination], or null}; or an error of words.jq. And, the other way, what the bytes of a frame say.
include "words";
include "address";
include "bytes";

def tcp_flags: {syn: 2, ack: 16, fin: 17, rst: 4};

# endpoint: ADDRESS:PORT -> {address, port}
def endpoint:
	. as $word | split(":")
	| if length != 2 then refuse("'\($word)' has no port; write ADDRESS:PORT, like 10.0.0.20:40000") else . end
	| {address: (.[0] | address), port: (.[1] | port)};

# packet_options($packet): the rest of the words -> what they say.
def packet_options($packet):
	.[0] as $word
	| if $word == null then {}
	  elif $word == "dev" then {dev: (.[1] // usage("which device?"))} + (.[2:] | packet_options($packet))
	  elif $packet.frame then usage("unexpected word '\($word)'")
	  elif tcp_flags[$word] and $packet.protocol == "tcp" then {tcp: $word} + (.[1:] | packet_options($packet))
	  elif $word == "size" then
		{size: (.[1] // usage("which size?") | number("size of an IP packet here"; if $packet.protocol == "tcp" then 40 else 28 end; 9000))}
		+ (.[2:] | packet_options($packet))
	  elif $word == "ttl" then {ttl: (.[1] // usage("which TTL?") | number("TTL"; 0; 255))} + (.[2:] | packet_options($packet))
	  elif $word == "tunnel" then
		{tunnel: [.[1:3][] | address]} + (.[3:] | packet_options($packet))
		| if .tunnel | length < 2 then usage("which tunnel? LB BACKEND, as in the outer header") else . end
	  elif $word == "nodf" then {df: false} + (.[1:] | packet_options($packet))
	  else usage("unexpected word '\($word)'") end;

def frame_words:
	(if .[0] == "frame" then
		{frame: (.[1] // usage("which frame? Give its bytes, in hex") | ascii_downcase)}
		| if .frame | test("^([0-9a-f]{2}){14,9018}$") then . else refuse("this is no frame; give at least 14 bytes, each as two hex digits, without blanks") end
	elif length < 3 then usage("why what? PROTOCOL CLIENT:PORT VIP:PORT, like: tcp 10.0.0.20:40000 192.168.178.15:8000")
	elif .[0] | IN("tcp", "udp") | not then refuse("'\(.[0])' is no protocol; take tcp or udp")
	else
		{frame: null, protocol: .[0], client: (.[1] | endpoint), vip: (.[2] | endpoint), tcp: "syn", size: null, ttl: 64, df: true}
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

# transport($length): a TCP or UDP header, and zeros behind it.
def transport($length):
	((.client.address | address_bytes) + (.vip.address | address_bytes)
		+ [0, if .protocol == "tcp" then 6 else 17 end] + ($length | be16_bytes)) as $pseudo
	| ((.client.port | be16_bytes) + (.vip.port | be16_bytes)) as $ports
	| if .protocol == "tcp"
	  then $ports + [0, 0, 0, 1, 0, 0, 0, if .tcp == "syn" then 0 else 1 end, 80, tcp_flags[.tcp], 250, 240, 0, 0, 0, 0]
		| . + [range($length - 20) | 0] | with_checksum(16; $pseudo)
	  else $ports + ($length | be16_bytes) + [0, 0] + [range($length - 8) | 0] | with_checksum(6; $pseudo) end;

# ip_packet($protocol; $source; $destination; $payload): with an IPv4 header; TTL and DF are those of the packet.
def ip_packet($protocol; $source; $destination; $payload):
	[69, 0] + ($payload | length + 20 | be16_bytes) + [0, 0, if .df then 64 else 0 end, 0, .ttl, $protocol, 0, 0]
	+ ($source | address_bytes) + ($destination | address_bytes) | with_checksum(10; []) + $payload;

# frame_bytes($to; $from): a packet of frame_words -> the bytes of its frame between these MAC addresses.
def frame_bytes($to; $from):
	if .frame then .frame as $hex | [range(0; $hex | length; 2) | $hex[.:. + 2] | explode
		| map(if . >= 97 then . - 87 else . - 48 end) | .[0] * 16 + .[1]]
	else
		(.size // (if .protocol == "tcp" then 40 else 28 end)) as $size
		| ip_packet(if .protocol == "tcp" then 6 else 17 end; .client.address; .vip.address; transport($size - 20)) as $ip
		| ($to | mac_bytes) + ($from | mac_bytes) + [8, 0]
		  + if .tunnel then ip_packet(4; .tunnel[0]; .tunnel[1]; $ip) else $ip end
	end;

# printf_text: bytes, as printf of the shell reads them.
def printf_text: hex as $hex | map($hex[.]) | join("");

# ---- From the bytes ----

# ip_at: where a frame's IP header begins: behind up to two VLAN tags; null: there is none.
def ip_at: if .[12:14] == [8, 0] then 14 elif .[16:18] == [8, 0] then 18 elif .[20:22] == [8, 0] then 22 else null end;

def address_at($i): .[$i:$i + 4] | decode("ipv4");

# addresses: a frame -> source and destination of its IP header, or null.
def addresses: ip_at as $ip | if $ip then [address_at($ip + 12), address_at($ip + 16)] else null end;

# action_name: what an XDP program returns, in words.
def action_name: ["aborted", "drop", "pass", "tx", "redirect"][.] // tostring;
