#include "meldpuntd/alarms.h"

#include "base/log.h"
#include "outbox/letters.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#define AGAIN CLOCK_DAY		       /* what lasts is told daily */
#define FIRST_RETRY (10 * CLOCK_SECOND) /* of a mail, doubled */
#define LAST_RETRY (10 * CLOCK_MINUTE)
#define MAILS_MAX 100
#define SUBJECTS_MAX 200

/* Something that fails, or did until a moment ago. */
struct subject {
	struct trouble trouble;
	int64_t since; /* ticks, which no clock change moves */
	int64_t told;  /* ticks; 0: not yet */
};

struct alarms {
	int sockets[2]; /* roles', ours */
	GPtrArray *subjects;
	GQueue mails; /* char *, trouble_write() */
	struct child *mailer;
	int64_t mail_at; /* ticks */
	int64_t delay;
	guint turn; /* whose server is tried next */
};

static void
subject_free(void *data)
{
	struct subject *subject = data;

	trouble_clear(&subject->trouble);
	g_free(subject);
}

struct alarms *
alarms_new(void)
{
	struct alarms *alarms = g_new0(struct alarms, 1);

	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
		    alarms->sockets) != 0)
		alarms->sockets[0] = alarms->sockets[1] = -1;
	alarms->subjects = g_ptr_array_new_with_free_func(subject_free);
	g_queue_init(&alarms->mails);
	alarms->mailer = child_new("alarm", "", 0);
	alarms->delay = FIRST_RETRY;
	return alarms;
}

void
alarms_free(struct alarms *alarms)
{
	close(alarms->sockets[0]);
	close(alarms->sockets[1]);
	g_ptr_array_unref(alarms->subjects);
	g_queue_clear_full(&alarms->mails, g_free);
	child_free(alarms->mailer);
	g_free(alarms);
}

int
alarms_told_by_roles(const struct alarms *alarms)
{
	return alarms->sockets[0];
}

int
alarms_socket(const struct alarms *alarms)
{
	return alarms->sockets[1];
}

static struct subject *
find(const struct alarms *alarms, const char *what, const char *name)
{
	for (guint i = 0; i < alarms->subjects->len; i++) {
		struct subject *s = alarms->subjects->pdata[i];

		if (strcmp(s->trouble.what, what) == 0 &&
			strcmp(s->trouble.name, name) == 0)
			return s;
	}
	return NULL;
}

void
alarms_note(struct alarms *alarms, const char *what, const char *name,
	bool well)
{
	struct subject *s = find(alarms, what, name);

	if (well && s != NULL && s->trouble.until == 0)
		s->trouble.until = clock_now();
	if (well || (s != NULL && s->trouble.until == 0))
		return;
	if (s == NULL && alarms->subjects->len >= SUBJECTS_MAX)
		return;
	if (s == NULL) {
		s = g_new0(struct subject, 1);
		s->trouble.what = g_strdup(what);
		s->trouble.name = g_strdup(name);
		g_ptr_array_add(alarms->subjects, s);
	}
	s->since = clock_ticks();
	s->trouble.since = clock_now();
	s->trouble.until = 0;
}

/* A role may have been taken over: it says this, or it has said nothing. */
static bool
may_be_said(const char *what, const char *name)
{
	static const char *const known[] = {"database", "imap", "smtp", "key",
		NULL};

	return g_strv_contains(known, what) &&
		g_regex_match_simple("^[A-Za-z0-9-]{0,100}$", name,
			G_REGEX_DOLLAR_ENDONLY, 0);
}

void
alarms_read(struct alarms *alarms)
{
	char line[256];
	ssize_t n;

	while ((n = recv(alarms->sockets[1], line, sizeof(line) - 1, 0)) > 0) {
		g_auto(GStrv) words = NULL;

		line[n] = '\0';
		words = g_strsplit(line, " ", 3);
		if (g_strv_length(words) == 3 &&
			may_be_said(words[1], words[2]))
			alarms_note(alarms, words[1], words[2],
				strcmp(words[0], "well") == 0);
	}
}

/* In the child: never returns. */
static void
become_command(const char *command, const struct trouble *trouble,
	const char *words)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setenv("MELDPUNT_ALARM", words, 1);
	setenv("MELDPUNT_STATE", trouble->until ? "recovered" : "failing", 1);
	setenv("MELDPUNT_WHAT", trouble->what, 1);
	setenv("MELDPUNT_NAME", trouble->name, 1);
	unsetenv("NOTIFY_SOCKET");
	execlp("timeout", "timeout", "60", "/bin/sh", "-c", command, NULL);
	_exit(127);
}

/* Log, command and mail: whoever still can. */
static void
tell(struct alarms *alarms, const struct conf *conf,
	const struct trouble *trouble)
{
	g_autofree char *words =
		letter_trouble(conf->mailboxes->pdata[0], "en", trouble);

	if (trouble->until != 0)
		log_info("alarm over: %s", words);
	else
		log_warning("alarm: %s", words);
	if (*conf->alarm_command != '\0' && fork() == 0)
		become_command(conf->alarm_command, trouble, words);
	if (conf->alarm_addresses[0] != NULL &&
		g_queue_get_length(&alarms->mails) < MAILS_MAX)
		g_queue_push_tail(&alarms->mails, trouble_write(trouble));
}

/* False for what a reload has taken out of the configuration. */
static bool
concerns(const struct conf *conf, const struct trouble *trouble)
{
	bool mailbox = strcmp(trouble->what, "imap") == 0 ||
		strcmp(trouble->what, "smtp") == 0;

	if (mailbox)
		return conf_mailbox(conf, trouble->name) != NULL;
	if (strcmp(trouble->what, "key") != 0)
		return true;
	for (guint i = 0; i < conf->mailboxes->len; i++) {
		const struct mailbox *box = conf->mailboxes->pdata[i];

		if (strcmp(box->key, trouble->name) == 0)
			return true;
	}
	return false;
}

/* Tells of a subject what is due; when it is to be looked at again. */
static int64_t
look(struct alarms *alarms, const struct conf *conf, struct subject *s)
{
	int64_t due = s->told ? s->told + AGAIN : s->since + conf->alarm_after;

	if (!concerns(conf, &s->trouble)) {
		g_ptr_array_remove(alarms->subjects, s);
		return INT64_MAX;
	}
	if (s->trouble.until != 0) {
		if (s->told != 0)
			tell(alarms, conf, &s->trouble);
		g_ptr_array_remove(alarms->subjects, s);
		return INT64_MAX;
	}
	if (clock_ticks() < due)
		return due;
	tell(alarms, conf, &s->trouble);
	s->told = clock_ticks();
	return s->told + AGAIN;
}

/* Each try by another mailbox's server: one of them may be the trouble. */
static void
start_mailer(struct alarms *alarms, const struct child_setting *setting)
{
	const GPtrArray *boxes = setting->conf->mailboxes;
	const struct mailbox *box = boxes->pdata[alarms->turn++ % boxes->len];
	struct child *mailer = alarms->mailer;

	g_free(mailer->mailbox);
	g_free(mailer->task);
	mailer->mailbox = g_strdup(box->name);
	mailer->task = g_strdup(g_queue_peek_head(&alarms->mails));
	if (!child_start(mailer, setting))
		alarms->mail_at = clock_ticks() + LAST_RETRY;
}

int64_t
alarms_work(struct alarms *alarms, const struct child_setting *setting)
{
	int64_t next = INT64_MAX;

	if (setting->conf->alarm_addresses[0] == NULL)
		g_queue_clear_full(&alarms->mails, g_free);
	for (guint i = alarms->subjects->len; i > 0; i--) {
		int64_t due = look(alarms, setting->conf,
			alarms->subjects->pdata[i - 1]);

		next = MIN(next, due);
	}
	if (g_queue_is_empty(&alarms->mails) || alarms->mailer->pid > 0)
		return next;
	if (alarms->mail_at <= clock_ticks())
		start_mailer(alarms, setting);
	return MIN(next, MAX(alarms->mail_at, clock_ticks() + CLOCK_SECOND));
}

bool
alarms_ended(struct alarms *alarms, pid_t pid, int status)
{
	if (pid != alarms->mailer->pid)
		return false;
	alarms->mailer->pid = 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == EX_OK) {
		g_free(g_queue_pop_head(&alarms->mails));
		alarms->delay = FIRST_RETRY;
		alarms->mail_at = 0;
		return true;
	}
	alarms->mail_at = clock_ticks() + alarms->delay;
	alarms->delay = MIN(2 * alarms->delay, LAST_RETRY);
	return true;
}

void
alarms_stop(const struct alarms *alarms)
{
	if (alarms->mailer->pid > 0)
		kill(alarms->mailer->pid, SIGKILL);
}
