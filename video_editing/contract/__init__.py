"""Values and errors that callers may import: no native library is loaded here."""
