return hlua.plan { name = "people" }
