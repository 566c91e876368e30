# SPDX-License-Identifier: GPL-2.0-only
# clients: who may use a service, as people write it.
#
#   client allow|deny PREFIX...              the longest prefix that a client is in decides
#
# Who is in none of them may, too; but not if one of the outermost prefixes allows: then those alone may.
#
# In:  a list of words
# Out: [{rule, address, bits}]; or an error of words.jq
include "words";
include "address";

def client_key: "\(.rule) \(prefix_text)";

# clients($service): what the words behind "client" say, if it suits the service.
def clients($service):
	.[0] as $rule
	| if $rule == null then usage("which client? allow PREFIX, or deny PREFIX")
	  elif $rule | IN("allow", "deny") | not then usage("unexpected word '\($rule)'; write allow PREFIX, or deny PREFIX")
	  elif length < 2 then usage("\($rule) whom? PREFIX is missing, like 10.0.0.0/8") else . end
	| .[1:] | map(prefix | if (.address | family) != ($service.address | family)
		then refuse("\(prefix_text) is IPv\(.address | family), and clients of \($service.address) have IPv\($service.address | family)")
		else {$rule} + . end);

# in_order_of_prefixes: a list of them, as the kernel's and a person's are compared.
def in_order_of_prefixes: sort_by((.address | by_address), .bits);

# is_in($prefix): whether an address is in it; both of one family.
def is_in($prefix):
	address_bytes as $bytes | ($prefix.address | address_bytes) as $first
	| ($prefix.bits / 8 | floor) as $whole | pow(2; 8 - $prefix.bits % 8) as $unit
	| $bytes[:$whole] == $first[:$whole] and (($bytes[$whole] // 0) / $unit | floor) == (($first[$whole] // 0) / $unit | floor);

# are_alone: whether nobody else may: one of the prefixes that are in no other one allows. (Those that are in another one come
# behind it.)
def are_alone:
	reduce in_order_of_prefixes[] as $prefix ({};
		if .around and (.around as $around | $prefix.address | is_in($around)) then .
		else .around = $prefix | .alone = (.alone or $prefix.rule == "allow") end)
	| .alone // false;

# rules($family): what is in the kernel for them.
def rules($family):
	. + if are_alone then [{rule: "deny", address: (if $family == 6 then "::" else "0.0.0.0" end), bits: 0}] else [] end;

# which($client): of a list of them, the one that decides about an address; or null.
def which($client): map(select(. as $prefix | $client | is_in($prefix))) | max_by(.bits);
