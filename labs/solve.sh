#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# solve: says what break.sh has broken, how it could have been found, repairs it, and explains. After a repair by hand (and
# check.sh, which has seen it), it only says what it was.
# usage: [LAB=NAME] labs/solve.sh
set -euo pipefail
cd "$(dirname "$0")/.."
. labs/common/faults.sh

find_fault "$@"
if [[ -n $told ]]; then
	echo "You have repaired it: check.sh found everything as it should be."
fi
echo "Fault $number: $title."
echo
echo "How to find it:"
echo
evidence
echo
echo "The repair:"
echo
repair
echo
story
forget_fault
echo
note_found
[[ -n $told ]] || {
	echo
	echo "It is repaired: $say$lab/check.sh"
}
