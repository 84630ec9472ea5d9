#include "meldpuntd/credentials.h"

#include "base/secret.h"
#include "edge/cluster.h"

static GHashTable *
new_table(void)
{
	return g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
		(GDestroyNotify)secret_free);
}

void
credentials_open(struct credentials *c)
{
	c->passwords = new_table();
	c->secrets = new_table();
	c->places = new_table();
}

void
credentials_clear(struct credentials *c)
{
	g_clear_pointer(&c->passwords, g_hash_table_unref);
	g_clear_pointer(&c->secrets, g_hash_table_unref);
	g_clear_pointer(&c->places, g_hash_table_unref);
}

/* What a configuration needs, until all of it is there. */
struct fresh {
	GHashTable *secrets;
	GHashTable *places;
};

static bool
read_secret(struct credentials *c, struct fresh *fresh, const char *kind,
	const struct mailbox *box, const char *host, const char *file,
	GError **error)
{
	g_autofree char *name = g_strdup_printf("%s %s", kind, box->name);
	g_autoptr(GError) why = NULL;
	g_autofree char *place =
		g_strdup_printf("%s %s", host, file);
	bool same;
	char *secret;

	if (*file == '\0')
		return true;
	/* a password is for the server that it was read for */
	same = g_strcmp0(g_hash_table_lookup(c->places, name), place) == 0;
	g_hash_table_insert(fresh->places, g_strdup(name), g_strdup(place));
	secret = secret_read_file(file, &why);
	/* a file that only root could read, at the start, is as it was */
	if (secret == NULL && same)
		secret = g_strdup(g_hash_table_lookup(c->secrets, name));
	if (secret != NULL) {
		g_hash_table_insert(fresh->secrets, g_steal_pointer(&name),
			secret);
		return true;
	}
	g_propagate_prefixed_error(error, g_steal_pointer(&why),
		"mailbox %s, %s: ", box->name, kind);
	return false;
}

static bool
read_server(struct credentials *c, struct fresh *fresh, const char *kind,
	const struct mailbox *box, const struct server *server, GError **error)
{
	return read_secret(c, fresh, kind, box, server->host,
		server->password_file, error);
}

bool
credentials_read_secrets(struct credentials *c, const struct conf *conf,
	const struct secrets_wanted *wanted, GError **error)
{
	g_autoptr(GHashTable) secrets = new_table();
	g_autoptr(GHashTable) places = new_table();
	struct fresh fresh = {secrets, places};

	for (guint i = 0; i < conf->mailboxes->len; i++) {
		const struct mailbox *box = conf->mailboxes->pdata[i];

		if ((wanted->imap && !read_server(c, &fresh, "imap", box,
					     &box->imap, error)) ||
			(wanted->smtp && !read_server(c, &fresh, "smtp", box,
						 &box->smtp, error)) ||
			(wanted->key && !read_secret(c, &fresh, "key", box,
						box->key, box->passphrase_file,
						error)))
			return false;
	}
	/* all or none: a refused reload changes nothing */
	g_hash_table_unref(c->secrets);
	g_hash_table_unref(c->places);
	c->secrets = g_steal_pointer(&secrets);
	c->places = g_steal_pointer(&places);
	return true;
}

bool
credentials_read_passwords(struct credentials *c, const struct conf *conf,
	GError **error)
{
	static const char *const roles[] = {"fetcher", "worker", "sender",
		"admin", NULL};

	for (int i = 0; roles[i] != NULL; i++) {
		char *password = cluster_password(conf, roles[i], error);

		if (password == NULL)
			return false;
		g_hash_table_insert(c->passwords, g_strdup(roles[i]),
			password);
	}
	return true;
}

const char *
credentials_secret(const struct credentials *c, const char *kind,
	const char *mailbox)
{
	g_autofree char *name = g_strdup_printf("%s %s", kind, mailbox);
	const char *secret = g_hash_table_lookup(c->secrets, name);

	return secret ? secret : "";
}
