"""The pages, one module each: address in, view and frames asked, template out."""
