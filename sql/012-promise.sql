-- What attacks on the promise taught.

-- Spam that was none: its clocks go on where they stood, and what it slept
-- through fires as missed.  Returns its state.  One that was closed without
-- assessment and date before has no answer to stand on.
CREATE OR REPLACE FUNCTION case_reopen(p_case bigint)
RETURNS text LANGUAGE plpgsql SET search_path = meldpunt, pg_catalog, pg_temp AS $$
BEGIN
	UPDATE deadlines SET cancelled_at = NULL
		WHERE case_id = p_case AND clock = 'legal' AND fired_at IS NULL;
	IF case_is_answered(p_case, NULL) THEN
		UPDATE cases SET state = 'answered', resolution = NULL, closed_at = NULL
			WHERE id = p_case AND fix_date IS NOT NULL AND (severity IS NOT NULL OR assessment IS NOT NULL);
		IF FOUND THEN
			RETURN 'answered';
		END IF;
	END IF;
	UPDATE cases SET state = 'received', resolution = NULL, closed_at = NULL, answered_at = NULL,
		withdrawn_at = NULL WHERE id = p_case;
	PERFORM case_unanswered(p_case);
	RETURN 'received';
END $$;

-- What a confirmed message of the reporter said takes effect: its sender is
-- the reporter's address; a key that came along is pinned, else the pinned
-- one stays.
CREATE OR REPLACE FUNCTION reporter_change(p_case bigint, p_message bigint)
RETURNS void LANGUAGE plpgsql SET search_path = meldpunt, pg_catalog, pg_temp AS $$
BEGIN
	UPDATE reporter_changes SET done_at = now()
		WHERE case_id = p_case AND message = p_message AND effective_at <= now() AND done_at IS NULL;
	IF FOUND THEN
		UPDATE meldpunt_private.reporters r SET address = coalesce(m.sender, r.address),
			key = coalesce(m.key, r.key), fingerprint = coalesce(m.key_fingerprint, r.fingerprint),
			pinned_at = CASE WHEN m.key IS NOT NULL THEN now() ELSE r.pinned_at END
			FROM messages m, cases c
			WHERE m.id = p_message AND c.id = p_case AND r.id = c.reporter;
	END IF;
END $$;

-- Messages over which the connection to the IMAP server was lost.
CREATE TABLE fetch_losses (
	mailbox smallint NOT NULL REFERENCES mailboxes,
	folder text NOT NULL,
	uidvalidity bigint NOT NULL,
	uid bigint NOT NULL,
	lost integer NOT NULL DEFAULT 1 CHECK (lost > 0),
	next_try_at timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (mailbox, folder, uidvalidity, uid)
);

-- The same delivery report once more says nothing new.
CREATE OR REPLACE FUNCTION letter_bounced(p_letter bigint, p_failed text)
RETURNS void LANGUAGE plpgsql SET search_path = meldpunt, pg_catalog, pg_temp AS $$
DECLARE
	v_failed text[] := string_to_array(lower(p_failed), E'\n');
	v_row bigint;
BEGIN
	UPDATE outbound SET state = 'failed', reply_text = 'a delivery report'
		WHERE letter = p_letter AND state IN ('sent', 'unsure') AND (lower(recipient) = ANY (v_failed)
			OR NOT EXISTS (SELECT FROM outbound WHERE letter = p_letter
				AND lower(recipient) = ANY (v_failed)));
	IF FOUND THEN
		SELECT min(id) INTO v_row FROM outbound WHERE letter = p_letter AND state = 'failed';
		PERFORM letter_failed(p_letter, v_row, NULL);
	END IF;
END $$;

-- A reporter whose server has refused for good all that we ever wrote about
-- this case, the answer included: there is nobody to write to.
CREATE FUNCTION address_is_dead(p_case bigint)
RETURNS boolean LANGUAGE plpgsql STABLE SET search_path = meldpunt, pg_catalog, pg_temp AS $$
BEGIN
	RETURN (SELECT coalesce(bool_or(l.answers) AND bool_and(o.state = 'failed'), false)
		FROM letters l JOIN outbound o ON o.letter = l.id JOIN cases c ON c.id = l.case_id
		JOIN meldpunt_private.reporters r ON r.id = c.reporter
		WHERE l.case_id = p_case AND lower(o.recipient) = lower(r.address));
END $$;

CREATE OR REPLACE FUNCTION case_is_answered(p_case bigint, p_resolution text)
RETURNS boolean LANGUAGE plpgsql STABLE SET search_path = meldpunt, pg_catalog, pg_temp AS $$
BEGIN
	RETURN coalesce(p_resolution, '') = 'spam'
		OR EXISTS (SELECT FROM letters l JOIN outbound o ON o.letter = l.id
			WHERE l.case_id = p_case AND l.answers AND o.state = 'sent')
		OR EXISTS (SELECT FROM cases c JOIN meldpunt_private.reporters r ON r.id = c.reporter
			WHERE c.id = p_case AND (r.address IS NULL OR c.withdrawn_at IS NOT NULL))
		OR address_is_dead(p_case);
END $$;

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
	ELSIF v_letter.answers AND address_is_dead(v_letter.case_id) THEN
		PERFORM case_answered(v_letter.case_id);
		INSERT INTO events (case_id, outbound, actor, what, detail)
		VALUES (v_letter.case_id, p_outbound, 'meldpunt', 'answered-on-record', v_letter.kind);
	END IF;
	-- what tells staff of things must not tell of itself without end
	IF v_letter.kind NOT IN ('escalation', 'confirmation', 'refusal', 'unproven', 'preview') THEN
		PERFORM deadline_set(v_letter.case_id, 'delivery', 'letter-' || p_letter, now());
	END IF;
END $$;
