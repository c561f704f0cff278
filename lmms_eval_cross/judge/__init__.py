"""The judge: rubric, messages, client, engine, reply and ledger."""
