-- the words by which cases resemble each other, taken once a case

SET LOCAL search_path = meldpunt, pg_catalog;

-- A function in SQL is planned again at each call, one in PL/pgSQL once a
-- connection: what runs for every message is in the latter.

DROP FUNCTION case_hints(bigint);
DROP FUNCTION case_words(text, text);

-- The words of a case that tell something, each once, as hashes.
CREATE FUNCTION case_words(p_title text, p_description text)
RETURNS integer[] LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog AS $$
BEGIN
	RETURN (SELECT coalesce(array_agg(hashtext(w)), '{}') FROM
		(SELECT w FROM unnest(tsvector_to_array(to_tsvector('simple',
			left(p_title || ' ' || p_description, 20000)))) AS w
		WHERE length(w) > 4 LIMIT 2000) AS long);
END $$;

-- Apart from cases, whose rows are read and changed all the time.
CREATE TABLE likeness (
	case_id bigint PRIMARY KEY REFERENCES cases ON DELETE CASCADE,
	words integer[] NOT NULL
);
-- a migration must not take for ever: older ones are not likened any more
INSERT INTO likeness SELECT id, case_words(title, description) FROM cases
	ORDER BY id DESC LIMIT 10000;
CREATE FUNCTION note_likeness() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = meldpunt, pg_catalog, pg_temp AS $$
BEGIN
	INSERT INTO likeness AS l VALUES (NEW.id, case_words(NEW.title, NEW.description))
		ON CONFLICT (case_id) DO UPDATE SET words = EXCLUDED.words;
	RETURN NULL;
END $$;
CREATE TRIGGER likeness AFTER INSERT OR UPDATE OF title, description ON cases
	FOR EACH ROW EXECUTE FUNCTION note_likeness();

-- What staff are told of a new case beside its facts, as phrases of the
-- templates: the case that it names without proof, and those of the same
-- system that a good part of its words stands in.
CREATE FUNCTION case_hints(p_case bigint)
RETURNS TABLE (phrase text, value text, more text)
LANGUAGE plpgsql STABLE SET search_path = meldpunt, pg_catalog, pg_temp AS $$
BEGIN
	RETURN QUERY SELECT 'remark-claims', o.number, '' FROM cases c JOIN cases o ON o.id = c.claims
		WHERE c.id = p_case AND NOT c.held;
	RETURN QUERY WITH near AS MATERIALIZED (SELECT DISTINCT n.case_id
			FROM (SELECT asset_system(kind, assets.value) AS system FROM assets
				WHERE case_id = p_case LIMIT 20) AS a,
			LATERAL (SELECT s.case_id FROM assets s
				WHERE asset_system(s.kind, s.value) = a.system
				AND s.case_id < p_case ORDER BY s.case_id DESC LIMIT 20) AS n
			ORDER BY n.case_id DESC LIMIT 40),
		mine AS MATERIALIZED (SELECT w, cardinality(words) AS n
			FROM likeness, unnest(words) AS w WHERE case_id = p_case),
		shared AS (SELECT c.number, count(*) AS n, min(least(mine.n, cardinality(l.words))) AS least
			FROM near JOIN cases c ON c.id = near.case_id JOIN likeness l ON l.case_id = c.id,
			unnest(l.words) AS their JOIN mine ON mine.w = their
			WHERE c.mailbox = (SELECT mailbox FROM cases WHERE id = p_case)
				AND c.resolution IS DISTINCT FROM 'spam'
			GROUP BY c.number)
	SELECT 'remark-similar', number, (100 * n / least)::text FROM shared
		WHERE n >= 4 AND n * 3 >= least ORDER BY n::numeric / least DESC, number DESC LIMIT 3;
END $$;

CREATE OR REPLACE FUNCTION asset_system(p_kind text, p_value text)
RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog AS $$
BEGIN
	RETURN lower(CASE WHEN p_kind = 'url'
		THEN substring(p_value FROM '^[A-Za-z]+://(?:[^/@]*@)?([^/:?#]+)') ELSE p_value END);
END $$;

CREATE OR REPLACE FUNCTION outbound_claim(p_mailbox smallint)
RETURNS TABLE (id bigint, attempts integer, letter bigint, size bigint, kind text,
	message_id text, envelope_from text, recipient text, number text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = meldpunt, pg_catalog, pg_temp AS $$
BEGIN
	RETURN QUERY WITH first AS (
		SELECT o.letter FROM outbound o
		WHERE o.mailbox = p_mailbox AND o.state = 'queued' AND o.next_try_at <= now()
		ORDER BY o.next_try_at, o.id LIMIT 1 FOR UPDATE SKIP LOCKED
	), next AS (
		SELECT o.id FROM outbound o JOIN first ON o.letter = first.letter
		WHERE o.state = 'queued' AND o.next_try_at <= now()
		ORDER BY o.id LIMIT 50 FOR UPDATE OF o SKIP LOCKED
	), claimed AS (
		UPDATE outbound o SET state = 'sending', attempts = o.attempts + 1, claimed_at = now()
		FROM next WHERE o.id = next.id
		RETURNING o.*
	)
	SELECT c.id, c.attempts, c.letter, l.size, c.kind, l.message_id, c.envelope_from,
		c.recipient, k.number
	FROM claimed c JOIN letters l ON l.id = c.letter LEFT JOIN cases k ON k.id = l.case_id
	ORDER BY c.id;
END $$;

CREATE OR REPLACE FUNCTION letter_part(p_letter bigint, p_part integer)
RETURNS bytea LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = meldpunt, pg_catalog, pg_temp AS $$
BEGIN
	RETURN (SELECT b.bytes FROM letters l JOIN blobs b ON b.id = l.blob
		WHERE l.id = p_letter AND b.part = p_part);
END $$;

CREATE OR REPLACE FUNCTION retry_delay(p_attempts integer)
RETURNS interval LANGUAGE plpgsql IMMUTABLE SET search_path = meldpunt, pg_catalog, pg_temp AS $$
BEGIN
	RETURN (ARRAY[interval '5 seconds', '30 seconds', '2 minutes', '5 minutes',
		'15 minutes', '30 minutes', '1 hour'])[least(greatest(p_attempts, 1), 7)];
END $$;

CREATE OR REPLACE FUNCTION outbound_next(p_mailbox smallint)
RETURNS double precision LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = meldpunt, pg_catalog, pg_temp AS $$
BEGIN
	RETURN (SELECT extract(epoch FROM min(next_try_at) - now()) FROM outbound
		WHERE mailbox = p_mailbox AND state = 'queued');
END $$;

CREATE OR REPLACE FUNCTION ack_due_at(p_mailbox smallint, p_recipient text, p_sealed boolean,
	p_per_sender integer, p_total integer)
RETURNS timestamptz LANGUAGE plpgsql STABLE SET search_path = meldpunt, pg_catalog, pg_temp AS $$
BEGIN
	RETURN greatest(now(),
		(SELECT due_at + interval '1 hour' FROM outbound
		 WHERE p_per_sender > 0 AND kind = 'acknowledgment' AND lower(recipient) = lower(p_recipient)
		 ORDER BY due_at DESC OFFSET greatest(p_per_sender - 1, 0) LIMIT 1),
		(SELECT due_at + interval '1 hour' FROM outbound
		 WHERE p_total > 0 AND kind = 'acknowledgment' AND mailbox = p_mailbox AND sealed = p_sealed
		 ORDER BY due_at DESC OFFSET greatest(p_total - 1, 0) LIMIT 1));
END $$;

-- A letter did not arrive, by its server's word or by a delivery report:
-- staff hear of it, and what was no answer after all reopens the clock.
-- The lock is one that rows which refer to the case, of another sender's
-- letter to it, do not hold up.
CREATE OR REPLACE FUNCTION letter_failed(p_letter bigint, p_outbound bigint, p_code integer)
RETURNS void LANGUAGE plpgsql SET search_path = meldpunt, pg_catalog, pg_temp AS $$
DECLARE
	v_letter letters;
	v_resolution text;
BEGIN
	SELECT * INTO v_letter FROM letters WHERE id = p_letter;
	IF v_letter.case_id IS NULL THEN
		RETURN;
	END IF;
	SELECT resolution INTO v_resolution FROM cases WHERE id = v_letter.case_id FOR NO KEY UPDATE;
	IF v_letter.answers AND NOT case_is_answered(v_letter.case_id, v_resolution) THEN
		PERFORM case_unanswered(v_letter.case_id);
		INSERT INTO events (case_id, outbound, actor, what, detail)
		VALUES (v_letter.case_id, p_outbound, 'meldpunt', 'answer-failed', v_letter.kind);
	END IF;
	-- what tells staff of things must not tell of itself without end
	IF v_letter.kind NOT IN ('escalation', 'confirmation', 'refusal', 'unproven', 'preview') THEN
		PERFORM deadline_set(v_letter.case_id, 'delivery', 'letter-' || p_letter, now());
	END IF;
END $$;
