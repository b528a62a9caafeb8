require "plant"("example-owns", { PK = { S = "INVOICE#1" }, Due = { N = "12" } })
