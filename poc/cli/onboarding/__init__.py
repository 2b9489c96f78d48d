"""Commands that propose the files of a new partner, and write them."""
