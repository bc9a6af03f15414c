-- SPDX-License-Identifier: ISC
-- tests/fedctl/migrate.t: fails until the test has made a function of its own.

CREATE TABLE federation.third (
	a	integer NOT NULL
);
INSERT INTO federation.third SELECT public.wanted();
