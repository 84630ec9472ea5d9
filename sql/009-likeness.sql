-- cases that resemble another, spam listed once, delivery reports by recipient

SET LOCAL search_path = meldpunt, pg_catalog;

-- The system that an asset names: of a URL its host.
CREATE FUNCTION asset_system(p_kind text, p_value text)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog AS $$
	SELECT lower(CASE WHEN p_kind = 'url'
		THEN substring(p_value FROM '^[A-Za-z]+://(?:[^/@]*@)?([^/:?#]+)') ELSE p_value END)
$$;
CREATE INDEX assets_system ON assets (asset_system(kind, value), case_id);

-- The words of a case that tell something, each once.
CREATE FUNCTION case_words(p_title text, p_description text)
RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog AS $$
	SELECT coalesce(array_agg(w), '{}') FROM
		(SELECT w FROM unnest(tsvector_to_array(to_tsvector('simple',
			left(p_title || ' ' || p_description, 20000)))) AS w
		WHERE length(w) > 4 LIMIT 2000) AS long
$$;

-- What staff are told of a new case beside its facts, as phrases of the
-- templates: the case that it names without proof, and those of the same
-- system that a good part of its words stands in.
CREATE FUNCTION case_hints(p_case bigint)
RETURNS TABLE (phrase text, value text, more text)
LANGUAGE sql STABLE SET search_path = meldpunt, pg_catalog, pg_temp AS $$
	SELECT 'remark-claims', o.number, '' FROM cases c JOIN cases o ON o.id = c.claims
		WHERE c.id = p_case AND NOT c.held
	UNION ALL
	(WITH mine AS MATERIALIZED (SELECT id, mailbox, case_words(title, description) AS words
			FROM cases WHERE id = p_case),
		near AS (SELECT DISTINCT n.case_id
			FROM (SELECT kind, value FROM assets WHERE case_id = p_case LIMIT 20) AS a,
			LATERAL (SELECT s.case_id FROM assets s
				WHERE asset_system(s.kind, s.value) = asset_system(a.kind, a.value)
				AND s.case_id < p_case ORDER BY s.case_id DESC LIMIT 20) AS n),
		alike AS (SELECT c.number, m.words AS a, case_words(c.title, c.description) AS b
			FROM mine m, near JOIN cases c ON c.id = near.case_id
			WHERE c.mailbox = m.mailbox AND c.resolution IS DISTINCT FROM 'spam'),
		shared AS (SELECT number, least(cardinality(a), cardinality(b)) AS least,
			(SELECT count(*) FROM (SELECT unnest(a) INTERSECT SELECT unnest(b)) AS w) AS n
			FROM alike)
	SELECT 'remark-similar', number, (100 * n / least)::text FROM shared
		WHERE n >= 4 AND n * 3 >= least ORDER BY n::numeric / least DESC, number DESC LIMIT 3)
$$;

-- When the digest last went out: what it lists once is from after that.
ALTER TABLE mailboxes ADD morning_last timestamptz;
CREATE INDEX cases_spam ON cases (mailbox, closed_at) WHERE resolution = 'spam';

-- What only the lead is to see of it: cases closed as spam since the last.
CREATE FUNCTION spam_list(p_mailbox smallint)
RETURNS TABLE (number text)
LANGUAGE sql STABLE SET search_path = meldpunt, pg_catalog, pg_temp AS $$
	SELECT c.number FROM cases c JOIN mailboxes b ON b.id = c.mailbox
	WHERE c.mailbox = p_mailbox AND c.resolution = 'spam' AND c.state = 'closed'
		AND c.closed_at > coalesce(b.morning_last, '-infinity')
	ORDER BY c.id
$$;

-- Deadlines of a mailbox as a calendar (RFC 5545): nothing of any report.
CREATE FUNCTION calendar_text(p_mailbox smallint, p_domain text)
RETURNS text LANGUAGE sql STABLE SET search_path = meldpunt, pg_catalog, pg_temp AS $$
	WITH due AS (
		SELECT c.number, d.clock, d.step, d.fires_at FROM deadlines d JOIN cases c ON c.id = d.case_id
		WHERE c.mailbox = p_mailbox AND c.state <> 'closed'
			AND d.fired_at IS NULL AND d.cancelled_at IS NULL
			AND (d.clock, d.step) IN (('answer', 'end'), ('fix-date', 'passed'), ('progress', 'due'))
			OR (d.clock = 'legal' AND d.fired_at IS NULL AND d.cancelled_at IS NULL
				AND c.mailbox = p_mailbox)
		ORDER BY d.fires_at LIMIT 1000)
	SELECT E'BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//meldpunt//deadlines//EN\r\nMETHOD:PUBLISH\r\n'
		|| coalesce(string_agg(format(E'BEGIN:VEVENT\r\nUID:%s-%s-%s@%s\r\nDTSTAMP:%s\r\nDTSTART:%s\r\n'
			'SUMMARY:%s %s\r\nTRANSP:TRANSPARENT\r\nEND:VEVENT\r\n', number, clock, step, p_domain,
			to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDD"T"HH24MISS"Z"'),
			to_char(fires_at AT TIME ZONE 'UTC', 'YYYYMMDD"T"HH24MISS"Z"'), number, clock), ''), '')
		|| E'END:VCALENDAR\r\n' FROM due
$$;

-- The letter whose Message-ID begins like this has it in its bounce address.
CREATE INDEX letters_token ON letters (left(message_id, 16));

-- A delivery report says that a letter did not arrive after all: for the
-- recipients that it names (one a line), or for all if it names none of them.
DROP FUNCTION letter_bounced(bigint);
CREATE FUNCTION letter_bounced(p_letter bigint, p_failed text)
RETURNS void LANGUAGE plpgsql SET search_path = meldpunt, pg_catalog, pg_temp AS $$
DECLARE
	v_failed text[] := string_to_array(lower(p_failed), E'\n');
	v_row bigint;
BEGIN
	UPDATE outbound SET state = 'failed', reply_text = 'a delivery report'
		WHERE letter = p_letter AND state = 'sent' AND (lower(recipient) = ANY (v_failed)
			OR NOT EXISTS (SELECT FROM outbound WHERE letter = p_letter
				AND lower(recipient) = ANY (v_failed)));
	SELECT min(id) INTO v_row FROM outbound WHERE letter = p_letter AND state = 'failed';
	PERFORM letter_failed(p_letter, v_row, NULL);
END $$;

-- Whose mail came back within a day: lower-case addresses.  They count as
-- away: a server that has accepted a letter may still return it.
ALTER TABLE outbound ADD failed_at timestamptz;
CREATE FUNCTION note_failure() RETURNS trigger
LANGUAGE plpgsql SET search_path = meldpunt, pg_catalog, pg_temp AS $$
BEGIN
	NEW.failed_at := now();
	RETURN NEW;
END $$;
CREATE TRIGGER failed BEFORE UPDATE OF state ON outbound FOR EACH ROW
	WHEN (NEW.state = 'failed' AND OLD.state <> 'failed') EXECUTE FUNCTION note_failure();
CREATE INDEX outbound_failed ON outbound (failed_at) WHERE failed_at IS NOT NULL;
CREATE FUNCTION bouncing()
RETURNS TABLE (address text)
LANGUAGE sql STABLE SET search_path = meldpunt, pg_catalog, pg_temp AS $$
	SELECT DISTINCT lower(recipient) FROM outbound WHERE failed_at > now() - interval '1 day'
$$;

-- A case closed as spam is taken up again: its clock goes on from where it
-- stood, and what it slept through fires as missed.  Returns its state.
CREATE FUNCTION case_reopen(p_case bigint)
RETURNS text LANGUAGE plpgsql SET search_path = meldpunt, pg_catalog, pg_temp AS $$
BEGIN
	IF case_is_answered(p_case, NULL) THEN
		UPDATE cases SET state = 'answered', resolution = NULL, closed_at = NULL WHERE id = p_case;
		RETURN 'answered';
	END IF;
	UPDATE cases SET state = 'received', resolution = NULL, closed_at = NULL, answered_at = NULL
		WHERE id = p_case;
	PERFORM case_unanswered(p_case);
	RETURN 'received';
END $$;

-- A case that its reporter withdrew is answered by that; one that staff close
-- as withdrawn is when the letter that says so has been accepted.
ALTER TABLE cases ADD withdrawn_at timestamptz;
CREATE OR REPLACE FUNCTION case_is_answered(p_case bigint, p_resolution text)
RETURNS boolean LANGUAGE plpgsql STABLE SET search_path = meldpunt, pg_catalog, pg_temp AS $$
BEGIN
	RETURN coalesce(p_resolution, '') = 'spam'
		OR EXISTS (SELECT FROM letters l JOIN outbound o ON o.letter = l.id
			WHERE l.case_id = p_case AND l.answers AND o.state = 'sent')
		OR EXISTS (SELECT FROM cases c JOIN meldpunt_private.reporters r ON r.id = c.reporter
			WHERE c.id = p_case AND (r.address IS NULL OR c.withdrawn_at IS NOT NULL));
END $$;
