#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# hint: a hint about what break.sh has broken; with each call the next one, from vague to near. There are three.
# usage: [LAB=NAME] labs/hint.sh
set -euo pipefail
cd "$(dirname "$0")/.."
. labs/common/faults.sh

find_fault "$@"
if [[ $given -eq 3 ]]; then
	echo "There are no more than three. $(say_which)labs/solve.sh repairs it, and explains."
	exit
fi
echo "Hint $((given + 1)) of 3: ${hints[given]}"
keep given $((given + 1))
