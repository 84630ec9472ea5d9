-- the tables of a running mailbox: messages in, cases, letters out, deadlines

CREATE SCHEMA IF NOT EXISTS meldpunt;
CREATE SCHEMA meldpunt_private;
SET LOCAL search_path = meldpunt, pg_catalog;

-- One row per mailbox of the configuration; entered by its fetcher.
CREATE TABLE mailboxes (
	id smallint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
	name text NOT NULL UNIQUE,
	prefix text NOT NULL UNIQUE,
	address text NOT NULL,
	-- set once `doctor` has seen mail come back through address+detail
	subaddress_seen_at timestamptz,
	-- SIZE as the SMTP server announced it last; 0: unknown
	smtp_size bigint NOT NULL DEFAULT 0
);

-- Keys of our own message authentication codes, one a purpose.
CREATE TABLE mac_keys (
	purpose text PRIMARY KEY CHECK (purpose IN ('reply', 'bounce', 'notice', 'content')),
	key bytea NOT NULL CHECK (octet_length(key) = 32)
);
INSERT INTO mac_keys
	SELECT purpose, decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex')
	FROM unnest(ARRAY['reply', 'bounce', 'notice', 'content']) AS purpose;

-- Bytes in parts of 1 MiB, so that nobody ever holds more of them in memory.
CREATE SEQUENCE blob_ids;
CREATE TABLE blobs (
	id bigint NOT NULL,
	part integer NOT NULL CHECK (part >= 0),
	bytes bytea NOT NULL CHECK (octet_length(bytes) <= 1048576),
	PRIMARY KEY (id, part)
);
ALTER TABLE blobs ALTER COLUMN bytes SET STORAGE EXTERNAL;

-- Last number given out, by mailbox and year in the mailbox's time zone.
CREATE TABLE case_numbers (
	mailbox smallint NOT NULL REFERENCES mailboxes,
	year integer NOT NULL,
	last integer NOT NULL,
	PRIMARY KEY (mailbox, year)
);

-- Every message taken from IMAP, byte for byte.
CREATE TABLE inbound (
	id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
	mailbox smallint NOT NULL REFERENCES mailboxes,
	folder text NOT NULL,
	uidvalidity bigint NOT NULL,
	uid bigint NOT NULL,
	-- INTERNALDATE, but never in the future: when the clock started
	arrived_at timestamptz NOT NULL,
	fetched_at timestamptz NOT NULL DEFAULT now(),
	size bigint NOT NULL,
	sha256 bytea NOT NULL CHECK (octet_length(sha256) = 32),
	blob bigint NOT NULL,
	-- over limits.message: blob is the header, the rest is in failed_folder
	header_only boolean NOT NULL DEFAULT false,
	-- only where the server lacks UIDPLUS and moved messages stay behind
	moved_at timestamptz,
	state text NOT NULL DEFAULT 'new'
		CHECK (state IN ('new', 'done', 'quarantined', 'discarded')),
	outcome text
		CHECK (outcome IN ('case', 'follow-up', 'again', 'delivery-report', 'note')),
	-- why it is in quarantine, in fixed words
	reason text,
	-- attempts that nobody ended, and attempts that trouble of ours ended
	claims integer NOT NULL DEFAULT 0,
	delays integer NOT NULL DEFAULT 0,
	claimed_at timestamptz,
	next_try_at timestamptz NOT NULL DEFAULT now(),
	reader_deaths integer NOT NULL DEFAULT 0,
	-- reserved case number, reused when the message is tried again
	number text UNIQUE,
	case_id bigint,
	original bigint REFERENCES inbound,
	-- identity for a server that renders the same message anew
	rendering bytea,
	-- sha256: a server set back to an older state gives a UID out twice
	UNIQUE (mailbox, folder, uidvalidity, uid, sha256),
	CHECK ((state = 'new') = (outcome IS NULL) OR state IN ('quarantined', 'discarded')),
	CHECK (state <> 'quarantined' OR reason IS NOT NULL)
);
CREATE INDEX inbound_to_do ON inbound ((claims >= 3), next_try_at, id) WHERE state = 'new';
CREATE INDEX inbound_quarantined ON inbound (id) WHERE state = 'quarantined';
CREATE INDEX inbound_sha256 ON inbound (mailbox, sha256);
CREATE INDEX inbound_rendering ON inbound (mailbox, rendering) WHERE rendering IS NOT NULL;

-- Who reported: personal data, apart from everything else, one row a case.
CREATE TABLE meldpunt_private.reporters (
	id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
	alias text NOT NULL UNIQUE,
	name text,
	address text,
	-- certificate that our mail is encrypted to, and its primary fingerprint
	key bytea,
	fingerprint text,
	-- set if the key came under the seal: only such a key may read content
	pinned_at timestamptz,
	credit text,
	CHECK ((key IS NULL) = (fingerprint IS NULL)),
	CHECK (pinned_at IS NULL OR key IS NOT NULL)
);
CREATE INDEX reporters_address ON meldpunt_private.reporters (lower(address));
CREATE INDEX reporters_fingerprint ON meldpunt_private.reporters (fingerprint);

CREATE TABLE cases (
	id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
	number text NOT NULL UNIQUE,
	mailbox smallint NOT NULL REFERENCES mailboxes,
	inbound bigint NOT NULL UNIQUE REFERENCES inbound,
	reporter bigint NOT NULL UNIQUE REFERENCES meldpunt_private.reporters,
	title text NOT NULL,
	description text NOT NULL,
	severity text CHECK (severity IN ('none', 'low', 'medium', 'high', 'critical')),
	cvss text,
	state text NOT NULL DEFAULT 'received'
		CHECK (state IN ('received', 'answered', 'fixing', 'fixed', 'closed')),
	resolution text CHECK (resolution IN ('fixed', 'duplicate', 'not-a-vulnerability',
		'out-of-scope', 'wont-fix', 'spam', 'withdrawn')),
	owner text,
	assessment text,
	fix_date date,
	language text NOT NULL DEFAULT '' CHECK (language IN ('', 'nl', 'en')),
	-- came in a flood: staff hear of it in the next digest
	deferred boolean NOT NULL DEFAULT false,
	-- a case whose number this report names without proof
	claims bigint REFERENCES cases,
	arrived_at timestamptz NOT NULL,
	answer_due_at timestamptz NOT NULL,
	answered_at timestamptz,
	closed_at timestamptz,
	-- no answer without assessment and date, unless closed with a reason
	CHECK (answered_at IS NULL OR resolution IS NOT NULL
		OR (fix_date IS NOT NULL AND (severity IS NOT NULL OR assessment IS NOT NULL))),
	CHECK ((state = 'closed') = (closed_at IS NOT NULL)),
	CHECK (state <> 'closed' OR resolution IS NOT NULL)
);
CREATE INDEX cases_deferred ON cases (mailbox, id) WHERE deferred;
CREATE INDEX cases_open ON cases (mailbox, answer_due_at) WHERE state <> 'closed';
ALTER TABLE inbound ADD FOREIGN KEY (case_id) REFERENCES cases;

CREATE TABLE assets (
	case_id bigint NOT NULL REFERENCES cases,
	kind text NOT NULL CHECK (kind IN ('ip', 'network', 'host', 'url')),
	value text NOT NULL,
	address inet GENERATED ALWAYS AS
		(CASE WHEN kind IN ('ip', 'network') THEN value::inet END) STORED,
	PRIMARY KEY (case_id, kind, value)
);
CREATE INDEX assets_value ON assets (value);
CREATE INDEX assets_address ON assets USING gist (address inet_ops) WHERE address IS NOT NULL;

-- What was written in a case, in both directions, and staff's notes.
CREATE TABLE messages (
	id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
	case_id bigint NOT NULL REFERENCES cases,
	direction text NOT NULL CHECK (direction IN ('in', 'out', 'note')),
	inbound bigint UNIQUE REFERENCES inbound,
	letter bigint UNIQUE,
	at timestamptz NOT NULL,
	-- about body, and about nothing else that the message brought
	protection text NOT NULL CHECK (protection IN ('clear', 'signed', 'encrypted',
		'encrypted+signed', 'undecryptable')),
	signature text NOT NULL CHECK (signature IN ('none', 'good', 'bad', 'unknown-key', 'expired')),
	fingerprint text,
	message_id text,
	subject text NOT NULL,
	body text NOT NULL,
	-- came from an address that is not the reporter's
	stranger boolean NOT NULL DEFAULT false,
	CHECK ((signature = 'good') = (fingerprint IS NOT NULL))
);
CREATE INDEX messages_case ON messages (case_id, at);

CREATE TABLE attachments (
	id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
	message bigint NOT NULL REFERENCES messages,
	-- running number within the case, by which commands name it
	n integer NOT NULL,
	name text NOT NULL,
	type text NOT NULL,
	size bigint NOT NULL,
	sha256 bytea NOT NULL,
	blob bigint NOT NULL,
	-- false: stood outside the seal or signature of the message
	protected boolean NOT NULL,
	UNIQUE (message, n)
);

-- HMAC of every decrypted part: a second reporter with the same is no reporter.
CREATE TABLE content_marks (
	mark bytea NOT NULL,
	case_id bigint NOT NULL REFERENCES cases,
	PRIMARY KEY (mark, case_id)
);

-- A composed and sealed mail; its wire bytes never change.
CREATE TABLE letters (
	id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
	mailbox smallint NOT NULL REFERENCES mailboxes,
	case_id bigint REFERENCES cases,
	kind text NOT NULL,
	message_id text NOT NULL UNIQUE,
	blob bigint NOT NULL,
	size bigint NOT NULL,
	created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX letters_case ON letters (case_id);
ALTER TABLE messages ADD FOREIGN KEY (letter) REFERENCES letters;

-- One row a recipient of a letter.
CREATE TABLE outbound (
	id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
	letter bigint NOT NULL REFERENCES letters,
	mailbox smallint NOT NULL REFERENCES mailboxes,
	kind text NOT NULL,
	-- sealed reports have an acknowledgment budget of their own
	sealed boolean NOT NULL,
	envelope_from text NOT NULL,
	recipient text NOT NULL,
	state text NOT NULL DEFAULT 'queued'
		CHECK (state IN ('queued', 'sending', 'sent', 'failed', 'unsure')),
	attempts integer NOT NULL DEFAULT 0,
	-- how often nobody knew whether it had been taken
	unsure integer NOT NULL DEFAULT 0,
	queued_at timestamptz NOT NULL DEFAULT now(),
	-- not before; later than queued_at where a budget delays it
	due_at timestamptz NOT NULL DEFAULT now(),
	next_try_at timestamptz NOT NULL DEFAULT now(),
	claimed_at timestamptz,
	sent_at timestamptz,
	reply_code integer,
	reply_text text,
	UNIQUE (letter, recipient)
);
CREATE INDEX outbound_to_do ON outbound (mailbox, next_try_at, id) WHERE state = 'queued';
CREATE INDEX outbound_open ON outbound (mailbox, claimed_at) WHERE state = 'sending';
CREATE INDEX outbound_budget ON outbound (lower(recipient), due_at) WHERE kind = 'acknowledgment';
CREATE INDEX outbound_budget_total ON outbound (mailbox, sealed, due_at) WHERE kind = 'acknowledgment';

-- When staff of a mailbox get one letter about the cases of a flood.
CREATE TABLE digests (
	mailbox smallint PRIMARY KEY REFERENCES mailboxes,
	due_at timestamptz NOT NULL
);

-- Every step of every clock, with the time at which it fires.
CREATE TABLE deadlines (
	id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
	case_id bigint NOT NULL REFERENCES cases,
	clock text NOT NULL CHECK (clock IN ('answer', 'progress', 'fix-date', 'legal')),
	step text NOT NULL,
	fires_at timestamptz NOT NULL,
	fired_at timestamptz,
	cancelled_at timestamptz,
	UNIQUE (case_id, clock, step)
);
CREATE INDEX deadlines_pending ON deadlines (fires_at)
	WHERE fired_at IS NULL AND cancelled_at IS NULL;

-- What happened, for good. detail holds fixed words and ids, never content.
CREATE TABLE events (
	id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
	at timestamptz NOT NULL DEFAULT clock_timestamp(),
	case_id bigint REFERENCES cases,
	inbound bigint REFERENCES inbound,
	outbound bigint REFERENCES outbound,
	actor text NOT NULL,
	what text NOT NULL,
	detail text NOT NULL DEFAULT ''
);
CREATE INDEX events_case ON events (case_id, id);

-- Orders that were carried out: none counts twice.
CREATE TABLE orders (
	fingerprint text NOT NULL,
	signed_at timestamptz NOT NULL,
	sha256 bytea NOT NULL CHECK (octet_length(sha256) = 32),
	inbound bigint NOT NULL REFERENCES inbound,
	PRIMARY KEY (fingerprint, signed_at, sha256)
);

CREATE FUNCTION events_are_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'events are append-only';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON events
	FOR EACH STATEMENT EXECUTE FUNCTION events_are_append_only();

-- NOTIFY only speeds things up: everybody also looks by the clock.
CREATE FUNCTION wake() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_notify('meldpunt_' || TG_TABLE_NAME, '');
	RETURN NULL;
END $$;
CREATE TRIGGER wake AFTER INSERT ON inbound FOR EACH STATEMENT EXECUTE FUNCTION wake();
CREATE TRIGGER wake AFTER INSERT ON outbound FOR EACH STATEMENT EXECUTE FUNCTION wake();

-- The row of a mailbox, made if there is none; prefix and address follow the
-- configuration.
CREATE FUNCTION mailbox_enter(p_name text, p_prefix text, p_address text)
RETURNS smallint LANGUAGE plpgsql SECURITY DEFINER SET search_path = meldpunt, pg_catalog, pg_temp AS $$
DECLARE
	v_row mailboxes;
BEGIN
	SELECT * INTO v_row FROM mailboxes WHERE name = p_name;
	IF v_row.id IS NULL THEN
		-- fetcher and sender come here together at the first start
		PERFORM pg_advisory_xact_lock(1835363432);
		SELECT * INTO v_row FROM mailboxes WHERE name = p_name;
	END IF;
	IF v_row.id IS NULL THEN
		INSERT INTO mailboxes (name, prefix, address) VALUES (p_name, p_prefix, p_address)
			RETURNING * INTO v_row;
	ELSIF v_row.prefix <> p_prefix OR v_row.address <> p_address THEN
		UPDATE mailboxes SET prefix = p_prefix, address = p_address WHERE id = v_row.id;
	END IF;
	RETURN v_row.id;
END $$;

-- What the sender learnt of its SMTP server.
CREATE FUNCTION mailbox_smtp_size(p_mailbox smallint, p_size bigint)
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = meldpunt, pg_catalog, pg_temp AS $$
	UPDATE mailboxes SET smtp_size = p_size WHERE id = p_mailbox AND smtp_size <> p_size
$$;

-- A case number for an inbound message: the one it has, or the next.
CREATE FUNCTION number_reserve(p_inbound bigint, p_zone text)
RETURNS text LANGUAGE plpgsql SET search_path = meldpunt, pg_catalog, pg_temp AS $$
DECLARE
	v_number text;
	v_mailbox smallint;
	v_year integer;
	v_next integer;
BEGIN
	SELECT number, mailbox, extract(year FROM arrived_at AT TIME ZONE p_zone)
		INTO v_number, v_mailbox, v_year FROM inbound WHERE id = p_inbound;
	IF v_number IS NOT NULL THEN
		RETURN v_number;
	END IF;
	INSERT INTO case_numbers (mailbox, year, last) VALUES (v_mailbox, v_year, 1)
		ON CONFLICT (mailbox, year) DO UPDATE SET last = case_numbers.last + 1
		RETURNING last INTO v_next;
	SELECT prefix || '-' || v_year || '-' || lpad(v_next::text, greatest(4, length(v_next::text)), '0')
		INTO v_number FROM mailboxes WHERE id = v_mailbox;
	UPDATE inbound SET number = v_number WHERE id = p_inbound;
	RETURN v_number;
END $$;

-- The next letter of a mailbox for its sender, with all its recipients that
-- are due, marked `sending`; the caller commits that, then locks the rows
-- again with outbound_hold().
CREATE FUNCTION outbound_claim(p_mailbox smallint)
RETURNS TABLE (id bigint, attempts integer, letter bigint, size bigint, kind text,
	message_id text, envelope_from text, recipient text, number text)
LANGUAGE sql SECURITY DEFINER SET search_path = meldpunt, pg_catalog, pg_temp AS $$
	WITH first AS (
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
	ORDER BY c.id
$$;

-- True if this attempt still owns the row; held until the transaction ends.
CREATE FUNCTION outbound_hold(p_id bigint, p_attempts integer)
RETURNS boolean LANGUAGE sql SECURITY DEFINER SET search_path = meldpunt, pg_catalog, pg_temp AS $$
	SELECT coalesce((SELECT true FROM outbound
		WHERE id = p_id AND state = 'sending' AND attempts = p_attempts
		FOR UPDATE SKIP LOCKED), false)
$$;

-- One part of a letter that is being sent.
CREATE FUNCTION letter_part(p_letter bigint, p_part integer)
RETURNS bytea LANGUAGE sql STABLE SECURITY DEFINER SET search_path = meldpunt, pg_catalog, pg_temp AS $$
	SELECT b.bytes FROM letters l JOIN blobs b ON b.id = l.blob
	WHERE l.id = p_letter AND b.part = p_part
$$;

-- How long to wait after so many attempts that failed.
CREATE FUNCTION retry_delay(p_attempts integer)
RETURNS interval LANGUAGE sql IMMUTABLE SET search_path = meldpunt, pg_catalog, pg_temp AS $$
	SELECT (ARRAY[interval '5 seconds', '30 seconds', '2 minutes', '5 minutes',
		'15 minutes', '30 minutes', '1 hour'])[least(greatest(p_attempts, 1), 7)]
$$;

-- Ends an attempt: sent, retry (4xx, no connection), failed (5xx), unsure.
CREATE FUNCTION outbound_settle(p_id bigint, p_attempts integer, p_outcome text,
	p_code integer, p_reply text)
RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = meldpunt, pg_catalog, pg_temp AS $$
DECLARE
	v_row outbound;
	v_case bigint;
	v_state text;
BEGIN
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
	SELECT case_id INTO v_case FROM letters WHERE id = v_row.letter;
	IF v_state <> 'queued' OR p_outcome = 'unsure' THEN
		INSERT INTO events (case_id, outbound, actor, what, detail)
		VALUES (v_case, p_id, 'meldpunt',
			CASE WHEN p_outcome = 'unsure' THEN 'letter-unsure' ELSE 'letter-' || v_state END,
			v_row.kind || ' ' || coalesce(p_code, 0));
	END IF;
	RETURN v_state;
END $$;

-- Letters whose sender died while sending: nobody knows, so once more.
CREATE FUNCTION outbound_recover(p_mailbox smallint)
RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = meldpunt, pg_catalog, pg_temp AS $$
DECLARE
	v_row record;
	v_count integer := 0;
BEGIN
	FOR v_row IN SELECT id, attempts FROM outbound
		WHERE mailbox = p_mailbox AND state = 'sending' AND claimed_at < now() - interval '2 seconds'
		FOR UPDATE SKIP LOCKED
	LOOP
		PERFORM outbound_settle(v_row.id, v_row.attempts, 'unsure', NULL, 'the sender ended');
		v_count := v_count + 1;
	END LOOP;
	RETURN v_count;
END $$;

-- When the next letter of a mailbox is due, as seconds from now.
CREATE FUNCTION outbound_next(p_mailbox smallint)
RETURNS double precision LANGUAGE sql STABLE SECURITY DEFINER SET search_path = meldpunt, pg_catalog, pg_temp AS $$
	SELECT extract(epoch FROM min(next_try_at) - now()) FROM outbound
	WHERE mailbox = p_mailbox AND state = 'queued'
$$;

-- When an acknowledgment to this address may go: now, or when budgets allow.
CREATE FUNCTION ack_due_at(p_mailbox smallint, p_recipient text, p_sealed boolean,
	p_per_sender integer, p_total integer)
RETURNS timestamptz LANGUAGE sql STABLE SET search_path = meldpunt, pg_catalog, pg_temp AS $$
	SELECT greatest(now(),
		(SELECT due_at + interval '1 hour' FROM outbound
		 WHERE p_per_sender > 0 AND kind = 'acknowledgment' AND lower(recipient) = lower(p_recipient)
		 ORDER BY due_at DESC OFFSET greatest(p_per_sender - 1, 0) LIMIT 1),
		(SELECT due_at + interval '1 hour' FROM outbound
		 WHERE p_total > 0 AND kind = 'acknowledgment' AND mailbox = p_mailbox AND sealed = p_sealed
		 ORDER BY due_at DESC OFFSET greatest(p_total - 1, 0) LIMIT 1))
$$;

-- A case as JSON for people and programs; p_identity adds who reported it.
CREATE FUNCTION case_json(p_case bigint, p_identity boolean)
RETURNS json LANGUAGE sql STABLE SET search_path = meldpunt, pg_catalog, pg_temp AS $$
	SELECT json_build_object(
		'number', c.number, 'mailbox', b.name, 'state', c.state, 'resolution', c.resolution,
		'title', c.title, 'description', c.description, 'severity', c.severity, 'cvss', c.cvss,
		'owner', c.owner, 'assessment', c.assessment, 'language', nullif(c.language, ''),
		'arrived_at', c.arrived_at, 'answer_due_at', c.answer_due_at,
		'answered_at', c.answered_at, 'closed_at', c.closed_at, 'fix_date', c.fix_date,
		'claims', (SELECT number FROM cases WHERE id = c.claims),
		'assets', (SELECT coalesce(json_agg(json_build_object('kind', kind, 'value', value)
			ORDER BY kind, value), '[]') FROM assets WHERE case_id = c.id),
		'reporter', (SELECT CASE WHEN p_identity
			THEN json_build_object('alias', alias, 'fingerprint', fingerprint, 'name', name,
				'address', address, 'credit', credit, 'pinned', pinned_at IS NOT NULL)
			ELSE json_build_object('alias', alias, 'fingerprint', NULL) END
			FROM meldpunt_private.reporters WHERE id = c.reporter),
		'deadlines', (SELECT coalesce(json_agg(json_build_object('clock', clock, 'step', step,
			'fires_at', fires_at, 'fired_at', fired_at, 'cancelled_at', cancelled_at)
			ORDER BY fires_at, id), '[]') FROM deadlines WHERE case_id = c.id),
		'messages', (SELECT coalesce(json_agg(json_build_object(
			'direction', m.direction, 'at', m.at, 'protection', m.protection,
			'signature', m.signature,
			'fingerprint', CASE WHEN p_identity OR m.direction = 'out' THEN m.fingerprint END,
			'message_id', CASE WHEN p_identity OR m.direction = 'out' THEN m.message_id END,
			'subject', m.subject, 'body', m.body,
			'attachments', (SELECT coalesce(json_agg(json_build_object('n', a.n, 'name', a.name,
				'size', a.size, 'sha256', encode(a.sha256, 'hex'), 'type', a.type,
				'protected', a.protected) ORDER BY a.n), '[]')
				FROM attachments a WHERE a.message = m.id))
			ORDER BY m.at, m.id), '[]') FROM messages m WHERE m.case_id = c.id),
		'events', (SELECT coalesce(json_agg(json_build_object('at', e.at, 'who', e.actor,
			'what', e.what, 'detail', e.detail) ORDER BY e.id), '[]')
			FROM events e WHERE e.case_id = c.id))
	FROM cases c JOIN mailboxes b ON b.id = c.mailbox WHERE c.id = p_case
$$;
