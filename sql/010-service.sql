-- what monitoring asks of a service: is the mailbox looked into, do processes keep
-- ending, how long is the key good

SET LOCAL search_path = meldpunt, pg_catalog;

ALTER TABLE mailboxes
	ADD fetched_at timestamptz,	-- when a fetcher last had looked into all folders
	ADD key_expires_at timestamptz;	-- NULL: never, or not known yet

CREATE TABLE process_starts (
	role text NOT NULL CHECK (role IN ('fetcher', 'worker', 'sender')),
	mailbox text NOT NULL,		-- '' of a worker
	starts bigint NOT NULL DEFAULT 1,
	PRIMARY KEY (role, mailbox)
);

CREATE FUNCTION process_started(p_role text, p_mailbox text)
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = meldpunt, pg_catalog, pg_temp AS $$
	INSERT INTO process_starts AS s (role, mailbox) SELECT p_role, p_mailbox
		WHERE p_mailbox = '' OR EXISTS (SELECT FROM mailboxes WHERE name = p_mailbox)
		ON CONFLICT (role, mailbox) DO UPDATE SET starts = s.starts + 1
$$;

-- Written at most every ten seconds: a mailbox is looked into after each message.
CREATE FUNCTION mailbox_fetched(p_mailbox smallint)
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = meldpunt, pg_catalog, pg_temp AS $$
	UPDATE mailboxes SET fetched_at = now()
		WHERE id = p_mailbox AND coalesce(fetched_at, '-infinity') < now() - interval '10 seconds'
$$;

CREATE FUNCTION mailbox_key_expires(p_name text, p_at timestamptz)
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = meldpunt, pg_catalog, pg_temp AS $$
	UPDATE mailboxes SET key_expires_at = p_at
		WHERE name = p_name AND key_expires_at IS DISTINCT FROM p_at
$$;

-- After a backup was restored: numbers that were told since must stand for nothing else.
CREATE FUNCTION case_numbers_skip(p_count integer)
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = meldpunt, pg_catalog, pg_temp AS $$
	UPDATE case_numbers SET last = last + p_count WHERE year = extract(year FROM now())::integer - 1;
	INSERT INTO case_numbers (mailbox, year, last)
		SELECT id, extract(year FROM now())::integer, p_count FROM mailboxes
		ON CONFLICT (mailbox, year) DO UPDATE SET last = case_numbers.last + p_count
$$;

CREATE OR REPLACE FUNCTION metrics_text()
RETURNS text LANGUAGE sql STABLE SET search_path = meldpunt, pg_catalog, pg_temp AS $$
	WITH figures (n, name, help, mailbox, value) AS (
		SELECT 1, 'oldest_unread_seconds', 'Age of the oldest message that no worker has finished',
			b.name, (SELECT coalesce(extract(epoch FROM now() - min(i.arrived_at)), 0)
				FROM inbound i WHERE i.mailbox = b.id AND i.state = 'new') FROM mailboxes b
		UNION ALL
		SELECT 2, 'oldest_unacknowledged_seconds', 'Age of the oldest acknowledgment that is due and not sent',
			b.name, (SELECT coalesce(extract(epoch FROM now() - min(o.due_at)), 0) FROM outbound o
				WHERE o.mailbox = b.id AND o.kind = 'acknowledgment' AND o.due_at <= now()
				AND o.state IN ('queued', 'sending')) FROM mailboxes b
		UNION ALL
		SELECT 3, 'queue_letters', 'Letters that are not sent yet', b.name,
			(SELECT count(*) FROM outbound o WHERE o.mailbox = b.id
				AND o.state IN ('queued', 'sending')) FROM mailboxes b
		UNION ALL
		SELECT 4, 'queue_oldest_seconds', 'Age of the oldest letter that is due and not sent', b.name,
			(SELECT coalesce(extract(epoch FROM now() - min(o.due_at)), 0) FROM outbound o
				WHERE o.mailbox = b.id AND o.due_at <= now()
				AND o.state IN ('queued', 'sending')) FROM mailboxes b
		UNION ALL
		SELECT 5, 'undeliverable_letters', 'Letters of the last week that failed or are unsure', b.name,
			(SELECT count(*) FROM outbound o WHERE o.mailbox = b.id AND o.state IN ('failed', 'unsure')
				AND o.queued_at > now() - interval '7 days') FROM mailboxes b
		UNION ALL
		SELECT 6, 'quarantined_messages', 'Messages in quarantine', b.name,
			(SELECT count(*) FROM inbound i WHERE i.mailbox = b.id AND i.state = 'quarantined')
			FROM mailboxes b
		UNION ALL
		SELECT 7, 'open_cases', 'Cases that are not closed', b.name,
			(SELECT count(*) FROM cases c WHERE c.mailbox = b.id AND c.state <> 'closed') FROM mailboxes b
		UNION ALL
		SELECT 8, 'overdue_answers', 'Cases whose limit has passed without an answer', b.name,
			(SELECT count(*) FROM cases c WHERE c.mailbox = b.id AND c.answered_at IS NULL
				AND c.answer_due_at < now()) FROM mailboxes b
		UNION ALL
		SELECT 9, 'next_answer_due_seconds', 'Until the next answer is due; 0 if none is', b.name,
			(SELECT coalesce(extract(epoch FROM min(c.answer_due_at) - now()), 0) FROM cases c
				WHERE c.mailbox = b.id AND c.answered_at IS NULL AND c.answer_due_at > now())
			FROM mailboxes b
		UNION ALL
		SELECT 10, 'last_canary_seconds', 'Since a canary last came back; -1: never', b.name,
			(SELECT coalesce(extract(epoch FROM now() - max(y.seen_at)), -1) FROM canaries y
				WHERE y.mailbox = b.id AND y.good) FROM mailboxes b
		UNION ALL
		SELECT 11, 'last_fetch_seconds', 'Since a fetcher last looked into the mailbox; -1: never', b.name,
			coalesce(extract(epoch FROM now() - b.fetched_at), -1) FROM mailboxes b
		UNION ALL
		SELECT 12, 'key_expires_seconds', 'Until the key of the mailbox expires', b.name,
			extract(epoch FROM b.key_expires_at - now()) FROM mailboxes b WHERE b.key_expires_at IS NOT NULL
		UNION ALL
		SELECT 13, role || '_starts_total', 'How often this process was started', mailbox, starts
			FROM process_starts)
	SELECT string_agg(CASE WHEN first THEN format(E'# HELP meldpunt_%s %s.\n# TYPE meldpunt_%s %s\n',
			name, help, name, CASE WHEN name LIKE '%\_total' THEN 'counter' ELSE 'gauge' END) ELSE '' END
		|| format('meldpunt_%s{mailbox="%s"} %s', name, mailbox, round(value)), E'\n' ORDER BY n, name, mailbox)
	FROM (SELECT *, row_number() OVER (PARTITION BY name ORDER BY mailbox) = 1 AS first FROM figures) f
$$;
