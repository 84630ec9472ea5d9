#include "intake/route.h"
#include "model/reading.h"
#include "tap.h"

static const struct {
	const char *sentence;
	unsigned int guard;
	bool from_staff;
	bool staff_signed;
	struct facts facts;
	enum destination wanted;
	bool may_answer;
} rows[] = {
	{"a first mail opens a case and is answered", 0, false, false, {0}, ROUTE_OPEN,
		true},
	{"a machine's mail opens a case and is not", GUARD_AUTO_SUBMITTED,
		false, false, {0}, ROUTE_OPEN, false},
	{"a list's mail opens a case and is not", GUARD_LIST, false, false, {0},
		ROUTE_OPEN, false},
	{"one with no sender opens a case and is not", GUARD_NO_SENDER, false, false,
		{0}, ROUTE_OPEN, false},
	{"staff are never answered by themselves", 0, true, false, {0}, ROUTE_OPEN,
		false},
	{"an answer to a letter joins its case", 0, false, false, {.thread_case = 7},
		ROUTE_FOLLOW, false},
	{"a colleague's signed answer is a note", 0, true, true,
		{.thread_case = 7}, ROUTE_NOTE, false},
	{"an unsigned one may be anybody's", 0, true, false, {.thread_case = 7},
		ROUTE_FOLLOW, false},
	{"an out-of-office answer is a note", GUARD_AUTO_SUBMITTED, false, false,
		{.thread_case = 7}, ROUTE_NOTE, false},
	{"a bounce belongs to its letter", GUARD_NULL_SENDER, false, false,
		{.reported_letter = 3, .reported_case = 7},
		ROUTE_DELIVERY_REPORT, false},
	{"the same message again opens nothing", 0, false, false,
		{.same_message = 1, .same_case = 7}, ROUTE_AGAIN, false},
	{"not even as an answer", 0, false, false,
		{.same_message = 1, .same_case = 7, .thread_case = 8},
		ROUTE_AGAIN, false},
};

int
main(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct route route = route_decide(rows[i].guard,
			rows[i].from_staff, rows[i].staff_signed,
			&rows[i].facts);

		if (!ok(route.destination == rows[i].wanted &&
				route.may_answer == rows[i].may_answer,
			    rows[i].sentence))
			printf("# destination %d, may_answer %d\n",
				route.destination, route.may_answer);
	}
	return done();
}
