"""Read models: one file each says which rows the events of a conversation make. ``catalogue`` lists them."""
