/*
 * The supervisor: starts, watches and restarts the roles, gpg-agent and the
 * embedded PostgreSQL.  It holds the roles' passwords and touches no mail.
 */
#include "meldpuntd/roles.h"

#include "base/fault.h"
#include "base/log.h"
#include "base/stop.h"
#include "edge/cluster.h"
#include "edge/db.h"
#include "edge/jail.h"
#include "edge/notify.h"
#include "edge/schema.h"
#include "meldpuntd/agent.h"
#include "meldpuntd/alarms.h"
#include "meldpuntd/child.h"
#include "edge/privileges.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#define LAST_DELAY (30 * CLOCK_SECOND)
#define STEADY (30 * CLOCK_SECOND)	 /* who ran so long starts afresh */
#define GRACE (20 * CLOCK_SECOND)	 /* between TERM and KILL */

struct supervisor {
	const struct supervision *what;
	struct conf *conf;
	struct cluster *cluster;
	GPtrArray *children;
	struct alarms *alarms;
	struct credentials credentials;
	char *runtime_dir;
	int signals;
	int agent_listener;
	pid_t agent;
	int64_t agent_at; /* ticks; when it may be started again */
	bool stopping;	  /* for good */
	bool reloading;	  /* nobody is restarted meanwhile */
	bool hangup;	  /* HUP has come and was not acted upon */
	int status; /* the daemon's own exit status */
};

static bool
read_secrets(struct supervisor *s, GError **error)
{
	const char *only = s->what->only;
	const struct secrets_wanted wanted = {
		.imap = children_wanted(only, "fetcher"),
		.smtp = children_wanted(only, "sender") ||
			s->conf->alarm_addresses[0] != NULL,
		.key = children_wanted(only, "worker")};

	return credentials_read_secrets(&s->credentials, s->conf, &wanted,
		error);
}

/* Embedded: brought up to date here.  Else only looked at, if it is there. */
static bool
prepare_database(struct supervisor *s, GError **error)
{
	g_autofree char *conninfo = cluster_conninfo(s->conf);
	bool embedded = conf_is_embedded(s->conf);
	g_autoptr(db_auto) db = NULL;

	if (!embedded) {
		if (db_names_user(conninfo))
			log_info("the database string names a user: roles are "
				 "not separated");
		return true;
	}
	s->cluster = cluster_start(s->conf, true, error);
	if (s->cluster == NULL)
		return false;
	db = db_open(conninfo, "meldpunt_admin",
		g_hash_table_lookup(s->credentials.passwords, "admin"), error);
	return db != NULL && schema_migrate(db, s->conf, true, false, NULL,
			     error);
}

static struct child_setting
setting_of(const struct supervisor *s)
{
	return (struct child_setting){.conf = s->conf,
		.credentials = &s->credentials,
		.runtime_dir = s->runtime_dir,
		.health = alarms_told_by_roles(s->alarms),
		.once = s->what->once};
}

static void
start_child(struct supervisor *s, struct child *child)
{
	const struct child_setting setting = setting_of(s);

	if (child_start(child, &setting))
		return;
	child->restart_at = clock_ticks() + LAST_DELAY;
	log_warning("%s cannot be started: %s", child->role,
		g_strerror(errno));
}

/* A role that keeps crashing tells nothing itself. */
static void
note_end(struct supervisor *s, const struct child *child, bool crashed)
{
	g_autofree char *name = *child->mailbox
		? g_strdup_printf("%s %s", child->role, child->mailbox)
		: g_strdup_printf("%s %" PRId64, child->role, child->index);
	bool steady = clock_ticks() - child->started > STEADY;

	if (crashed != steady)
		alarms_note(s->alarms, "process", name, steady);
}

/* What the end of a role means for it and for the daemon. */
static void
child_ended(struct supervisor *s, struct child *child, int status)
{
	int64_t ran = clock_ticks() - child->started;
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : EX_SOFTWARE;

	child->pid = 0;
	if (s->what->once) {
		s->status = MAX(s->status, code);
		return;
	}
	if (!s->stopping && !s->reloading) {
		child_describe_end(child, status);
		note_end(s, child, code == EX_SOFTWARE);
	}
	if (code == EX_CONFIG && !s->stopping) {
		s->stopping = true;
		s->status = EX_CONFIG;
	}
	if (code == EX_UNAVAILABLE && s->agent > 0) {
		log_warning("gpg-agent does not answer and is replaced");
		kill(s->agent, SIGKILL);
	}
	if (ran > STEADY)
		child->delay = CHILD_FIRST_DELAY;
	child->restart_at =
		clock_ticks() + (ran > STEADY ? 1 : child->delay);
	child->delay = MIN(2 * child->delay, LAST_DELAY);
}

static void
postmaster_ended(struct supervisor *s)
{
	g_autoptr(GError) error = NULL;

	s->cluster->postmaster = 0;
	if (s->stopping)
		return;
	log_warning("the embedded database ended and is started again");
	g_clear_pointer(&s->cluster, cluster_stop);
	s->cluster = cluster_start(s->conf, true, &error);
	if (s->cluster == NULL) {
		log_warning("%s", error->message);
		s->stopping = true;
		s->status = fault_exit_status(error);
	}
}

static void
agent_ended(struct supervisor *s)
{
	s->agent = 0;
	if (s->stopping)
		return;
	log_info("gpg-agent ended and is started again");
	/* one that cannot live must not keep us busy */
	s->agent_at = clock_ticks() +
		(clock_ticks() - s->agent_at > STEADY ? 0 : CLOCK_SECOND);
}

static void
reap(struct supervisor *s)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (alarms_ended(s->alarms, pid, status))
			continue;
		if (pid == s->agent)
			agent_ended(s);
		else if (s->cluster != NULL && pid == s->cluster->postmaster)
			postmaster_ended(s);
		for (guint i = 0; i < s->children->len; i++) {
			struct child *child = s->children->pdata[i];

			if (child->pid == pid)
				child_ended(s, child, status);
		}
	}
}

static void
tell_manager(const struct supervisor *s, const char *first)
{
	g_autofree char *state = g_strdup_printf(
		"%sSTATUS=%u fetchers, %u workers, %u senders", first,
		children_running(s->children, "fetcher"),
		children_running(s->children, "worker"),
		children_running(s->children, "sender"));

	notify_send(state);
}

/* Waits for a signal or until; handles ended processes.  The signal or 0. */
static int
wait_for_signal(struct supervisor *s, int64_t until)
{
	struct pollfd polled[] = {{.fd = s->signals, .events = POLLIN},
		{.fd = alarms_socket(s->alarms), .events = POLLIN}};
	int64_t left = (until - clock_ticks()) / 1000;
	struct signalfd_siginfo info;

	if (poll(polled, G_N_ELEMENTS(polled), CLAMP(left, 0, 3600000)) <= 0)
		return 0;
	alarms_read(s->alarms);
	if (read(s->signals, &info, sizeof(info)) != sizeof(info))
		return 0;
	if (info.ssi_signo == SIGCHLD)
		reap(s);
	s->hangup |= info.ssi_signo == SIGHUP;
	s->stopping |=
		info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT;
	return info.ssi_signo;
}

/* TERM, patience, KILL. */
static void
stop_children(struct supervisor *s)
{
	int64_t until = clock_ticks() + GRACE;

	children_signal(s->children, SIGTERM);
	while (children_running(s->children, NULL) > 0 &&
		clock_ticks() < until)
		wait_for_signal(s, until);
	if (children_running(s->children, NULL) > 0) {
		log_warning("%u processes did not end in time and are killed",
			children_running(s->children, NULL));
		children_signal(s->children, SIGKILL);
	}
	while (children_running(s->children, NULL) > 0)
		wait_for_signal(s, clock_ticks() + CLOCK_SECOND);
}

static bool
same_place(const struct conf *a, const struct conf *b)
{
	return strcmp(a->database, b->database) == 0 &&
		strcmp(a->state_dir, b->state_dir) == 0 &&
		strcmp(a->user, b->user) == 0;
}

/* Gives gpg-agent the passphrases of the keys that have one. */
static void
unlock_keys(const struct supervisor *s)
{
	g_autoptr(GError) error = NULL;

	/* one failure is enough: the agent is what fails */
	for (guint i = 0; i < s->conf->mailboxes->len && error == NULL; i++) {
		const struct mailbox *box = s->conf->mailboxes->pdata[i];
		const char *passphrase = credentials_secret(&s->credentials,
			"key", box->name);

		if (*passphrase != '\0' &&
			!agent_unlock(s->conf, box, passphrase, &error))
			log_warning("%s", error->message);
	}
}

static void
start_agent(struct supervisor *s)
{
	s->agent = agent_start(s->conf, s->agent_listener);
	unlock_keys(s);
}

/* A faulty configuration is refused and the old one stays. */
static void
reload(struct supervisor *s)
{
	g_autoptr(GError) error = NULL;
	struct conf *fresh, *old = s->conf;

	notify_send("RELOADING=1");
	fresh = conf_load(s->what->conf_path, &error);
	if (fresh != NULL && !same_place(fresh, old))
		fault_set(&error, FAULT_SETUP, "database, state_dir and user "
			"change only with a restart");
	if (error == NULL) {
		s->conf = fresh;
		if (!read_secrets(s, &error))
			s->conf = old;
	}
	if (error != NULL) {
		log_warning("the new configuration is refused, the old one "
			"stays: %s", error->message);
		conf_free(fresh);
	} else {
		s->reloading = true;
		stop_children(s);
		s->reloading = false;
		conf_free(old);
		if (s->agent > 0)
			unlock_keys(s);
		children_list(s->children, s->conf, s->what->only);
		log_info("configuration reloaded");
	}
	tell_manager(s, "READY=1\n");
}

/* Starts who is due; when to look again. */
static int64_t
start_due(struct supervisor *s)
{
	int64_t now = clock_ticks(), next = now + 3600 * CLOCK_SECOND;

	if (s->agent_listener >= 0 && s->agent <= 0) {
		if (s->agent_at <= now)
			start_agent(s);
		next = MIN(next, now + CLOCK_SECOND);
	}
	for (guint i = 0; i < s->children->len; i++) {
		struct child *child = s->children->pdata[i];

		if (child->pid > 0 || child->restart_at == 0)
			continue;
		if (child->restart_at <= now)
			start_child(s, child);
		else
			next = MIN(next, child->restart_at);
	}
	return next;
}

/* Tells operators what is due; when to look again. */
static int64_t
look_for_alarms(struct supervisor *s)
{
	const struct child_setting setting = setting_of(s);
	int64_t now = clock_ticks();

	for (guint i = 0; i < s->children->len; i++) {
		const struct child *child = s->children->pdata[i];

		if (child->pid > 0 && now - child->started > STEADY)
			note_end(s, child, false);
	}
	return alarms_work(s->alarms, &setting);
}

static void
supervise(struct supervisor *s)
{
	unsigned int watchdog = notify_watchdog_interval();
	bool ready = false;

	while (!s->stopping) {
		int64_t next = MIN(start_due(s), look_for_alarms(s));
		int number;

		if (!ready) {
			tell_manager(s, "READY=1\n");
			log_info("ready");
			ready = true;
		}
		if (watchdog > 0) {
			notify_send("WATCHDOG=1");
			next = MIN(next, clock_ticks() + watchdog * 1000);
		}
		number = wait_for_signal(s, next);
		if (number == SIGCHLD)
			tell_manager(s, "");
		while (s->hangup && !s->stopping) {
			s->hangup = false;
			reload(s);
		}
	}
	notify_send("STOPPING=1");
	alarms_stop(s->alarms);
	stop_children(s);
}

/* One role after the other: what the first brings in the next works off. */
static void
run_once(struct supervisor *s)
{
	static const char *const order[] = {"fetcher", "worker", "sender",
		NULL};

	for (int i = 0; order[i] != NULL && !s->stopping; i++) {
		for (guint j = 0; j < s->children->len; j++) {
			struct child *child = s->children->pdata[j];

			if (strcmp(child->role, order[i]) == 0)
				start_child(s, child);
		}
		while (children_running(s->children, NULL) > 0 && !s->stopping)
			wait_for_signal(s, clock_ticks() + CLOCK_HOUR);
	}
	stop_children(s);
}

static void
open_signals(struct supervisor *s)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	s->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static bool
prepare(struct supervisor *s, GError **error)
{
	s->conf = conf_load(s->what->conf_path, error);
	if (s->conf == NULL || !read_secrets(s, error) ||
		!privileges_drop(s->conf, error))
		return false;
	s->runtime_dir = privileges_runtime_dir(s->conf, error);
	if (s->runtime_dir == NULL ||
		!credentials_read_passwords(&s->credentials, s->conf, error))
		return false;
	if (children_wanted(s->what->only, "worker")) {
		if (!agent_lock(s->conf, error))
			return false;
		privileges_sweep(s->runtime_dir);
		s->agent_listener = agent_listen(s->conf, error);
		if (s->agent_listener < 0)
			return false;
		start_agent(s);
	}
	return prepare_database(s, error);
}

static void
clear(struct supervisor *s)
{
	if (s->agent > 0) {
		kill(s->agent, SIGTERM);
		waitpid(s->agent, NULL, 0);
	}
	g_clear_pointer(&s->cluster, cluster_stop);
	g_ptr_array_unref(s->children);
	alarms_free(s->alarms);
	credentials_clear(&s->credentials);
	if (s->agent_listener >= 0) /* nobody else is at work there */
		privileges_clear(s->runtime_dir);
	g_free(s->runtime_dir);
	conf_free(s->conf);
}

int
supervisor_run(const struct supervision *what)
{
	struct supervisor s = {.what = what, .agent_listener = -1};
	g_autoptr(GError) error = NULL;

	log_open("supervisor");
	jail_common();
	open_signals(&s);
	s.children = g_ptr_array_new_with_free_func((GDestroyNotify)child_free);
	credentials_open(&s.credentials);
	s.alarms = alarms_new();
	if (!prepare(&s, &error)) {
		log_warning("%s", error->message);
		s.status = fault_exit_status(error);
	} else {
		children_list(s.children, s.conf, what->only);
		if (what->once)
			run_once(&s);
		else
			supervise(&s);
	}
	clear(&s);
	return s.status;
}
