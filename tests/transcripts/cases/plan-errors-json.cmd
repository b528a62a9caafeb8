for plan in template syntax undefined notrequired notreturned; do hlua $plan.lua check --json 2>/dev/null; done; hlua failing.lua --json 2>/dev/null
