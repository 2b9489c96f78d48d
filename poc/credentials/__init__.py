"""How a partner recognises us: signatures of requests, access tokens, and the header `Authorization`."""
