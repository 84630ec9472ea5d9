/* What the database knows of a message that has come in; 0 is "none". */
#ifndef MODEL_FACTS_H
#define MODEL_FACTS_H

#include <stdbool.h>
#include <stdint.h>

struct facts {
	int64_t same_message; /* inbound row with the same bytes or identity */
	int64_t same_case;    /* the case that it went to */
	int64_t same_text;    /* not 0: and it says the same */
	int64_t thread_case;  /* case of a letter that it answers */
	int64_t claimed_case; /* a case that it names without proof */
	int64_t reported_letter; /* letter that it is a delivery report about */
	int64_t reported_case;
	bool locked; /* other copies wait for us */
};

#endif
