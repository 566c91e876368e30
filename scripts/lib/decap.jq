# SPDX-License-Identifier: GPL-2.0-only
# decap: whom the decapsulator believes, and the words of lb decap add and del.
include "words";
include "bytes";

# role_words: [VERB, ROLE, ADDRESS], if they can be; or an error of words.jq.
def role_words:
	. as [$verb, $role, $address]
	| if contract.flags.decap_roles[1:] | index($role) == null
	  then usage("'\($role)' is no role; take lb, host or vip") else . end
	| ($address | address) as $checked | .;

# make_be($want): [{address, roles}] as it shall be, from all there are -> a line for each address that is another one:
# ADDRESS ROLE,ROLE..., or ADDRESS alone if it has none any more. Those that come are before those that go.
def make_be($want):
	. as $is
	| ($want[] | select(. as $it | any($is[]; .address == $it.address and (.roles | sort) == ($it.roles | sort)) | not)
		| "\(.address) \(.roles | join(","))"),
	  ($is[].address | select(. as $address | any($want[]; .address == $address) | not));

# new_roles($verb; $role; $address): the roles that the address shall have, from all, as decap_addresses_decode has
# them; or an error of words.jq.
def new_roles($verb; $role; $address):
	[.[] | select(.address == $address).roles[]]
	| if $verb == "add" and index($role) then refuse("\($address) is \($role) already; 'lb decap show' lists them")
	  elif $verb == "add" then . + [$role]
	  elif index($role) then . - [$role]
	  else refuse("\($address) is not \($role); 'lb decap show' lists them") end;
