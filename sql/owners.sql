-- SPDX-License-Identifier: ISC
-- Last: what the files before made gets its owner.

CALL federation.owners_set();
