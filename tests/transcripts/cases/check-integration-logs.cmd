AWS_REGION=eu-west-1 HLUA_SOURCE=postgresql://user:secret@nowhere/db hlua ../migrations/integration-logs/plan.lua check --offline
