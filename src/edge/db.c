#include "edge/db.h"

#include "base/fault.h"

#include <libpq-fe.h>
#include <string.h>

#define BLOB_PART (1 << 20)
#define MAX_PARAMS 32

struct db {
	PGconn *connection;
	GHashTable *prepared; /* text -> name; NULL after its first use */
	unsigned int names;
};

/* PostgreSQL's words about a connection may hold a host, never content. */
static void
set_connection_fault(GError **error, PGconn *connection)
{
	g_autofree char *text = g_strdup(PQerrorMessage(connection));
	bool missing = strstr(text, "does not exist") != NULL;
	bool setup = missing || strstr(text, "authentication failed") != NULL ||
		strstr(text, "no password supplied") != NULL ||
		strstr(text, "no pg_hba.conf entry") != NULL;

	g_strdelimit(g_strchomp(text), "\n", ' ');
	fault_set(error, setup ? FAULT_SETUP : FAULT_LATER, "database: %s%s",
		*text ? text : "no connection",
		missing ? " (run \"meldpunt migrate\" first)" : "");
}

static void
ignore_notice(void *unused, const PGresult *result)
{
	(void)unused;
	(void)result;
}

/* Keyword arrays rather than one string: a password needs no quoting. */
static PGconn *
connect_with(const char *conninfo, const char *login, const char *password)
{
	const char *keys[12], *values[12];
	int n = 0;
#define ADD(key, value) (keys[n] = (key), values[n] = (value), n++)

	ADD("keepalives_idle", "5");
	ADD("keepalives_interval", "2");
	ADD("keepalives_count", "2");
	ADD("tcp_user_timeout", "10000");
	ADD("connect_timeout", "10");
	ADD("application_name", "meldpunt");
	ADD("dbname", conninfo);
	if (login != NULL) {
		ADD("user", login);
		ADD("password", password);
	}
	ADD("client_encoding", "UTF8");
	ADD(NULL, NULL);
#undef ADD
	return PQconnectdbParams(keys, values, 1);
}

struct db *
db_open(const char *conninfo, const char *login, const char *password,
	GError **error)
{
	struct db *db;
	PGconn *connection = connect_with(conninfo, login, password);

	if (PQstatus(connection) != CONNECTION_OK) {
		set_connection_fault(error, connection);
		PQfinish(connection);
		return NULL;
	}
	PQsetNoticeReceiver(connection, ignore_notice, NULL);
	db = g_new0(struct db, 1);
	db->connection = connection;
	db->prepared = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
		g_free);
	if (!db_script(db, "SET search_path = meldpunt, pg_catalog; "
			   "SET standard_conforming_strings = on; "
			   "SET TimeZone = 'UTC'", error))
		g_clear_pointer(&db, db_close);
	return db;
}

bool
db_alive(const struct db *db)
{
	return PQstatus(db->connection) == CONNECTION_OK;
}

void
db_close(struct db *db)
{
	if (db == NULL)
		return;
	PQfinish(db->connection);
	g_hash_table_unref(db->prepared);
	g_free(db);
}

bool
db_names_user(const char *conninfo)
{
	PQconninfoOption *options = PQconninfoParse(conninfo, NULL);
	bool named = false;

	for (PQconninfoOption *o = options; o && o->keyword; o++)
		if (strcmp(o->keyword, "user") == 0)
			named = o->val != NULL && *o->val != '\0';
	PQconninfoFree(options);
	return named;
}

int
db_socket(const struct db *db)
{
	return PQsocket(db->connection);
}

bool
db_notified(struct db *db)
{
	bool any = false;
	PGnotify *notification;

	PQconsumeInput(db->connection);
	while ((notification = PQnotifies(db->connection)) != NULL) {
		any = true;
		PQfreemem(notification);
	}
	return any;
}

/* What a caller can do about an SQLSTATE. */
static enum fault_code
advice(const char *state, bool refused)
{
	static const char *const setup[] = {"28", "3D", "3F", "42", "0A", NULL};

	if (refused)
		return FAULT_REFUSED;
	for (int i = 0; setup[i] != NULL; i++)
		if (strncmp(state, setup[i], 2) == 0)
			return FAULT_SETUP;
	return FAULT_LATER;
}

static void
set_result_fault(GError **error, struct db *db, const PGresult *result)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *constraint =
		PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);
	const char *text =
		PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	bool refused;

	if (state == NULL) {
		set_connection_fault(error, db->connection);
		return;
	}
	/* classes 22 and 23 quote the refused value, P0001 is our own RAISE */
	refused = strncmp(state, "22", 2) == 0 || strncmp(state, "23", 2) == 0;
	fault_set(error, advice(state, refused), "database: %s%s%s%s%s",
		refused || text == NULL ? "value refused" : text,
		constraint ? " by " : "", constraint ? constraint : "",
		" SQLSTATE ", state);
}

static bool
is_good(const PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);

	return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

/*
 * A statement that comes a second time is prepared: the server parses and
 * plans it once for the life of the connection.  NULL: run it as it is.
 */
static const char *
prepare(struct db *db, const char *sql, size_t count)
{
	char *name = NULL;
	PGresult *result;

	if (!g_hash_table_lookup_extended(db->prepared, sql, NULL,
		    (gpointer *)&name)) {
		g_hash_table_insert(db->prepared, g_strdup(sql), NULL);
		return NULL;
	}
	if (name != NULL)
		return name;
	name = g_strdup_printf("s%u", ++db->names);
	result = PQprepare(db->connection, name, sql, count, NULL);
	if (!is_good(result))
		g_clear_pointer(&name, g_free);
	else
		g_hash_table_insert(db->prepared, g_strdup(sql), name);
	PQclear(result);
	return name;
}

static PGresult *
execute(struct db *db, const char *sql, int count, const char *const *values,
	const int *lengths, const int *formats, bool binary)
{
	const char *name = prepare(db, sql, count);

	if (name == NULL)
		return PQexecParams(db->connection, sql, count, NULL, values,
			lengths, formats, binary);
	return PQexecPrepared(db->connection, name, count, values, lengths,
		formats, binary);
}

struct rows *
db_query_array(struct db *db, GError **error, const char *sql,
	const struct param *params, size_t count)
{
	const char *values[MAX_PARAMS];
	int lengths[MAX_PARAMS], formats[MAX_PARAMS];
	char numbers[MAX_PARAMS][24];
	PGresult *result;

	g_assert(count <= MAX_PARAMS);
	for (size_t i = 0; i < count; i++) {
		values[i] = params[i].text;
		lengths[i] = params[i].length;
		formats[i] = params[i].binary;
		if (params[i].is_number) {
			g_snprintf(numbers[i], sizeof(numbers[i]), "%" PRId64,
				params[i].number);
			values[i] = numbers[i];
		}
	}
	result = execute(db, sql, count, values, lengths, formats, false);
	if (is_good(result))
		return (struct rows *)result;
	set_result_fault(error, db, result);
	PQclear(result);
	return NULL;
}

bool
db_run_array(struct db *db, GError **error, const char *sql,
	const struct param *params, size_t count)
{
	struct rows *rows = db_query_array(db, error, sql, params, count);

	rows_free(rows);
	return rows != NULL;
}

bool
db_script(struct db *db, const char *sql, GError **error)
{
	PGresult *result = PQexec(db->connection, sql);
	bool good = is_good(result);

	if (!good)
		set_result_fault(error, db, result);
	PQclear(result);
	return good;
}

bool
db_begin(struct db *db, GError **error)
{
	return db_script(db, "BEGIN", error);
}

bool
db_commit(struct db *db, GError **error)
{
	PGresult *result = PQexec(db->connection, "COMMIT");
	bool good = is_good(result) &&
		strcmp(PQcmdStatus(result), "COMMIT") == 0;

	if (PQresultErrorField(result, PG_DIAG_SQLSTATE) == NULL && !good)
		fault_set(error, FAULT_UNSURE,
			"database: connection lost while committing");
	else if (!good)
		set_result_fault(error, db, result);
	PQclear(result);
	return good;
}

void
db_rollback(struct db *db)
{
	PQclear(PQexec(db->connection, "ROLLBACK"));
}

char *
db_scram(struct db *db, const char *login, const char *password)
{
	char *raw = PQencryptPasswordConn(db->connection, password, login,
		"scram-sha-256");
	char *copy = g_strdup(raw);

	PQfreemem(raw);
	return copy;
}

char *
db_literal(struct db *db, const char *text)
{
	char *raw = PQescapeLiteral(db->connection, text, strlen(text));
	char *copy = g_strdup(raw);

	PQfreemem(raw);
	return copy;
}

int
rows_count(const struct rows *rows)
{
	return PQntuples((const PGresult *)rows);
}

const char *
rows_text(const struct rows *rows, int row, const char *column)
{
	const PGresult *result = (const PGresult *)rows;
	int number = PQfnumber(result, column);

	if (number < 0)
		g_error("no column %s in a result", column);
	if (PQgetisnull(result, row, number))
		return NULL;
	return PQgetvalue(result, row, number);
}

int64_t
rows_int8(const struct rows *rows, int row, const char *column)
{
	const char *text = rows_text(rows, row, column);

	return text ? g_ascii_strtoll(text, NULL, 10) : 0;
}

bool
rows_bool(const struct rows *rows, int row, const char *column)
{
	const char *text = rows_text(rows, row, column);

	return text && *text == 't';
}

uint8_t *
rows_bytea(const struct rows *rows, int row, const char *column, size_t *length)
{
	const char *text = rows_text(rows, row, column);
	unsigned char *raw;
	uint8_t *copy;

	*length = 0;
	if (text == NULL)
		return NULL;
	raw = PQunescapeBytea((const unsigned char *)text, length);
	copy = g_memdup2(raw, *length);
	PQfreemem(raw);
	return copy;
}

void
rows_free(struct rows *rows)
{
	PQclear((PGresult *)rows);
}

static const char sql_store_part[] =
	"INSERT INTO meldpunt.blobs (id, part, bytes) VALUES ($1, $2, $3)";

bool
blob_store(struct db *db, const struct bytes *bytes, uint64_t offset,
	uint64_t length, int64_t *id, GError **error)
{
	g_autoptr(rows) new_id = db_query(db, error,
		"SELECT nextval('meldpunt.blob_ids') AS id");

	if (new_id == NULL)
		return false;
	*id = rows_int8(new_id, 0, "id");
	for (int64_t part = 0; part == 0 || length > 0; part++) {
		size_t n = MIN(length, BLOB_PART);
		char *copy = bytes_copy(bytes, offset, n);
		bool stored = db_run(db, error, sql_store_part,
			PARAM_INT8(*id), PARAM_INT8(part),
			PARAM_BYTEA(copy, n));

		explicit_bzero(copy, n);
		g_free(copy);
		if (!stored)
			return false;
		offset += n;
		length -= n;
	}
	return true;
}

/* Part by part with binary results: $1 the id, $2 the part. */
static struct bytes *
load_parts(struct db *db, const char *sql, int64_t id, GError **error)
{
	g_autoptr(bytes_auto) bytes = bytes_new();

	for (int part = 0;; part++) {
		char numbers[2][24];
		const char *values[] = {numbers[0], numbers[1]};
		PGresult *result;
		bool more;

		g_snprintf(numbers[0], 24, "%" PRId64, id);
		g_snprintf(numbers[1], 24, "%d", part);
		result = execute(db, sql, 2, values, NULL, NULL, true);
		if (!is_good(result)) {
			set_result_fault(error, db, result);
			PQclear(result);
			return NULL;
		}
		more = PQntuples(result) == 1 && !PQgetisnull(result, 0, 0);
		if (more)
			bytes_append(bytes, PQgetvalue(result, 0, 0),
				PQgetlength(result, 0, 0));
		more &= PQntuples(result) == 1 &&
			PQgetlength(result, 0, 0) == BLOB_PART;
		PQclear(result);
		if (!more)
			return g_steal_pointer(&bytes);
	}
}

struct bytes *
blob_load(struct db *db, int64_t id, GError **error)
{
	return load_parts(db,
		"SELECT bytes FROM meldpunt.blobs WHERE id = $1 AND part = $2",
		id, error);
}

struct bytes *
blob_load_letter(struct db *db, int64_t letter, GError **error)
{
	return load_parts(db, "SELECT meldpunt.letter_part($1, $2)", letter,
		error);
}
