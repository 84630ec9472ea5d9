/*
 * The commands of meldpunt: what they share.
 *
 * A command gets its words behind its name and returns an exit status of
 * sysexits.h.  Nothing that came from a stranger is written raw: JSON is
 * PostgreSQL's, all else goes through text_line() or text_block().
 */
#ifndef MELDPUNT_COMMAND_H
#define MELDPUNT_COMMAND_H

#include "edge/cluster.h"
#include "edge/conf.h"
#include "edge/db.h"

#include <glib.h>
#include <stdbool.h>

struct command_line;

struct command {
	const char *name;
	const char *arguments; /* for --help */
	const char *summary;
	int (*run)(struct command_line *line);
};

/* What the user typed. */
struct command_line {
	char *conf_path;
	gboolean json;
	int argc; /* words behind the command's name, itself included */
	char **argv;
	const struct command *command;
};

extern const struct command commands[];
extern const size_t command_count;

int command_backup(struct command_line *line);
int command_cases(struct command_line *line);
int command_check(struct command_line *line);
int command_config(struct command_line *line);
int command_doctor(struct command_line *line);
int command_init(struct command_line *line);
int command_keys(struct command_line *line);
int command_metrics(struct command_line *line);
int command_migrate(struct command_line *line);
int command_order(struct command_line *line);
int command_quarantine(struct command_line *line);
int command_queue(struct command_line *line);
int command_report(struct command_line *line);
int command_restore(struct command_line *line);
int command_upgrade_database(struct command_line *line);
int command_show(struct command_line *line);

/*
 * Parses a command's own options besides --config and --json; at least min
 * and at most max words stay in argv behind the name.  False after a
 * message: return EX_USAGE.
 */
bool command_parse(struct command_line *line, const GOptionEntry *entries,
	int min, int max);

/* Configuration and database of a command; closing stops what it started. */
struct session {
	struct conf *conf;
	struct cluster *cluster;
	struct db *db;
};

/* As the daemon's user, with the admin's login; checks the schema. */
struct session *session_open(const struct command_line *line, GError **error);
void session_close(struct session *session);
typedef struct session session_auto;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(session_auto, session_close)

/* The same before there is a schema. */
struct session *session_start(const struct command_line *line, GError **error);

/* Prints the message and gives the exit status for it. */
int command_failed(const GError *error);

/* Rows as aligned columns under headings; NULL shows as "-". */
void print_table(const struct rows *rows, const char *const *columns);

/*
 * One fact of a command that prints a few of them: a line for people, or a
 * member of an object, which facts_end() closes.
 */
struct facts {
	bool json;
	bool any;
};
void facts_say(struct facts *facts, const char *name, const char *value);
void facts_end(const struct facts *facts);

/* Who runs the command, for events. */
char *command_actor(void);

#endif
