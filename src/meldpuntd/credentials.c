#include "meldpuntd/credentials.h"

#include "base/secret.h"
#include "edge/cluster.h"

void
credentials_open(struct credentials *c)
{
	c->passwords = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
		(GDestroyNotify)secret_free);
	c->secrets = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
		(GDestroyNotify)secret_free);
}

void
credentials_clear(struct credentials *c)
{
	g_clear_pointer(&c->passwords, g_hash_table_unref);
	g_clear_pointer(&c->secrets, g_hash_table_unref);
}

static bool
read_secret(struct credentials *c, const char *kind, const struct mailbox *box,
	const struct server *server, GError **error)
{
	g_autofree char *name = g_strdup_printf("%s %s", kind, box->name);
	g_autoptr(GError) why = NULL;
	char *secret;

	if (*server->password_file == '\0')
		return true;
	secret = secret_read_file(server->password_file, &why);
	if (secret != NULL)
		g_hash_table_insert(c->secrets, g_steal_pointer(&name), secret);
	else if (!g_hash_table_contains(c->secrets, name)) {
		g_propagate_prefixed_error(error, g_steal_pointer(&why),
			"mailbox %s, %s: ", box->name, kind);
		return false;
	}
	return true;
}

bool
credentials_read_secrets(struct credentials *c, const struct conf *conf,
	bool imap, bool smtp, GError **error)
{
	for (guint i = 0; i < conf->mailboxes->len; i++) {
		const struct mailbox *box = conf->mailboxes->pdata[i];

		if ((imap && !read_secret(c, "imap", box, &box->imap, error)) ||
			(smtp && !read_secret(c, "smtp", box, &box->smtp,
					 error)))
			return false;
	}
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
