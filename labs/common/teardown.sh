#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# teardown: ends the playground of a lab, also after a setup that was killed half-way. Every lab has a link to this
# file.
# usage: [LAB=NAME] labs/*/teardown.sh
set -euo pipefail
folder=$(cd "$(dirname "$0")" && pwd) # of the link, and so of the lab
cd "$folder/../.."
. labs/common/lab.sh "${folder##*/}"
. labs/common/playground.sh

tear_down "$@"
