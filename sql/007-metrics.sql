-- figures for monitoring, as Prometheus text (exposition format 0.0.4)

SET LOCAL search_path = meldpunt, pg_catalog;

CREATE FUNCTION metrics_text()
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
				WHERE y.mailbox = b.id AND y.good) FROM mailboxes b)
	SELECT string_agg(CASE WHEN first THEN format(E'# HELP meldpunt_%s %s.\n# TYPE meldpunt_%s gauge\n',
			name, help, name) ELSE '' END
		|| format('meldpunt_%s{mailbox="%s"} %s', name, mailbox, round(value)), E'\n' ORDER BY n, mailbox)
	FROM (SELECT *, row_number() OVER (PARTITION BY n ORDER BY mailbox) = 1 AS first FROM figures) f
$$;
