"""Pick-up: fetch files from partners' places into the inboxes, each once, and tidy the places afterwards."""
