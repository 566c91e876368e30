# SPDX-License-Identifier: GPL-2.0-only
# links: devices that are made of others, as maps/links.h has them.
#
# In:  [the devices, as ip -j -d link prints them; a dump of the map]
# Out: lines: what is to be changed, so that the map is as the devices are: "update KEY VALUE" or "delete KEY", in bytes
include "bytes";

def no_tag: {protocol: 0, tci: 0};
def tag: {protocol: (if .linkinfo.info_data.protocol == "802.1ad" then 34984 else 33024 end), tci: .linkinfo.info_data.id};
def is_vlan: .linkinfo.info_kind == "vlan";
def is_port: .linkinfo.info_slave_kind == "bond" and (is_vlan | not);

# below($named): a device -> {device, tags}: what is below all its VLANs, and their tags, the outer one first. Nothing if
# that is in another network namespace.
def below($named):
	if is_vlan then tag as $tag | ($named[.link // ""] | values | below($named)) | .tags += [$tag]
	else {device: .ifindex, tags: []} end;

# links: the devices -> {IFINDEX: {device, outer, inner}}. The programs can write two tags.
def links:
	(map({(.ifname): .}) | add // {}) as $named
	| map((select(is_vlan) | {key: "\(.ifindex)", value: (below($named) | select(.tags | length <= 2))}),
		(select(is_port) | {key: "\(.ifindex)", value: {device: $named[.master].ifindex, tags: []}}))
	| from_entries
	| map_values({device, outer: (.tags[0] // no_tag), inner: (.tags[1] // no_tag)});

# link_changes(entry): `entry` makes bytes of a struct link.
def link_changes(entry):
	def in_bytes: decimal as $byte | tonumber | u32($byte);
	(.[0] | links | map_values(entry)) as $wanted
	| (.[1] | elements("u32"; "link") | map({key: "\(.key)", value: (.value | entry)}) | from_entries) as $there
	| ($wanted | keys[] | select($wanted[.] != $there[.]) | "update \(in_bytes) \($wanted[.])"),
	  ($there | keys[] | select($wanted[.] == null) | "delete \(in_bytes)");
