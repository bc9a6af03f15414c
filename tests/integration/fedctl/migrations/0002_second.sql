-- SPDX-License-Identifier: ISC
-- tests/fedctl/migrate.t: a table and a function, as a release would add them.

CREATE TABLE federation.second (
	a	integer NOT NULL
);
REVOKE ALL ON federation.second FROM PUBLIC;
GRANT SELECT ON federation.second TO fed_definer;

CREATE FUNCTION federation.second_count() RETURNS bigint
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN (SELECT count(*) FROM federation.second);
END
$$;
GRANT EXECUTE ON FUNCTION federation.second_count() TO fed_app;

CALL federation.owners_set();
