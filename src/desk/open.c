#include "desk/open.h"

#include "base/secret.h"
#include "base/text.h"
#include "desk/deadlines.h"
#include "desk/events.h"

#include <string.h>

static char *
new_alias(void)
{
	g_autofree char *token = secret_token();

	return g_strdup_printf("reporter-%.8s", token);
}

struct casefile *
open_prepare(const struct conf *conf, const struct inbound *inbound,
	const char *number, const struct report *report,
	const struct reporter_key *key)
{
	struct casefile *file = casefile_new();
	const struct reading *outer = report->outer;
	const char *language = report->inner->language;

	file->number = g_strdup(number);
	file->mailbox = g_strdup(inbound->mailbox);
	file->mailbox_id = inbound->mailbox_id;
	file->arrived_at = inbound->arrived_at;
	file->answer_due_at = deadline_answer_due(conf, inbound->arrived_at);
	file->language = g_strdup(language ? language : "");
	file->alias = new_alias();
	file->sealed = report_is_sealed(report);
	if (outer->from_name && *outer->from_name)
		file->name = g_strdup(outer->from_name);
	if (outer->from_address && *outer->from_address)
		file->address = g_strdup(outer->from_address);
	if (key->packets != NULL) {
		file->key = g_byte_array_new();
		g_byte_array_append(file->key, key->packets->data,
			key->packets->len);
		file->fingerprint = g_strdup(key->fingerprint);
		file->pinned = key->pinned;
	}
	return file;
}

static const char sql_add_reporter[] =
	"INSERT INTO meldpunt_private.reporters"
	" (alias, name, address, key, fingerprint, pinned_at)"
	" VALUES ($1, $2, $3, $4, $5, CASE WHEN $6 THEN now() END)"
	" RETURNING id";

static const char sql_add_case[] =
	"INSERT INTO cases (number, mailbox, inbound, reporter, title,"
	" description, cvss, language, arrived_at, answer_due_at, claims)"
	" SELECT $1::text, mailbox, id, $3::bigint, $4::text, $5::text,"
	" nullif($6::text, ''), $7::text, arrived_at,"
	" arrived_at + $8 * interval '1 microsecond', nullif($9::bigint, 0)"
	" FROM inbound WHERE id = $2 RETURNING id";

static bool
store_case(struct db *db, const struct inbound *inbound,
	const struct report *report, struct casefile *file, GError **error)
{
	g_autoptr(rows) reporter = db_query(db, error, sql_add_reporter,
		PARAM_TEXT(file->alias), PARAM_TEXT(file->name),
		PARAM_TEXT(file->address),
		file->key ? PARAM_BYTEA(file->key->data, file->key->len)
			  : PARAM_NULL,
		PARAM_TEXT(file->fingerprint), PARAM_BOOL(file->pinned));
	g_autoptr(rows) added = NULL;
	const char *cvss = report->inner->cvss;

	if (reporter == NULL)
		return false;
	added = db_query(db, error, sql_add_case, PARAM_TEXT(file->number),
		PARAM_INT8(inbound->id),
		PARAM_INT8(rows_int8(reporter, 0, "id")),
		PARAM_TEXT(file->title),
		PARAM_TEXT(report->description ? report->description : ""),
		PARAM_TEXT(cvss ? cvss : ""), PARAM_TEXT(file->language),
		PARAM_INT8(file->answer_due_at - file->arrived_at),
		PARAM_INT8(file->claims));
	if (added == NULL)
		return false;
	file->id = rows_int8(added, 0, "id");
	return true;
}

static const char sql_add_asset[] =
	"INSERT INTO assets (case_id, kind, value) VALUES ($1, $2, $3)"
	" ON CONFLICT DO NOTHING";

static bool
store_assets(struct db *db, const struct report *report, int64_t case_id,
	GError **error)
{
	for (guint i = 0; i < report->inner->assets->len; i++) {
		const struct asset *asset = report->inner->assets->pdata[i];
		g_autofree char *value = text_line(asset->value, 2000);

		if (!db_run(db, error, sql_add_asset, PARAM_INT8(case_id),
			    PARAM_TEXT(asset->kind), PARAM_TEXT(value)))
			return false;
	}
	return true;
}


static const char sql_add_deadlines[] =
	"INSERT INTO deadlines (case_id, clock, step, fires_at)"
	" SELECT $1::bigint, 'answer', step, to_timestamp(at / 1000000)"
	" FROM (VALUES ($2::text, $3::numeric), ($4, $5), ($6, $7), ($8, $9))"
	" AS steps (step, at)";

static bool
store_deadlines(struct db *db, const struct conf *conf,
	const struct casefile *file, GError **error)
{
	struct deadline s[DEADLINE_ANSWER_STEPS];

	deadline_answer_steps(conf, file->arrived_at, s);
	return db_run(db, error, sql_add_deadlines, PARAM_INT8(file->id),
		PARAM_TEXT(s[0].step), PARAM_INT8(s[0].fires_at),
		PARAM_TEXT(s[1].step), PARAM_INT8(s[1].fires_at),
		PARAM_TEXT(s[2].step), PARAM_INT8(s[2].fires_at),
		PARAM_TEXT(s[3].step), PARAM_INT8(s[3].fires_at));
}

static const char sql_add_attachment[] =
	"INSERT INTO attachments"
	" (message, n, name, type, size, sha256, blob, protected)"
	" VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";

static bool
store_attachments(struct db *db, const struct report *report, int64_t message,
	int64_t before, GError **error)
{
	for (guint i = 0; i < report->attachments->len; i++) {
		const struct attachment *a = report->attachments->pdata[i];
		int64_t blob;

		if (!blob_store(db, a->source, a->bytes.offset,
			    a->bytes.length, &blob, error) ||
			!db_run(db, error, sql_add_attachment,
				PARAM_INT8(message), PARAM_INT8(before + i + 1),
				PARAM_TEXT(a->name), PARAM_TEXT(a->type),
				PARAM_INT8(a->size),
				PARAM_BYTEA(a->sha256, sizeof(a->sha256)),
				PARAM_INT8(blob), PARAM_BOOL(a->protected)))
			return false;
	}
	return true;
}

static const char sql_add_message[] =
	"INSERT INTO messages (case_id, direction, inbound, at, protection,"
	" signature, fingerprint, message_id, subject, body, stranger,"
	" sender)"
	" SELECT $1::bigint, $2::text, id, arrived_at, $4::text, $5::text,"
	" $6::text, nullif($7::text, ''), $8::text, $9::text, $10::boolean,"
	" $11::text"
	" FROM inbound WHERE id = $3 RETURNING id";

bool
open_file_message(struct db *db, const struct inbound *inbound,
	const struct report *report, const struct casefile *file,
	const char *direction, bool stranger, GError **error)
{
	const struct reading *outer = report->outer;
	g_autofree char *subject = text_line(report->title, 998);
	g_autoptr(rows) added = db_query(db, error, sql_add_message,
		PARAM_INT8(file->id), PARAM_TEXT(direction),
		PARAM_INT8(inbound->id),
		PARAM_TEXT(protection_word(report->protection)),
		PARAM_TEXT(signature_word(report->signature)),
		PARAM_TEXT(report->fingerprint),
		PARAM_TEXT(outer->message_id ? outer->message_id : ""),
		PARAM_TEXT(subject),
		PARAM_TEXT(report->description ? report->description : ""),
		PARAM_BOOL(stranger), PARAM_TEXT(outer->from_address));

	return added != NULL &&
		store_attachments(db, report, rows_int8(added, 0, "id"),
			file->attachments, error);
}

bool
open_store(struct db *db, const struct conf *conf,
	const struct inbound *inbound, const struct report *report,
	struct casefile *file, GError **error)
{
	return store_case(db, inbound, report, file, error) &&
		store_assets(db, report, file->id, error) &&
		store_deadlines(db, conf, file, error) &&
		open_file_message(db, inbound, report, file, "in", false,
			error) &&
		event_add(db, file->id, inbound->id, "case-opened",
			protection_word(report->protection), error);
}

static const char sql_refill_message[] =
	"UPDATE messages SET protection = $2, signature = $3, fingerprint = $4,"
	" subject = $5, body = $6 WHERE inbound = $1 RETURNING id";

static const char sql_refill_case[] =
	"UPDATE cases SET title = $2, description = $3, cvss = nullif($4, ''),"
	" language = $5 WHERE id = $1 AND inbound = $6";

static const char sql_refill_reporter[] =
	"UPDATE meldpunt_private.reporters SET key = $2, fingerprint = $3,"
	" pinned_at = CASE WHEN $4 THEN now() END"
	" WHERE id = (SELECT reporter FROM cases"
	" WHERE id = $1 AND inbound = $5)";

bool
open_refill(struct db *db, const struct inbound *inbound,
	const struct report *report, const struct casefile *file,
	const struct reporter_key *key, GError **error)
{
	const char *text = report->description ? report->description : "";
	const char *cvss = report->inner->cvss;
	const char *language = report->inner->language;
	g_autofree char *subject = text_line(report->title, 998);
	g_autoptr(rows) message = db_query(db, error, sql_refill_message,
		PARAM_INT8(inbound->id),
		PARAM_TEXT(protection_word(report->protection)),
		PARAM_TEXT(signature_word(report->signature)),
		PARAM_TEXT(report->fingerprint), PARAM_TEXT(subject),
		PARAM_TEXT(text));

	return message != NULL &&
		db_run(db, error, sql_refill_reporter, PARAM_INT8(file->id),
			key->packets ? PARAM_BYTEA(key->packets->data,
					       key->packets->len)
				     : PARAM_NULL,
			PARAM_TEXT(key->fingerprint),
			PARAM_BOOL(key->pinned), PARAM_INT8(inbound->id)) &&
		db_run(db, error, sql_refill_case, PARAM_INT8(file->id),
			PARAM_TEXT(file->title), PARAM_TEXT(text),
			PARAM_TEXT(cvss ? cvss : ""),
			PARAM_TEXT(language ? language : ""),
			PARAM_INT8(inbound->id)) &&
		store_assets(db, report, file->id, error) &&
		store_attachments(db, report, rows_int8(message, 0, "id"),
			file->attachments, error);
}

#define MICROSECONDS(column) \
	"(extract(epoch FROM " column ") * 1000000)::bigint"

static const char sql_load[] =
	"SELECT c.number, c.title, c.language, c.mailbox AS mailbox_id,"
	" b.name AS mailbox, c.state, c.resolution, c.severity, c.cvss,"
	" c.owner, c.assessment, c.fix_date, c.held, EXISTS (SELECT FROM"
	"  letters p JOIN outbound o ON o.letter = p.id WHERE p.case_id = c.id"
	"  AND p.answers AND o.state IN ('queued', 'sending')) AS answering,"
	" EXISTS (SELECT FROM letters p WHERE p.case_id = c.id"
	"  AND p.kind = 'acknowledgment') AS acknowledged,"
	" r.alias, r.name, r.address,"
	" r.key, r.fingerprint, r.pinned_at IS NOT NULL AS pinned, r.plain,"
	" m.protection LIKE 'encrypted%' OR m.protection = 'undecryptable'"
	" AS sealed, m.message_id AS report_id,"
	" (SELECT count(*) FROM attachments a JOIN messages m"
	" ON m.id = a.message WHERE m.case_id = c.id) AS attachments, "
	MICROSECONDS("c.arrived_at") " AS arrived_at, "
	MICROSECONDS("c.answer_due_at") " AS due_at, "
	MICROSECONDS("c.answered_at") " AS answered_at, "
	MICROSECONDS("c.waiting_since") " AS waiting_since, "
	MICROSECONDS("c.acted_at") " AS acted_at,"
	" l.author AS last_author, "
	MICROSECONDS("l.created_at") " AS last_letter_at"
	" FROM cases c JOIN meldpunt_private.reporters r ON r.id = c.reporter"
	" JOIN mailboxes b ON b.id = c.mailbox"
	" LEFT JOIN messages m ON m.inbound = c.inbound"
	" LEFT JOIN LATERAL (SELECT author, created_at FROM letters"
	"  WHERE case_id = c.id AND author <> ''"
	"  ORDER BY id DESC LIMIT 1) l ON true"
	" WHERE c.id = $1 FOR UPDATE OF c";

static void
read_state(struct casefile *file, const struct rows *found)
{
	file->mailbox_id = rows_int8(found, 0, "mailbox_id");
	file->mailbox = g_strdup(rows_text(found, 0, "mailbox"));
	file->state = g_strdup(rows_text(found, 0, "state"));
	file->resolution = g_strdup(rows_text(found, 0, "resolution"));
	file->severity = g_strdup(rows_text(found, 0, "severity"));
	file->cvss = g_strdup(rows_text(found, 0, "cvss"));
	file->owner = g_strdup(rows_text(found, 0, "owner"));
	file->assessment = g_strdup(rows_text(found, 0, "assessment"));
	file->fix_date = g_strdup(rows_text(found, 0, "fix_date"));
	file->sealed = rows_bool(found, 0, "sealed");
	file->held = rows_bool(found, 0, "held");
	file->answering = rows_bool(found, 0, "answering");
	file->acknowledged = rows_bool(found, 0, "acknowledged");
	file->answered_at = rows_int8(found, 0, "answered_at");
	file->waiting_since = rows_int8(found, 0, "waiting_since");
	file->acted_at = rows_int8(found, 0, "acted_at");
	file->last_author = g_strdup(rows_text(found, 0, "last_author"));
	file->last_letter_at = rows_int8(found, 0, "last_letter_at");
	file->report_id = g_strdup(rows_text(found, 0, "report_id"));
}

static void
read_reporter(struct casefile *file, const struct rows *found)
{
	size_t size;
	g_autofree uint8_t *key = rows_bytea(found, 0, "key", &size);

	file->alias = g_strdup(rows_text(found, 0, "alias"));
	file->name = g_strdup(rows_text(found, 0, "name"));
	file->address = g_strdup(rows_text(found, 0, "address"));
	file->fingerprint = g_strdup(rows_text(found, 0, "fingerprint"));
	file->pinned = rows_bool(found, 0, "pinned");
	file->plain = rows_bool(found, 0, "plain");
	if (key != NULL) {
		file->key = g_byte_array_new();
		g_byte_array_append(file->key, key, size);
	}
}

struct casefile *
open_load(struct db *db, int64_t case_id, GError **error)
{
	g_autoptr(rows) found =
		db_query(db, error, sql_load, PARAM_INT8(case_id));
	struct casefile *file;

	if (found == NULL || rows_count(found) == 0)
		return NULL;
	file = casefile_new();
	file->id = case_id;
	file->number = g_strdup(rows_text(found, 0, "number"));
	file->title = g_strdup(rows_text(found, 0, "title"));
	file->language = g_strdup(rows_text(found, 0, "language"));
	file->attachments = rows_int8(found, 0, "attachments");
	file->arrived_at = rows_int8(found, 0, "arrived_at");
	file->answer_due_at = rows_int8(found, 0, "due_at");
	read_state(file, found);
	read_reporter(file, found);
	return file;
}
