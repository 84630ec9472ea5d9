-- proof of the promise: figures over cases, without personal data

SET LOCAL search_path = meldpunt, pg_catalog;

CREATE INDEX cases_arrived ON cases (arrived_at);
CREATE INDEX events_fix_date ON events (case_id) WHERE what = 'fix-date';

-- Cases that arrived in a period, with what the figures need of each; spam
-- was nobody's report.
CREATE FUNCTION report_cases(p_from timestamptz, p_to timestamptz)
RETURNS TABLE (mailbox text, arrived_at timestamptz, decided boolean, in_time boolean,
	hours double precision, is_open boolean, is_overdue boolean, age_days double precision,
	fix_days double precision, slips bigint)
LANGUAGE sql STABLE SET search_path = meldpunt, pg_catalog, pg_temp AS $$
	SELECT b.name, c.arrived_at,
		c.answered_at IS NOT NULL OR c.answer_due_at < now(),
		coalesce(c.answered_at <= c.answer_due_at, false),
		extract(epoch FROM c.answered_at - c.arrived_at)::float8 / 3600,
		c.state <> 'closed',
		c.answered_at IS NULL AND c.answer_due_at < now(),
		extract(epoch FROM now() - c.arrived_at)::float8 / 86400,
		CASE WHEN c.resolution = 'fixed'
			THEN extract(epoch FROM c.closed_at - c.arrived_at)::float8 / 86400 END,
		greatest(coalesce(e.n, 0) - 1, 0)
	FROM cases c JOIN mailboxes b ON b.id = c.mailbox
	LEFT JOIN (SELECT case_id, count(*) AS n FROM events WHERE what = 'fix-date' GROUP BY case_id) e
		ON e.case_id = c.id
	WHERE c.arrived_at >= p_from AND c.arrived_at < p_to
		AND c.resolution IS DISTINCT FROM 'spam'
$$;

-- One row of figures a mailbox, and one for all (mailbox is null).
CREATE FUNCTION report_figures(p_from timestamptz, p_to timestamptz)
RETURNS TABLE (mailbox text, cases bigint, answered bigint, in_time bigint, missed bigint,
	share numeric, median_hours numeric, p90_hours numeric, worst_hours numeric,
	open bigint, overdue bigint, fixed bigint, median_fix_days numeric, date_slips bigint)
LANGUAGE sql STABLE SET search_path = meldpunt, pg_catalog, pg_temp AS $$
	SELECT mailbox, count(*), count(hours), count(*) FILTER (WHERE in_time),
		count(*) FILTER (WHERE decided AND NOT in_time),
		round(count(*) FILTER (WHERE in_time)::numeric / nullif(count(*) FILTER (WHERE decided), 0), 4),
		round(percentile_cont(0.5) WITHIN GROUP (ORDER BY hours)::numeric, 1),
		round(percentile_cont(0.9) WITHIN GROUP (ORDER BY hours)::numeric, 1),
		round(max(hours)::numeric, 1),
		count(*) FILTER (WHERE is_open), count(*) FILTER (WHERE is_overdue),
		count(fix_days), round(percentile_cont(0.5) WITHIN GROUP (ORDER BY fix_days)::numeric, 1),
		coalesce(sum(slips), 0)::bigint
	FROM report_cases(p_from, p_to) GROUP BY GROUPING SETS ((mailbox), ())
	ORDER BY mailbox NULLS FIRST
$$;

CREATE FUNCTION report_months(p_from timestamptz, p_to timestamptz, p_zone text)
RETURNS TABLE (month text, cases bigint, in_time bigint, missed bigint)
LANGUAGE sql STABLE SET search_path = meldpunt, pg_catalog, pg_temp AS $$
	SELECT to_char(arrived_at AT TIME ZONE p_zone, 'YYYY-MM'), count(*),
		count(*) FILTER (WHERE in_time), count(*) FILTER (WHERE decided AND NOT in_time)
	FROM report_cases(p_from, p_to) GROUP BY 1 ORDER BY 1
$$;

-- Open cases by age.
CREATE FUNCTION report_ages(p_from timestamptz, p_to timestamptz)
RETURNS TABLE (age text, open bigint, overdue bigint)
LANGUAGE sql STABLE SET search_path = meldpunt, pg_catalog, pg_temp AS $$
	SELECT a.age, count(c.is_open) FILTER (WHERE c.is_open),
		count(c.is_overdue) FILTER (WHERE c.is_overdue)
	FROM (VALUES (1, 'up to 5 days', 0, 5), (2, 'up to 30 days', 5, 30),
		(3, 'up to 90 days', 30, 90), (4, 'over 90 days', 90, 1000000)) AS a (n, age, low, high)
	LEFT JOIN report_cases(p_from, p_to) c ON c.age_days >= a.low AND c.age_days < a.high
	GROUP BY a.n, a.age ORDER BY a.n
$$;

CREATE FUNCTION report_json(p_from timestamptz, p_to timestamptz, p_zone text, p_public boolean)
RETURNS json LANGUAGE sql STABLE SET search_path = meldpunt, pg_catalog, pg_temp AS $$
	SELECT json_strip_nulls(json_build_object('from', p_from, 'to', p_to,
		'total', (SELECT row_to_json(f) FROM report_figures(p_from, p_to) f WHERE f.mailbox IS NULL),
		'mailboxes', CASE WHEN NOT p_public THEN (SELECT coalesce(json_agg(f), '[]')
			FROM report_figures(p_from, p_to) f WHERE f.mailbox IS NOT NULL) END,
		'months', (SELECT coalesce(json_agg(m), '[]') FROM report_months(p_from, p_to, p_zone) m),
		'open_by_age', CASE WHEN NOT p_public THEN (SELECT json_agg(a)
			FROM report_ages(p_from, p_to) a) END))
$$;
