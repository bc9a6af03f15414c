-- SPDX-License-Identifier: ISC
-- Attaches a chat database to torfed, so that it federates without its server
-- being changed: what is written into its table of messages goes out to the
-- servers in the room, what others write comes in as rows of that table, and a
-- room that is made or joined is a row of the table of rooms.
--
-- "fedctl db attach" fills in the names between at signs, and leaves out what
-- stands between "--if NAME" and "--end" where NAME is not mapped. All of it
-- is in the schema federation_attach but for three triggers; "fedctl db detach"
-- removes it, and leaves the chat's rows as they are.
--
-- Functions run as the owner of this schema. They refuse nothing that the chat
-- server's own statements would not be refused by torfed's contract: a message
-- of somebody who is not in the room is an error there.

CREATE SCHEMA federation_attach;
REVOKE ALL ON SCHEMA federation_attach FROM PUBLIC;

-- Which room of torfed's a row of the chat's rooms is.
CREATE TABLE federation_attach.rooms (
	local_id	@room_id_type@ PRIMARY KEY
	    REFERENCES @rooms@ (@room_id@) ON DELETE CASCADE,
	room		text NOT NULL UNIQUE	-- uuid@server.onion
);

-- The same of messages; origin is null for our own.
CREATE TABLE federation_attach.messages (
	local_id	@message_id_type@ PRIMARY KEY
	    REFERENCES @messages@ (@message_id@) ON DELETE CASCADE,
	message_id	uuid NOT NULL,
	origin		text
);
CREATE UNIQUE INDEX ON federation_attach.messages
    (message_id, coalesce(origin, ''));

-- What came in and could not be written, and stays in the inbox: the reason.
CREATE TABLE federation_attach.failures (
	inbox_id	bigint PRIMARY KEY,
	sqlstate	text NOT NULL,
	message		text NOT NULL,
	failed_at	timestamptz NOT NULL DEFAULT now()
);

-- Rows that come from another server are not sent to it again.
CREATE FUNCTION federation_attach.coming_in() RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	SELECT coalesce(current_setting('federation_attach.in', true), '') =
	    'yes'
$$;

--if room_creator
-- A room that is made here is one of torfed's from the start. Whoever makes it
-- is in it; others are invited with federation.room_invite().
CREATE FUNCTION federation_attach.room_made() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF NOT federation_attach.coming_in() AND
	    NEW.@room_creator@ IS NOT NULL THEN
		INSERT INTO federation_attach.rooms (local_id, room)
		    VALUES (NEW.@room_id@,
		    federation.room_create(NEW.@room_creator@::text,
		    @room_uuid@));
	END IF;
	RETURN NULL;
END
$$;
CREATE TRIGGER federation_attach AFTER INSERT ON @rooms@
    FOR EACH ROW EXECUTE FUNCTION federation_attach.room_made();
--end

-- A message in a room that is none of torfed's stays here.
CREATE FUNCTION federation_attach.message_written() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	known federation_attach.rooms;
BEGIN
	IF federation_attach.coming_in() THEN
		RETURN NULL;
	END IF;
	SELECT * INTO known FROM federation_attach.rooms r
	    WHERE r.local_id = NEW.@message_room@;
	IF FOUND THEN
		INSERT INTO federation_attach.messages (local_id, message_id)
		    VALUES (NEW.@message_id@, federation.room_send(known.room,
		    NEW.@message_sender@::text, @message_body_out@));
	END IF;
	RETURN NULL;
END
$$;
CREATE TRIGGER federation_attach AFTER INSERT ON @messages@
    FOR EACH ROW EXECUTE FUNCTION federation_attach.message_written();

-- The chat's row of a room, made where there is none yet.
CREATE FUNCTION federation_attach.room_row(room text)
RETURNS @room_id_type@
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	known federation_attach.rooms;
BEGIN
	SELECT * INTO known FROM federation_attach.rooms r
	    WHERE r.room = room_row.room;
	IF NOT FOUND THEN
		INSERT INTO @rooms@ (@room_columns@)
		    VALUES (@room_values@)
		    RETURNING @room_id@ INTO known.local_id;
		INSERT INTO federation_attach.rooms (local_id, room)
		    VALUES (known.local_id, room_row.room);
	END IF;
	RETURN known.local_id;
END
$$;

-- One row of the inbox into the chat's tables. False for what is not for them:
-- messages of no room, and what happens to users.
CREATE FUNCTION federation_attach.take(item federation.inbox)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	said jsonb := convert_from(item.payload, 'UTF8')::jsonb;
	server text := (SELECT s.onion_address FROM
	    federation.federation_servers s WHERE s.id = item.server_id);
	room @room_id_type@;
	message federation_attach.messages;
BEGIN
	IF item.type = 'room' THEN
		IF said ->> 'event' IN ('created', 'joined') THEN
			PERFORM federation_attach.room_row(said ->> 'room');
		END IF;
		RETURN said ->> 'event' <> 'invitation';
	ELSIF item.type <> 'message' OR NOT said ? 'globalRoomId' THEN
		RETURN false;
	END IF;
	IF EXISTS (SELECT 1 FROM federation_attach.messages m
	    WHERE m.message_id = item.message_id AND m.origin = server) THEN
		RETURN true;
	END IF;
	room := federation_attach.room_row(said ->> 'globalRoomId');
	INSERT INTO @messages@ (@message_columns@)
	    VALUES (@message_values@)
	    RETURNING @message_id@ INTO message.local_id;
	INSERT INTO federation_attach.messages (local_id, message_id, origin)
	    VALUES (message.local_id, item.message_id, server);
	RETURN true;
END
$$;

-- Nothing that goes wrong here keeps torfed from taking what was sent: the row
-- stays in the inbox, and federation_attach.retry() tries again.
CREATE FUNCTION federation_attach.arrived() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	before text := coalesce(current_setting('federation_attach.in', true),
	    '');
BEGIN
	PERFORM set_config('federation_attach.in', 'yes', true);
	IF federation_attach.take(NEW) THEN
		UPDATE federation.inbox i
		    SET acknowledged_at = clock_timestamp()
		    WHERE i.inbox_id = NEW.inbox_id;
	END IF;
	PERFORM set_config('federation_attach.in', before, true);
	RETURN NULL;
EXCEPTION WHEN OTHERS THEN
	INSERT INTO federation_attach.failures (inbox_id, sqlstate, message)
	    VALUES (NEW.inbox_id, SQLSTATE, SQLERRM)
	    ON CONFLICT DO NOTHING;
	RETURN NULL;
END
$$;
CREATE TRIGGER federation_attach AFTER INSERT ON federation.inbox
    FOR EACH ROW EXECUTE FUNCTION federation_attach.arrived();

-- What could not be written, once more, in its order: how many are in now.
CREATE FUNCTION federation_attach.retry() RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	waiting federation.inbox;
	taken integer := 0;
BEGIN
	PERFORM set_config('federation_attach.in', 'yes', true);
	FOR waiting IN SELECT i.* FROM federation.inbox i
	    WHERE i.acknowledged_at IS NULL AND i.type IN ('message', 'room')
	    ORDER BY i.inbox_id FOR UPDATE LOOP
		BEGIN
			CONTINUE WHEN NOT federation_attach.take(waiting);
			UPDATE federation.inbox i
			    SET acknowledged_at = clock_timestamp()
			    WHERE i.inbox_id = waiting.inbox_id;
			DELETE FROM federation_attach.failures f
			    WHERE f.inbox_id = waiting.inbox_id;
			taken := taken + 1;
		EXCEPTION WHEN OTHERS THEN
			INSERT INTO federation_attach.failures AS f (inbox_id,
			    sqlstate, message)
			    VALUES (waiting.inbox_id, SQLSTATE, SQLERRM)
			    ON CONFLICT (inbox_id) DO UPDATE SET
				sqlstate = excluded.sqlstate,
				message = excluded.message, failed_at = now();
		END;
	END LOOP;
	PERFORM set_config('federation_attach.in', '', true);
	RETURN taken;
END
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA federation_attach FROM PUBLIC;
