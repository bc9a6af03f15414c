-- SPDX-License-Identifier: ISC
-- torfed schema, version 8: rooms, messages given their place, taken and judged.

-- Owners and rights --------------------------------------------------------

-- As in 0003.
GRANT CREATE ON SCHEMA federation TO fed_definer;
DO $$
BEGIN
	PERFORM pg_catalog.set_config('torfed.joined', '', true);
	IF NOT pg_catalog.pg_has_role('fed_definer', 'USAGE') THEN
		PERFORM pg_catalog.set_config('torfed.joined', 'yes', true);
		GRANT fed_definer TO CURRENT_USER;
	END IF;
END
$$;
DO $$
DECLARE
	routine regprocedure;
BEGIN
	FOR routine IN SELECT oid FROM pg_catalog.pg_proc
	    WHERE pronamespace = 'federation'::regnamespace
	    AND proowner <> 'fed_definer'::regrole LOOP
		EXECUTE format('ALTER FUNCTION %s OWNER TO fed_definer',
		    routine);
	END LOOP;
END
$$;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA federation FROM PUBLIC;

DO $$
BEGIN
	IF pg_catalog.current_setting('torfed.joined', true) = 'yes' THEN
		REVOKE fed_definer FROM CURRENT_USER;
	END IF;
END
$$;
REVOKE CREATE ON SCHEMA federation FROM fed_definer;

INSERT INTO federation.schema_version (version) VALUES (8);
