"""History from elsewhere: conversations that another system recorded, as facts of ours (docs/import.md)."""
