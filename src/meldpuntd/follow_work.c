#include "meldpuntd/follow_work.h"

#include "base/log.h"
#include "base/text.h"
#include "desk/deadlines.h"
#include "desk/events.h"
#include "desk/open.h"
#include "desk/marks.h"
#include "desk/replay.h"
#include "desk/words.h"
#include "intake/reporter_key.h"
#include "meldpuntd/order_work.h"
#include "meldpuntd/post.h"

#include <string.h>

#define MAX_LOOK 8192 /* bytes of a text in which a lost key is looked for */

/* A message on its way into a case. */
struct follow {
	struct job *job;
	bool note;
	bool stranger; /* from another address than the reporter's */
	struct words words;
	bool obeyed;
	const char *what; /* to be told to the reporter, or NULL */
	const char *template;
};

/* The reporter's own hand, as far as it can be known. */
static bool
is_signed_by_reporter(const struct job *job)
{
	return job->file->pinned && job->report->fingerprint != NULL &&
		g_ascii_strcasecmp(job->file->fingerprint,
			job->report->fingerprint) == 0;
}

/* Not what a machine answers, however it got into the thread. */
static bool
is_persons(const struct follow *f)
{
	return !f->note && (f->job->report->outer->guard == 0 ||
				   is_signed_by_reporter(f->job));
}

static bool
may_order(const struct follow *f)
{
	if (f->words.word == WORD_NONE || f->stranger || f->note ||
		f->job->report->outer->guard != 0)
		return false;
	if (words_need_signature(f->words.word) || f->job->file->pinned)
		return is_signed_by_reporter(f->job);
	return true;
}

static const char sql_language[] =
	"UPDATE cases SET language = $2 WHERE id = $1";
static const char sql_credit[] =
	"UPDATE meldpunt_private.reporters SET credit = nullif($2, '')"
	" WHERE id = (SELECT reporter FROM cases WHERE id = $1)";
static const char sql_plain[] =
	"UPDATE meldpunt_private.reporters SET plain = true"
	" WHERE id = (SELECT reporter FROM cases WHERE id = $1)";
static const char sql_key[] =
	"UPDATE meldpunt_private.reporters SET key = $2, fingerprint = $3,"
	" pinned_at = now() WHERE id = (SELECT reporter FROM cases"
	" WHERE id = $1)";
static const char sql_withdraw[] =
	"UPDATE cases SET state = 'closed', resolution = 'withdrawn',"
	" closed_at = now(), withdrawn_at = now()"
	" WHERE id = $1 AND state <> 'closed'";

/* The new key: signed for by the old one, and from under the same seal. */
static bool
change_key(struct follow *f, GError **error)
{
	struct job *job = f->job;
	g_autoptr(certificate_auto) key = reporter_key_find_new(job->report,
		job->work->pgp, job->file->fingerprint, error);

	bool usable;

	if (key == NULL)
		return *error == NULL;
	if (!pgp_can_encrypt(job->work->pgp, key, &usable, error))
		return false;
	f->obeyed = true;
	f->what = usable ? "what-key" : "what-key-useless";
	if (!usable)
		return true;
	g_byte_array_set_size(job->file->key, 0);
	g_byte_array_append(job->file->key, key->packets->data,
		key->packets->len);
	g_free(job->file->fingerprint);
	job->file->fingerprint = g_strdup(key->fingerprint);
	return db_run(job->work->db, error, sql_key, PARAM_INT8(job->file->id),
		PARAM_BYTEA(key->packets->data, key->packets->len),
		PARAM_TEXT(key->fingerprint));
}

static const char sql_renew[] =
	"UPDATE meldpunt_private.reporters SET key = $2"
	" WHERE id = (SELECT reporter FROM cases WHERE id = $1)";

/* The same key with another life span or other subkeys, as it says itself. */
static bool
renew_key(struct follow *f, GError **error)
{
	struct job *job = f->job;
	struct casefile *file = job->file;
	g_autoptr(certificate_auto) key = NULL;
	bool usable;

	if (f->note || !is_signed_by_reporter(job))
		return true;
	key = reporter_key_find_renewed(job->report, job->work->pgp,
		file->fingerprint);
	if (key == NULL ||
		(key->packets->len == file->key->len &&
			memcmp(key->packets->data, file->key->data,
				file->key->len) == 0))
		return true;
	if (!pgp_can_encrypt(job->work->pgp, key, &usable, error))
		return false;
	if (!usable)
		return true;
	g_byte_array_set_size(file->key, 0);
	g_byte_array_append(file->key, key->packets->data, key->packets->len);
	return db_run(job->work->db, error, sql_renew, PARAM_INT8(file->id),
		PARAM_BYTEA(key->packets->data, key->packets->len));
}

static bool
withdraw(struct follow *f, GError **error)
{
	struct db *db = f->job->work->db;
	int64_t id = f->job->file->id;

	f->what = "what-closed-withdrawn";
	g_free(f->job->file->state);
	f->job->file->state = g_strdup("closed");
	return db_run(db, error, sql_withdraw, PARAM_INT8(id)) &&
		db_run(db, error, "SELECT case_answered($1)",
			PARAM_INT8(id)) &&
		deadline_cancel(db, id, "progress", error) &&
		deadline_cancel(db, id, "fix-date", error);
}

static bool
obey(struct follow *f, GError **error)
{
	struct casefile *file = f->job->file;
	struct db *db = f->job->work->db;
	const char *value = f->words.value;

	f->obeyed = true;
	switch (f->words.word) {
	case WORD_STATUS:
		f->what = "what-status";
		return true;
	case WORD_HELP:
		f->what = "what-help";
		f->template = "reporter-help";
		return true;
	case WORD_LANGUAGE:
		f->what = "what-language";
		g_free(file->language);
		file->language = g_strdup(value);
		return db_run(db, error, sql_language, PARAM_INT8(file->id),
			PARAM_TEXT(value));
	case WORD_CREDIT:
		f->what = "what-credit";
		return db_run(db, error, sql_credit, PARAM_INT8(file->id),
			PARAM_TEXT(value));
	case WORD_PLAIN:
		f->obeyed = !file->sealed;
		if (file->sealed)
			return true;
		f->what = "what-plain";
		file->plain = true;
		return db_run(db, error, sql_plain, PARAM_INT8(file->id));
	case WORD_KEY:
		f->obeyed = false;
		return change_key(f, error);
	case WORD_WITHDRAW:
		return withdraw(f, error);
	case WORD_NONE:
		break;
	}
	return true;
}

static const char sql_heard[] =
	"UPDATE cases SET waiting_since = NULL WHERE id = $1";

/* The reporter's turn is over: it is for staff to write again. */
static bool
end_waiting(struct follow *f, GError **error)
{
	const struct casefile *file = f->job->file;
	const struct deadline due = {"progress", "due",
		f->job->in->arrived_at + f->job->work->conf->progress};

	/* also from another address of theirs: it is in the thread */
	if (file->waiting_since == 0 || !is_persons(f))
		return true;
	return db_run(f->job->work->db, error, sql_heard,
		       PARAM_INT8(file->id)) &&
		(file->answered_at == 0 ||
			deadline_set(f->job->work->db, file->id, &due, error));
}

static const char sql_keep_key[] =
	"UPDATE messages SET key = $2, key_fingerprint = $3 WHERE inbound = $1";

/* The key that came with it, for `reporter accept`; it is used for nothing. */
static bool
keep_key(struct follow *f, GError **error)
{
	struct job *job = f->job;
	struct reporter_key key = {0};
	g_autoptr(certificate_auto) certificate = NULL;

	if (f->note || (is_signed_by_reporter(job) && !f->stranger) ||
		job->report->candidates->len == 0)
		return true;
	certificate = job_reporter_key(job, &key, error);
	if (*error != NULL)
		return false;
	return certificate == NULL || !key.pinned ||
		db_run(job->work->db, error, sql_keep_key,
			PARAM_INT8(job->in->id),
			PARAM_BYTEA(key.packets->data, key.packets->len),
			PARAM_TEXT(key.fingerprint));
}

static bool
answer_reporter(struct follow *f, GError **error)
{
	const struct to_reporter mail = {.kind = "status",
		.template = f->template,
		.what = f->what};
	const char *how;

	return f->what == NULL ||
		post_to_reporter(f->job->work, &f->job->facts, &mail, &how,
			error);
}

static bool
is_for_staff(const struct follow *f)
{
	bool about_mail = f->words.word == WORD_STATUS ||
		f->words.word == WORD_HELP || f->words.word == WORD_LANGUAGE;

	return !f->note && (!f->obeyed || !about_mail || f->words.more);
}

static bool
store(struct follow *f, GError **error)
{
	struct job *job = f->job;
	const char *what = f->note ? "note-filed"
		: f->obeyed	   ? "word"
				   : "follow-up";

	return open_file_message(job->work->db, job->in, job->report, job->file,
		       f->note ? "note" : "in", f->stranger, error) &&
		event_add(job->work->db, job->file->id, job->in->id, what,
			f->stranger ? "from another address" : "", error) &&
		keep_key(f, error) && end_waiting(f, error) &&
		answer_reporter(f, error) &&
		(!is_for_staff(f) || job_notify(job, true, error)) &&
		order_work_tell(job, error) &&
		job_finish(job, f->note ? "note" : "follow-up", error) &&
		db_commit(job->work->db, error);
}

/* A signed word counts once, and not for long: who caught it may resend it. */
static bool
is_fresh(struct follow *f, bool *fresh, GError **error)
{
	const struct job *job = f->job;
	moment arrived = job->in->arrived_at;

	*fresh = true;
	if (job->report->fingerprint == NULL)
		return true;
	if (!replay_enter(job->work->db, job->in, job->report, fresh, error))
		return false;
	*fresh &= replay_is_timely(job->report->signed_at, arrived);
	return true;
}

static const char sql_object[] =
	"UPDATE reporter_changes SET confirmed_by = NULL, effective_at = NULL"
	" WHERE case_id = $1 AND done_at IS NULL AND confirmed_by IS NOT NULL"
	" RETURNING id";

/*
 * Any word from the old address while another one waits to take its place
 * is an objection: a lead has to look again.
 */
static bool
hear_objection(struct follow *f, GError **error)
{
	struct job *job = f->job;
	struct db *db = job->work->db;
	g_autoptr(rows) stopped = NULL;

	if (f->stranger || !is_persons(f))
		return true;
	stopped = db_query(db, error, sql_object, PARAM_INT8(job->file->id));
	if (stopped == NULL)
		return false;
	if (rows_count(stopped) == 0)
		return true;
	if (job->facts.hints == NULL)
		job->facts.hints = g_ptr_array_new_with_free_func(
			(GDestroyNotify)told_free);
	told_add(job->facts.hints, "remark-objection", "", "");
	return deadline_cancel(db, job->file->id, "reporter", error) &&
		event_add(db, job->file->id, job->in->id, "objection", "",
			error);
}

/* That a key or an address is lost, in the words that people use for it. */
static bool
says_lost(const struct report *report)
{
	const char *all = report->description ? report->description : "";
	/* a stranger's text may be long: it is said at the top */
	g_autofree char *start = text_block(all, strlen(all), MAX_LOOK);

	return g_regex_match_simple(
		"(?:lost|lose|losing|no longer have|new) (?:my |the |access to )*"
		"(?:old |pgp |gpg |private |secret )*key"
		"|key (?:is|was|has been|got) (?:lost|gone|stolen|compromised)"
		"|sleutel[^.\n]{0,30}(?:kwijt|verloren|gestolen)"
		"|(?:kwijt|verloren)[^.\n]{0,30}sleutel",
		start, G_REGEX_CASELESS, 0);
}

static const char sql_helped[] =
	"SELECT count(*) > 0 AS helped FROM letters WHERE case_id = $1"
	" AND kind = 'key-help' AND created_at > now() - interval '1 day'";

/*
 * Where a key is pinned, who writes without it, or says that it is lost, may
 * be another: the old address hears, content-free, what to do; once a day.
 */
static bool
help_with_key(struct follow *f, GError **error)
{
	struct job *job = f->job;
	const struct to_reporter mail = {.kind = "key-help", .what = "what-key-help"};
	g_autoptr(rows) found = NULL;
	const char *how;

	if (!job->file->pinned || f->note || job->file->address == NULL ||
		job->report->failure != NULL ||
		job->report->outer->guard != 0 || is_signed_by_reporter(job) ||
		(f->stranger && !says_lost(job->report)))
		return true;
	found = db_query(job->work->db, error, sql_helped,
		PARAM_INT8(job->file->id));
	return found != NULL &&
		(rows_bool(found, 0, "helped") ||
			post_to_reporter(job->work, &job->facts, &mail, &how,
				error));
}

static const char sql_told_often[] =
	"SELECT count(*) >= 20 OR count(*) FILTER (WHERE created_at >"
	" now() - interval '1 hour') >= 10 AS often FROM letters"
	" WHERE case_id = $1 AND kind = 'status'"
	" AND created_at > now() - interval '1 day'";

/* Two machines that answer each other must come to an end. */
static bool
limit_answers(struct follow *f, GError **error)
{
	g_autoptr(rows) found = NULL;

	if (f->what == NULL)
		return true;
	found = db_query(f->job->work->db, error, sql_told_often,
		PARAM_INT8(f->job->file->id));
	if (found == NULL)
		return false;
	if (rows_bool(found, 0, "often"))
		f->what = NULL;
	return true;
}

/* A part that another reporter sent before holds replies to this one. */
static bool
look_for_marks(struct follow *f, GError **error)
{
	struct job *job = f->job;
	const uint8_t *key = job->postbox.content_key;

	return f->note ||
		(marks_look(job->work->db, key, job->report, job->file,
			 error) &&
			marks_keep(job->work->db, key, job->report, job->file,
				error));
}

static bool
follow(struct follow *f, GError **error)
{
	struct job *job = f->job;
	bool fresh;

	if (!renew_key(f, error))
		return false;
	words_parse(job->report->description ? job->report->description : "",
		&f->words);
	if (may_order(f)) {
		if (!is_fresh(f, &fresh, error) || (fresh && !obey(f, error)))
			return false;
	}
	/* a closed question is open again: staff decide, the reporter knows */
	if (!f->obeyed && !f->note && !f->stranger &&
		strcmp(job->file->state, "closed") == 0 &&
		job->report->outer->guard == 0)
		f->what = "what-arrived";
	/* what nobody can read is to be sent again, by who wrote it */
	if (job->report->failure != NULL && !f->stranger && is_persons(f))
		f->what = "what-unreadable";
	if (!hear_objection(f, error) || !limit_answers(f, error) ||
		!help_with_key(f, error) || !look_for_marks(f, error) ||
		!store(f, error))
		return false;
	log_case(f->note ? "note-filed" : "follow-up", job->file->number,
		"%s, signature %s", protection_word(job->report->protection),
		signature_word(job->report->signature));
	return true;
}

bool
follow_work_do(struct job *job, int64_t case_id, bool is_note, GError **error)
{
	struct follow f = {.job = job, .note = is_note};
	bool good;

	job->file = open_load(job->work->db, case_id, error);
	if (job->file == NULL || !job_prepare_facts(job, error))
		return false;
	/* whatever marks a list or a remailer put on it: a person has signed */
	f.note &= !is_signed_by_reporter(job);
	f.stranger = !f.note &&
		g_strcmp0(job->report->outer->from_address,
			job->file->address) != 0;
	job->facts.stranger = f.stranger;
	good = follow(&f, error);
	g_free(f.words.value);
	return good;
}
