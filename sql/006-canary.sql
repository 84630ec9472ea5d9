-- canaries: mail to ourselves that shows that the whole way works

SET LOCAL search_path = meldpunt, pg_catalog;

CREATE TABLE canaries (
	id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
	mailbox smallint NOT NULL REFERENCES mailboxes,
	-- through address+detail, as reply addresses have it
	subaddress boolean NOT NULL,
	asked_at timestamptz NOT NULL DEFAULT now(),
	letter bigint UNIQUE REFERENCES letters,
	seen_at timestamptz,
	-- it came back encrypted to us and with our own good signature
	good boolean,
	CHECK ((seen_at IS NULL) = (good IS NULL)),
	CHECK (seen_at IS NULL OR letter IS NOT NULL)
);
CREATE INDEX canaries_to_send ON canaries (id) WHERE letter IS NULL;
CREATE TRIGGER wake AFTER INSERT OR UPDATE ON canaries FOR EACH STATEMENT EXECUTE FUNCTION wake();

-- A canary has come back; null if this is none.  Reply addresses are used
-- from then on, once one came back through them.
CREATE FUNCTION canary_seen(p_mailbox smallint, p_message_id text, p_good boolean)
RETURNS boolean LANGUAGE plpgsql SET search_path = meldpunt, pg_catalog, pg_temp AS $$
DECLARE
	v_row canaries;
BEGIN
	UPDATE canaries c SET seen_at = now(), good = p_good FROM letters l
		WHERE l.id = c.letter AND l.message_id = p_message_id AND l.mailbox = p_mailbox
		AND c.seen_at IS NULL RETURNING c.* INTO v_row;
	IF v_row.id IS NULL THEN
		RETURN NULL;
	END IF;
	IF v_row.subaddress AND p_good THEN
		UPDATE mailboxes SET subaddress_seen_at = coalesce(subaddress_seen_at, now())
			WHERE id = p_mailbox;
	END IF;
	RETURN v_row.subaddress;
END $$;
