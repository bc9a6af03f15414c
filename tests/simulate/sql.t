#!/bin/sh
# SPDX-License-Identifier: ISC
# The simulator's histories through the real SQL: facts, outcomes and stores are
# equal (tests/simulate/sql/mirror.h); and faults put into the SQL are found.
cd "$(dirname "$0")/../.." || exit 1
exec tests/simulate/sql.py -t 60
