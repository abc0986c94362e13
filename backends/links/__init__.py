"""Download files behind links that users send."""
