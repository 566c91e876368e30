# SPDX-License-Identifier: GPL-2.0-only
# layout: whether a program can share maps with one that runs. The kernel compares how large keys and values are; what is where
# in them, their types say (BTF).
#
# In:  two lists of types, as `bpftool -j btf dump` prints them: those of the maps that are pinned, and those of the object
# Out: names of structs that are laid out in another way. What was called unused may have a name by now, and a use.

# places: of a struct: {size, at: {NAME: where it begins, in bits}}
def places: {size, at: ([.members[]? | select(.name | startswith("unused") | not) | {key: .name, value: .bits_offset}] | from_entries)};

# structs: of a list, by their names: those that stand in our maps.
def structs:
	[.types[] | select(.kind == "STRUCT") | select(.name as $name | $contract.structs | has($name)) | {key: .name, value: places}] | from_entries;

def other_layouts:
	(.[0] | structs) as $there | (.[1] | structs) as $new
	| $there | keys[] | . as $name
	| select($new[$name] and ($new[$name].size != $there[$name].size
		or any($there[$name].at | to_entries[]; $new[$name].at[.key] != .value)));
