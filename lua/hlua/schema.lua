-- The plan language's fields, said once: the validator, and later annotations, reference and completions, are read off it.
--
-- A constructor has `about`, `example`, `since`, and either `fields` (it is called with one table) or `arguments`.
-- `entries` says what stands in its table without a name; `value` marks what an attribute can be.
-- A field has `name`, `type` (a checker of hlua.types), `about`, `example`, `since`; perhaps `required`, `default`, and what
-- its type asks for: `values` of an enum, `kind` of a node, `min`, `fields` of a plain table, `secret` (never in a message).
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
  },
}

constructors.postgres = {
  about = "A PostgreSQL database as the source.",
  example = 'hlua.postgres { uri = os.getenv "HLUA_SOURCE" }',
  fields = {
    field("uri", "string", "A libpq connection string or URI; without it libpq's environment (PGHOST, ...) decides.",
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
    field("to", "dynamodb_name", "The DynamoDB table to write to.", 'to = "IntegrationLogs-dev"', { required = true }),
    field("partition_key", "table_key", "The table's partition key and its value.",
      'partition_key = { PK = "{ServiceName}" }', { required = true }),
    field("sort_key", "table_key", "The table's sort key and its value.", 'sort_key = { SK = "{LogTimestamp}#{LogId}" }'),
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
    field("nulls", "enum", "What a NULL column becomes under hlua.columns and hlua.column: no attribute, or a NULL.",
      'nulls = "keep"', { values = { "absent", "keep" }, default = "absent" }),
    field("existing", "enum", "What happens to items that are there already; without it a target that holds others' items is refused.",
      'existing = "replace"', { values = { "replace" } }),
    field("max_rejects", "integer", "The run stops once more rows of this table than this are rejected.", "max_rejects = 50",
      { min = 0, default = 1000 }),
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

local column = field("column", "string", "A column of the source.", '"LogTimestamp"', { required = true })

constructors.column = {
  about = "A column's value in its natural type.",
  example = 'Amount = hlua.column "PaymentAmount"',
  value = true,
  arguments = { column },
}

local function typed(name, about, example)
  constructors[name] = {
    about = about, example = example, value = true,
    arguments = { field("value", "scalar", "A template, a column, or a constant.", '"{CustomerId}"', { required = true, to = name }) },
  }
end
typed("S", "A string: a template's text, a column's text, or a constant.", 'SK = hlua.S "PROFILE"')
typed("N", "A number, exact: from a template's text, a column, or a constant.", 'CustomerId = hlua.N "{CustomerId}"')
typed("B", "Bytes: a template's, a column's, or a constant's.", 'Digest = hlua.B(hlua.column "Digest")')

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
