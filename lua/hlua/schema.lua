-- The plan language's fields, said once: the validator, and later annotations, reference and completions, are read off it.
--
-- A constructor has `about`, `example`, `since`, and either `fields` (it is called with one table) or `arguments`.
-- `entries` says what stands in its table without a name; `value` marks what an attribute can be, `constant` what is not called.
-- A field has `name`, `type` (a checker of hlua.types), `about`, `example`, `since`; perhaps `required`, `default`, and what
-- its type asks for: `values` of an enum, `kind` of a node, `min`, `fields` of a plain table (`least_one`: not none of them), `secret`
-- (never in a message).
local schema = {}

local SINCE = "0.1"

local function field(name, kind, about, example, more)
  local f = { name = name, type = kind, about = about, example = example, since = SINCE }
  for key, value in pairs(more or {}) do f[key] = value end
  return f
end

local provisioned = {
  field("read", "integer", "Read units a second.", "read = 5", { required = true, min = 1 }),
  field("write", "integer", "Write units a second.", "write = 500", { required = true, min = 1 }),
}

local source_load = {
  field("connections", "integer", "Connections to the source: one a worker, and one that holds the snapshot.", "connections = 3",
    { min = 2 }),
  field("latency_ms", "integer", "While a trivial query takes the server longer than this, in milliseconds, hlua reads more slowly.",
    "latency_ms = 5", { min = 1 }),
}

local constructors = {}

constructors.plan = {
  about = "What goes where: the value that a plan script returns.",
  example = 'return hlua.plan { name = "logs", source = hlua.postgres {}, hlua.table { ... } }',
  entries = { type = "node", kind = "table", path = "tables", required = true },
  fields = {
    field("name", "plan_name", "Names the plan and its ledger: running a plan of the same name again resumes.",
      'name = "integration-logs"', { required = true }),
    field("source", "node", "The database to read.", 'source = hlua.postgres { uri = os.getenv "HLUA_SOURCE" }',
      { kind = "postgres", required = true }),
    field("target", "node", "The DynamoDB to write to; without it the AWS environment decides.",
      'target = hlua.dynamodb { region = "eu-west-1" }', { kind = "dynamodb" }),
    field("allow_http", "boolean", "Lets the endpoint be plain http at an address that is not loopback.",
      "allow_http = true", { default = false }),
    field("time_zone", "time_zone", "The zone of all timestamp columns without one, unless a table says another; by default UTC.",
      'time_zone = "Europe/Madrid"'),
    field("write_units", "write_units", "The write units a second to use at most, indexes included; or a function of the clock that"
      .. " says so.",
      "write_units = 4000"),
    field("max_source_load", "options", "How much of the source a run may take: connections, and how slow its answers may get.",
      "max_source_load = { connections = 3, latency_ms = 5 }", { fields = source_load, least_one = true }),
    field("mapping_timeout", "seconds",
      "How long a function may take for one row, in seconds; then the row is rejected. write_units as well, and then the run ends.",
      "mapping_timeout = 0.5", { default = 1, most = 3600 }),
    field("mapping_memory", "integer", "The bytes that a worker's functions may hold; a row that needs more is rejected.",
      "mapping_memory = 128 * 1024 * 1024", { min = 1 << 20, default = 64 << 20 }),
  },
}

constructors.postgres = {
  about = "A PostgreSQL database as the source.",
  example = 'hlua.postgres { uri = os.getenv "HLUA_SOURCE" }',
  fields = {
    field("uri", "connection", "A libpq connection string or URI; without it libpq's environment (PGHOST, ...) decides.",
      'uri = "postgresql://reader@db.internal/loans"', { secret = true }),
  },
}

constructors.dynamodb = {
  about = "Amazon DynamoDB as the target.",
  example = 'hlua.dynamodb { region = "eu-west-1" }',
  fields = {
    field("region", "string", "The AWS region; without it the environment and the profile decide.",
      'region = "eu-west-1"'),
    field("endpoint", "endpoint", "Another address than the region's own.", 'endpoint = "http://127.0.0.1:8000"'),
    field("profile", "string", "The profile of the AWS config and credentials files.", 'profile = "migration"'),
  },
}

constructors.table = {
  about = "One table: what is read, what each row becomes, and the DynamoDB table it is written to.",
  example = 'hlua.table { from = "public.logs", to = "Logs", partition_key = { PK = "{service}" } }',
  fields = {
    field("name", "string", "The name in reports; by default the target's.", 'name = "logs"'),
    field("from", "string", "The relation to read, as SQL names it.", [[from = 'dbo."IntegrationLogs"']]),
    field("query", "string", "A SELECT to read instead of a relation; {range} stands where the key's bounds go.",
      "query = [[SELECT l.*, a.owner FROM logs l JOIN apps a USING (app_id) WHERE {range}]]"),
    field("key", "strings", "The source's own unique key, when it is a query or not the relation's primary key.",
      'key = { "LogId" }'),
    field("where", "string", "A condition in SQL that narrows the rows.", [[where = '"IsSuccess"']]),
    field("columns", "expressions", "Columns replaced or added by an SQL expression.",
      [[columns = { LogTimestamp = '"LogTimestamp"::timestamp' }]]),
    field("time_zone", "time_zone", "The zone of timestamp columns without one; by default the plan's.",
      'time_zone = "Europe/Madrid"'),
    field("to", "target_name", "The DynamoDB table to write to, or a template that names each row's; several may share one.",
      'to = "Logs-{LogTimestamp:%Y-%m}"', { required = true }),
    field("partition_key", "table_key", "The table's partition key and its value; with map or items its type alone.",
      'partition_key = { PK = "{ServiceName}" }', { required = true }),
    field("sort_key", "table_key", "The table's sort key and its value; with map or items its type alone.",
      'sort_key = { SK = "{LogTimestamp}#{LogId}" }'),
    field("map", "row_function", "Makes a row's items: a function that gets the row and returns none, one or several.",
      'map = function(row) return { PK = row.id, SK = "PROFILE" } end'),
    field("items", "nodes", "The items that a row becomes, each an hlua.item.",
      'items = { hlua.item { partition_key = { PK = "{id}" } }, hlua.item { when = "email", partition_key = { PK = "{email}" } } }',
      { kind = "item", least = 1 }),
    field("global_secondary_indexes", "nodes", "The table's global secondary indexes.",
      'global_secondary_indexes = { hlua.index { "GSI1", partition_key = { GSI1PK = "APP#{ApplicationId}" } } }',
      { kind = "index" }),
    field("local_secondary_indexes", "nodes", "The table's local secondary indexes: the table's partition key, another sort key.",
      'local_secondary_indexes = { hlua.index { "LSI1", sort_key = { Status = hlua.column "Status" } } }',
      { kind = "index" }),
    field("attributes", "attributes", "The other attributes: a value for each name, and hlua.columns for the columns as they are.",
      'attributes = { hlua.columns {}, Source = "postgresql" }'),
    field("time_to_live", "time_to_live", "The attribute that says when an item expires, in seconds since 1970.",
      'time_to_live = { TTL = hlua.epoch("LogTimestamp", { days = 365 }) }'),
    field("billing_mode", "enum", "How DynamoDB bills the table.", 'billing_mode = "PROVISIONED"',
      { values = { "PAY_PER_REQUEST", "PROVISIONED" }, default = "PAY_PER_REQUEST" }),
    field("provisioned", "options", 'Units a second, with billing_mode = "PROVISIONED".',
      "provisioned = { read = 5, write = 500 }", { fields = provisioned }),
    field("point_in_time_recovery", "boolean", "Continuous backups.", "point_in_time_recovery = true", { default = false }),
    field("stream", "enum", "What the table's stream carries; without it there is none.", 'stream = "NEW_AND_OLD_IMAGES"',
      { values = { "KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES" } }),
    field("tags", "tags", "The table's tags.", 'tags = { Environment = "dev" }'),
    field("deletion_protection", "boolean", "The table cannot be deleted while this is on.", "deletion_protection = true",
      { default = false }),
    field("table_class", "enum", "The storage class.", 'table_class = "STANDARD_INFREQUENT_ACCESS"',
      { values = { "STANDARD", "STANDARD_INFREQUENT_ACCESS" } }),
    field("nulls", "enum", "What a NULL column becomes under hlua.columns, hlua.column, hlua.json and hlua.epoch: no attribute, or NULL.",
      'nulls = "keep"', { values = { "absent", "keep" }, default = "absent" }),
    field("empty_strings", "enum", "What an empty string or empty bytes become: themselves, or no attribute.",
      'empty_strings = "absent"', { values = { "keep", "absent" }, default = "keep" }),
    field("existing", "existing", "What happens to items that are there already; without it a target that holds others' items is refused.",
      'existing = hlua.newer "UpdatedAt"', { values = { "replace", "keep" }, kind = "newer" }),
    field("keep", "node", "Which of two rows with one key stays; without it the last one written.",
      'keep = hlua.greatest "UpdatedAt"', { kind = "greatest" }),
    field("owns", "strings", "The partition keys that are this plan's in a shared table, by how they begin.",
      'owns = { "CUST#", "ORDER#" }'),
    field("max_rejects", "integer", "The run stops once more rows of this table than this are rejected.", "max_rejects = 50",
      { min = 0, default = 1000 }),
    field("on_reject", "row_function",
      "Asked about a row that cannot be mapped: gets the row and why, returns items instead, nil, or hlua.stop.",
      'on_reject = function(row, reject) if reject.reason == "function" then return hlua.stop(reject.message) end end'),
  },
}

constructors.index = {
  about = "A secondary index, global or local by where it stands.",
  example = 'hlua.index { "GSI1", partition_key = { GSI1PK = "APP#{ApplicationId}" }, sort_key = "SK" }',
  mistakes = { name = 'the name comes first: hlua.index { "NAME", partition_key = ... }' },
  fields = {
    field("name", "dynamodb_name", "The index's name, written first and without a field name.", '"GSI1"',
      { key = 1, required = true }),
    field("partition_key", "index_key", "The partition key: a new attribute and its value, or the names of up to four mapped elsewhere.",
      'partition_key = { GSI1PK = "APP#{ApplicationId}" }'),
    field("sort_key", "index_key", "The sort key, said like the partition key.", 'sort_key = "SK"'),
    field("projection", "projection", "What the index holds: everything, the keys, or the keys and the attributes of a list.",
      'projection = { "Status", "Amount" }', { default = "ALL" }),
    field("provisioned", "options", "Units a second of a global index; by default the table's.",
      "provisioned = { read = 5, write = 500 }", { fields = provisioned }),
  },
}

constructors.columns = {
  about = "The source's columns under their own names, in their natural types; attributes that are spelt out win over it.",
  example = 'attributes = { hlua.columns { except = { "RequestData" } } }',
  fields = {
    field("only", "strings", "Just these columns.", 'only = { "LogId", "LogType" }'),
    field("except", "strings", "All columns but these.", 'except = { "RequestData" }'),
    field("rename", "names", "Columns that become an attribute of another name.", 'rename = { log_id = "LogId" }'),
  },
}

constructors.item = {
  about = "One of the items that a row becomes.",
  example = 'items = { hlua.item { when = "Email", partition_key = { PK = "EMAIL#{Email}" }, attributes = { LoanId = "{LoanId}" } } }',
  fields = {
    field("when", "string", "A column that must be true, or, if it is not boolean, not NULL; without it the item is always there.",
      'when = "Email"'),
    field("partition_key", "table_key", "The table's partition key and its value in this item.",
      'partition_key = { PK = "EMAIL#{Email}" }', { required = true }),
    field("sort_key", "table_key", "The table's sort key and its value in this item.", 'sort_key = { SK = "{LoanId}" }'),
    field("attributes", "attributes", "The item's other attributes, keys of indexes included.",
      'attributes = { hlua.columns {}, GSI1PK = "LOAN#{LoanId}" }'),
    field("time_to_live", "time_to_live", "When this item expires, in seconds since 1970.",
      'time_to_live = { TTL = hlua.epoch("CreatedAt", { days = 30 }) }'),
  },
}

local column = field("column", "string", "A column of the source.", '"LogTimestamp"', { required = true })

constructors.column = {
  about = "A column's value in its natural type.",
  example = 'Amount = hlua.column "PaymentAmount"',
  value = true,
  arguments = {
    column,
    field("options", "options", "What stands in for a NULL.", '{ default = "none" }', { fields = {
      field("default", "value", "What is written when the column is NULL.", "default = 0"),
    } }),
  },
}

-- A constructor of one argument.
local function typed(name, argument_type, about, argument_about, example, argument_example)
  constructors[name] = {
    about = about, example = example, value = true,
    arguments = { field("value", argument_type, argument_about, argument_example, { required = true, to = name }) },
  }
end

local SCALAR = "A template, a column, a function or a constant."
typed("S", "scalar", "A string, whatever it is made of; without a value the type of a key.", SCALAR, 'SK = hlua.S "PROFILE"', '"PROFILE"')
typed("N", "scalar", "A number, exact, whatever it is made of; without a value the type of a key.", SCALAR,
  'CustomerId = hlua.N "{CustomerId}"', '"{CustomerId}"')
typed("B", "scalar", "Bytes, whatever they are made of; without a value the type of a key.", SCALAR,
  'Digest = hlua.B(hlua.column "Digest")', 'hlua.column "Digest"')
typed("bool", "scalar", "True or false: a column that is boolean, a function's answer, or a constant.",
  "A column, a function or a constant.", 'Active = hlua.bool(hlua.column "IsActive")', 'hlua.column "IsActive"')

local PARTS = "Its members, each a template, a column, a function or a constant."
typed("SS", "set", "A set of strings; members that are absent are left out, and an empty set is absent.", PARTS,
  'Roles = hlua.SS { "reader", hlua.column "Role" }', '{ "reader", hlua.column "Role" }')
typed("NS", "set", "A set of numbers; members that are absent are left out, and an empty set is absent.", PARTS,
  'Branches = hlua.NS { hlua.column "Branch", hlua.column "OldBranch" }', '{ 1, hlua.column "Branch" }')
typed("BS", "set", "A set of bytes; members that are absent are left out, and an empty set is absent.", PARTS,
  'Digests = hlua.BS { hlua.column "Digest" }', '{ hlua.column "Digest" }')
typed("L", "value_list", "A list of any values; one that is absent becomes a NULL, so that the others keep their places.",
  "The values in their order.", 'Phones = hlua.L { "{Phone}", "{OtherPhone}" }', '{ "{Phone}" }')
typed("M", "value_map", "A map of any values; one that is absent is left out.", "The values under their names.",
  'Address = hlua.M { Street = hlua.column "Street", Zip = "{Zip}" }', '{ Street = hlua.column "Street" }')

constructors.null = {
  about = "The constant NULL; it is not called.",
  example = "Parent = hlua.null",
  value = true, constant = true,
  arguments = {},
}

constructors.fn = {
  about = "A value that a function makes of some columns, which are its arguments: the fast form of function(row).",
  example = 'Name = hlua.fn({ "First", "Last" }, function(first, last) return first .. " " .. last end)',
  value = true,
  arguments = {
    field("columns", "strings", "The columns, in the order of the arguments.", '{ "First", "Last" }', { required = true }),
    field("function", "column_function", "Gets the columns' values, nil for NULL; returns a value or nil.",
      'function(first, last) return first .. " " .. last end', { required = true }),
  },
}

constructors.to = {
  about = "Inside map: an item for another table of the plan.",
  example = 'map = function(row) return { PK = row.id }, hlua.to("Audit", { PK = "AUDIT#" .. row.id }) end',
  arguments = {
    field("table", "string", "The name of a table of the plan: its name field, by default its target.", '"Audit"', { required = true }),
    field("item", "anything", "The item.", '{ PK = "AUDIT#" .. row.id }', { required = true }),
  },
}

constructors.stop = {
  about = "Inside on_reject: ends the run, which can be resumed.",
  example = 'on_reject = function(row, reject) return hlua.stop("row " .. reject.key .. " must not be skipped") end',
  arguments = { field("why", "string", "Why, for the message.", '"no row may be skipped"', { required = true }) },
}

local attribute = field("attribute", "attribute_name", "An attribute of the item: a number or a string.", '"UpdatedAt"',
  { required = true })

constructors.newer = {
  about = "Says for existing: the item with the greater attribute stays, so that a newer one is never overwritten.",
  example = 'existing = hlua.newer "UpdatedAt"',
  arguments = { attribute },
}

constructors.greatest = {
  about = "Says for keep: of two rows with one key the one with the greater attribute stays.",
  example = 'keep = hlua.greatest "UpdatedAt"',
  arguments = { attribute },
}

constructors.json = {
  about = "A column of JSON text parsed into maps, lists and values, its numbers exact.",
  example = 'RequestData = hlua.json("RequestData", { invalid = "string" })',
  value = true,
  arguments = {
    column,
    field("options", "options", "What to do when it cannot be parsed.", '{ invalid = "string" }', { fields = {
      field("invalid", "enum", "Text that is not JSON rejects the row, stays a string, or leaves the attribute out.",
        'invalid = "string"', { values = { "reject", "string", "absent" }, default = "reject" }),
    } }),
  },
}

constructors.epoch = {
  about = "A moment in seconds since 1970, with days and hours added: what time_to_live needs.",
  example = 'TTL = hlua.epoch("LogTimestamp", { days = 365 })',
  value = true,
  arguments = {
    column,
    field("options", "options", "What to add.", "{ days = 365 }", { fields = {
      field("days", "number", "Days to add.", "days = 365", { default = 0 }),
      field("hours", "number", "Hours to add.", "hours = 12", { default = 0 }),
      field("expired", "enum", "A moment over five years past, which DynamoDB ignores: written all the same, or left out.",
        'expired = "skip"', { values = { "keep", "skip" }, default = "keep" }),
    } }),
  },
}

constructors.when = {
  about = "A value that is there only where a column is true, or, if it is not boolean, not NULL: a sparse attribute.",
  example = 'OpenLoan = hlua.when("IsOpen", "OPEN#{LoanId}")',
  value = true,
  arguments = { column, field("value", "value", "What is written then.", '"OPEN#{LoanId}"', { required = true }) },
}

schema.constructors = constructors

-- The constructors' names, sorted; and of those that can be an attribute's value, as a script writes them.
schema.names, schema.values = {}, {}
for name, spec in pairs(constructors) do
  spec.since = spec.since or SINCE
  schema.names[#schema.names + 1] = name
  if spec.value then schema.values[#schema.values + 1] = "hlua." .. name end
end
table.sort(schema.names)
table.sort(schema.values)

-- The names of a list of fields, in its order; those written without a name left out.
function schema.field_names(fields)
  local names = {}
  for _, f in ipairs(fields) do
    if not f.key then names[#names + 1] = f.name end
  end
  return names
end

-- The default of a constructor's field.
function schema.default(kind, name)
  for _, f in ipairs(constructors[kind].fields or {}) do
    if f.name == name then return f.default end
  end
  return nil
end

return schema
