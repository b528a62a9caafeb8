AWS_REGION=eu-west-1 HLUA_SOURCE=postgresql://user:secret@nowhere/db hlua ../migrations/payments/plan.lua check --offline
