/* meldpunt keys: list them, renew one, publish one. */
#include "meldpunt/command.h"

#include "base/fault.h"
#include "base/secret.h"
#include "base/text.h"
#include "meldpunt/key_home.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

struct keys {
	const struct conf *conf;
	struct key_home home;
	const struct mailbox *box; /* that was named, or NULL */
	char *directory;
	char *canonical;
	int days;
	bool json;
};

static char *
date_of(int64_t seconds)
{
	g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(seconds);

	return seconds ? g_date_time_format(time, "%Y-%m-%d") : g_strdup("never");
}

/* One key as a line or an object; whether it can be used. */
static bool
say_key(const struct keys *k, const char *owner, const char *use,
	const char *fingerprint, bool first)
{
	struct key_facts facts;
	g_autoptr(GError) error = NULL;
	bool known = key_home_look(&k->home, fingerprint, &facts, &error);
	g_autofree char *expires = date_of(facts.expires);
	g_autofree char *created = date_of(facts.created);
	bool good = known && facts.usable &&
		(facts.secret || strcmp(use, "mailbox") != 0);
	const char *state = !known ? "missing"
		: good		   ? "good"
		: facts.usable	   ? "without its secret part"
				   : "expired or revoked";

	if (k->json)
		printf("%s{\"owner\": \"%s\", \"use\": \"%s\", \"fingerprint\": "
		       "\"%s\", \"algorithm\": \"%s\", \"created\": \"%s\", "
		       "\"expires\": %s%s%s, \"state\": \"%s\"}",
			first ? "[" : ",\n ", owner, use, fingerprint,
			known ? facts.algorithm : "", known ? created : "",
			facts.expires ? "\"" : "",
			facts.expires ? expires : "null",
			facts.expires ? "\"" : "", state);
	else
		printf("%-8s %-30s %s  %-9s expires %-10s  %s\n", use, owner,
			fingerprint, known ? facts.algorithm : "-",
			known ? expires : "-", state);
	g_free(facts.algorithm);
	return good;
}

static int
list(struct keys *k, GError **error)
{
	const GPtrArray *boxes = k->conf->mailboxes, *staff = k->conf->staff;
	bool good = true, first = true;

	(void)error;
	for (guint i = 0; i < boxes->len; i++, first = false) {
		const struct mailbox *box = boxes->pdata[i];

		good &= say_key(k, box->address, "mailbox", box->key, first);
	}
	for (guint i = 0; i < staff->len; i++) {
		const struct staff *member = staff->pdata[i];

		if (*member->key != '\0')
			good &= say_key(k, member->address, "staff",
				member->key, false);
	}
	if (k->json)
		puts("]");
	return good ? EX_OK : EX_DATAERR;
}

static int
export(struct keys *k, GError **error)
{
	g_autoptr(GBytes) key =
		key_home_export(&k->home, k->box->key, true, error);

	if (key == NULL)
		return EX_CONFIG;
	fwrite(g_bytes_get_data(key, NULL), 1, g_bytes_get_size(key), stdout);
	return EX_OK;
}

/* z-base-32 of the SHA-1 of the local part in lower case. */
static char *
wkd_hash(const char *address)
{
	static const char from[] = "abcdefghijklmnopqrstuvwxyz234567",
			  to[] = "ybndrfg8ejkmcpqxot1uwisza345h769";
	g_autofree char *local = g_ascii_strdown(address,
		strrchr(address, '@') - address);
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA1);
	uint8_t digest[20];
	gsize size = sizeof(digest);
	char *hash;

	g_checksum_update(sum, (const guchar *)local, -1);
	g_checksum_get_digest(sum, digest, &size);
	hash = text_base32(digest, size);
	for (char *p = hash; *p; p++)
		*p = to[strchr(from, *p) - from];
	return hash;
}

/* policy and hu/HASH below folder, for a web server to serve. */
static bool
write_tree(const char *folder, const char *hash, GBytes *key, GError **error)
{
	g_autofree char *keys = g_build_filename(folder, "hu", NULL);
	g_autofree char *file = g_build_filename(keys, hash, NULL);
	g_autofree char *policy = g_build_filename(folder, "policy", NULL);
	g_autoptr(GError) why = NULL;

	if (g_mkdir_with_parents(keys, 0755) == 0 &&
		g_file_set_contents_full(file, g_bytes_get_data(key, NULL),
			g_bytes_get_size(key), G_FILE_SET_CONTENTS_CONSISTENT,
			0644, &why) &&
		g_file_set_contents_full(policy, "", 0,
			G_FILE_SET_CONTENTS_CONSISTENT, 0644, &why))
		return true;
	return fault_set(error, FAULT_SETUP, "%s: %s", folder,
		why ? why->message : "cannot be made");
}

/* The Web Key Directory, for both ways of looking it up. */
static int
wkd(struct keys *k, GError **error)
{
	const char *domain = strrchr(k->box->address, '@') + 1;
	g_autofree char *hash = wkd_hash(k->box->address);
	g_autofree char *direct = g_build_filename(k->directory, ".well-known",
		"openpgpkey", NULL);
	g_autofree char *advanced = g_build_filename(direct, domain, NULL);
	g_autoptr(GBytes) key =
		key_home_export(&k->home, k->box->key, false, error);

	if (key == NULL || !write_tree(direct, hash, key, error) ||
		!write_tree(advanced, hash, key, error))
		return EX_CONFIG;
	printf("To be served for %s:\n  https://%s/.well-known/openpgpkey/hu/%s\n"
	       "  https://openpgpkey.%s/.well-known/openpgpkey/%s/hu/%s\n",
		k->box->address, domain, hash, domain, domain, hash);
	return EX_OK;
}

/* RFC 9116, 2.5; signed as its section 2.3 recommends. */
static int
security_txt(struct keys *k, GError **error)
{
	g_autoptr(GDateTime) now = g_date_time_new_now_utc();
	g_autoptr(GDateTime) end = g_date_time_add_days(now, k->days);
	g_autofree char *expires =
		g_date_time_format(end, "%Y-%m-%dT%H:%M:%SZ");
	g_autofree char *languages = g_strjoinv(", ", k->box->languages);
	g_autofree char *signed_text = NULL;
	g_autoptr(GString) text = g_string_new(NULL);

	if (k->canonical != NULL)
		g_string_append_printf(text, "Canonical: %s\n", k->canonical);
	g_string_append_printf(text,
		"Contact: mailto:%s\nExpires: %s\nEncryption: openpgp4fpr:%s\n"
		"Preferred-Languages: %s\nPolicy: %s\n",
		k->box->address, expires, k->box->key, languages,
		k->box->policy_url);
	signed_text = key_home_clearsign(&k->home, k->box->key, text->str,
		error);
	if (signed_text == NULL)
		return EX_CONFIG;
	fputs(signed_text, stdout);
	return EX_OK;
}

/* A new key that the old one vouches for, and the other way round. */
static int
rotate(struct keys *k, GError **error)
{
	const struct mailbox *box = k->box;
	g_autoptr(secret_auto) passphrase = *box->passphrase_file
		? secret_read_file(box->passphrase_file, error)
		: NULL;
	g_autofree char *fresh = NULL;

	if (*error != NULL)
		return EX_CONFIG;
	k->home.passphrase = passphrase;
	fresh = key_home_generate(&k->home,
		*box->display_name ? box->display_name : box->address,
		box->address, error);
	if (fresh == NULL ||
		!key_home_certify(&k->home, box->key, fresh, error) ||
		!key_home_certify(&k->home, fresh, box->key, error))
		return EX_CONFIG;
	printf("A new key is in %s, certified with the old one.\n"
	       "To use it: in the mailbox \"%s\" of the configuration write\n\n"
	       "    key = \"%s\";\n\n"
	       "then reload the daemon (HUP), and publish the key anew (keys "
	       "wkd, keys security-txt).\nThe old key stays: what is encrypted "
	       "to it goes on being read.\n", k->home.path, box->name, fresh);
	return EX_OK;
}

static const struct {
	const char *name;
	bool mailbox;
	int (*run)(struct keys *keys, GError **error);
} actions[] = {
	{"list", false, list},
	{"export", true, export},
	{"wkd", true, wkd},
	{"security-txt", true, security_txt},
	{"rotate", true, rotate},
};

/* The mailbox that is meant; the only one need not be named. */
static bool
choose_mailbox(struct keys *k, const char *name, GError **error)
{
	const GPtrArray *boxes = k->conf->mailboxes;

	if (name == NULL && boxes->len == 1)
		k->box = boxes->pdata[0];
	else if (name != NULL)
		k->box = conf_mailbox(k->conf, name);
	if (k->box != NULL)
		return true;
	if (name == NULL)
		return fault_set(error, FAULT_SETUP, "say which mailbox");
	return fault_set(error, FAULT_SETUP,
		"no mailbox \"%s\" is configured", name);
}

static int
run(struct keys *k, const struct command_line *line)
{
	const char *name = line->argc > 1 ? line->argv[1] : "list";
	g_autoptr(GError) error = NULL;
	int status = EX_USAGE;

	for (size_t i = 0; i < G_N_ELEMENTS(actions); i++) {
		if (strcmp(actions[i].name, name) != 0)
			continue;
		if (actions[i].mailbox &&
			!choose_mailbox(k, line->argc > 2 ? line->argv[2] : NULL,
				&error))
			return command_failed(error);
		status = actions[i].run(k, &error);
		return error ? command_failed(error) : status;
	}
	fprintf(stderr, "meldpunt keys: there is no \"%s\"; there are list, "
			"export, wkd, security-txt and rotate\n", name);
	return status;
}

int
command_keys(struct command_line *line)
{
	struct keys k = {.days = 330};
	g_autofree char *directory = NULL, *canonical = NULL, *home = NULL;
	const GOptionEntry entries[] = {
		{"directory", 0, 0, G_OPTION_ARG_FILENAME, &directory,
			"Where wkd writes its tree (default: here)", "DIR"},
		{"canonical", 0, 0, G_OPTION_ARG_STRING, &canonical,
			"Where security.txt will stand", "URL"},
		{"days", 0, 0, G_OPTION_ARG_INT, &k.days,
			"How long security.txt is good (default: 330)", "N"},
		{0}};
	g_autoptr(conf_auto) conf = NULL;
	g_autoptr(GError) error = NULL;

	if (!command_parse(line, entries, 0, 2))
		return EX_USAGE;
	conf = conf_load(line->conf_path, &error);
	if (conf == NULL)
		return command_failed(error);
	if (k.days < 1 || k.days > 366) {
		fputs("meldpunt keys: --days is 1 to 366\n", stderr);
		return EX_USAGE;
	}
	home = g_build_filename(conf->state_dir, "gnupg", NULL);
	k.conf = conf;
	k.home = (struct key_home){home, conf->user, NULL};
	k.directory = directory ? directory : (char *)".";
	k.canonical = canonical;
	k.json = line->json;
	return run(&k, line);
}
