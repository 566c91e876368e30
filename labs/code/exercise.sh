#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# exercise: exercises in C: change one function of a program, until a test is satisfied. Nothing outside of labs/code/work
# changes: there you edit copies, and the programs in bpf/ stay as they are.
# usage: labs/code/exercise.sh list
#        labs/code/exercise.sh start NAME             a folder to work in, and the task
#        labs/code/exercise.sh start NAME again       from the beginning; what was there is kept beside it
#        labs/code/exercise.sh test NAME              builds what is there, and sends packets to it
#        labs/code/exercise.sh solution NAME          shows one solution
#        labs/code/exercise.sh solution NAME apply    and puts it into the folder
set -euo pipefail
cd "$(dirname "$0")/../.."
. labs/code/code.sh

names() {
	local env
	for env in "$here"/exercises/*/exercise.env; do
		env=${env%/exercise.env}
		echo "${env##*/}"
	done
}

# read_exercise NAME: sets exercise, its folder; mine, the reader's; and what stands in exercise.env: program, file, function, task.
read_exercise() {
	exercise=$here/exercises/$1 mine=$work/$1
	[[ $1 =~ ^[a-z-]+$ && -e $exercise/exercise.env ]] || die "there is no exercise '$1'; labs/code/exercise.sh list"
	# shellcheck source=labs/code/exercises/count-syns/exercise.env
	. "$exercise/exercise.env"
}

# change DIFF: puts it into the reader's folder; false if it does not fit.
change() {
	patch --dry-run --silent --forward -p1 -d "$mine" <"$1" >/dev/null &&
		patch --silent --forward --no-backup-if-mismatch -p1 -d "$mine" <"$1"
}

need_started() {
	[[ -e $mine/bpf/$program.c ]] || die "nothing is begun yet; run labs/code/exercise.sh start $1"
}

list() {
	local name
	while read -r name; do
		read_exercise "$name"
		printf '%-12s %-10s %s\n' "$name" "$program" "$task"
	done < <(names)
}

# start NAME [again]
start() {
	local old
	if [[ -e $mine ]]; then
		[[ ${2-} == again ]] || die "$mine is there already; go on there, or say: labs/code/exercise.sh start $1 again"
		old=$mine.$(date +%H%M%S)
		[[ ! -e $old ]] || die "$old is there already; try again in a second"
		mv "$mine" "$old"
		echo "What was there is in $old now."
	fi
	# All that the program is made of, so that you may change anything of it.
	mkdir -p "$mine/bpf" "$mine/maps/types"
	cp -r headers "$mine"
	cp maps/*.h "$mine/maps"
	cp maps/types/*.h "$mine/maps/types"
	cp "bpf/$program.c" "$mine/bpf"
	[[ ! -e $exercise/start.diff ]] || change "$exercise/start.diff" || {
		rm -r "$mine"
		die "$exercise/start.diff does not fit to $file; is one of them changed? git status says"
	}
	cat "$exercise/README.md"
	echo "
Your copy: $mine/$file, function $function(). Then: labs/code/exercise.sh test $1"
}

# try NAME: on the machine for single packets, the program is the reader's.
try() {
	need_started "$1"
	prepare
	build "$mine" "$program"
	start_machine
	on_machine mount --bind "$mine/bpf/$program.o" "bpf/$program.o"
	try_packets eth0 "$exercise/test.packets" || {
		echo "
Not yet. The task: labs/code/exercises/$1/README.md. Your part: $mine/$file, function $function()."
		exit 1
	}
	echo "
Done: $task. One solution, to compare: labs/code/exercise.sh solution $1"
}

# solution NAME [apply]
solution() {
	if [[ ${2-} == apply ]]; then
		need_started "$1"
		change "$exercise/solution.diff" ||
			die "the solution does not fit to what you have written; say first: labs/code/exercise.sh start $1 again"
		echo "$mine/$file has the solution now. Then: labs/code/exercise.sh test $1"
	else
		sed 1,2d "$exercise/solution.diff"
	fi
}

case "$#:$*" in
1:list) list ;;
2:start\ * | 3:start\ *\ again)
	read_exercise "$2"
	start "${@:2}"
	;;
2:test\ *)
	read_exercise "$2"
	try "$2"
	;;
2:solution\ * | 3:solution\ *\ apply)
	read_exercise "$2"
	solution "${@:2}"
	;;
*) usage ;;
esac
