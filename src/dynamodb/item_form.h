/* The one canonical form of an item: the same bytes for the same item, whatever the order of its attributes, the spelling of its
 * numbers, the order of its sets, the escapes of its texts. Two items are the same if their forms are; an item's hash is its form's.
 *
 * For: comparing an item with one that DynamoDB gave. Not for: reading or sending: a form is no JSON.
 * Source of what counts as the same: Developer Guide, "Supported data types" (a set has no order; a number is its value). */
#ifndef DYNAMODB_ITEM_FORM_H
#define DYNAMODB_ITEM_FORM_H

#include "base/buffer.h"
#include "base/error.h"

struct item_form {
    struct buffer bytes; /* the form */
    struct buffer parts; /* scratch: what is to be sorted */
};

void item_form_init(struct item_form *f);
void item_form_free(struct item_form *f);

/* Makes the form of an item in DynamoDB JSON, {"name":{"S":"..."},...}, in place of the last one. ERROR_TARGET when the text is not such
 * an item; ERROR_LOCAL when memory is out. */
bool item_form_make(struct item_form *f, const char *json, size_t n, struct error *err) __attribute__((warn_unused_result));

bool item_form_same(const struct item_form *a, const struct item_form *b);

#endif
