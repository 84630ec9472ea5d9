-- conversation and clocks: drafts, answers, what a sent letter brings about

SET LOCAL search_path = meldpunt, pg_catalog;

-- A letter may be the answer (it states assessment and date of the fix, or a
-- reasoned close); one written by a person keeps the progress clock quiet.
ALTER TABLE letters ADD answers boolean NOT NULL DEFAULT false,
	ADD quiet interval,
	-- staff member who wrote it, or ''
	ADD author text NOT NULL DEFAULT '';
CREATE INDEX letters_answers ON letters (case_id) WHERE answers;

-- Since when we wait for the reporter, and when staff last did something.
ALTER TABLE cases ADD waiting_since timestamptz, ADD acted_at timestamptz,
	ADD duplicate_of bigint REFERENCES cases;
CREATE INDEX cases_mailbox_owner ON cases (mailbox, owner) WHERE state <> 'closed';

-- The reporter of a report that came in clear may ask for answers in clear.
ALTER TABLE meldpunt_private.reporters ADD plain boolean NOT NULL DEFAULT false;

-- What staff wrote for a reporter and has not released yet.
CREATE TABLE drafts (
	token text PRIMARY KEY,
	case_id bigint NOT NULL REFERENCES cases,
	author text NOT NULL,
	is_question boolean NOT NULL,
	text text NOT NULL,
	-- attachments of the case that go along, by their numbers
	attachments integer[] NOT NULL DEFAULT '{}',
	made_at timestamptz NOT NULL DEFAULT now(),
	sent_at timestamptz,
	discarded_at timestamptz,
	CHECK (sent_at IS NULL OR discarded_at IS NULL)
);
CREATE INDEX drafts_case ON drafts (case_id) WHERE sent_at IS NULL AND discarded_at IS NULL;

-- Staff who are away, or whose address bounces.
CREATE TABLE absences (
	address text PRIMARY KEY CHECK (address = lower(address)),
	until timestamptz NOT NULL
);

-- A new address or key of a reporter, told by a message: a handler proposes,
-- a lead confirms, the old address may object, then it takes effect.
CREATE TABLE reporter_changes (
	id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
	case_id bigint NOT NULL REFERENCES cases,
	message bigint NOT NULL REFERENCES messages,
	proposed_by text NOT NULL,
	confirmed_by text,
	effective_at timestamptz,
	done_at timestamptz,
	UNIQUE (case_id, message),
	CHECK ((confirmed_by IS NULL) = (effective_at IS NULL))
);
-- what such a message brought: the candidate for a key, and its sender
ALTER TABLE messages ADD sender text, ADD key bytea, ADD key_fingerprint text;

-- The delivery clock tells staff of letters that did not arrive; reporter
-- changes take effect by a row as well.
ALTER TABLE deadlines DROP CONSTRAINT deadlines_clock_check;
ALTER TABLE deadlines ADD CONSTRAINT deadlines_clock_check CHECK (clock IN
	('answer', 'progress', 'fix-date', 'legal', 'delivery', 'reporter'));
CREATE INDEX deadlines_case ON deadlines (case_id);
-- who waits looks by the clock every ten seconds anyway
CREATE TRIGGER wake AFTER INSERT OR UPDATE OF fires_at, cancelled_at ON deadlines FOR EACH ROW
	WHEN (NEW.fired_at IS NULL AND NEW.fires_at < now() + interval '15 seconds')
	EXECUTE FUNCTION wake();

-- True if the case may count as answered.
CREATE FUNCTION case_is_answered(p_case bigint, p_resolution text)
RETURNS boolean LANGUAGE plpgsql STABLE SET search_path = meldpunt, pg_catalog, pg_temp AS $$
BEGIN
	RETURN coalesce(p_resolution, '') IN ('spam', 'withdrawn')
		OR EXISTS (SELECT FROM letters l JOIN outbound o ON o.letter = l.id
			WHERE l.case_id = p_case AND l.answers AND o.state = 'sent')
		OR NOT EXISTS (SELECT FROM cases c JOIN meldpunt_private.reporters r ON r.id = c.reporter
			WHERE c.id = p_case AND r.address IS NOT NULL);
END $$;

-- Nothing but an answer stops the clock, whoever writes the row.
CREATE FUNCTION answered_needs_an_answer() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = meldpunt, pg_catalog, pg_temp AS $$
BEGIN
	IF NOT case_is_answered(NEW.id, NEW.resolution) THEN
		RAISE EXCEPTION 'no answer was sent' USING ERRCODE = 'check_violation',
			CONSTRAINT = 'answered_needs_an_answer';
	END IF;
	RETURN NEW;
END $$;
CREATE TRIGGER answered BEFORE UPDATE OF answered_at ON cases FOR EACH ROW
	WHEN (NEW.answered_at IS NOT NULL AND OLD.answered_at IS DISTINCT FROM NEW.answered_at)
	EXECUTE FUNCTION answered_needs_an_answer();

-- One row of a clock is set, moved or set again.
CREATE FUNCTION deadline_set(p_case bigint, p_clock text, p_step text, p_fires_at timestamptz)
RETURNS void LANGUAGE plpgsql SET search_path = meldpunt, pg_catalog, pg_temp AS $$
BEGIN
	INSERT INTO deadlines (case_id, clock, step, fires_at)
	VALUES (p_case, p_clock, p_step, p_fires_at)
	ON CONFLICT (case_id, clock, step) DO UPDATE
	SET fires_at = excluded.fires_at, fired_at = NULL, cancelled_at = NULL;
END $$;

CREATE FUNCTION deadlines_cancel(p_case bigint, p_clock text)
RETURNS void LANGUAGE plpgsql SET search_path = meldpunt, pg_catalog, pg_temp AS $$
BEGIN
	UPDATE deadlines SET cancelled_at = now()
	WHERE case_id = p_case AND (clock = p_clock OR p_clock = '')
		AND fired_at IS NULL AND cancelled_at IS NULL;
END $$;

-- The case has its answer now.
CREATE FUNCTION case_answered(p_case bigint)
RETURNS void LANGUAGE plpgsql SET search_path = meldpunt, pg_catalog, pg_temp AS $$
BEGIN
	UPDATE cases SET answered_at = coalesce(answered_at, now()),
		state = CASE WHEN state = 'received' THEN 'answered' ELSE state END
		WHERE id = p_case;
	PERFORM deadlines_cancel(p_case, 'answer');
END $$;

-- An answer did not arrive: the clock goes on from where it stood.
CREATE FUNCTION case_unanswered(p_case bigint)
RETURNS void LANGUAGE plpgsql SET search_path = meldpunt, pg_catalog, pg_temp AS $$
BEGIN
	UPDATE cases SET answered_at = NULL,
		state = CASE WHEN state = 'answered' THEN 'received' ELSE state END
		WHERE id = p_case;
	UPDATE deadlines SET cancelled_at = NULL
		WHERE case_id = p_case AND clock = 'answer' AND fired_at IS NULL;
END $$;

-- A letter did not arrive, by its server's word or by a delivery report:
-- staff hear of it, and what was no answer after all reopens the clock.
CREATE FUNCTION letter_failed(p_letter bigint, p_outbound bigint, p_code integer)
RETURNS void LANGUAGE plpgsql SET search_path = meldpunt, pg_catalog, pg_temp AS $$
DECLARE
	v_letter letters;
	v_resolution text;
BEGIN
	SELECT * INTO v_letter FROM letters WHERE id = p_letter;
	IF v_letter.case_id IS NULL THEN
		RETURN;
	END IF;
	SELECT resolution INTO v_resolution FROM cases WHERE id = v_letter.case_id FOR UPDATE;
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

-- True if this attempt still owns the row; held until the transaction ends.
-- Waits: who looks for work holds a row for a moment only.
CREATE OR REPLACE FUNCTION outbound_hold(p_id bigint, p_attempts integer)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = meldpunt, pg_catalog, pg_temp AS $$
BEGIN
	PERFORM 1 FROM outbound
		WHERE id = p_id AND state = 'sending' AND attempts = p_attempts FOR NO KEY UPDATE;
	RETURN FOUND;
END $$;

-- Ends an attempt: sent, retry (4xx, no connection), failed (5xx), unsure.
-- What an accepted letter brings about happens here, in the same transaction.
CREATE OR REPLACE FUNCTION outbound_settle(p_id bigint, p_attempts integer, p_outcome text,
	p_code integer, p_reply text)
RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = meldpunt, pg_catalog, pg_temp AS $$
DECLARE
	v_row outbound;
	v_letter letters;
	v_state text;
BEGIN
	SELECT l.* INTO v_letter FROM letters l JOIN outbound o ON o.letter = l.id WHERE o.id = p_id;
	SELECT * INTO v_row FROM outbound WHERE id = p_id FOR UPDATE;
	IF v_row.state <> 'sending' OR v_row.attempts <> p_attempts THEN
		RETURN 'lost';
	END IF;
	v_state := CASE
		WHEN p_outcome = 'sent' THEN 'sent'
		WHEN p_outcome = 'failed' THEN 'failed'
		WHEN p_outcome = 'unsure' AND v_row.unsure > 0 THEN 'unsure'
		WHEN p_outcome = 'retry' AND v_row.due_at < now() - interval '5 days' THEN 'failed'
		ELSE 'queued' END;
	UPDATE outbound SET state = v_state,
		unsure = v_row.unsure + (p_outcome = 'unsure')::integer,
		sent_at = CASE WHEN v_state = 'sent' THEN now() END,
		next_try_at = now() + retry_delay(v_row.attempts),
		reply_code = p_code, reply_text = left(p_reply, 500)
		WHERE id = p_id;
	IF v_state <> 'queued' OR p_outcome = 'unsure' THEN
		INSERT INTO events (case_id, outbound, actor, what, detail)
		VALUES (v_letter.case_id, p_id, 'meldpunt',
			CASE WHEN p_outcome = 'unsure' THEN 'letter-unsure' ELSE 'letter-' || v_state END,
			v_row.kind || ' ' || coalesce(p_code, 0));
	END IF;
	IF v_letter.case_id IS NULL THEN
		RETURN v_state;
	END IF;
	IF v_state = 'sent' AND v_letter.answers THEN
		PERFORM case_answered(v_letter.case_id);
	END IF;
	IF v_state = 'sent' AND v_letter.quiet IS NOT NULL THEN
		PERFORM deadline_set(v_letter.case_id, 'progress', 'due', now() + v_letter.quiet)
			FROM cases WHERE id = v_letter.case_id AND state <> 'closed' AND waiting_since IS NULL;
		UPDATE deadlines SET cancelled_at = now() WHERE case_id = v_letter.case_id
			AND clock = 'progress' AND step = 'slip' AND fired_at IS NULL AND cancelled_at IS NULL;
	END IF;
	IF v_state IN ('failed', 'unsure') THEN
		PERFORM letter_failed(v_letter.id, p_id, p_code);
	ELSIF v_state = 'queued' AND v_row.due_at < now() - interval '4 hours'
		AND v_letter.kind NOT IN ('escalation', 'confirmation', 'refusal', 'unproven', 'preview') THEN
		-- told once: the row stays where it fired
		INSERT INTO deadlines (case_id, clock, step, fires_at)
		VALUES (v_letter.case_id, 'delivery', 'slow-' || v_letter.id, now())
		ON CONFLICT DO NOTHING;
	END IF;
	RETURN v_state;
END $$;

-- A delivery report says that a letter did not arrive after all.
CREATE FUNCTION letter_bounced(p_letter bigint)
RETURNS void LANGUAGE plpgsql SET search_path = meldpunt, pg_catalog, pg_temp AS $$
DECLARE
	v_row bigint;
BEGIN
	UPDATE outbound SET state = 'failed', reply_text = 'a delivery report'
		WHERE letter = p_letter AND state = 'sent';
	SELECT min(id) INTO v_row FROM outbound WHERE letter = p_letter;
	PERFORM letter_failed(p_letter, v_row, NULL);
END $$;

-- What a confirmed message of the reporter said takes effect: its sender is
-- the reporter's address, the key that came along is pinned.
CREATE FUNCTION reporter_change(p_case bigint, p_message bigint)
RETURNS void LANGUAGE plpgsql SET search_path = meldpunt, pg_catalog, pg_temp AS $$
BEGIN
	UPDATE reporter_changes SET done_at = now()
		WHERE case_id = p_case AND message = p_message AND effective_at <= now() AND done_at IS NULL;
	IF FOUND THEN
		UPDATE meldpunt_private.reporters r SET address = coalesce(m.sender, r.address),
			key = m.key, fingerprint = m.key_fingerprint,
			pinned_at = CASE WHEN m.key IS NOT NULL THEN now() END
			FROM messages m, cases c
			WHERE m.id = p_message AND c.id = p_case AND r.id = c.reporter;
	END IF;
END $$;
