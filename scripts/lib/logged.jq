# SPDX-License-Identifier: GPL-2.0-only
# logged: commands of plan.jq -> what of it goes into the journal: lines "note TEXT<tab>FIELD=VALUE...", services first,
# five at most, and how many others there are.
include "words";
include "describe";
include "checks";
include "address";
include "clients";

# note_line($text; $fields): without what would end a word.
def note_line($text; $fields): [$text, ($fields | to_entries[] | "\(.key)=\(.value)")] | map(gsub("[\t\n]"; " ")) | "note \(join("\t"))";

# service_state, backend_state: as people write it, with what checks have found.
def service_state: service_words + " " + (.checks | map(check_text) | join(" ")) | rtrimstr(" ");
def backend_state: (if is_fallback then "fallback" else "weight \(.weight) \(.state)" end) + shown_id + found;

# moved($what; $fields; $old; $new): the line of one change, or nothing.
def moved($what; $fields; $old; $new):
	select($old != $new)
	| note_line($what + if $old == "none" then " added: \($new)" elif $new == "none" then " deleted" else ": \($old) -> \($new)" end;
		$fields + {OLD: $old, NEW: $new});

def service_line:
	(.service | name) as $name
	| moved("service \($name)"; {SERVICE: $name}; if .before then .before | service_state else "none" end;
		if .operation == "delete" then "none" else .service | service_state end);

def backend_lines:
	(.service | name) as $name | .changes[]
	| (if .state == "free" then .before else . end | server) as $server
	| moved("\($name): backend \($server)"; {SERVICE: $name, BACKEND: $server}; if .before then .before | backend_state else "none" end;
		if .state == "free" then "none" else backend_state end);

def client_lines:
	(.service | name) as $name | .clients[] | select(.bits > 0)
	| moved("\($name): client \(prefix_text)"; {SERVICE: $name, CLIENT: prefix_text}; .before // "none"; if .rule == "unknown" then "none" else .rule end);

# logged: of a list of commands.
def logged:
	[(.[] | service_line), (.[] | backend_lines), (.[] | client_lines)]
	| .[:5][], (select(length > 5) | note_line("and \(length - 5) other changes; 'lb service show' shows how it is now"; {}));
