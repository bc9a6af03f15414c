-- SPDX-License-Identifier: ISC
-- What this database knows of its own past, and what was found out about it.
--
-- What is judged by it is decided in C, by room_restore.h.

-- One row, none before the first start. level: servers below it answer nothing.
-- answered: all others that we share rooms with have told how far they are, and
-- all have been heard, since we may have forgotten rooms.
CREATE FUNCTION federation.self_past(level integer)
RETURNS TABLE (mark bigint, epoch bigint, epoch_seen bigint, restored bigint,
    began bigint, old_epoch bigint, alarm_serial bigint,
    alarm_epoch bigint, answered boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM federation.sync_check(self_past.level BETWEEN -1 AND 3);
	RETURN QUERY SELECT o.mark, o.epoch, o.epoch_seen,
	    extract(epoch FROM o.restored_at)::bigint,
	    extract(epoch FROM o.began_at)::bigint, o.old_epoch,
	    CASE WHEN o.alarmed_at IS NOT NULL THEN o.alarm_serial END,
	    extract(epoch FROM o.alarm_epoch_at)::bigint,
	    o.restored_at IS NOT NULL AND NOT EXISTS (SELECT 1
		FROM federation.sync_unanswered(self_past.level)) AND
	    NOT EXISTS (SELECT 1 FROM federation.federation_servers s
		WHERE s.trust_level >= self_past.level AND
		s.last_handshake IS NOT NULL AND
		coalesce(s.last_seen < o.restored_at, true))
	    FROM federation.self o;
END
$$;

-- The log of signatures has nothing of this database, whose epoch that is.
CREATE FUNCTION federation.self_log_begins(present bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
	PERFORM federation.sync_check(self_log_begins.present >= 1);
	UPDATE federation.self o SET began_at = now(), old_epoch = o.epoch
	    WHERE o.epoch = self_log_begins.present;
END
$$;

-- A new epoch, and nothing else: no earlier one is known of.
CREATE FUNCTION federation.self_epoch(present bigint, next bigint)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM federation.sync_check(self_epoch.present >= 1 AND
	    self_epoch.next >= 1);
	UPDATE federation.self o SET epoch = self_epoch.next
	    WHERE o.epoch = self_epoch.present;
	RETURN FOUND;
END
$$;

-- The restored state begins, and an epoch with it. seen: the highest of ours
-- that was shown. mark: to go on with, if it is higher. actor: the admin who
-- says so, or null. False: another epoch has begun meanwhile.
CREATE FUNCTION federation.self_restored(present bigint, next bigint,
    seen bigint, mark bigint, actor text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
	PERFORM federation.sync_check(self_restored.present >= 1 AND
	    self_restored.next >= 1 AND
	    self_restored.next <> self_restored.present AND
	    self_restored.seen >= 0 AND self_restored.mark >= 0);
	UPDATE federation.self o SET epoch = self_restored.next,
	    epoch_seen = greatest(o.epoch_seen, self_restored.seen),
	    old_epoch = self_restored.next,
	    mark = greatest(o.mark + 1, self_restored.mark),
	    restored_at = now(), alarmed_at = NULL
	    WHERE o.epoch = self_restored.present;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	-- What a backup holds as never sent may have left since.
	UPDATE federation.room_items i SET sent = true
	    FROM federation.self o WHERE i.origin = o.onion_address
	    AND NOT i.sent AND i.status = 'taken' AND NOT coalesce((SELECT
		bool_and(q.status = 'failed' AND q.last_error = 'CANCELLED')
		FROM federation.federated_message_queue q
		WHERE q.message_id = i.message_id), false);
	UPDATE federation.room_states s SET answered = '{}'
	    WHERE s.answered <> '{}';
	IF self_restored.actor IS NOT NULL THEN
		INSERT INTO federation.audit (actor, action)
		    VALUES (self_restored.actor, 'restored');
	END IF;
	RETURN true;
END
$$;

-- The state that began then is over.
CREATE FUNCTION federation.self_settled(restored bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
	PERFORM federation.sync_check(self_settled.restored > 0);
	UPDATE federation.self o SET restored_at = NULL
	    WHERE extract(epoch FROM o.restored_at)::bigint =
		self_settled.restored;
END
$$;

-- Our signature was shown over something that we never signed, as far as is
-- known. next: the epoch to begin, null none; seen: of what was shown, 0 an
-- event; serial: of the certificate. True: this was not known.
CREATE FUNCTION federation.self_alarm(present bigint, next bigint,
    seen bigint, serial bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	before timestamptz;
BEGIN
	PERFORM federation.sync_check(self_alarm.present >= 1 AND
	    self_alarm.seen >= 0 AND self_alarm.serial >= 0);
	SELECT o.alarmed_at INTO before FROM federation.self o FOR UPDATE;
	UPDATE federation.self o SET
	    epoch_seen = greatest(o.epoch_seen, self_alarm.seen),
	    alarmed_at = coalesce(o.alarmed_at, now()),
	    alarm_serial = CASE WHEN o.alarmed_at IS NULL
		THEN self_alarm.serial
		ELSE greatest(o.alarm_serial, self_alarm.serial) END;
	UPDATE federation.self o SET epoch = self_alarm.next,
	    alarm_epoch_at = now()
	    WHERE o.epoch = self_alarm.present AND self_alarm.next IS NOT NULL;
	RETURN before IS NULL;
END
$$;

-- The keys below that serial are revoked: what they signed counts no more.
CREATE FUNCTION federation.self_alarm_end(serial bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
	PERFORM federation.sync_check(self_alarm_end.serial >= 0);
	UPDATE federation.self o SET alarmed_at = NULL
	    WHERE o.alarmed_at IS NOT NULL
	    AND o.alarm_serial < self_alarm_end.serial;
END
$$;

-- Rights -------------------------------------------------------------------

GRANT EXECUTE ON FUNCTION
    federation.self_past(integer),
    federation.self_log_begins(bigint),
    federation.self_epoch(bigint, bigint),
    federation.self_restored(bigint, bigint, bigint, bigint, text),
    federation.self_settled(bigint),
    federation.self_alarm(bigint, bigint, bigint, bigint),
    federation.self_alarm_end(bigint) TO _fedqueued;
