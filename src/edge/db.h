/*
 * PostgreSQL through libpq.
 *
 * Values travel only as parameters.  A failed statement gives FAULT_LATER if
 * the server or the connection is in trouble, FAULT_SETUP if rights or
 * schema are, FAULT_MAIL for refused values (their text is never shown: only
 * SQLSTATE and constraint), and FAULT_UNSURE if a COMMIT's answer was lost.
 */
#ifndef EDGE_DB_H
#define EDGE_DB_H

#include "base/bytes.h"
#include "base/clock.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct db;
struct rows;

/* One parameter of a statement; made by the macros below. */
struct param {
	const char *text;
	size_t length;
	bool binary;
	bool is_number;
	int64_t number;
};

#define PARAM_TEXT(s) ((struct param){.text = (s)})
#define PARAM_INT8(n) ((struct param){.is_number = true, .number = (n)})
#define PARAM_BOOL(b) ((struct param){.text = (b) ? "t" : "f"})
#define PARAM_BYTEA(p, n)                                                      \
	((struct param){                                                       \
		.text = (const char *)(p), .length = (n), .binary = true})
#define PARAM_NULL ((struct param){.text = NULL})

/*
 * Connects; conninfo is a libpq string, login and password are added if
 * login is not NULL.  keepalive: notice a dead peer within 10 s.
 */
struct db *db_open(const char *conninfo, const char *login,
	const char *password, GError **error);
void db_close(struct db *db);
typedef struct db db_auto;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(db_auto, db_close)

/* False once the connection has been found broken. */
bool db_alive(const struct db *db);

/* True if the connection string names a user itself. */
bool db_names_user(const char *conninfo);

/* The socket, to be polled for notifications. */
int db_socket(const struct db *db);

/* Takes in what has come; true if there was a notification. */
bool db_notified(struct db *db);

/* Runs one statement; NULL on failure. */
#define db_query(db, error, sql, ...)                                          \
	db_query_array((db), (error), (sql),                                   \
		(const struct param[]){__VA_ARGS__},                           \
		sizeof((const struct param[]){__VA_ARGS__}) /                  \
			sizeof(struct param))
struct rows *db_query_array(struct db *db, GError **error, const char *sql,
	const struct param *params, size_t count);

/* The same where no rows are of interest. */
#define db_run(db, error, sql, ...)                                            \
	db_run_array((db), (error), (sql),                                     \
		(const struct param[]){__VA_ARGS__},                           \
		sizeof((const struct param[]){__VA_ARGS__}) /                  \
			sizeof(struct param))
bool db_run_array(struct db *db, GError **error, const char *sql,
	const struct param *params, size_t count);

/* Several statements without parameters or results: migrations, BEGIN. */
bool db_script(struct db *db, const char *sql, GError **error);

/* BEGIN, COMMIT, ROLLBACK (never fails: a lost connection has rolled back). */
bool db_begin(struct db *db, GError **error);
bool db_commit(struct db *db, GError **error);
void db_rollback(struct db *db);

/* SCRAM verifier of a password, for ALTER ROLE. */
char *db_scram(struct db *db, const char *login, const char *password);

/* text as a quoted literal (ALTER ROLE takes no parameters). */
char *db_literal(struct db *db, const char *text);

int rows_count(const struct rows *rows);
/* NULL for SQL NULL; valid while rows are. */
const char *rows_text(const struct rows *rows, int row, const char *column);
int64_t rows_int8(const struct rows *rows, int row, const char *column);
bool rows_bool(const struct rows *rows, int row, const char *column);
/* A bytea column; caller frees with g_free. */
uint8_t *rows_bytea(const struct rows *rows, int row, const char *column,
	size_t *length);
void rows_free(struct rows *rows);
typedef struct rows rows;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(rows, rows_free)

/* Blobs: bytes in parts of 1 MiB, since libpq's buffers never shrink. */
bool blob_store(struct db *db, const struct bytes *bytes, uint64_t offset,
	uint64_t length, int64_t *id, GError **error);
struct bytes *blob_load(struct db *db, int64_t id, GError **error);

/* The sender's way to a letter's bytes, which has no other right. */
struct bytes *blob_load_letter(struct db *db, int64_t letter, GError **error);

#endif
