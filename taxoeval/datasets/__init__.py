"""Images with their taxon ids: from a table of labels, from folders, or drawn by the program."""
