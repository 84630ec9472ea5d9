/* What is wrong with a configuration though each option by itself is right. */
#include "edge/conf_private.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

static void
check_server(struct reading_conf *in, const struct mailbox *box,
	const char *which, const struct server *server)
{
	bool loopback = server->host != NULL &&
		(g_str_has_prefix(server->host, "127.") ||
			strcmp(server->host, "localhost") == 0 ||
			strcmp(server->host, "::1") == 0);

	if (server->host == NULL)
		return;
	if (server->tls == TLS_NONE && !loopback)
		conf_complain(in, 0,
			"mailbox %s: %s.tls may be \"none\" only to loopback",
			box->name, which);
	if (*server->user != '\0' && *server->password_file == '\0' &&
		*server->token_command == '\0')
		conf_complain(in, 0,
			"mailbox %s: %s needs password_file or token_command",
			box->name, which);
}

static void
check_mailbox(struct reading_conf *in, const struct mailbox *box)
{
	bool handled = false;

	if (box->name == NULL || box->prefix == NULL || box->address == NULL)
		return;
	if (!g_regex_match_simple("^[a-z0-9-]+$", box->name, 0, 0))
		conf_complain(in, 0,
			"mailbox name \"%s\" may have a-z, 0-9 and - only",
			box->name);
	if (!g_regex_match_simple("^[A-Z][A-Z0-9]*$", box->prefix, 0, 0))
		conf_complain(in, 0,
			"mailbox %s: prefix must be capital letters and digits",
			box->name);
	for (char **p = box->languages; *p; p++)
		if (strcmp(*p, "nl") != 0 && strcmp(*p, "en") != 0)
			conf_complain(in, 0, "mailbox %s: no templates for language "
				"\"%s\" (there are nl and en)", box->name, *p);
	for (guint i = 0; i < in->conf->staff->len; i++)
		handled |= conf_staff_has(in->conf->staff->pdata[i], box->name,
			"handler");
	if (!handled)
		conf_complain(in, 0, "mailbox %s has no staff with role \"handler\"",
			box->name);
	for (guint i = 0; i < in->conf->mailboxes->len; i++) {
		const struct mailbox *other = in->conf->mailboxes->pdata[i];

		if (other == box)
			break;
		if (g_strcmp0(other->name, box->name) == 0 ||
			g_strcmp0(other->prefix, box->prefix) == 0 ||
			g_strcmp0(other->address, box->address) == 0)
			conf_complain(in, 0, "two mailboxes share name, prefix or "
				"address: %s", box->name);
	}
	if (conf_since(box) > clock_now() + CLOCK_DAY)
		conf_complain(in, 0, "mailbox %s: imap.since lies in the "
			"future", box->name);
	if (*box->since != '\0' && conf_since(box) == 0)
		conf_complain(in, 0, "mailbox %s: imap.since is no time like "
			"2026-11-25T10:00:00Z", box->name);
	for (char **p = box->folders; *p; p++)
		if (g_ascii_strcasecmp(*p, box->done_folder) == 0 ||
			g_ascii_strcasecmp(*p, box->failed_folder) == 0)
			conf_complain(in, 0, "mailbox %s: done_folder and "
				"failed_folder must not be among folders",
				box->name);
	if (g_ascii_strcasecmp(box->done_folder, box->failed_folder) == 0)
		conf_complain(in, 0, "mailbox %s: done_folder and failed_folder "
			"must differ", box->name);
	check_server(in, box, "imap", &box->imap);
	check_server(in, box, "smtp", &box->smtp);
}

static void
check_staff(struct reading_conf *in, const struct staff *staff)
{
	static const char *const roles[] = {"handler", "lead", "management",
		"privacy", NULL};
	bool only_management = true;

	if (staff->address == NULL)
		return;
	if (conf_staff_by_address(in->conf, staff->address) != staff)
		conf_complain(in, 0, "staff %s is there twice: give one entry all "
			"roles", staff->address);
	for (char **p = staff->roles; p && *p; p++) {
		if (!g_strv_contains(roles, *p))
			conf_complain(in, 0, "staff %s: no role \"%s\" (there are "
				"handler, lead, management, privacy)",
				staff->address, *p);
		only_management &= strcmp(*p, "management") == 0;
	}
	for (char **p = staff->mailboxes; p && *p; p++)
		if (conf_mailbox(in->conf, *p) == NULL)
			conf_complain(in, 0, "staff %s: no mailbox \"%s\"",
				staff->address, *p);
	if (staff->deputy != NULL && *staff->deputy != '\0' &&
		conf_staff_by_address(in->conf, staff->deputy) == NULL)
		conf_complain(in, 0, "staff %s: the deputy %s is no staff",
			staff->address, staff->deputy);
	if (!only_management && (staff->key == NULL || *staff->key == '\0'))
		conf_complain(in, 0, "staff %s needs a key (only management may "
			"have none)", staff->address);
}

static void
check_clocks(struct reading_conf *in)
{
	const struct conf *conf = in->conf;

	if (conf->answer_owner >= conf->answer ||
		conf->answer_lead >= conf->answer ||
		conf->answer_management >= conf->answer)
		conf_complain(in, 0, "clocks: the warnings must come before the end "
			"of clocks.answer");
	for (char **p = conf->legal; p && *p; p++) {
		g_auto(GStrv) words = g_strsplit(*p, "=", 2);

		if (!g_regex_match_simple("^[a-z0-9-]+=", *p, 0, 0) ||
			conf_legal_clock(conf, words[0]) <= 0)
			conf_complain(in, 0, "clocks.legal: \"%s\" is not "
				"name=duration", *p);
	}
	if (*conf->public_holidays != '\0' &&
		strcmp(conf->public_holidays, "nl") != 0)
		conf_complain(in, 0, "working_hours.public_holidays: only \"nl\" "
			"is known");
	if (strcmp(conf->working_from, conf->working_until) >= 0)
		conf_complain(in, 0, "working_hours.from must be before until");
}

static bool
is_date(const char *text)
{
	int year, month, day, end = 0;

	return strlen(text) == 10 &&
		sscanf(text, "%4d-%2d-%2d%n", &year, &month, &day, &end) == 3 &&
		end == 10 && g_date_valid_dmy(day, month, year);
}

static void
check_working_hours(struct reading_conf *in)
{
	static const char *const days[] = {
		"mon", "tue", "wed", "thu", "fri", "sat", "sun", NULL};

	for (char **p = in->conf->working_days; p && *p; p++)
		if (!g_strv_contains(days, *p))
			conf_complain(in, 0, "working_hours.days: \"%s\" is no "
				"day (mon, tue, wed, thu, fri, sat, sun)", *p);
	for (char **p = in->conf->holidays; p && *p; p++)
		if (!is_date(*p))
			conf_complain(in, 0, "working_hours.holidays: \"%s\" is "
				"no date like 2026-12-25", *p);
}

static void
check_alarms(struct reading_conf *in)
{
	for (char **p = in->conf->alarm_addresses; p && *p; p++)
		if (!text_is_address(*p))
			conf_complain(in, 0, "alarms.addresses: \"%s\" is no "
				"address", *p);
}

void
conf_check(struct reading_conf *in)
{
	struct conf *conf = in->conf;

	conf->zone = g_time_zone_new_identifier(conf->time_zone);
	if (conf->zone == NULL)
		conf_complain(in, 0, "time_zone \"%s\" is not known",
			conf->time_zone);
	if (conf->mailboxes->len == 0)
		conf_complain(in, 0, "no mailboxes are configured");
	if (!g_path_is_absolute(conf->state_dir))
		conf_complain(in, 0, "state_dir must be an absolute path");
	check_clocks(in);
	check_working_hours(in);
	check_alarms(in);
	for (guint i = 0; i < conf->mailboxes->len; i++)
		check_mailbox(in, conf->mailboxes->pdata[i]);
	for (guint i = 0; i < conf->staff->len; i++)
		check_staff(in, conf->staff->pdata[i]);
}
