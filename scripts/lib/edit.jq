# SPDX-License-Identifier: GPL-2.0-only
# edit: what a service shall be after a command, from what it is.
#
# In:  what it is, as configuration.jq has it, or null; $new: the service that was named, as parse.jq has it, and in it
#      the backend that was named
# Out: [what it shall be], or []; or an error of words.jq
include "words";
include "checks";
include "address";
include "clients";

def must_be_there($new): if . == null then refuse("there is no service \($new | name); 'lb service show' lists those that are there") else . end;

def must_have($backend):
	if any(.backends[]; server == ($backend | server)) then .
	else refuse("\($backend | server) is no backend of \(name); 'lb service show' lists them") end;

def edit($verb; $new):
	($new.backends[0]) as $backend
	| if $verb == "service add" then
		if . then refuse("service \(name) is there already; 'lb service show' shows it") else [$new] end
	  elif $verb == "service set" then must_be_there($new) | [. + ($new | {filling, slots, need, strict, quic, limit, fallback} | map_values(values))
		| if .quic == 0 then .backends |= map(.server_id = null) else . end]
	  elif $verb == "service del" then must_be_there($new) | []
	  elif $verb == "check add" then
		must_be_there($new)
		| if any(.checks[]; check_key == ($new.checks[0] | check_key))
		  then refuse("\(name) has a check \($new.checks[0] | check_key) already; 'lb service show' shows it") else . end
		| [.checks += $new.checks]
	  elif $verb == "check del" then
		must_be_there($new)
		| if any(.checks[]; check_key == ($new.checks[0] | check_key)) then .
		  else refuse("\(name) has no check \($new.checks[0] | check_key); 'lb service show' lists them") end
		| [.checks |= map(select(check_key != ($new.checks[0] | check_key)))]
	  elif $verb == "client add" then
		must_be_there($new)
		| (.clients | map(prefix_text)) as $there
		| ([$new.clients[] | select(prefix_text | IN($there[]))][0]) as $second
		| if $second then refuse("\(name) has \($second | prefix_text) already; 'lb service show' shows it") else . end
		| [.clients += $new.clients]
	  elif $verb == "client del" then
		must_be_there($new)
		| ($new.clients - .clients)[0] as $missing
		| if $missing then refuse("\(name) has no client \($missing | client_key); 'lb service show' lists them") else . end
		| [.clients -= $new.clients]
	  elif $verb == "backend add" then
		must_be_there($new)
		| if any(.backends[]; server == ($backend | server))
		  then refuse("\($backend | server) is a backend of \(name) already; 'lb service show' shows it") else . end
		| [.backends += [$backend]]
	  elif $verb == "backend set" then
		must_be_there($new) | must_have($backend)
		| [.backends |= map(if server == ($backend | server) then . + ($backend | map_values(values)) else . end)]
	  else # backend del
		must_be_there($new) | must_have($backend)
		| [.backends |= map(select(server != ($backend | server)))]
	  end;
