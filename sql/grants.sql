-- what each role's login may do; applied after every migration, where the
-- logins exist

GRANT USAGE ON SCHEMA meldpunt TO meldpunt_fetcher, meldpunt_worker, meldpunt_sender, meldpunt_admin;
GRANT USAGE ON SCHEMA meldpunt_private TO meldpunt_worker, meldpunt_admin;
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA meldpunt FROM PUBLIC;
-- a temporary table may stand in for one that a function of ours names
DO $$ BEGIN
	EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
END $$;
GRANT SELECT ON meldpunt.migrations TO meldpunt_fetcher, meldpunt_worker, meldpunt_sender, meldpunt_admin;

GRANT EXECUTE ON FUNCTION meldpunt.mailbox_enter(text, text, text) TO meldpunt_fetcher, meldpunt_sender;
GRANT EXECUTE ON FUNCTION meldpunt.process_started(text, text) TO meldpunt_fetcher, meldpunt_sender;
GRANT EXECUTE ON FUNCTION meldpunt.mailbox_fetched(smallint) TO meldpunt_fetcher;
GRANT USAGE ON SEQUENCE meldpunt.blob_ids TO meldpunt_fetcher;
GRANT SELECT, INSERT, UPDATE, DELETE ON meldpunt.fetch_losses TO meldpunt_fetcher;
GRANT INSERT ON meldpunt.blobs TO meldpunt_fetcher;
GRANT INSERT (mailbox, folder, uidvalidity, uid, arrived_at, size, sha256, blob, header_only)
	ON meldpunt.inbound TO meldpunt_fetcher;
GRANT SELECT (id, mailbox, folder, uidvalidity, uid, sha256, arrived_at, moved_at), UPDATE (moved_at)
	ON meldpunt.inbound TO meldpunt_fetcher;

GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA meldpunt TO meldpunt_worker;
GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA meldpunt_private TO meldpunt_worker;
GRANT UPDATE ON meldpunt.inbound, meldpunt.cases, meldpunt.case_numbers, meldpunt.outbound,
	meldpunt.deadlines, meldpunt.messages, meldpunt.digests, meldpunt.drafts,
	meldpunt.absences, meldpunt.reporter_changes, meldpunt.operator_orders, meldpunt.canaries TO meldpunt_worker;
GRANT UPDATE (morning_at, morning_last, subaddress_seen_at) ON meldpunt.mailboxes TO meldpunt_worker;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA meldpunt TO meldpunt_worker;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA meldpunt TO meldpunt_worker;
REVOKE INSERT ON meldpunt.migrations, meldpunt.mac_keys, meldpunt.mailboxes, meldpunt.process_starts FROM meldpunt_worker;

GRANT EXECUTE ON FUNCTION meldpunt.outbound_claim(smallint), meldpunt.outbound_hold(bigint, integer),
	meldpunt.outbound_settle(bigint, integer, text, integer, text), meldpunt.outbound_recover(smallint),
	meldpunt.outbound_next(smallint), meldpunt.mailbox_smtp_size(smallint, bigint),
	meldpunt.letter_part(bigint, integer) TO meldpunt_sender;

GRANT SELECT ON ALL TABLES IN SCHEMA meldpunt, meldpunt_private TO meldpunt_admin;
GRANT INSERT ON meldpunt.events TO meldpunt_admin;
GRANT INSERT (case_id, text, actor) ON meldpunt.operator_orders TO meldpunt_admin;
GRANT INSERT (mailbox, subaddress) ON meldpunt.canaries TO meldpunt_admin;
GRANT UPDATE (state, outcome, claims, reader_deaths, next_try_at) ON meldpunt.inbound TO meldpunt_admin;
GRANT EXECUTE ON FUNCTION meldpunt.case_json(bigint, boolean),
	meldpunt.report_cases(timestamptz, timestamptz), meldpunt.report_figures(timestamptz, timestamptz),
	meldpunt.report_months(timestamptz, timestamptz, text), meldpunt.report_ages(timestamptz, timestamptz),
	meldpunt.metrics_text(), meldpunt.case_numbers_skip(integer), meldpunt.report_json(timestamptz, timestamptz, text, boolean) TO meldpunt_admin;
