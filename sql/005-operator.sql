-- orders of operators, given on the command line and carried out by a worker

SET LOCAL search_path = meldpunt, pg_catalog;

CREATE TABLE operator_orders (
	id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
	case_id bigint NOT NULL REFERENCES cases,
	-- as mail would have it: orders at the top, one a line
	text text NOT NULL,
	actor text NOT NULL,
	queued_at timestamptz NOT NULL DEFAULT now(),
	done_at timestamptz,
	refused boolean,
	-- what was done, or why nothing was
	result text,
	CHECK ((done_at IS NULL) = (result IS NULL) AND (done_at IS NULL) = (refused IS NULL))
);
CREATE INDEX operator_orders_to_do ON operator_orders (id) WHERE done_at IS NULL;
CREATE TRIGGER wake AFTER INSERT OR UPDATE ON operator_orders FOR EACH STATEMENT EXECUTE FUNCTION wake();
