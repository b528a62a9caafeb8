-- For each reason of a reject (REJECT_ in src/mapping/mapper.h): the rule that the row breaks, and what would mend it.
local advice = {}

-- reason -> { rule =, mend = { one way or more }, restart = whether a retry cannot mend it }
advice.reasons = {
  ["key-missing"] = {
    rule = "every item needs the table's keys, and a NULL gives none",
    mend = {
      "give the column a value in the source",
      'give the key a default: hlua.column("name", { default = ... }), or an SQL expression: columns = { name = "coalesce(...)" }',
      'leave such rows out: where = "name IS NOT NULL"',
    },
  },
  ["key-empty"] = {
    rule = "a key of a table or of an index must not be empty; other attributes may be",
    mend = {
      "give the column a value in the source",
      'put a constant before it: "USER#{name}"',
      "for an index's key, let it be absent, so that the item is not in the index: columns = { name = \"nullif(name, '')\" }",
    },
  },
  ["key-size"] = {
    rule = "a partition key holds at most 2,048 bytes, a sort key 1,024; those of indexes as well",
    mend = {
      "make the key of fewer or shorter columns",
      'shorten the column by an SQL expression: columns = { name = "left(name, 200)" } or "md5(name)"; the whole text can be an attribute',
    },
  },
  ["number"] = {
    rule = "a number of DynamoDB has at most 38 significant digits and lies between 1E-130 and 9.99E+125; there is no NaN and no infinity",
    mend = {
      'keep it as text: hlua.S(hlua.column "name") or a template "{name}"',
      'round it or replace it by an SQL expression: columns = { name = "round(name, 10)" } or "nullif(name, \'NaN\')"',
    },
  },
  ["value"] = {
    rule = "a value must have the form that the plan asks for: a date between the years 1 and 9999, a padded number that is not negative"
      .. " and not wider than its padding, so that texts sort as values do",
    mend = {
      "correct the value in the source",
      "make the padding wider, as in {id:%012d}",
      'replace it by an SQL expression: columns = { at = "nullif(at, \'infinity\')" }',
    },
  },
  ["json"] = {
    rule = "the text must be JSON that DynamoDB can hold: numbers of 38 digits, at most 32 levels, no name twice in one object",
    mend = {
      'keep what is no JSON as text, or leave it out: hlua.json("name", { invalid = "string" }) or { invalid = "absent" }',
      "correct the text in the source",
    },
  },
  ["text"] = {
    rule = "texts of DynamoDB are UTF-8, and a database in SQL_ASCII does not vouch for its own",
    mend = {
      "correct the text in the source",
      "convert it by an SQL expression: columns = { name = \"convert_from(name::bytea, 'LATIN1')\" }",
    },
  },
  ["function"] = {
    rule = "a function must return in time and in its memory, without an error, a value that DynamoDB can hold",
    mend = {
      "correct the function at the file and line that the message names; a NULL column is nil there",
      "raise mapping_timeout or mapping_memory, when those are what ended it",
    },
  },
  ["item-size"] = {
    rule = "an item holds at most 409,600 bytes, names of its attributes included",
    mend = {
      "leave a large column out: hlua.columns { except = { \"name\" } }",
      "make several items of the row, by items or map, or keep the large part elsewhere and its address in the item",
    },
  },
  ["source"] = {
    rule = "the server must be able to give the row: an SQL expression, a condition or a type's own text failed on it",
    mend = {
      "correct the value in the source",
      'make the expression safe: columns = { rate = "amount / nullif(count, 0)" }',
      "leave such rows out by where",
    },
  },
  ["owns"] = {
    rule = "in a shared table this plan writes only keys that begin as its owns lists",
    mend = {
      "correct the partition key, or the column that it is made of",
      "list how such keys begin in owns, if they are this plan's",
      "leave such rows out: where, or map that returns nothing",
    },
  },
  ["table-missing"] = {
    rule = "the row's target table is named by a column, and that is NULL",
    mend = {
      "give the column a value in the source",
      "replace the NULL by an SQL expression: columns = { name = \"coalesce(...)\" }",
      'leave such rows out: where = "name IS NOT NULL"',
    },
  },
  ["table-unlisted"] = {
    rule = "the target tables are those that the source's rows named when the run began; this row came later, and names another",
    mend = { "begin again, which lists the tables anew", "leave such rows to a run of their own, by --where" },
    restart = true,
  },
  ["gone"] = {
    rule = "the row was rejected, and when it was to be read again the source had it no more",
    mend = { "nothing is left to be done for it, unless it was deleted by mistake; the next retry looks for it again" },
  },
  ["target"] = {
    rule = "DynamoDB refused the item; the message is DynamoDB's own",
    mend = { "change what the message names; when the item looks right, compare its keys with the table's" },
  },
}

-- The advice for a reason; a general one for a word that a newer ledger may hold.
function advice.of(reason)
  return advice.reasons[reason] or { rule = "the message says what is wrong", mend = { "change the row or the plan" } }
end

return advice
