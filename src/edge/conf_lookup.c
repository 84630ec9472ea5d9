/* Questions about a configuration that has been read. */
#include "edge/conf.h"

#include <string.h>

const struct mailbox *
conf_mailbox(const struct conf *conf, const char *name)
{
	for (guint i = 0; i < conf->mailboxes->len; i++) {
		const struct mailbox *mailbox = conf->mailboxes->pdata[i];

		if (g_strcmp0(mailbox->name, name) == 0)
			return mailbox;
	}
	return NULL;
}

bool
conf_staff_has(const struct staff *staff, const char *mailbox, const char *role)
{
	return staff->roles != NULL && staff->mailboxes != NULL &&
		g_strv_contains((const char *const *)staff->roles, role) &&
		(staff->mailboxes[0] == NULL ||
			g_strv_contains((const char *const *)staff->mailboxes,
				mailbox));
}

const struct staff *
conf_staff_by_address(const struct conf *conf, const char *address)
{
	for (guint i = 0; i < conf->staff->len; i++) {
		const struct staff *staff = conf->staff->pdata[i];

		if (address != NULL &&
			g_ascii_strcasecmp(staff->address, address) == 0)
			return staff;
	}
	return NULL;
}

int64_t
conf_legal_clock(const struct conf *conf, const char *name)
{
	size_t length = strlen(name);
	int64_t duration;

	for (char **p = conf->legal; length > 0 && p && *p; p++)
		if (strncmp(*p, name, length) == 0 && (*p)[length] == '=' &&
			conf_duration(*p + length + 1, &duration))
			return duration;
	return 0;
}

bool
conf_is_embedded(const struct conf *conf)
{
	return strcmp(conf->database, "embedded") == 0;
}

moment
conf_since(const struct mailbox *mailbox)
{
	g_autoptr(GDateTime) date =
		g_date_time_new_from_iso8601(mailbox->since, NULL);

	return date ? g_date_time_to_unix(date) * CLOCK_SECOND : 0;
}
