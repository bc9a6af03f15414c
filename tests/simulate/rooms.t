#!/bin/sh
# SPDX-License-Identifier: ISC
# Rooms under faults: 10,000 histories, always the same (make simulate has
# others), and that a failure would be seen: exit status and last line.
set -u

cd "$(dirname "$0")/../.." || exit 1
simulate=${TORFED_BUILD:-build}/tests/simulate/simulate

# Rules broken on purpose: simulate.c's faults.
faults='again clock holders late shown thief'
# shellcheck disable=SC2086 # one a word
set -- $faults
echo 1..$((3 + $#))
out=$($simulate 10000 1)
status=$?
if [ $status -eq 0 ] &&
    [ "$(printf '%s\n' "$out" | tail -n 1)" = \
	'simulate: 10000 seeds, 0 failed' ]; then
	echo 'ok 1 - 10000 seeds'
else
	printf '%s\n' "$out" | sed 's/^/# /'
	echo 'not ok 1 - 10000 seeds'
fi

# -p forget: a world that forgets one message of each history must fail, shrink,
# and say so.
out=$($simulate -p forget 20 1)
status=$?
shortest=$(printf '%s\n' "$out" | grep -c '^shortest: ')
if [ $status -eq 1 ] && [ "$shortest" -eq 3 ]; then
	echo 'ok 2 - a loss is found, and its history made shorter'
else
	printf '%s\n' "$out" | sed 's/^/# /'
	echo 'not ok 2 - a loss is found, and its history made shorter'
fi

$simulate 0 >/dev/null 2>&1
if [ $? -eq 64 ]; then
	echo 'ok 3 - usage'
else
	echo 'not ok 3 - usage'
fi

number=3
for fault in $faults; do
	number=$((number + 1))
	out=$($simulate -p "$fault" 2000 1)
	if [ $? -eq 1 ]; then
		echo "ok $number - $fault is found"
	else
		printf '%s\n' "$out" | sed 's/^/# /'
		echo "not ok $number - $fault is found"
	fi
done
