-- SPDX-License-Identifier: ISC
-- tests/fedctl/migrate.t: ends its transaction, and is refused for that.

CREATE TABLE federation.fourth (
	a	integer NOT NULL
);
COMMIT;
CREATE TABLE federation.fifth (
	a	integer NOT NULL
);
