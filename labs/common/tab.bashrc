# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# What the shells in labs/tabs.sh read instead of the user's own file: a machine looks as it does in the lessons.
# The current directory is the repository.

PS1='\h# '
[[ -z ${TMUX-} ]] || PS1='# ' # this host; the machines do not see tmux
HISTFILE=                     # nothing is left behind
# shellcheck disable=SC2139 # the directory as it is now
alias lb="$PWD/scripts/lb" # as on a machine where it is installed
. scripts/lb.bash
# Whatever runs in the background here ends with the tab.
trap 'jobs -p | xargs -r kill 2>/dev/null' EXIT
