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
