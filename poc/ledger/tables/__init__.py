"""Tables of the ledger by topic; `poc.ledger.schema` has those of exchanges, and creates all of them."""
