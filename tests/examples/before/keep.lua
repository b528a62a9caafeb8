require "plant"("example-keep", { PK = { S = "CUSTOMER#2" }, Name = { S = "Renamed meanwhile" } })
