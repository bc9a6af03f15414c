#!/bin/sh
# SPDX-License-Identifier: ISC
# The delivery rules in every interleaving, and each rule left out once, which
# must be found.
set -u

cd "$(dirname "$0")/../.." || exit 1
delivery=${TORFED_BUILD:-build}/tests/simulate/delivery
number=0

ok() { # STATUS NAME OUTPUT
	number=$((number + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $number - $2"
	else
		printf '%s\n' "$3" | sed 's/^/# /'
		echo "not ok $number - $2"
	fi
}

echo 1..5
out=$($delivery 2>&1)
status=$?
case $out in
*', 0 failed') ;;
*) status=1 ;;
esac
ok $status "all interleavings: $out" "$out"

found() { # RULE WHAT-IS-FOUND
	out=$($delivery "$1" 2>&1)
	status=$?
	case $status,$out in
	"1,delivery: $2: item 0"*) ok 0 "without the rule $1: $2" '' ;;
	*) ok 1 "without the rule $1" "$out" ;;
	esac
}

found claim-id 'an outcome was written over'
found duplicates 'an effect twice'
found commit 'delivered without an effect'
found lease 'never settled'
