"""Everything about one conversation as files that can be read, and checked, without this product (docs/evidence.md)."""
