"""What users read and press: texts, keyboards, callback data."""
