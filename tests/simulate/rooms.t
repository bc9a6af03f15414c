#!/bin/sh
# SPDX-License-Identifier: ISC
# Rooms under faults: 10,000 histories, always the same (make simulate has
# others), and that a failure would be seen: exit status and last line.
set -u

cd "$(dirname "$0")/../.." || exit 1
simulate=${TORFED_BUILD:-build}/tests/simulate/simulate

echo 1..5
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

# -p forget: a world that forgets one message of each history must fail, shrink, and
# say so.
out=$($simulate -p forget 20 1)
status=$?
shortest=$(printf '%s\n' "$out" | grep -c '^shortest: ')
if [ $status -eq 1 ] && [ "$shortest" -eq 3 ]; then
	echo 'ok 2 - a loss is found, and its history made shorter'
else
	printf '%s\n' "$out" | sed 's/^/# /'
	echo 'not ok 2 - a loss is found, and its history made shorter'
fi

# -p thief: nobody heeds a revocation.
if $simulate -p thief 300 1 >/dev/null; then
	echo 'not ok 4 - a thief whom nobody heeds is found'
else
	echo 'ok 4 - a thief whom nobody heeds is found'
fi

# -p again: a home is asked for another invitation where the same is meant.
out=$($simulate -p again 20 1)
status=$?
if [ $status -eq 1 ] && printf '%s\n' "$out" | grep -q 'asked again'; then
	echo 'ok 3 - another answer to the same question is found'
else
	printf '%s\n' "$out" | sed 's/^/# /'
	echo 'not ok 3 - another answer to the same question is found'
fi

$simulate 0 >/dev/null 2>&1
if [ $? -eq 64 ]; then
	echo 'ok 5 - usage'
else
	echo 'not ok 5 - usage'
fi
