/* What goes to the reporter because of orders, and whether it answers. */
#include "meldpuntd/order_private.h"

#include "desk/apply.h"
#include "meldpuntd/post.h"

#include <string.h>

/* The attachments of the mail that an order names, from under the signature. */
static GPtrArray *
find_attached(struct order_job *o)
{
	const GPtrArray *all = o->job->report->attachments;
	const GPtrArray *names = o->applied.attach;
	GPtrArray *found = g_ptr_array_new();

	for (guint n = 0; names != NULL && n < names->len; n++) {
		struct attachment *match = NULL;

		for (guint i = 0; i < all->len; i++) {
			struct attachment *a = all->pdata[i];

			if (a->protected && strcmp(a->name, names->pdata[n]) == 0)
				match = a;
		}
		if (match != NULL)
			g_ptr_array_add(found, match);
		else
			order_refuse(o, "fault-attach", names->pdata[n], "");
	}
	return found;
}

/* The phrase that tells what has become of the case. */
static const char *
what_news(const struct order_job *o)
{
	const struct casefile *file = o->job->file;
	static const char *const closings[] = {"what-closed-fixed",
		"what-closed-duplicate", "what-closed-not-a-vulnerability",
		"what-closed-out-of-scope", "what-closed-wont-fix",
		"what-closed-withdrawn", "what-closed-spam"};

	for (size_t i = 0; o->applied.closed && i < G_N_ELEMENTS(closings); i++)
		if (strcmp(closings[i] + strlen("what-closed-"),
			    file->resolution) == 0)
			return closings[i];
	if (order_find(o->mail, ORDER_STATUS) != NULL)
		return strcmp(file->state, "fixed") == 0 ? "what-fixed"
							 : "what-fixing";
	return "what-fix-date";
}

/* The same where nothing but fixed words goes: words may wait, too. */
static const char *
what_happened(const struct order_job *o)
{
	const struct casefile *file = o->job->file;

	if (o->applied.closed)
		return what_news(o);
	/* fixed words can tell of a severity, not of an assessment */
	if (o->applied.mail == MAIL_REPLY)
		return case_can_be_answered(file) && file->severity != NULL
			? "what-answered"
			: "what-waiting";
	if (o->applied.mail == MAIL_QUESTION)
		return "what-waiting";
	return what_news(o);
}

/* Assessment and date are said until they were, and again when they change. */
bool
order_states_answer(const struct order_job *o)
{
	return case_can_be_answered(o->job->file) &&
		(o->job->file->answered_at == 0 ||
			order_find(o->mail, ORDER_FIX_DATE) != NULL ||
			order_find(o->mail, ORDER_SEVERITY) != NULL ||
			order_find(o->mail, ORDER_ASSESSMENT) != NULL);
}

bool
order_is_answer(const struct order_job *o)
{
	const struct casefile *file = o->job->file;

	if (o->applied.mail == MAIL_QUESTION)
		return false;
	if (o->applied.closed)
		return strcmp(file->resolution, "fixed") != 0 ||
			case_can_be_answered(file);
	/* what a waiting answer says is no longer so: this one says it too */
	return (o->applied.mail == MAIL_REPLY ||
		       (o->applied.mail == MAIL_STATUS && file->answering)) &&
		order_states_answer(o);
}

/* What has happened besides stands above the words of staff, or alone. */
static char *
with_news(const struct order_job *o, const char *what)
{
	const struct postbox *postbox = &o->job->postbox;
	const struct applied *a = &o->applied;
	const char *language = *o->job->file->language
		? o->job->file->language
		: postbox->mailbox->languages[0];
	bool news = a->closed || a->moved ||
		order_find(o->mail, ORDER_STATUS) != NULL;
	g_autofree char *phrase = NULL;

	if (a->text == NULL) {
		/* why it is closed is more than fixed words say */
		return a->closed && o->job->file->assessment != NULL
			? letter_phrase(postbox, language, what)
			: NULL;
	}
	if (!news)
		return g_strdup(a->text);
	phrase = letter_phrase(postbox, language, what);
	return g_strdup_printf("%s.\n\n%s", phrase, a->text);
}

bool
order_write_to_reporter(struct order_job *o, const char **how,
	GError **error)
{
	struct job *job = o->job;
	g_autoptr(GPtrArray) attached = find_attached(o);
	g_autofree char *text = NULL;
	struct to_reporter mail;

	*how = "sent-nothing";
	if (o->refused != NULL || o->applied.mail == MAIL_NONE)
		return true;
	text = with_news(o, what_news(o));
	mail = (struct to_reporter){.what = what_happened(o),
		.text = text,
		.question = o->applied.mail == MAIL_QUESTION,
		.answers = order_is_answer(o),
		.states = order_states_answer(o) &&
			(o->applied.mail != MAIL_QUESTION || o->applied.moved),
		.quiet = job->work->conf->progress,
		.author = o->staff->address,
		.attached = attached,
		.kind = o->applied.mail == MAIL_STATUS ? "status" : "reply"};
	if (attached->len > 0 &&
		strcmp(post_way(&job->facts), "sent-fixed") == 0)
		order_refuse(o, "fault-attach-keyless",
			((struct attachment *)attached->pdata[0])->name, "");
	if (o->refused != NULL)
		return true;
	return post_to_reporter(job->work, &job->facts, &mail, how, error);
}
