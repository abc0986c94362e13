"""What users read and press: texts, captions, keyboards, callback data."""
