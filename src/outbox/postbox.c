#include "outbox/postbox.h"

#include "base/fault.h"
#include "base/log.h"
#include "base/text.h"

#include <string.h>

static const char sql_load[] =
	"SELECT b.id, b.smtp_size, b.subaddress_seen_at IS NOT NULL AS seen,"
	" k.purpose, k.key FROM mailboxes b, mac_keys k WHERE b.name = $1";

static uint8_t *
key_for(struct postbox *postbox, const char *purpose)
{
	if (strcmp(purpose, "reply") == 0)
		return postbox->reply_key;
	if (strcmp(purpose, "bounce") == 0)
		return postbox->bounce_key;
	if (strcmp(purpose, "notice") == 0)
		return postbox->notice_key;
	if (strcmp(purpose, "content") == 0)
		return postbox->content_key;
	return NULL;
}

bool
postbox_load(struct postbox *postbox, struct db *db, const struct conf *conf,
	const char *mailbox, GError **error)
{
	g_autoptr(rows) found =
		db_query(db, error, sql_load, PARAM_TEXT(mailbox));

	postbox->conf = conf;
	postbox->mailbox = conf_mailbox(conf, mailbox);
	if (found == NULL)
		return false;
	if (postbox->mailbox == NULL || rows_count(found) == 0)
		return fault_set(error, FAULT_SETUP, "mailbox %s is in the "
			"database but not in the configuration", mailbox);
	for (int i = 0; i < rows_count(found); i++) {
		size_t size;
		g_autofree uint8_t *key = rows_bytea(found, i, "key", &size);
		uint8_t *place = key_for(postbox,
			rows_text(found, i, "purpose"));

		if (place != NULL && size == MAC_KEY_SIZE)
			memcpy(place, key, size);
		explicit_bzero(key, size);
	}
	log_mailbox(postbox->mailbox->name);
	postbox->id = rows_int8(found, 0, "id");
	postbox->smtp_size = rows_int8(found, 0, "smtp_size");
	postbox->subaddress = rows_bool(found, 0, "seen");
	return true;
}

/* local+detail@domain of the mailbox. */
static char *
subaddress(const struct postbox *postbox, const char *detail)
{
	const char *address = postbox->mailbox->address;
	const char *at = strrchr(address, '@');

	return g_strdup_printf("%.*s+%s%s", (int)(at - address), address,
		detail, at);
}

char *
postbox_probe_address(const struct postbox *postbox)
{
	return subaddress(postbox, "canary.probe");
}

char *
postbox_reply_address(const struct postbox *postbox, const char *number)
{
	g_autofree char *mac = NULL;
	g_autofree char *detail = NULL;

	if (!postbox->subaddress)
		return NULL;
	mac = text_mac(postbox->reply_key, MAC_KEY_SIZE, number);
	detail = g_strdup_printf("%s.%s", number, mac);
	return subaddress(postbox, detail);
}

/* In constant time: a guess must not be led on. */
static bool
equals(const char *a, const char *b)
{
	size_t length = strlen(a);
	unsigned char difference = 0;

	if (length != strlen(b))
		return false;
	for (size_t i = 0; i < length; i++)
		difference |= a[i] ^ b[i];
	return difference == 0;
}

/* What stands behind the + in an address of ours, or NULL; caller frees. */
static char *
detail_of(const struct postbox *postbox, const char *theirs)
{
	const char *ours = postbox->mailbox->address;
	const char *at = strrchr(ours, '@');
	const char *domain = strrchr(theirs, '@');
	size_t local = at - ours;

	if (domain == NULL || g_ascii_strcasecmp(domain, at) != 0 ||
		(size_t)(domain - theirs) <= local + 1 ||
		g_ascii_strncasecmp(theirs, ours, local) != 0 ||
		theirs[local] != '+')
		return NULL;
	return g_ascii_strdown(theirs + local + 1, domain - theirs - local - 1);
}

char *
postbox_number_of(const struct postbox *postbox, char *const *addresses)
{
	for (; addresses != NULL && *addresses != NULL; addresses++) {
		g_autofree char *detail = detail_of(postbox, *addresses);
		char *dot = detail ? strchr(detail, '.') : NULL;
		g_autofree char *number = NULL, *wanted = NULL;

		if (dot == NULL)
			continue;
		*dot = '\0';
		number = g_ascii_strup(detail, -1);
		wanted = text_mac(postbox->reply_key, MAC_KEY_SIZE, number);
		if (equals(wanted, dot + 1))
			return g_steal_pointer(&number);
	}
	return NULL;
}

char *
postbox_bounce_address(const struct postbox *postbox, const char *message_id)
{
	g_autofree char *token = NULL;
	g_autofree char *mac = NULL;
	g_autofree char *detail = NULL;

	if (!postbox->subaddress)
		return g_strdup(postbox->mailbox->address);
	token = g_strndup(message_id, POSTBOX_TOKEN);
	mac = text_mac(postbox->bounce_key, MAC_KEY_SIZE, token);
	detail = g_strdup_printf("bounce.%s.%s", token, mac);
	return subaddress(postbox, detail);
}

char *
postbox_bounced_token(const struct postbox *postbox, char *const *addresses)
{
	for (; addresses != NULL && *addresses != NULL; addresses++) {
		g_autofree char *detail = detail_of(postbox, *addresses);
		g_auto(GStrv) words = g_strsplit(detail ? detail : "", ".", 3);
		g_autofree char *wanted = NULL;

		if (g_strv_length(words) != 3 || strcmp(words[0], "bounce") != 0)
			continue;
		wanted = text_mac(postbox->bounce_key, MAC_KEY_SIZE, words[1]);
		if (equals(wanted, words[2]))
			return g_strdup(words[1]);
	}
	return NULL;
}

bool
postbox_is_case_mac(const struct postbox *postbox, const char *number,
	const char *mac)
{
	g_autofree char *ours =
		text_mac(postbox->notice_key, MAC_KEY_SIZE, number);

	return equals(ours, mac);
}

char *
postbox_case_line(const struct postbox *postbox, const char *number)
{
	g_autofree char *mac =
		text_mac(postbox->notice_key, MAC_KEY_SIZE, number);

	return g_strdup_printf("meldpunt-case: %s %s", number, mac);
}
