hlua help rejects
