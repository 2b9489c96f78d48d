"""Acts in the browser: which there are, who may do them, and doing each once."""
