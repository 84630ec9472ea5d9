# Makes the GResource manifest: every template and migration is built in.
BEGIN {
	print "<?xml version=\"1.0\"?>\n<gresources><gresource prefix=\"/meldpunt\">"
	for (i = 1; i < ARGC; i++)
		printf "<file>%s</file>\n", ARGV[i]
	print "</gresource></gresources>"
	exit
}
