# SPDX-License-Identifier: GPL-2.0-only
# edit: what a service shall be after a command, from what it is.
#
# In:  what it is, as configuration.jq has it, or null; $new: the service that was named, as parse.jq has it, and in it
#      the backend that was named
# Out: [what it shall be], or []; or an error of words.jq
include "words";

def must_be_there($new): if . == null then refuse("there is no service \($new | name); 'lb service show' lists those that are there") else . end;

def must_have($backend):
	if any(.backends[]; server == ($backend | server)) then .
	else refuse("\($backend | server) is no backend of \(name); 'lb service show' lists them") end;

def edit($verb; $new):
	($new.backends[0]) as $backend
	| if $verb == "service add" then
		if . then refuse("service \(name) is there already; 'lb service show' shows it") else [$new] end
	  elif $verb == "service set" then must_be_there($new) | [.filling = ($new.filling // .filling) | .slots = ($new.slots // .slots)]
	  elif $verb == "service del" then must_be_there($new) | []
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
