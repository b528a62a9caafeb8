require "plant"("example-newer",
  { PK = { S = "ORDER#1" }, Total = { N = "1" }, UpdatedAt = { S = "2023-12-31T00:00:00.000000" } },
  { PK = { S = "ORDER#2" }, Total = { N = "2" }, UpdatedAt = { S = "2025-01-01T00:00:00.000000" } })
