-- the morning digest: when it is due, and what it lists

SET LOCAL search_path = meldpunt, pg_catalog;

ALTER TABLE mailboxes ADD morning_at timestamptz;

-- What needs staff of a mailbox: a phrase of the templates and a line each.
CREATE FUNCTION morning_list(p_mailbox smallint, p_zone text)
RETURNS TABLE (n integer, what text, line text)
LANGUAGE sql STABLE SET search_path = meldpunt, pg_catalog, pg_temp AS $$
	WITH o AS (
		SELECT c.*, to_char(c.answer_due_at AT TIME ZONE p_zone, 'YYYY-MM-DD HH24:MI') AS due,
			coalesce(c.owner, '-') AS who,
			(now() AT TIME ZONE p_zone)::date AS today
		FROM cases c WHERE c.mailbox = p_mailbox AND c.state <> 'closed')
	SELECT 1, 'morning-overdue', number || '  ' || due || '  ' || who FROM o
		WHERE answered_at IS NULL AND answer_due_at <= now()
	UNION ALL
	SELECT 2, 'morning-today', number || '  ' || due || '  ' || who FROM o
		WHERE answered_at IS NULL AND answer_due_at > now()
		AND (answer_due_at AT TIME ZONE p_zone)::date = today
	UNION ALL
	SELECT 3, 'morning-fix-date', number || '  ' || fix_date || '  ' || who FROM o
		WHERE fix_date < today AND state <> 'fixed'
	UNION ALL
	SELECT 4, 'morning-quiet', number || '  ' || who FROM o
		WHERE waiting_since IS NULL AND EXISTS (SELECT FROM deadlines d WHERE d.case_id = o.id
			AND d.clock = 'progress' AND d.cancelled_at IS NULL
			AND d.step = 'due' AND d.fires_at < now() + interval '1 day')
	UNION ALL
	SELECT 5, 'morning-draft', o.number || '  ' || d.token || '  ' || d.author
		FROM drafts d JOIN o ON o.id = d.case_id WHERE d.sent_at IS NULL AND d.discarded_at IS NULL
	UNION ALL
	SELECT 6, 'morning-quarantine', i.id || '  ' || coalesce(i.number, '-') FROM inbound i
		WHERE i.mailbox = p_mailbox AND i.state = 'quarantined'
	UNION ALL
	SELECT 7, 'morning-undeliverable', coalesce(c.number, '-') || '  ' || u.kind
		FROM outbound u JOIN letters l ON l.id = u.letter LEFT JOIN cases c ON c.id = l.case_id
		WHERE u.mailbox = p_mailbox AND u.state IN ('failed', 'unsure')
		AND u.queued_at > now() - interval '7 days'
$$;
