-- the same decrypted part from a second reporter: replies are held

SET LOCAL search_path = meldpunt, pg_catalog;

-- Somebody else sent a part of this report before: whoever sends it again may
-- only have copied its ciphertext.
ALTER TABLE cases ADD held boolean NOT NULL DEFAULT false;
