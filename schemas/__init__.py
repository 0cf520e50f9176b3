"""Every event that can stand on the log: typed classes, their Avro schemas, and the envelope that all of them share."""
