/* A field as people read it: keys of rejected rows, rows in reports. Decodes what pg/types.h can; anything else is shown in hexadecimal.
 * Not for: values that are written (mapping/format.h), where what cannot be said exactly is refused. */
#ifndef PG_FIELD_TEXT_H
#define PG_FIELD_TEXT_H

#include <stddef.h>

#include "pg/row.h"

/* Writes the text of a field that is not NULL into out, terminated and cut to fit `size` (1 at least); no character of UTF-8 is cut in two.
 * Returns the bytes that the whole text has. */
size_t pg_field_text(enum pg_type type, struct pg_field f, char *out, size_t size);

#endif
