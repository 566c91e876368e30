# shellcheck shell=bash disable=SC2034,SC2154 # the rooms share what they set
# SPDX-License-Identifier: GPL-2.0-only
# log: what happens, one line each: into the journal, with fields, or to standard error. Sourced by lb.

journal=/run/systemd/journal/socket
log_limit=5        # lines of one second; what is more is counted
log_second=''      # the second of which log_count and log_held are
log_count=0        # lines that were written in it
log_held=0         # lines that were left out
journal_after=0    # the journal did not take a line in time: it is asked again after this second
is_journal_stderr= # 1: standard error is the journal (systemd says which file that is)
[[ -z ${JOURNAL_STREAM-} || $JOURNAL_STREAM != "$(stat -Lc %d:%i /dev/stderr)" ]] || is_journal_stderr=1

# The unit of systemd that we are, if we are one.
unit=''
[[ ! $(</proc/self/cgroup) =~ /([^/[:space:]]+\.service)($|[[:space:]]) ]] || unit=${BASH_REMATCH[1]}

# log PRIORITY TEXT [FIELD=VALUE]...: one line. PRIORITY: 2 critical, 3 error, 4 warning, 5 notice. A person who has
# typed a command sees all of it; the journal, and who reads lb watch, a few lines in a second.
log() {
	local allowed=''
	log_rest
	if ((log_count < log_limit)); then allowed=1 log_count=$((log_count + 1)); else log_held=$((log_held + 1)); fi
	if [[ -z $is_journal_stderr && (-n $allowed || $acts != watch) ]]; then echo "lb: $2" >&2; fi
	[[ -z $allowed ]] || log_to_journal "$@" || [[ -z $is_journal_stderr ]] || echo "lb: $2" >&2
}

# note TEXT [FIELD=VALUE]...: what a command has done: only for the journal. Who has typed it knows.
note() {
	log_rest
	if ((log_count >= log_limit)); then
		log_held=$((log_held + 1))
	else
		log_count=$((log_count + 1))
		log_to_journal 5 "$@" || true
	fi
}

# log_rest: in another second than before: says how many lines were left out.
log_rest() {
	local second
	printf -v second '%(%s)T' -1
	[[ $second != "$log_second" ]] || return 0
	log_second=$second log_count=0
	tell_held
}

# tell_held: the same, at once: where a command, or a part of it, ends.
tell_held() {
	local text="and $log_held other lines were left out; 'lb service show' shows how it is now"
	((log_held > 0)) || return 0
	log_held=0
	[[ $acts != watch || -n $is_journal_stderr ]] || echo "lb: $text" >&2
	log_to_journal 4 "$text" || [[ -z $is_journal_stderr ]] || echo "lb: $text" >&2
}

# log_to_journal PRIORITY TEXT [FIELD=VALUE]...: fails if there is no journal that takes it. Commands that only look, or
# are to do nothing (--dry-run), leave no line. The journal cannot find out who logger was, so it is told whose line it is: by our process, and by our
# unit, because we may be gone, too (journalctl -u looks for it).
log_to_journal() {
	local fields patience=5
	[[ $acts != watch ]] || patience=0.3 # its loop must go on
	[[ -n $acts && -z $dry && -S $journal ]] || return 1
	((EPOCHSECONDS >= journal_after)) || return 1
	fields=("MESSAGE=$2" "PRIORITY=$1" "SYSLOG_IDENTIFIER=lb" "OBJECT_PID=$$" ${unit:+"OBJECT_SYSTEMD_UNIT=$unit"} "${@:3}")
	printf '%s\n' "${fields[@]//$'\n'/ }" | timeout -s KILL "$patience" logger --journald >/dev/null 2>&1 || {
		journal_after=$((EPOCHSECONDS + 10))
		return 1
	}
}

# log_line LINE: what a jq stage says: the words of log, with tabs between them.
log_line() {
	local words
	IFS=$'\t' read -ra words <<<"$1"
	log "${words[@]}"
}

# service_of TEXT: sets `fields` to SERVICE=, if the text begins with a service's name.
service_of() {
	fields=()
	[[ ! $1 =~ ^(tcp|udp)\ ([0-9.]+|\[[0-9a-f:]+\]):[0-9a-z]+ ]] || fields=("SERVICE=${BASH_REMATCH[0]}")
}
